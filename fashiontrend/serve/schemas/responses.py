"""What callers get. These models document and test the answers; the answers are built as plain values."""

from typing import Any, Literal

import pydantic
from pydantic import ConfigDict, Field

Number = float | None


class ResponsePart(pydantic.BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid")


class ExtensiblePart(pydantic.BaseModel):
    """A part that may grow."""

    model_config = ConfigDict(extra="allow")


class FieldError(ResponsePart):
    """One mistake in a request."""

    path: str
    message: str


class ProblemDetails(ResponsePart):
    """RFC 9457."""

    type: str = Field(examples=["urn:fashiontrend:problem:invalid"])
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[FieldError] | None = None


class ModelIdentity(ResponsePart):
    """Which recogniser answered."""

    name: str
    version: str
    digest: str


class TaxonomyIdentity(ResponsePart):
    """Which attributes and values it knows."""

    version: str
    digest: str


class GarmentBox(ResponsePart):
    """A garment's place."""

    rel: tuple[float, float, float, float]
    px: tuple[int, int, int, int]


class AttributeResult(ResponsePart):
    """What is seen of one attribute."""

    status: Literal["present", "not_visible", "not_applicable", "uncertain"]
    value: str | None = None
    label: dict[str, str] | None = None
    confidence: float | None = None
    top_k: list[tuple[str, float]] | None = None


class Garment(ResponsePart):
    """One garment of a picture."""

    garment_id: int
    box: GarmentBox
    score: float | None
    attributes: dict[str, AttributeResult]
    embedding: list[float] | None = None


class ImageResult(ResponsePart):
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
    problem: ProblemDetails | None = None


class Usage(ResponsePart):
    """What was done."""

    images: int
    garments: int


class RecogniseResponse(ResponsePart):
    """All pictures of a request."""

    model: ModelIdentity
    taxonomy: TaxonomyIdentity
    images: list[ImageResult]
    usage: Usage
    request_id: str


class KeywordRecord(ExtensiblePart):
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


class KeywordsResponse(ResponsePart):
    """The keywords of a day."""

    release: str
    as_of: str
    horizon_days: int
    total: int
    keywords: list[KeywordRecord]
    not_enough_evidence: list[dict[str, Any]]
    combinations: list[dict[str, Any]]
    next: str | None = None


class SeriesRow(ResponsePart):
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


class SeriesResponse(ResponsePart):
    """Shares; corrected ones with their 80 % interval."""

    release: str
    as_of: str
    basis: str
    window_days: int
    corrected: bool
    series: list[SeriesRow]


class ForecastRow(ResponsePart):
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


class ForecastsResponse(ResponsePart):
    """The released forecasts."""

    release: str
    as_of: str
    horizon_days: int
    forecasts: list[ForecastRow]


class AdhocForecastRow(ResponsePart):
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


class AdhocForecastResponse(ResponsePart):
    """Forecasts of the released LSTM for posted series."""

    release: str
    model: ModelIdentity
    horizon_days: int
    forecasts: list[AdhocForecastRow]
    request_id: str


class EvidenceResponse(ResponsePart):
    """Everything behind one keyword."""

    release: str
    keyword: KeywordRecord
    series: list[SeriesRow]
    forecasts: list[ForecastRow]


class GateVerdict(ResponsePart):
    """The newest verdict of a gate."""

    name: str
    run_id: str
    day: str
    at: str
    passed: bool
    value: Number
    limit: str
    verdict: dict[str, Any]


class GatesResponse(ResponsePart):
    """All gates."""

    gates: list[GateVerdict]


class PastGateVerdict(ResponsePart):
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


class GateHistoryResponse(ResponsePart):
    """Verdicts of a gate, oldest first."""

    name: str
    history: list[PastGateVerdict]


class RunsResponse(ResponsePart):
    """The newest hundred runs, newest first."""

    runs: list[dict[str, Any]]


class ReleasesResponse(ResponsePart):
    """Releases, newest first."""

    current: str
    releases: list[dict[str, Any]]


class JobResponse(ResponsePart):
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


class JobResultsResponse(ResponsePart):
    """A page of a job's answers; columns as in `answers.parquet`."""

    id: str
    rows: list[dict[str, Any]]
    next: str | None
    complete: bool


class VersionResponse(ResponsePart):
    """What is running."""

    version: str
    release: str
    attrnet: str
    forecaster: str
    taxonomy: TaxonomyIdentity
    as_of: str | None
    refused_release: str | None = None
