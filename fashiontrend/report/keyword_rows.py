"""Keywords as rows and cards of the page, and the values that lack evidence for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fashiontrend.keywords.published import KeywordRecord, SegmentKeywords, ThinValue
from fashiontrend.keywords.render import render_lead
from fashiontrend.report import curves, samples, wording
from fashiontrend.report.run_rows import TOGETHER
from fashiontrend.taxonomy import POOLED, Taxonomy

Names = tuple[str, str]


@dataclass(frozen=True)
class ValueTitle:
    """English and Chinese names of a value and of its attribute."""

    attribute: Names
    value: Names


@dataclass(frozen=True)
class DirectionAgreement:
    """The platforms on which a value moves in one direction."""

    shown: wording.Direction
    names: tuple[str, ...]


@dataclass(frozen=True)
class KeywordRow:
    """A keyword as its table row and card show it."""

    record: KeywordRecord
    anchor: str
    shown: wording.Direction
    attribute: Names
    agree: tuple[DirectionAgreement, ...]
    lead: str


@dataclass(frozen=True)
class KeywordCard:
    """A moving keyword with its curve and sample garments."""

    row: KeywordRow
    panel: curves.ValuePanel | None
    samples: tuple[samples.ShownSample, ...]


@dataclass(frozen=True)
class SegmentRows:
    """The keywords of one segment; `thin` counts its values without enough evidence."""

    name: str
    products: int
    rows: tuple[KeywordRow, ...]
    thin: int


@dataclass(frozen=True)
class ThinRow:
    """A value without enough evidence, and the platforms that share the reason."""

    title: ValueTitle
    platforms: tuple[str, ...]
    reason: str


def make_row(record: KeywordRecord, taxonomy: Taxonomy) -> KeywordRow:
    """A keyword as its table row and card show it."""
    named, platforms = record["keyword"], record["platforms"]
    return KeywordRow(
        record=record,
        anchor=f"{named['attribute']}-{named['value']}",
        shown=wording.direction(record["direction"]),
        attribute=wording.attribute_names(taxonomy, named["attribute"]),
        agree=tuple(
            DirectionAgreement(wording.direction(d), tuple(platforms[d]))
            for d in wording.DIRECTIONS
            if platforms.get(d)
        ),
        lead=render_lead(record),
    )


def moving(records: Sequence[KeywordRecord]) -> list[KeywordRecord]:
    """The keywords that rise or fall."""
    return [r for r in records if r["direction"] != "stable"]


def make_cards(
    records: Sequence[KeywordRecord],
    series: curves.ShareCurves,
    pictures: Mapping[str, bytes],
    number: int,
) -> list[KeywordCard]:
    """Cards of the first moving keywords, `number` at most."""
    cards = []
    for record in moving(records)[:number]:
        named = record["keyword"]
        name = f"{named['en']} {named['zh']}".strip()
        shown = samples.show_samples(record["evidence"]["samples"], pictures, name)
        panel = curves.draw_value(series, named["attribute"], named["value"], "card")
        cards.append(KeywordCard(make_row(record, series.taxonomy), panel, tuple(shown)))
    return cards


def list_segments(found: Sequence[SegmentKeywords], taxonomy: Taxonomy) -> list[SegmentRows]:
    """Keywords of single segments, over all platforms."""
    return [
        SegmentRows(
            name=" ".join(wording.plain(v) for v in s["segment"].values() if v),
            products=s["products"],
            rows=tuple(make_row(r, taxonomy) for r in s["keywords"]),
            thin=len(s["not_enough_evidence"]),
        )
        for s in found
    ]


def list_platforms(
    records: Sequence[KeywordRecord], main: Sequence[KeywordRecord], taxonomy: Taxonomy
) -> dict[str, list[KeywordRow]]:
    """Keywords of single platforms; none if the main table holds them already."""
    if not main or main[0]["platform"] != POOLED:
        return {}
    found: dict[str, list[KeywordRow]] = {}
    for record in records:
        if record["platform"] != POOLED:
            found.setdefault(record["platform"], []).append(make_row(record, taxonomy))
    return found


def list_thin(values: Sequence[ThinValue], taxonomy: Taxonomy) -> list[ThinRow]:
    """Values without enough evidence, with the platforms that share a reason together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for entry in values:
        named, reason = entry["keyword"], "; ".join(entry["reasons"])
        platform = TOGETHER if entry["platform"] == POOLED else entry["platform"]
        found.setdefault((named["attribute"], named["value"], reason), []).append(platform)
    return [
        ThinRow(title_of(taxonomy, a, v), tuple(platforms), reason)
        for (a, v, reason), platforms in found.items()
    ]


def title_of(taxonomy: Taxonomy, attribute: str, value: str) -> ValueTitle:
    """The names of a value."""
    return ValueTitle(
        wording.attribute_names(taxonomy, attribute),
        wording.value_names(taxonomy, attribute, value),
    )
