"""Response models. The server builds its responses from them, and the clients parse responses into them.

A field that was not set when a response was built is left out of its JSON; see `to_json`.
"""

from typing import Any, Literal, Self, TypeAlias

import pydantic
from pydantic import ConfigDict, Field

Number = float | None
#: A JSON object whose fields another part of the system defines.
JsonObject: TypeAlias = dict[str, Any]


class ResponseModel(pydantic.BaseModel):
    """A response body, or a part of one, with exactly the documented fields."""

    model_config = ConfigDict(extra="forbid")

    def to_json(self) -> bytes:
        """Encode as JSON in UTF-8, without fields that were not set; NaN and infinity become null."""
        return self.model_dump_json(exclude_unset=True).encode()


class ExtensiblePart(pydantic.BaseModel):
    """A part of a response that may have more fields than the documented ones."""

    model_config = ConfigDict(extra="allow")


class FieldError(ResponseModel):
    """One mistake in a request."""

    path: str = Field(description="Where the mistake is: keys and positions, joined by dots.")
    message: str = Field(description="What is wrong there.")


class ProblemDetails(ResponseModel):
    """Why a request, or one picture of it, failed (RFC 9457)."""

    type: str = Field(
        description="Identifies the kind of problem.", examples=["urn:fashiontrend:problem:invalid"]
    )
    title: str = Field(description="The name of the HTTP status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What failed, what was seen, and what to do.")
    request_id: str | None = Field(
        default=None, description="Identifies the request in the server's log."
    )
    errors: list[FieldError] | None = Field(
        default=None, description="The mistakes of the request, at most 20 of them."
    )


class ModelIdentity(ResponseModel):
    """The model that produced a response."""

    name: str
    version: str
    digest: str = Field(description="SHA-256 of its weights, as `sha256:<hex>`.")

    @classmethod
    def of(cls, name: str, version: str, sha256: str) -> Self:
        """Identify a model by the hexadecimal SHA-256 of its weights."""
        return cls(name=name, version=version, digest=f"sha256:{sha256}")


class TaxonomyIdentity(ResponseModel):
    """The taxonomy that gives a model its attributes and values."""

    version: str
    digest: str = Field(description="SHA-256 of the taxonomy, as `sha256:<hex>`.")

    @classmethod
    def of(cls, version: str, sha256: str) -> Self:
        """Identify a taxonomy by its version and its hexadecimal SHA-256."""
        return cls(version=version, digest=f"sha256:{sha256}")


class GarmentBox(ResponseModel):
    """Where a garment is in the upright picture: x0, y0, x1, y1 from the top left."""

    rel: tuple[float, float, float, float] = Field(description="Fractions of width and height.")
    px: tuple[int, int, int, int] = Field(description="Pixels.")


class AttributeResult(ResponseModel):
    """The recognised value of one attribute of a garment."""

    status: Literal["present", "not_visible", "not_applicable", "uncertain"]
    value: str | None = Field(
        default=None, description="Id of the value; it is set if the status is `present`."
    )
    label: dict[str, str] | None = Field(
        default=None, description="Names of the value by language, as options.lang asks for them."
    )
    confidence: float | None = Field(
        default=None, description="Calibrated probability of the value, from 0 to 1."
    )
    top_k: list[tuple[str, float]] | None = Field(
        default=None, description="The most likely values with their probabilities, best first."
    )


class Garment(ResponseModel):
    """One garment of a picture."""

    garment_id: int = Field(description="Position of the garment in the picture's list, from 0.")
    box: GarmentBox
    score: float | None = Field(
        description="Probability that this is a garment; null if the caller gave its box."
    )
    attributes: dict[str, AttributeResult] = Field(description="Results by attribute id.")
    embedding: list[float] | None = Field(
        default=None, description="The feature vector, if options.return_embedding is set."
    )


class ImageResult(ResponseModel):
    """The result for one picture; results have the order of the request."""

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
    context: JsonObject | None = Field(
        default=None, description="The request's context, unchanged."
    )
    width: int | None = Field(default=None, description="Width of the upright picture in pixels.")
    height: int | None = Field(default=None, description="Height of the upright picture in pixels.")
    garments: list[Garment]
    problem: ProblemDetails | None = Field(
        default=None, description="Why there is no garment; it is set unless the status is `ok`."
    )


class Usage(ResponseModel):
    """How much a request was: its pictures and the garments found in them."""

    images: int
    garments: int


class RecogniseResponse(ResponseModel):
    """The results for all pictures of a request."""

    model: ModelIdentity
    taxonomy: TaxonomyIdentity
    images: list[ImageResult]
    usage: Usage
    request_id: str


class KeywordName(ExtensiblePart):
    """The attribute and value that a keyword stands for, with the value's names."""

    attribute: str
    value: str
    en: str
    zh: str


class KeywordConfidence(ExtensiblePart):
    """How reliable a keyword is."""

    p_direction: float = Field(description="Probability that the direction is right, 0 to 1.")


class KeywordSample(ExtensiblePart):
    """A product picture that shows the keyword."""

    picture_id: str | None = None
    picture: str | None = Field(default=None, description="Path of the picture on this server.")


class KeywordEvidence(ExtensiblePart):
    """What a keyword rests on."""

    samples: list[KeywordSample]


class KeywordRecord(ExtensiblePart):
    """A trend keyword in the format `trend-keyword/1`."""

    id: str
    as_of: str
    horizon_days: int
    target_date: str
    keyword: KeywordName
    platform: str
    direction: Literal["rising", "stable", "falling"]
    stage: str
    share: JsonObject
    growth: dict[str, Number]
    confidence: KeywordConfidence
    rank: int
    score: float
    evidence: KeywordEvidence
    caveats: list[str]


