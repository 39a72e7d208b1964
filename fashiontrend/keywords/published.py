"""The shape of `keywords.json`: what is published, and what the report, the API and the scorecard read.

These are the objects of the file as it is read, so they are dictionaries with known keys.
"""

from typing import NotRequired, TypedDict


class ValueNames(TypedDict):
    """The ids of a value and its attribute, and the value's English and Chinese names."""

    attribute: str
    value: str
    en: str
    zh: str


class ShareForecast(TypedDict):
    """The share of a value now and at the target day, with 80 % and 95 % intervals."""

    now: float
    forecast: float
    interval80: list[float]
    interval95: list[float]
    basis: str
    corrected: bool


class Growth(TypedDict):
    """Expected and past changes in share points; None if they are not known.

    `wow`, `mom` and `yoy` are the changes since 7, 28 and 365 days ago.
    """

    points: float
    relative: float
    wow: float | None
    mom: float | None
    yoy: float | None
    deseasonalised_points: float | None
    slope_week: float | None
    slope_week_se: float | None


class Confidence(TypedDict):
    """How far to trust a keyword."""

    p_direction: float
    least_change: float
    support_n: int
    days_observed: int
    backtest_skill_vs_persistence: float | None
    platform_agreement: float | None
    grade: str


class LeadLag(TypedDict):
    """The platform that moves first, and by how many days."""

    leader: str
    lead_days: int


class SegmentDescription(TypedDict):
    """What the products of a keyword have in common; None with a reason if nothing."""

    gender: str | None
    garment_type: str | None
    region: str | None
    reasons: dict[str, str]


class Sample(TypedDict, total=False):
    """A product that shows a value; the keys hold None if the shop does not state them."""

    platform: str
    product_id: str
    url: str | None
    picture_id: str | None
    image: str | None
    box: list[float] | None
    first_seen: str | None
    price: float | None
    currency: str | None
    title: str | None
    confidence: float


class Provenance(TypedDict, total=False):
    """What the keywords were made of."""

    series_uri: str | None
    run_id: str | None
    model_digest: str | None
    forecaster_digest: str
    release: str
    taxonomy_version: str
    label_set_digest: str | None


class EvidenceRecord(Provenance):
    """What stands behind a keyword."""

    samples: list[Sample]
    data_days_used: int
    days_withheld: int


class Line(TypedDict):
    """A keyword in one line, in English and Chinese."""

    en: str
    zh: str


class KeywordRecord(TypedDict):
    """One keyword, schema `trend-keyword/1`."""

    schema: str
    id: str
    as_of: str
    horizon_days: int
    target_date: str
    keyword: ValueNames
    segment: SegmentDescription
    platform: str
    platforms: dict[str, list[str]]  # direction -> single platforms
    direction: str
    share: ShareForecast
    growth: Growth
    stage: str
    trajectory: str
    seasonal_index: float | None
    confidence: Confidence
    rank: int
    score: float
    lead_lag: LeadLag | None
    evidence: EvidenceRecord
    caveats: list[str]
    line: NotRequired[Line]


class ReleasedKeyword(KeywordRecord):
    """A keyword with the release that published it."""

    release: str


class ThinValue(TypedDict):
    """A value that gets no keyword, with the reasons."""

    platform: str
    keyword: ValueNames
    share: float | None
    support_n: int
    reasons: list[str]


class Combination(TypedDict):
    """Two values of different attributes that occur together more often than independent ones would."""

    values: list[str]
    en: str
    zh: str
    support_n: int
    lift: float
    lift_low: float


class SegmentKeywords(TypedDict):
    """The keywords of one segment, over all platforms."""

    segment: dict[str, str | None]
    products: int
    keywords: list[KeywordRecord]
    not_enough_evidence: list[ThinValue]


class KeywordsFile(TypedDict):
    """The whole file; files of before segments were followed have none."""

    as_of: str
    horizon_days: int
    keywords: list[KeywordRecord]
    not_enough_evidence: list[ThinValue]
    combinations: list[Combination]
    segments: NotRequired[list[SegmentKeywords]]
