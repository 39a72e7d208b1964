"""The tables of a release: keywords, shares, forecasts, taxonomy. The tables are read once and kept in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypedDict

import pandas as pd
import pyarrow as pa
import pydantic

from fashiontrend.attrnet.inference.artifact import CARD, Card
from fashiontrend.errors import DataError
from fashiontrend.serve.release.rows import (
    ValueFilter,
    ValueKey,
    between,
    check_points,
    days_of,
    filter_values,
    group_values,
    round_numbers,
)
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.responses import (
    EvidenceResponse,
    ExtensiblePart,
    ForecastRow,
    ForecastsResponse,
    JsonObject,
    KeywordRecord,
    KeywordsResponse,
    SeriesResponse,
    SeriesRow,
    TaxonomyAttribute,
    TaxonomyName,
    TaxonomyResponse,
)
from fashiontrend.storage import layout, releases
from fashiontrend.storage.object_store import Store
from fashiontrend.storage.releases import Release
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

#: Most days whose keywords are kept in memory.
MAX_DAYS = 8


class TablesKey(NamedTuple):
    """Cache key of the served tables: release id and published days, ascending."""

    release_id: str
    days: tuple[str, ...]


class PublishedKeywords(ExtensiblePart):
    """The file `keywords.json` of a day."""

    horizon_days: int
    keywords: list[KeywordRecord]
    not_enough_evidence: list[JsonObject]
    combinations: list[JsonObject]


@dataclass(frozen=True)
class PublishedDay:
    """What was published on a day."""

    selection: PublishedKeywords
    forecasts: pa.Table

    @cached_property
    def by_id(self) -> dict[str, KeywordRecord]:
        """Keywords by their id."""
        return {k.id: k for k in self.selection.keywords}

    @cached_property
    def picture_ids(self) -> frozenset[str]:
        """Ids of the sample pictures of all keywords."""
        samples = (s for k in self.selection.keywords for s in k.evidence.samples)
        return frozenset(s.picture_id for s in samples if s.picture_id)


@dataclass(frozen=True, eq=False)
class Tables:
    """All tables of one release; they never change.

    Attributes:
        days: published days, ascending.
    """

    release: Release
    days: tuple[str, ...]
    taxonomy: Taxonomy
    _read_day: Callable[[str], PublishedDay]
    _read_shares: Callable[[str], pa.Table]
    _series: str  # partition of the newest shares; empty before there are any
    _read_retail: Callable[[str], pa.Table]
    _retail: str  # partition of the newest retail table; empty before there is one

    def day(self, as_of: str | None = None) -> tuple[str, PublishedDay]:
        """Return a published day, by default the newest.

        Raises:
            Problem: 404 if nothing was published on that day.
        """
        wanted = as_of or (self.days[-1] if self.days else "")
        if wanted not in self.days:
            known = ", ".join(self.days[-3:]) or "none yet"
            detail = (
                f"The release {self.release.release_id} has no keywords of that day. Its newest days "
                f"are: {known}."
            )
            raise Problem(404, "not_found", detail)
        return wanted, self._read_day(wanted)

    def shares(self) -> tuple[str, pa.Table]:
        """Return the newest table of shares and its day.

        Raises:
            Problem: 404 if there is none yet.
        """
        if not self._series:
            raise Problem(404, "not_found", "The release has no shares yet.")
        return layout.parts(self._series)["as_of"], self._read_shares(self._series)

    def retail(self) -> tuple[str, pa.Table]:
        """Return the newest retail table and its day.

        Raises:
            Problem: 404 if there is none yet.
        """
        if not self._retail:
            detail = "The release has no retail table yet. Publishing a day writes it."
            raise Problem(404, "not_found", detail)
        return layout.parts(self._retail)["as_of"], self._read_retail(self._retail)


@dataclass(frozen=True)
class KeywordFilter:
    """Restricts keywords; None stands for all."""

    as_of: str | None = None
    platform: str | None = None
    horizon_days: int | None = None
    direction: str | None = None
    attribute: str | None = None
    min_confidence: float = 0.0

    def matches(self, record: KeywordRecord) -> bool:
        """Return whether a keyword matches everything but the day."""
        pairs = (
            (self.platform, record.platform),
            (self.attribute, record.keyword.attribute),
            (self.direction, record.direction),
            (self.horizon_days, record.horizon_days),
        )
        likely = record.confidence.p_direction >= self.min_confidence
        return likely and all(wanted in (None, value) for wanted, value in pairs)


def find(store: Store) -> TablesKey:
    """Return the key of the tables that should be served.

    Raises:
        DataError: nothing was released yet.
    """
    release = releases.current(store)
    if release is None:
        raise DataError(
            f"{store.config.url} holds no release. Publish one with `fashiontrend run`."
        )
    return TablesKey(release.release_id, _days(store, f"keywords/{release.release_id}/"))


def load(store: Store, key: TablesKey) -> Tables:
    """Read the newest tables of a release; older days are read when they are needed.

    Raises:
        DataError: a table of the release is missing or damaged.
    """
    release = releases.load(store, key.release_id)
    card_key = f"{layout.model('attrnet', release.attrnet)}/{CARD}"
    try:
        taxonomy = Card.model_validate_json(store.read(card_key)).read_taxonomy()
    except ValueError as error:
        raise DataError(f"{card_key}: {error}") from error

    @lru_cache(MAX_DAYS)
    def read_day(as_of: str) -> PublishedDay:
        return _read_day(store, f"keywords/{release.release_id}/as_of={as_of}")

    @lru_cache(1)
    def read_shares(partition: str) -> pa.Table:
        return store.read_partition(partition, "shares")

    @lru_cache(1)
    def read_retail(partition: str) -> pa.Table:
        return store.read_partition(partition, "retail")

    series, retail = _find_series(store, release, key.days), _find_retail(store, release, key.days)
    tables = Tables(release, key.days, taxonomy, read_day, read_shares, series, read_retail, retail)
    if key.days:
        tables.day()
    if series:
        tables.shares()
    return tables


def _read_day(store: Store, folder: str) -> PublishedDay:
    forecasts = store.read_table(f"{folder}/forecasts.parquet")
    try:
        selection = PublishedKeywords.model_validate_json(store.read(f"{folder}/keywords.json"))
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{folder}/keywords.json: {where}: {first['msg']}. Publish the day again."
        ) from error
    _add_addresses(selection)
    return PublishedDay(selection, forecasts)


def _find_series(store: Store, release: Release, days: tuple[str, ...]) -> str:
    """The partition of the newest shares: the one that the newest keywords name, if they name one."""
    if days:
        manifest = store.manifest(f"keywords/{release.release_id}/as_of={days[-1]}")
        if manifest and "shares" in manifest.facts:
            return str(manifest.facts["shares"])
    return max(store.committed(f"shares/{release.attrnet}/"), default="")


def _find_retail(store: Store, release: Release, days: tuple[str, ...]) -> str:
    """The partition of the retail table that the newest keywords name; "" if they name none."""
    if not days:
        return ""
    manifest = store.manifest(f"keywords/{release.release_id}/as_of={days[-1]}")
    return str(manifest.facts.get("retail", "")) if manifest else ""


def _days(store: Store, prefix: str) -> tuple[str, ...]:
    return tuple(p.rsplit("as_of=", 1)[1] for p in store.committed(prefix))


def _add_addresses(selection: PublishedKeywords) -> None:
    """Give every sample the address of its picture on this server.

    The address names the day, so that the day's keywords decide whether the picture may be shown,
    however many days were published since.
    """
    for record in selection.keywords:
        for sample in record.evidence.samples:
            if sample.picture_id:
                sample.picture = f"/v1/pictures/{record.as_of}/{sample.picture_id}"


def keywords(tables: Tables, limit: int, start: int, wanted: KeywordFilter) -> KeywordsResponse:
    """Return a page of the keywords that match.

    Args:
        tables: of the release.
        limit: most keywords of the page.
        start: position of its first keyword.
        wanted: which keywords.

    Raises:
        Problem: 404 if nothing was published on the wanted day.
    """
    as_of, day = tables.day(wanted.as_of)
    chosen = [k for k in day.selection.keywords if wanted.matches(k)]
    end = start + limit
    aside = day.selection.not_enough_evidence
    return KeywordsResponse(
        release=tables.release.release_id,
        as_of=as_of,
        horizon_days=day.selection.horizon_days,
        total=len(chosen),
        keywords=chosen[start:end],
        not_enough_evidence=[a for a in aside if wanted.platform in (None, a["platform"])],
        combinations=day.selection.combinations,
        next=str(end) if end < len(chosen) else None,
    )


def evidence(tables: Tables, keyword_id: str) -> EvidenceResponse:
    """Return a keyword with the shares and forecasts behind it.

    Raises:
        Problem: 404 if there is no such keyword.
    """
    as_of = keyword_id.split("|", 1)[0]
    record = tables.day(as_of)[1].by_id.get(keyword_id) if as_of in tables.days else None
    if record is None:
        detail = "There is no keyword with this id. GET /v1/keywords lists them."
        raise Problem(404, "not_found", detail)
    wanted = ValueFilter(attribute=record.keyword.attribute, value=record.keyword.value)
    return EvidenceResponse(
        release=tables.release.release_id,
        keyword=record,
        series=series(tables, wanted, end=as_of).series,
        forecasts=forecasts(tables, wanted, as_of).forecasts,
    )


def series(
    tables: Tables,
    wanted: ValueFilter,
    start: str | None = None,
    end: str | None = None,
    basis: str | None = None,
    corrected: bool = True,
) -> SeriesResponse:
    """Return shares over days, in columns.

    Shares as counted (`corrected` false) have no interval: the stored interval is of the corrected
    share, and an interval for the sampling error alone would leave out the errors of the
    recogniser, which are larger.

    Args:
        tables: of the release.
        wanted: which values.
        start: first day, YYYY-MM-DD.
        end: last day, YYYY-MM-DD.
        basis: `live` or `new_in`; it must be the basis of the released shares.
        corrected: whether to return shares corrected for the recogniser's errors.

    Raises:
        Problem: 400 if the response would have too many points, 404 for another basis.
    """
    as_of, table = tables.shares()
    first = table.slice(0, 1).to_pylist()[0]
    if basis not in (None, first["basis"]):
        detail = f"The released shares have the basis {first['basis']!r} only."
        raise Problem(404, "not_found", detail)
    chosen = between(filter_values(table, wanted), start, end)
    check_points(chosen)
    return SeriesResponse(
        release=tables.release.release_id,
        as_of=as_of,
        basis=first["basis"],
        window_days=first["window_days"],
        corrected=corrected,
        series=[_series_row(key, group, corrected) for key, group in group_values(chosen)],
    )


def _series_row(key: ValueKey, group: pd.DataFrame, corrected: bool) -> SeriesRow:
    none: list[float | None] = [None] * len(group)
    return SeriesRow(
        **key._asdict(),
        days=days_of(group),
        share=round_numbers(group["share" if corrected else "share_raw"]),
        low=round_numbers(group["low"]) if corrected else none,
        high=round_numbers(group["high"]) if corrected else none,
        support=[int(v) for v in group["support"].fillna(0)],
        withheld=[bool(v) for v in group["withheld"]],
    )


def forecasts(tables: Tables, wanted: ValueFilter, as_of: str | None = None) -> ForecastsResponse:
    """Return the released forecasts of a day, by default the newest, in columns.

    Raises:
        Problem: 404 if nothing was published on that day.
    """
    as_of, day = tables.day(as_of)
    return ForecastsResponse(
        release=tables.release.release_id,
        as_of=as_of,
        horizon_days=day.selection.horizon_days,
        forecasts=[
            ForecastRow(**key._asdict(), **columns)
            for key, columns in forecast_columns(filter_values(day.forecasts, wanted))
        ],
    )


class Columns(TypedDict):
    """The columns of a forecast, one entry per coming day."""

    days: list[str]
    share: list[Any]
    q025: list[Any]
    q10: list[Any]
    q90: list[Any]
    q975: list[Any]


def forecast_columns(table: pa.Table) -> Iterator[tuple[ValueKey, Columns]]:
    """Turn rows of `storage.schemas.FORECAST` into columns, for each value on each platform."""
    for key, group in group_values(table):
        yield (
            key,
            Columns(
                days=days_of(group),
                share=round_numbers(group["share"]),
                q025=round_numbers(group["q025"]),
                q10=round_numbers(group["q10"]),
                q90=round_numbers(group["q90"]),
                q975=round_numbers(group["q975"]),
            ),
        )


def taxonomy(tables: Tables, version: str | None, lang: str | None) -> TaxonomyResponse:
    """Return the attributes and values of the release.

    Raises:
        Problem: 404 if the release has another version than the wanted one.
    """
    known = tables.taxonomy
    if version not in (None, known.version):
        detail = f"The release has the taxonomy {known.version!r} only."
        raise Problem(404, "not_found", detail)
    return TaxonomyResponse(
        version=known.version,
        digest=f"sha256:{known.digest}",
        attributes=[
            TaxonomyAttribute(
                id=a.id,
                **_names(a, lang),
                values=[TaxonomyName(id=v.id, **_names(v, lang)) for v in a.values],
            )
            for a in known.attributes
        ],
    )


def _names(entry: Attribute | Value, lang: str | None) -> dict[str, str]:
    if lang is None:
        return {"en": entry.en, "zh": entry.zh}
    return {"name": getattr(entry, lang)}
