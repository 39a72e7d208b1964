"""The scorecard: on every day that publishes, the keywords that came due, scored and kept for good.

One committed partition a day holds the day's scores and, in its facts, the running rates of all
scores up to it. A keyword is scored once; where a truth is known its scores lie in a table apart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa

from fashiontrend import keywords
from fashiontrend.config import Config, KeywordsConfig
from fashiontrend.outcomes import ScoreSummary
from fashiontrend.report import true_shares
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Manifest, Store

MEASURED, TRUTH = "scores", "truth_scores"


def update(
    store: Store,
    day: date,
    measured: Mapping[keywords.Segment, pa.Table],
    truth: pd.DataFrame | None,
    cfg: KeywordsConfig,
) -> ScoreSummary:
    """Score what came due up to a day and commit it, unless an earlier attempt did.

    Args:
        store: holds the keywords of earlier days and the scorecards before.
        day: the run's day.
        measured: SHARE rows up to the day, of all products and of each segment.
        truth: true shares if a demo world or a replay knows them, else None.
        cfg: branch `keywords`.

    Returns:
        The running rates, with how many were scored now.
    """
    partition = layout.scorecard(day)
    standing = store.manifest(partition)
    if standing is not None:
        return _summary(partition, standing)
    complete, done = _scored_before(store)
    due = list(_due(store, day, complete))
    tables: dict[str, pa.Table] = {}
    rates: dict[str, ScoreSummary] = {}
    for name, outcomes in _outcomes(measured, truth).items():
        waiting = [r for _, found in due for r in found if _key(r) not in done[name]]
        tables[name] = keywords.score_keywords(waiting, outcomes, day, cfg)
        running = pa.concat_tables([*_before(store, day, name), tables[name]])
        rates[name] = keywords.summarise(running, day, cfg)
    summary = replace(rates[MEASURED], truth=rates.get(TRUTH), new=tables[MEASURED].num_rows)
    now = [done[n] | {_key(r) for r in table.to_pylist()} for n, table in tables.items()]
    finished = [p for p, found in due if all(_key(r) in keys for r in found for keys in now)]
    facts = {"summary": summary.to_json(), "complete": finished}
    store.commit_tables(partition, tables, facts)
    return summary


def _key(row: Mapping[str, object]) -> tuple[str, str]:
    return str(row["release"]), str(row["id"])


def _summary(partition: str, manifest: Manifest) -> ScoreSummary:
    return ScoreSummary.from_json(manifest.facts["summary"], f"{partition}: summary")


def _outcomes(
    measured: Mapping[keywords.Segment, pa.Table], truth: pd.DataFrame | None
) -> dict[str, keywords.Outcomes]:
    outcomes = {MEASURED: keywords.read_outcomes(measured)}
    if truth is not None:
        table = pa.Table.from_pandas(truth.assign(withheld=False), preserve_index=False)
        outcomes[TRUTH] = keywords.read_outcomes({keywords.ALL: table})
    return outcomes


def _scored_before(store: Store) -> tuple[set[str], dict[str, set[tuple[str, str]]]]:
    """Keyword partitions that are wholly scored, and the keywords that are, on any day."""
    complete: set[str] = set()
    done: dict[str, set[tuple[str, str]]] = {MEASURED: set(), TRUTH: set()}
    for partition in store.committed(layout.SCORECARDS):
        manifest = store.manifest(partition)
        complete.update(manifest.facts["complete"] if manifest else ())
        for name in _tables(store, partition):
            rows = store.read_partition(partition, name, ["release", "id"])
            done[name].update(_key(r) for r in rows.to_pylist())
    return complete, done


def _tables(store: Store, partition: str) -> list[str]:
    manifest = store.manifest(partition)
    files = [f.rsplit("/", 1)[1] for f in manifest.files] if manifest else []
    return [n for n in (MEASURED, TRUTH) if any(f.startswith(f"{n}-") for f in files)]


def _before(store: Store, day: date, name: str) -> list[pa.Table]:
    tables = [
        store.read_partition(partition, name)
        for partition in store.committed(layout.SCORECARDS)
        if _day_of(partition) < day and name in _tables(store, partition)
    ]
    return tables or [schemas.SCORE.empty_table()]


def _due(
    store: Store, day: date, complete: set[str]
) -> Iterator[tuple[str, list[keywords.ReleasedKeyword]]]:
    """Keyword partitions whose target day has come, with their records and the release."""
    for partition in store.committed("keywords/"):
        manifest = store.manifest(partition)
        facts = manifest.facts if manifest else {}
        ahead = timedelta(days=int(facts.get("horizon_days", 1)))
        if partition in complete or _day_of(partition) + ahead > day:
            continue
        published: keywords.KeywordsFile = store.read_json(f"{partition}/keywords.json")
        release = partition.split("/")[1]
        segments = (r for s in published.get("segments", ()) for r in s["keywords"])
        yield partition, [{**r, "release": release} for r in (*published["keywords"], *segments)]


def _day_of(partition: str) -> date:
    return date.fromisoformat(partition.rsplit("as_of=", 1)[1])


def latest(store: Store, day: date) -> ScoreSummary | None:
    """The running rates as they stood on a day; None before the first scorecard."""
    known = [p for p in store.committed(layout.SCORECARDS) if _day_of(p) <= day]
    if not known:
        return None
    newest = max(known, key=_day_of)
    manifest = store.manifest(newest)
    return replace(_summary(newest, manifest), as_of=str(_day_of(newest))) if manifest else None


def newest_scores(store: Store, day: date) -> pa.Table:
    """What the measurement said of the keywords that came due on the newest such day."""
    for partition in sorted(store.committed(layout.SCORECARDS), key=_day_of, reverse=True):
        if _day_of(partition) <= day:
            table = store.read_partition(partition, MEASURED)
            if table.num_rows:
                return table
    return schemas.SCORE.empty_table()


def read_truth(config: Config, days: list[date]) -> pd.DataFrame | None:
    """True shares of a demo world or a replay, if the configuration names one."""
    if config.report.truth is None:
        return None
    file = Path(config.report.truth, "truth.parquet")
    if not file.exists():
        return None
    weights = {p.name: p.weight for p in config.crawl.platforms}
    return true_shares(pd.read_parquet(file), days, config.series.window_days, weights)