class KeywordsResponse(ResponseModel):
    """The keywords of a day."""

    release: str
    as_of: str
    horizon_days: int
    total: int = Field(description="Number of keywords that match the query, on all pages.")
    keywords: list[KeywordRecord]
    not_enough_evidence: list[JsonObject] = Field(
        description="Values that have too few observations for a keyword, with the reasons."
    )
    combinations: list[JsonObject] = Field(
        description="Pairs of values that products combine more often than by chance."
    )
    next: str | None = Field(
        default=None, description="Cursor of the next page; null on the last one."
    )


class SeriesRow(ResponseModel):
    """The shares of one value on one platform: columns of equal length, null if not measured."""

    platform: str
    attribute: str
    value: str
    days: list[str]
    share: list[Number]
    low: list[Number] = Field(
        description="Lower end of the corrected share's 80 % interval; null if `corrected` is false."
    )
    high: list[Number] = Field(description="Upper end of the same interval.")
    support: list[int] = Field(description="Number of products behind each day's share.")
    withheld: list[bool] = Field(description="True if the day's data was missing or broken.")


class SeriesResponse(ResponseModel):
    """Shares of values over days; corrected shares have an 80 % interval."""

    release: str
    as_of: str
    basis: str
    window_days: int
    corrected: bool
    series: list[SeriesRow]


class ForecastColumns(ResponseModel):
    """The forecast of one value: columns of equal length, one entry per coming day."""

    attribute: str
    value: str
    days: list[str]
    share: list[float] = Field(description="The forecast share, from 0 to 1.")
    q025: list[float] = Field(description="2.5 % quantile.")
    q10: list[float] = Field(description="10 % quantile.")
    q90: list[float] = Field(description="90 % quantile.")
    q975: list[float] = Field(description="97.5 % quantile.")


class ForecastRow(ForecastColumns):
    """The forecast of one value on one platform."""

    platform: str


class ForecastsResponse(ResponseModel):
    """The released forecasts."""

    release: str
    as_of: str
    horizon_days: int
    forecasts: list[ForecastRow]


class AdhocForecastRow(ForecastColumns):
    """The forecast of one value of a series in the request."""

    id: str


class AdhocForecastResponse(ResponseModel):
    """Forecasts of the released LSTM for the series in the request."""

    release: str
    model: ModelIdentity
    horizon_days: int
    forecasts: list[AdhocForecastRow]
    request_id: str


class EvidenceResponse(ResponseModel):
    """A keyword with the shares and forecasts behind it."""

    release: str
    keyword: KeywordRecord
    series: list[SeriesRow]
    forecasts: list[ForecastRow]


class GateVerdict(ResponseModel):
    """The newest verdict of a gate."""

    name: str
    run_id: str
    day: str
    at: str
    passed: bool
    value: int | float | None = Field(description="The measured value of the gate's first check.")
    limit: str = Field(description="The condition on that value.")
    verdict: JsonObject = Field(description="The whole verdict with all its checks and reasons.")


class GatesResponse(ResponseModel):
    """The newest verdict of every gate."""

    gates: list[GateVerdict]


class PastGateVerdict(ResponseModel):
    """One verdict of a gate in a past run."""

    run_id: str
    day: str
    at: str
    label_round: int
    train_round: int
    passed: bool
    value: int | float | None
    limit: str
    reasons: list[str]


class GateHistoryResponse(ResponseModel):
    """The verdicts of a gate, oldest first."""

    name: str
    history: list[PastGateVerdict]


class RunStep(ResponseModel):
    """One finished step of a run."""

    step: str
    label_round: int
    train_round: int
    started_at: str
    seconds: float
    passed: bool | None = Field(description="The verdict of the step's gate; null if it has none.")
    output: str | None = Field(default=None, description="Store key of the step's output.")
    facts: JsonObject | None = Field(default=None, description="Numbers that the step recorded.")


class RunResponse(ResponseModel):
    """One run of the loop; steps have `output` and `facts` if a single run is asked for."""

    run_id: str
    day: str
    started_at: str
    release: str | None
    code_version: str
    taxonomy_version: str
    seconds: float = Field(description="Time that the finished steps took.")
    steps: list[RunStep]


class RunsResponse(ResponseModel):
    """The newest hundred runs, newest first."""

    runs: list[RunResponse]


class ReleaseRow(ExtensiblePart):
    """One release; exactly one is current."""

    release_id: str
    day: str
    run_id: str
    attrnet: str
    forecaster: str
    dataset: str
    taxonomy_version: str
    taxonomy_digest: str
    current: bool


class ReleasesResponse(ResponseModel):
    """All releases, newest first."""

    current: str
    releases: list[ReleaseRow]


class TaxonomyName(ResponseModel):
    """An id with its names: `en` and `zh`, or `name` if one language is asked for."""

    id: str
    en: str | None = None
    zh: str | None = None
    name: str | None = None


class TaxonomyAttribute(TaxonomyName):
    """An attribute with its values."""

    values: list[TaxonomyName]


class TaxonomyResponse(ResponseModel):
    """The attributes and values of the release."""

    version: str
    digest: str
    attributes: list[TaxonomyAttribute]


class VersionResponse(ResponseModel):
    """The running version and the release it serves."""

    version: str
    release: str
    attrnet: str
    forecaster: str
    taxonomy: TaxonomyIdentity
    as_of: str | None
    refused_release: str | None = Field(
        default=None, description="A newer release that failed its self-test, and why."
    )
