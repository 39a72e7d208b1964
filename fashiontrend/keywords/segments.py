"""Which products a series is of: one gender's, one garment type's, or all; and the segments worth following."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.published import SegmentDescription
from fashiontrend.taxonomy import POOLED

KINDS = ("gender", "garment_type")
#: Why a part of the segment is not stated.
_UNSTATED = "unstated"
NO_REGION = "listings state no region"


@dataclass(frozen=True)
class Segment:
    """Products that share a gender or a garment type; both None: all products."""

    gender: str | None = None
    garment_type: str | None = None

    @property
    def name(self) -> str:
        """The segment as it is written in a keyword's id."""
        return "|".join(v for v in (self.gender, self.garment_type) if v) or "all"


ALL = Segment()


def find_segments(products: pd.DataFrame, cfg: KeywordsConfig) -> list[Segment]:
    """The largest segments that are neither too thin nor nearly all products, largest first.

    Args:
        products: live products with those columns of `KINDS` that are known.
        cfg: kinds, least support, purity and number.
    """
    found: list[tuple[int, Segment]] = []
    for kind in cfg.segments:
        if kind not in products:
            continue
        for value, count in products[kind].dropna().value_counts().items():
            if cfg.min_support <= count < cfg.segment_purity * len(products):
                found.append((int(count), Segment(**{kind: str(value)})))
    ordered = sorted(found, key=lambda f: (-f[0], f[1].name))
    return [segment for _, segment in ordered[: cfg.max_segments]]


def members(products: pd.DataFrame, segment: Segment) -> pd.DataFrame:
    """The products of a segment."""
    for kind in KINDS:
        value = getattr(segment, kind)
        if value is not None:
            products = products[products[kind] == value] if kind in products else products.head(0)
    return products


def describe_segments(
    products: pd.DataFrame, segment: Segment, cfg: KeywordsConfig
) -> dict[tuple[str, str], SegmentDescription]:
    """The `segment` of every keyword of a (platform, attribute): what its products have in common.

    A part is stated if the segment names it, or if at least `cfg.segment_purity` of the products
    that have the attribute agree; otherwise it is null, with the reason.
    """
    described = {}
    attributes = [
        c.removesuffix("_confidence") for c in map(str, products) if c.endswith("_confidence")
    ]
    for platform in [POOLED, *sorted(set(products["platform"]))]:
        here = products if platform == POOLED else products[products["platform"] == platform]
        for attribute in attributes:
            described[platform, attribute] = _describe(here[here[attribute].notna()], segment, cfg)
    return described


def _describe(products: pd.DataFrame, segment: Segment, cfg: KeywordsConfig) -> SegmentDescription:
    stated: dict[str, str | None] = {}
    reasons = {"region": NO_REGION}
    for kind in KINDS:
        value, reason = getattr(segment, kind), ""
        if value is None:
            value, reason = _common(products, kind, cfg)
        stated[kind] = value
        if reason:
            reasons[kind] = reason
    return _description(stated, reasons)


def _description(stated: Mapping[str, str | None], reasons: dict[str, str]) -> SegmentDescription:
    return {
        "gender": stated["gender"],
        "garment_type": stated["garment_type"],
        "region": None,
        "reasons": reasons,
    }


def unknown(segment: Segment) -> SegmentDescription:
    """The `segment` of a keyword whose live products are not known."""
    reason = "its products are not known"
    parts = {k: getattr(segment, k) for k in KINDS}
    empty = {k: reason for k, v in parts.items() if v is None}
    return _description(parts, {"region": NO_REGION, **empty})


def _common(products: pd.DataFrame, kind: str, cfg: KeywordsConfig) -> tuple[str | None, str]:
    name = kind.replace("_", " ")
    if kind not in products or products[kind].isna().all():
        return None, f"no product states a {name}"
    parts = products[kind].fillna(_UNSTATED).value_counts(normalize=True)
    first = str(parts.index[0])
    if first != _UNSTATED and parts.iloc[0] >= cfg.segment_purity:
        return first, ""
    names = ((str(v), float(p)) for v, p in parts.head(3).items())
    return None, f"several {name}s: " + ", ".join(f"{n} {100 * p:.0f} %" for n, p in names)
