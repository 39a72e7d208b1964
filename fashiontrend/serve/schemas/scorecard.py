"""The body of `GET /v1/scorecard`: how published keywords turned out."""

from pydantic import Field

from fashiontrend.serve.schemas.responses import ExtensiblePart, ResponseModel


class ScoredRates(ExtensiblePart):
    """Rates of scored keywords; rates are missing if `n` is 0."""

    n: int = Field(description="Keywords whose target day was measured.")
    hit_rate: float | None = Field(default=None, description="Part of them that came true.")
    hit_rate_interval: tuple[float, float] | None = Field(
        default=None, description="95 % Wilson interval of the hit rate."
    )
    claimed: float | None = Field(
        default=None, description="Mean probability of the direction that was claimed."
    )
    coverage80: float | None = Field(
        default=None, description="Part whose measured share lay in the 80 % interval."
    )


class ScorecardReliability(ExtensiblePart):
    """What came true of the keywords whose claimed probability lies from `low` to below `high`."""

    low: float
    high: float
    n: int
    claimed: float
    hit_rate: float
    hit_rate_interval: tuple[float, float]


class ScorecardResponse(ResponseModel):
    """How the published keywords turned out, up to a day."""

    as_of: str | None = Field(
        description="Day of the newest scorecard, YYYY-MM-DD; null before the first keyword came due."
    )
    scored: int = Field(description="Keywords whose target day was measured.")
    unscored: int = Field(description="Keywords whose target day was not measured.")
    overall: ScoredRates
    by: dict[str, dict[str, ScoredRates]] = Field(
        description="Rates by `horizon_days`, `platform`, `grade`, `direction`, `attribute`, and `call`, "
        'which is direction and grade, such as "rising A".'
    )
    monitor: ScoredRates = Field(description="Rates of the last days, whose number is `days`.")
    reliability: list[ScorecardReliability]
    brier: float | None = Field(
        description="Mean squared difference between claimed probability and outcome; 0 is best."
    )
