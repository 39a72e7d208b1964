"""What callers get. These models document and test the answers; the answers are built as plain values."""

from typing import Any, Literal

import pydantic
from pydantic import ConfigDict, Field

Number = float | None


class Answered(pydantic.BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid")


class Open(pydantic.BaseModel):
    """A part that may grow."""

    model_config = ConfigDict(extra="allow")


class Mistake(Answered):
    """One mistake in a request."""

    path: str
    message: str


class ProblemAnswer(Answered):
    """RFC 9457."""

    type: str = Field(examples=["urn:fashiontrend:problem:invalid"])
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[Mistake] | None = None


class ModelName(Answered):
    """Which recogniser answered."""

    name: str
    version: str
    digest: str


class TaxonomyName(Answered):
    """Which attributes and values it knows."""

    version: str
    digest: str


class Boxes(Answered):
    """A garment's place."""

    rel: tuple[float, float, float, float]
    px: tuple[int, int, int, int]


class AttributeAnswer(Answered):
    """What is seen of one attribute."""

    status: Literal["present", "not_visible", "not_applicable", "uncertain"]
    value: str | None = None
    label: dict[str, str] | None = None
    confidence: float | None = None
    top_k: list[tuple[str, float]] | None = None


class Garment(Answered):
    """One garment of a picture."""

    garment_id: int
    box: Boxes
    score: float | None
    attributes: dict[str, AttributeAnswer]
    embedding: list[float] | None = None


class ImageAnswer(Answered):
    """One picture, in the order of the request."""

    id: str
    status: Literal[
        "ok",
        "fetch_failed",
        "not_found",
        "unsupported_media",
        "too_large",
        "too_small",
        "no_garment",
    ]
    context: dict[str, Any] | None = None
    width: int | None = None
    height: int | None = None
    garments: list[Garment]
    problem: ProblemAnswer | None = None


class Usage(Answered):
    """What was done."""

    images: int
    garments: int


class RecogniseAnswer(Answered):
    """All pictures of a request."""

    model: ModelName
    taxonomy: TaxonomyName
    images: list[ImageAnswer]
    usage: Usage
    request_id: str


class KeywordRecord(Open):
    """`trend-keyword/1`; samples carry `picture`, their address on this server."""

    id: str
    as_of: str
    horizon_days: int
    target_date: str
    keyword: dict[str, str]
    platform: str
    direction: Literal["rising", "stable", "falling"]
    stage: str
    share: dict[str, Any]
    growth: dict[str, Number]
    confidence: dict[str, Any]
    rank: int
    score: float
    evidence: dict[str, Any]
    caveats: list[str]


class KeywordsAnswer(Answered):
    """The keywords of a day."""

    release: str
    as_of: str
    horizon_days: int
    total: int
    keywords: list[KeywordRecord]
    not_enough_evidence: list[dict[str, Any]]
    combinations: list[dict[str, Any]]
    next: str | None = None


class SeriesRow(Answered):
    """One value on one platform; columns of equal length, null where not measured."""

    platform: str
    attribute: str
    value: str
    days: list[str]
    share: list[Number]
    low: list[Number] = Field(
        description="80 % interval of the corrected share; null where `corrected` is false."
    )
    high: list[Number]
    support: list[int]
    withheld: list[bool]


class SeriesAnswer(Answered):
    """Shares; corrected ones with their 80 % interval."""

    release: str
    as_of: str
    basis: str
    window_days: int
    corrected: bool
    series: list[SeriesRow]


class ForecastRow(Answered):
    """One value on one platform, the coming days."""

    platform: str
    attribute: str
    value: str
    days: list[str]
    share: list[float]
    q025: list[float]
    q10: list[float]
    q90: list[float]
    q975: list[float]


class ForecastsAnswer(Answered):
    """The released forecasts."""

    release: str
    as_of: str
    horizon_days: int
    forecasts: list[ForecastRow]


class PostedRow(Answered):
    """The forecast of one value of a posted series."""

    id: str
    attribute: str
    value: str
    days: list[str]
    share: list[float]
    q025: list[float]
    q10: list[float]
    q90: list[float]
    q975: list[float]


class PostedAnswer(Answered):
    """Forecasts of the released LSTM for posted series."""

    release: str
    model: ModelName
    horizon_days: int
    forecasts: list[PostedRow]
    request_id: str


class EvidenceAnswer(Answered):
    """Everything behind one keyword."""

    release: str
    keyword: KeywordRecord
    series: list[SeriesRow]
    forecasts: list[ForecastRow]


class GateAnswer(Answered):
    """The newest verdict of a gate."""

    name: str
    run_id: str
    day: str
    at: str
    passed: bool
    value: Number
    limit: str
    verdict: dict[str, Any]


class GatesAnswer(Answered):
    """All gates."""

    gates: list[GateAnswer]


class GateRound(Answered):
    """One verdict of the past."""

    run_id: str
    day: str
    at: str
    label_round: int
    train_round: int
    passed: bool
    value: Number
    limit: str
    reasons: list[str]


class GateHistory(Answered):
    """Verdicts of a gate, oldest first."""

    name: str
    history: list[GateRound]


class RunsAnswer(Answered):
    """The newest hundred runs, newest first."""

    runs: list[dict[str, Any]]


class ReleasesAnswer(Answered):
    """Releases, newest first."""

    current: str
    releases: list[dict[str, Any]]


class JobAnswer(Answered):
    """A catalogue job."""

    id: str
    status: Literal["queued", "running", "succeeded", "failed"]
    created_at: str
    input: list[str]
    parts_done: int
    parts_total: int | None
    rows_done: int
    rows_failed: int
    detail: str | None = None
    results: str | None = None


class ResultsAnswer(Answered):
    """A page of a job's answers; columns as in `answers.parquet`."""

    id: str
    rows: list[dict[str, Any]]
    next: str | None
    complete: bool


class VersionAnswer(Answered):
    """What is running."""

    version: str
    release: str
    attrnet: str
    forecaster: str
    taxonomy: TaxonomyName
    as_of: str | None
    refused_release: str | None = None
