"""The scorecard: on every day that publishes, the keywords that came due, judged and kept for good.

One committed partition a day holds the day's scores and, in its facts, the running rates of all
scores up to it. A keyword is scored once; where a truth is known its scores lie in a table apart.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from fashiontrend import keywords
from fashiontrend.config import Config, KeywordsConfig
from fashiontrend.report import true_shares
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store

MEASURED, TRUTH = "scores", "truth_scores"


def update(
    store: Store,
    day: date,
    measured: Mapping[keywords.Segment, pa.Table],
    truth: pd.DataFrame | None,
    cfg: KeywordsConfig,
) -> dict[str, Any]:
    """Score what came due up to a day and commit it, unless an earlier attempt did.

    Args:
        store: holds the keywords of earlier days and the scorecards before.
        day: the run's day.
        measured: SHARE rows up to the day, of all products and of each segment.
        truth: true shares where a demo world or a replay knows them, else None.
        cfg: branch `keywords`.

    Returns:
        `new` (how many were scored now), and the running rates: see `keywords.summarise`;
        `truth` holds those against the truth, None where there is none.
    """
    partition = layout.scorecard(day)
    standing = store.manifest(partition)
    if standing is not None:
        facts: dict[str, Any] = standing.facts["summary"]
        return facts
    complete, done = _scored_before(store)
    due = list(_due(store, day, complete))
    tables: dict[str, pa.Table] = {}
    summary: dict[str, Any] = {"truth": None}
    for name, answers in _answers(measured, truth).items():
        waiting = [r for _, found in due for r in found if _key(r) not in done[name]]
        tables[name] = keywords.score_keywords(waiting, answers, day, cfg)
        running = pa.concat_tables([*_before(store, day, name), tables[name]])
        rates = keywords.summarise(running, day, cfg)
        summary |= rates if name == MEASURED else {"truth": rates}
    summary["new"] = tables[MEASURED].num_rows
    now = [done[n] | {_key(r) for r in table.to_pylist()} for n, table in tables.items()]
    finished = [p for p, found in due if all(_key(r) in keys for r in found for keys in now)]
    facts = {"summary": summary, "complete": finished}
    store.commit_tables(partition, tables, facts)
    return summary


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["release"]), str(row["id"])


def _answers(
    measured: Mapping[keywords.Segment, pa.Table], truth: pd.DataFrame | None
) -> dict[str, Any]:
    answers = {MEASURED: keywords.read_answers(measured)}
    if truth is not None:
        table = pa.Table.from_pandas(truth.assign(withheld=False), preserve_index=False)
        answers[TRUTH] = keywords.read_answers({keywords.ALL: table})
    return answers


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


def _due(store: Store, day: date, complete: set[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Keyword partitions whose target day has come, with their records and the release."""
    for partition in store.committed("keywords/"):
        manifest = store.manifest(partition)
        facts = manifest.facts if manifest else {}
        ahead = timedelta(days=int(facts.get("horizon_days", 1)))
        if partition in complete or _day_of(partition) + ahead > day:
            continue
        told = store.read_json(f"{partition}/keywords.json")
        release = partition.split("/")[1]
        segments = (r for s in told.get("segments", ()) for r in s["keywords"])
        yield partition, [{**r, "release": release} for r in (*told["keywords"], *segments)]


def _day_of(partition: str) -> date:
    return date.fromisoformat(partition.rsplit("as_of=", 1)[1])


def latest(store: Store, day: date) -> dict[str, Any] | None:
    """The running rates as they stood on a day; None before the first scorecard."""
    known = [p for p in store.committed(layout.SCORECARDS) if _day_of(p) <= day]
    manifest = store.manifest(max(known, key=_day_of)) if known else None
    return (
        {"as_of": str(_day_of(max(known, key=_day_of))), **manifest.facts["summary"]}
        if manifest
        else None
    )


def newest_scores(store: Store, day: date) -> pa.Table:
    """What the measurement said of the keywords that came due on the newest such day."""
    for partition in sorted(store.committed(layout.SCORECARDS), key=_day_of, reverse=True):
        if _day_of(partition) <= day:
            table = store.read_partition(partition, MEASURED)
            if table.num_rows:
                return table
    return schemas.SCORE.empty_table()


def read_truth(config: Config, days: list[date]) -> pd.DataFrame | None:
    """True shares of a demo world or a replay, where the configuration names one."""
    if config.report.truth is None:
        return None
    file = Path(config.report.truth, "truth.parquet")
    if not file.exists():
        return None
    weights = {p.name: p.weight for p in config.crawl.platforms}
    return true_shares(pd.read_parquet(file), days, config.series.window_days, weights)
