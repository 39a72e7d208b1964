"""The scorecard: on every day that publishes, the keywords that came due are scored and kept for good.

One committed partition a day holds the day's scores and, in its facts, the running rates of all
scores up to it. A keyword is scored once. If the truth is known, scores against it lie in a second table.
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
from fashiontrend.storage.manifest import Manifest
from fashiontrend.storage.object_store import Store
from fashiontrend.storage.partitions import Partitions, RolledPartitions, RolledTable

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
        The running rates, and in `new` how many keywords were scored now.
    """
    cards, partition = scorecards(store), layout.scorecard(day)
    standing = cards.manifest(partition)
    if standing is not None:
        return _summary(partition, standing)
    manifests = {p: m for p in cards if (m := cards.manifest(p)) is not None}
    complete = {p for m in manifests.values() for p in m.facts["complete"]}
    due = list(_due(store, day, complete))
    tables: dict[str, pa.Table] = {}
    finished = {p for p, _ in due}
    rates: dict[str, ScoreSummary] = {}
    done = {name: _scored(cards, name) for name in (MEASURED, TRUTH)}
    for name, outcomes in _outcomes(measured, truth).items():
        scored = {_key(r) for t in done[name].values() for r in _select_keys(t)}
        waiting = [r for _, found in due for r in found if _key(r) not in scored]
        tables[name] = keywords.score_keywords(waiting, outcomes, day, cfg)
        before = [t for p, t in done[name].items() if _day_of(p) < day]
        running = pa.concat_tables([schemas.SCORE.empty_table(), *before, tables[name]])
        rates[name] = keywords.summarise(running, day, cfg)
        scored |= {_key(r) for r in _select_keys(tables[name])}
        finished &= {p for p, found in due if all(_key(r) in scored for r in found)}
    summary = replace(rates[MEASURED], truth=rates.get(TRUTH), new=tables[MEASURED].num_rows)
    facts = {"summary": summary.to_json(), "complete": [p for p, _ in due if p in finished]}
    cards.commit_tables(partition, tables, facts)
    cards.roll_up(day)
    return summary


def scorecards(store: Store) -> RolledPartitions:
    """The scorecards of all days."""
    return RolledPartitions(store, layout.SCORECARDS, [RolledTable(MEASURED), RolledTable(TRUTH)])


def _scored(cards: RolledPartitions, name: str) -> dict[str, pa.Table]:
    """The SCORE rows of each scorecard that has a table of this name."""
    having = [p for p in cards if (m := cards.manifest(p)) is not None and m.tables(f"{name}-")]
    return dict(cards.tables(having, name))


def _select_keys(scores: pa.Table) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = scores.select(["release", "id"]).to_pylist()
    return rows


def _key(row: Mapping[str, object]) -> tuple[str, str]:
    return str(row["release"]), str(row["id"])


def _summary(partition: str, manifest: Manifest) -> ScoreSummary:
    return ScoreSummary.from_json(manifest.facts["summary"], f"{partition}: summary")


def _outcomes(
    measured: Mapping[keywords.Segment, pa.Table], truth: pd.DataFrame | None
) -> dict[str, keywords.Outcomes]:
    """What became of the shares, by the name of the table that scores them."""
    outcomes = {MEASURED: keywords.read_outcomes(measured)}
    if truth is not None:
        table = pa.Table.from_pandas(truth.assign(withheld=False), preserve_index=False)
        outcomes[TRUTH] = keywords.read_outcomes({keywords.ALL: table})
    return outcomes


def _due(
    store: Store, day: date, complete: set[str]
) -> Iterator[tuple[str, list[keywords.ReleasedKeyword]]]:
    """Keyword partitions whose target day has come, with their records and the release."""
    published = Partitions(store, layout.KEYWORDS)
    for partition in published:
        if partition in complete or _day_of(partition) >= day:
            continue
        manifest = published.manifest(partition)
        facts = manifest.facts if manifest else {}
        if _day_of(partition) + timedelta(days=int(facts.get("horizon_days", 1))) > day:
            continue
        found: keywords.KeywordsFile = store.read_json(f"{partition}/keywords.json")
        release = partition.split("/")[1]
        segments = (r for s in found.get("segments", ()) for r in s["keywords"])
        yield partition, [{**r, "release": release} for r in (*found["keywords"], *segments)]


def _day_of(partition: str) -> date:
    return date.fromisoformat(partition.rsplit("as_of=", 1)[1])


def latest(store: Store, day: date) -> ScoreSummary | None:
    """The running rates as they stood on a day; None before the first scorecard."""
    cards = scorecards(store)
    newest = max((p for p in cards if _day_of(p) <= day), key=_day_of, default=None)
    if newest is None or (manifest := cards.manifest(newest)) is None:
        return None
    return replace(_summary(newest, manifest), as_of=str(_day_of(newest)))


def newest_scores(store: Store, day: date) -> pa.Table:
    """How the keywords that came due on the newest such day were scored against the measured shares."""
    cards = scorecards(store)
    for partition in sorted(cards, key=_day_of, reverse=True):
        manifest = cards.manifest(partition)
        if _day_of(partition) <= day and manifest and manifest.facts["summary"]["new"]:
            return cards.read(partition, MEASURED)
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
