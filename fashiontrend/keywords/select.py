"""Every value of every platform is either ranked as a keyword or listed as not known well enough."""

import math
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.evidence import Evidence, Key, Known, gather
from fashiontrend.keywords.expected_change import STABLE
from fashiontrend.keywords.published import (
    Combination,
    KeywordRecord,
    SegmentKeywords,
    ThinValue,
)
from fashiontrend.keywords.record import make_record, name_value
from fashiontrend.keywords.samples import find_combinations
from fashiontrend.keywords.segments import ALL, KINDS, Segment, describe_segments
from fashiontrend.taxonomy import POOLED, Taxonomy


@dataclass(frozen=True)
class Selection:
    """Ranked keywords of all platforms and "*", what was set aside, combinations, and segments.

    Attributes:
        segments: one entry a segment that was followed apart, over all platforms: segment,
            products, keywords, not_enough_evidence.
    """

    as_of: date
    horizon_days: int
    keywords: tuple[KeywordRecord, ...]
    not_enough_evidence: tuple[ThinValue, ...]
    combinations: tuple[Combination, ...]
    segments: tuple[SegmentKeywords, ...] = ()

    @property
    def records(self) -> list[KeywordRecord]:
        """All keywords, those of segments last."""
        return [*self.keywords, *(r for s in self.segments for r in s["keywords"])]


def select_keywords(
    shares: pa.Table,
    forecasts: pa.Table,
    evidence: Evidence,
    taxonomy: Taxonomy,
    cfg: KeywordsConfig,
    segment: Segment = ALL,
) -> Selection:
    """Decide for every value of every platform, at the forecasts' longest horizon, whether it is a keyword.

    Args:
        shares: rows of `schemas.SHARE`.
        forecasts: rows of `schemas.FORECAST`, made on the last day of `shares`.
        evidence: products, backtest and provenance.
        taxonomy: names of the values.
        cfg: branch `keywords`.
        segment: which products the series are of.
    """
    known = gather(shares, forecasts, cfg)
    kept = [k for k in known.expected if not _objections(k, known, cfg)]
    known = replace(known, eligible=frozenset(kept))
    scale = _scales(known, kept)
    described = describe_segments(evidence.products, segment, cfg)
    records = [
        make_record(k, known, scale, evidence, taxonomy, cfg, segment, described) for k in kept
    ]
    ranked: list[KeywordRecord] = []
    for platform in [POOLED, *known.platforms]:
        own = [r for r in records if r["platform"] == platform]
        own.sort(key=lambda r: (r["direction"] == STABLE, -r["score"], r["id"]))
        ranked += [{**r, "rank": i + 1} for i, r in enumerate(own)]
    aside = [_set_aside(k, known, taxonomy, cfg) for k in known.paths if k not in known.eligible]
    combinations = find_combinations(evidence.products, taxonomy, cfg)
    return Selection(known.as_of, known.horizon, tuple(ranked), tuple(aside), tuple(combinations))


def add_segment(whole: Selection, segment: Segment, own: Selection, products: int) -> Selection:
    """The selection with a segment's keywords over all platforms beside its own."""
    kind = "gender" if segment.gender else "garment_type"
    keywords = [
        r for r in own.keywords if r["platform"] == POOLED and r["keyword"]["attribute"] != kind
    ]
    entry: SegmentKeywords = {
        "segment": {k: getattr(segment, k) for k in KINDS},
        "products": products,
        "keywords": keywords,
        "not_enough_evidence": [a for a in own.not_enough_evidence if a["platform"] == POOLED],
    }
    return replace(whole, segments=(*whole.segments, entry))


def _objections(key: Key, known: Known, cfg: KeywordsConfig) -> list[str]:
    """Why a value gets no keyword; empty if it gets one."""
    path, found = known.paths[key], []
    if path.support < cfg.min_support:
        found.append(f"support {path.support} < {cfg.min_support} products")
    if path.observed < cfg.min_days:
        found.append(f"{path.observed} < {cfg.min_days} usable days")
    if key[:2] in known.blocked:
        found.append(f"{known.as_of} is withheld by data health")
    if key not in known.expected:
        found.append("no forecast")
    return found


def _set_aside(key: Key, known: Known, taxonomy: Taxonomy, cfg: KeywordsConfig) -> ThinValue:
    platform, attribute, value = key
    path = known.paths[key]
    return {
        "platform": platform,
        "keyword": name_value(attribute, value, taxonomy),
        "share": None if math.isnan(path.now) else round(path.now, 5),
        "support_n": path.support,
        "reasons": _objections(key, known, cfg),
    }


def _scales(known: Known, kept: list[Key]) -> dict[str, float]:
    """Platform -> spread of the expected changes of its values, to standardise growth by."""
    scales = {}
    for platform in dict.fromkeys(k[0] for k in kept):
        points = [known.expected[k].points for k in kept if k[0] == platform]
        scales[platform] = max(float(np.sqrt(np.mean(np.square(points)))), 1e-6)
    return scales
