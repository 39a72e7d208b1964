"""What a release says: keywords, shares, forecasts, taxonomy, sample pictures. Read from the store, kept in memory."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fashiontrend.attrnet.inference.artifact import CARD, Card
from fashiontrend.errors import DataError
from fashiontrend.serve.http.problems import Problem
from fashiontrend.storage import layout, releases
from fashiontrend.storage.object_store import Store
from fashiontrend.storage.releases import Release
from fashiontrend.taxonomy import Taxonomy

Mark = tuple[str, tuple[str, ...]]
MOST_POINTS = 100_000
MOST_DAYS = 8
KEY = ["platform", "attribute", "value"]
BOUNDS = ["low", "high"]
QUANTILES = ["q025", "q10", "q90", "q975"]


@dataclass(frozen=True)
class Day:
    """What was published on a day."""

    selection: dict[str, Any]
    forecasts: pa.Table

    @cached_property
    def by_id(self) -> dict[str, dict[str, Any]]:
        """Keyword records by their id."""
        return {k["id"]: k for k in self.selection["keywords"]}

    @cached_property
    def picture_ids(self) -> frozenset[str]:
        """Pictures that its keywords name."""
        samples = (s for k in self.selection["keywords"] for s in k["evidence"]["samples"])
        return frozenset(s["picture_id"] for s in samples if s.get("picture_id"))


@dataclass(frozen=True, eq=False)
class Tables:
    """Everything that one release says; never changes."""

    release: Release
    days: tuple[str, ...]  # as_of, ascending
    taxonomy: Taxonomy
    _read_day: Callable[[str], Day]
    _read_shares: Callable[[str], pa.Table]
    _series: str  # partition of the newest shares, "" before there are any

    def day(self, as_of: str | None = None) -> tuple[str, Day]:
        """The keywords of a day, the newest if none is named.

        Raises:
            Problem: 404; nothing was published on that day.
        """
        wanted = as_of or (self.days[-1] if self.days else "")
        if wanted not in self.days:
            known = ", ".join(self.days[-3:]) or "none yet"
            raise Problem(
                404, "not_found", f"Release {self.release.release_id} has no keywords of that day; "
                f"the newest days are {known}.",
            )  # fmt: skip
        return wanted, self._read_day(wanted)

    def shares(self) -> tuple[str, pa.Table]:
        """The newest share table.

        Raises:
            Problem: 404; there is none.
        """
        if not self._series:
            raise Problem(404, "not_found", "This release has no series yet.")
        return layout.parts(self._series)["as_of"], self._read_shares(self._series)


def find(store: Store) -> Mark:
    """What a change of is a change of the tables: the release, and the days published under it.

    Raises:
        DataError: nothing was released yet.
    """
    release = releases.current(store)
    if release is None:
        raise DataError(f"{store.config.url} holds no release. `fashiontrend run` publishes one.")
    return release.release_id, _days(store, f"keywords/{release.release_id}/")


def load(store: Store, mark: Mark) -> Tables:
    """Read a release's newest tables; older days are read when they are asked for.

    Raises:
        DataError: what the release names is missing or damaged.
    """
    release = releases.load(store, mark[0])
    card_key = f"{layout.model('attrnet', release.attrnet)}/{CARD}"
    try:
        taxonomy = Card.model_validate_json(store.read(card_key)).read_taxonomy()
    except ValueError as error:
        raise DataError(f"{card_key}: {error}") from error

    @lru_cache(MOST_DAYS)
    def read_day(as_of: str) -> Day:
        folder = f"keywords/{release.release_id}/as_of={as_of}"
        forecasts = pq.read_table(io.BytesIO(store.read(f"{folder}/forecasts.parquet")))
        return Day(_with_addresses(store.read_json(f"{folder}/keywords.json")), forecasts)

    @lru_cache(1)
    def read_shares(partition: str) -> pa.Table:
        return store.read_partition(partition, "shares")

    series = _find_series(store, release, mark[1])
    tables = Tables(release, mark[1], taxonomy, read_day, read_shares, series)
    if mark[1]:
        tables.day()
    if series:
        tables.shares()
    return tables


def _find_series(store: Store, release: Release, days: tuple[str, ...]) -> str:
    """The partition of the newest shares: that of the newest keywords if they name it; "" if there is none."""
    if days:
        manifest = store.manifest(f"keywords/{release.release_id}/as_of={days[-1]}")
        if manifest and "shares" in manifest.facts:
            return str(manifest.facts["shares"])
    return max(store.committed(f"shares/{release.attrnet}/"), default="")


def _days(store: Store, prefix: str) -> tuple[str, ...]:
    return tuple(p.rsplit("as_of=", 1)[1] for p in store.committed(prefix))


def _with_addresses(selection: dict[str, Any]) -> dict[str, Any]:
    """Give every sample the address of its picture on this server.

    It names the day, so that one day's keywords tell whether the picture may be shown, however many
    days were published since.
    """
    for record in selection["keywords"]:
        for sample in record["evidence"]["samples"]:
            if sample.get("picture_id"):
                sample["picture"] = f"/v1/pictures/{record['as_of']}/{sample['picture_id']}"
    return selection


def keywords(tables: Tables, limit: int, start: int, **wanted: Any) -> dict[str, Any]:
    """The keywords of a day that fit; `wanted` as in the query."""
    as_of, day = tables.day(wanted.get("as_of"))
    chosen = [k for k in day.selection["keywords"] if _fits(k, wanted)]
    end = start + limit
    platform = wanted.get("platform")
    aside = day.selection["not_enough_evidence"]
    return {
        "release": tables.release.release_id,
        "as_of": as_of,
        "horizon_days": day.selection["horizon_days"],
        "total": len(chosen),
        "keywords": chosen[start:end],
        "not_enough_evidence": [a for a in aside if platform in (None, a["platform"])],
        "combinations": day.selection["combinations"],
        "next": str(end) if end < len(chosen) else None,
    }


def _fits(record: dict[str, Any], wanted: dict[str, Any]) -> bool:
    seen = {
        "platform": record["platform"],
        "attribute": record["keyword"]["attribute"],
        "direction": record["direction"],
        "horizon_days": record["horizon_days"],
    }
    least = wanted.get("min_confidence") or 0.0
    return record["confidence"]["p_direction"] >= least and all(
        wanted.get(name) in (None, value) for name, value in seen.items()
    )


def evidence(tables: Tables, keyword_id: str) -> dict[str, Any]:
    """Everything behind one keyword.

    Raises:
        Problem: 404; no such keyword.
    """
    as_of = keyword_id.split("|", 1)[0]
    record = tables.day(as_of)[1].by_id.get(keyword_id) if as_of in tables.days else None
    if record is None:
        raise Problem(404, "not_found", "There is no such keyword; GET /v1/keywords lists them.")
    where = {k: record["keyword"][k] for k in ("attribute", "value")}
    return {
        "release": tables.release.release_id,
        "keyword": record,
        "series": series(tables, end=as_of, **where)["series"],
        "forecasts": forecasts(tables, as_of=as_of, **where)["forecasts"],
    }


def series(
    tables: Tables,
    start: str | None = None,
    end: str | None = None,
    basis: str | None = None,
    corrected: bool = True,
    **where: str | None,
) -> dict[str, Any]:
    """Shares in columns.

    Shares as counted (`corrected` false) have no interval: the stored one is of the corrected share,
    and one of the counting alone would leave out the recogniser's errors, which are most of it.

    Raises:
        Problem: 400; more points than one answer holds.
    """
    as_of, table = tables.shares()
    first = table.slice(0, 1).to_pylist()[0]
    if basis not in (None, first["basis"]):
        raise Problem(404, "not_found", f"The released series are of the basis {first['basis']!r}.")
    chosen = _filter(table, where)
    days = pc.cast(chosen["day"], pa.string())
    if start:
        chosen, days = (t.filter(pc.greater_equal(days, start)) for t in (chosen, days))
    if end:
        chosen = chosen.filter(pc.less_equal(days, end))
    if chosen.num_rows > MOST_POINTS:
        raise Problem(
            400, "invalid", f"{chosen.num_rows} points, at most {MOST_POINTS} are answered at once. "
            "Name a platform, an attribute or days.",
        )  # fmt: skip
    rows = [
        {
            **key,
            "share": _numbers(group["share" if corrected else "share_raw"]),
            **{n: _numbers(group[n]) if corrected else [None] * len(group) for n in BOUNDS},
            "support": [int(v) for v in group["support"].fillna(0)],
            "withheld": [bool(v) for v in group["withheld"]],
        }
        for key, group in _groups(chosen)
    ]
    return {
        "release": tables.release.release_id,
        "as_of": as_of,
        "basis": first["basis"],
        "window_days": first["window_days"],
        "corrected": corrected,
        "series": rows,
    }


def forecasts(tables: Tables, as_of: str | None = None, **where: str | None) -> dict[str, Any]:
    """Released forecasts in columns."""
    as_of, day = tables.day(as_of)
    return {
        "release": tables.release.release_id,
        "as_of": as_of,
        "horizon_days": day.selection["horizon_days"],
        "forecasts": in_columns(_filter(day.forecasts, where)),
    }


def in_columns(table: pa.Table) -> list[dict[str, Any]]:
    """Rows of `records.FORECAST`, one object a value."""
    return [
        {**key, **{n: _numbers(group[n]) for n in ("share", *QUANTILES)}}
        for key, group in _groups(table)
    ]


def _filter(table: pa.Table, where: dict[str, str | None]) -> pa.Table:
    for column, value in where.items():
        if value is not None:
            table = table.filter(pc.equal(table[column], value))
    return table


def _groups(table: pa.Table) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    frame = table.to_pandas().sort_values([*KEY, "day"], kind="stable")
    for key, group in frame.groupby(KEY, sort=True):
        days = [d.isoformat() for d in group["day"]]
        yield {**dict(zip(KEY, key, strict=True)), "days": days}, group


def _numbers(column: Any) -> list[float | None]:
    """Five digits are more than any share is known to; null where not measured."""
    return [None if v != v else round(v, 5) for v in column.astype(float).tolist()]


def taxonomy(tables: Tables, version: str | None, lang: str | None) -> dict[str, Any]:
    """Attributes and values of the release.

    Raises:
        Problem: 404; another version was asked for.
    """
    known = tables.taxonomy
    if version not in (None, known.version):
        raise Problem(404, "not_found", f"The release has taxonomy {known.version!r}.")

    def named(thing: Any) -> dict[str, str]:
        names = {"en": thing.en, "zh": thing.zh} if lang is None else {"name": getattr(thing, lang)}
        return {"id": thing.id, **names}

    return {
        "version": known.version,
        "digest": f"sha256:{known.digest}",
        "attributes": [
            {**named(a), "values": [named(v) for v in a.values]} for a in known.attributes
        ],
    }
