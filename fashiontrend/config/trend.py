"""From shares to keywords: series, forecaster, its gate, what is told."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fashiontrend.typed_yaml import Fraction, Section


class SeriesConfig(Section):
    """How products become shares."""

    window_days: PositiveInt = Field(
        default=7, description="Each distinct product counts once in a window."
    )
    basis: Literal["live", "new_in"] = "live"
    smoothing: NonNegativeFloat = Field(
        default=0.5, description="Jeffreys pseudo-count of each value."
    )
    bootstrap: PositiveInt = Field(default=200, description="Draws for the interval.")
    recognise_workers: PositiveInt = 1
    batch_size: PositiveInt = 64


class MemberConfig(Section):
    """One network of the ensemble."""

    context_length: PositiveInt = Field(default=52, description="Dates read.")
    epochs: PositiveInt = Field(default=6, description="Of `steps_per_epoch` batches each.")
    half_life: PositiveFloat = Field(
        default=8.0, description="Dates after which a date counts half for the base's level."
    )


class UnivariateConfig(Section):
    """The same two-layer LSTM for series that are no shares (`fashiontrend forecast`)."""

    season_length: PositiveInt | None = Field(
        default=None, description="Dates; 7 for daily, 52 for weekly, 12 for monthly if not set."
    )
    members: tuple[MemberConfig, ...] = Field(
        default=(
            MemberConfig(),
            MemberConfig(epochs=4, half_life=5.0),
            MemberConfig(epochs=12, half_life=13.0),
        ),
        description="Networks whose forecasts are averaged: short and long trained, near and far level. "
        "The trees use the first one's half life.",
        min_length=1,
    )
    hidden_size: PositiveInt = 32
    num_layers: Literal[2] = 2
    curves: PositiveInt = Field(
        default=6, description="Cosines that tell the decoder where in the horizon a date lies."
    )
    steps_per_epoch: PositiveInt = 25
    batch_size: PositiveInt = 128
    learning_rate: PositiveFloat = 2e-3
    weight_decay: NonNegativeFloat = 1e-2
    dropout: Fraction = 0.2
    trees_weight: Fraction = Field(
        default=0.5,
        description="Of gradient-boosted trees on the same residual beside the networks; 0 leaves them out.",
    )
    trees_context: PositiveInt = Field(default=104, description="Dates that the trees sum up.")
    max_windows: PositiveInt = Field(
        default=30_000, description="Training windows cut; drawn at random where there are more."
    )


class ForecasterConfig(Section):
    """The two-layer LSTM and its training."""

    context_length: PositiveInt = Field(
        default=42, description="Days read; earlier days than the history has are padded."
    )
    prediction_length: PositiveInt = Field(default=14, description="Days forecast.")
    hidden_size: PositiveInt = 32
    num_layers: Literal[2] = 2
    epochs: PositiveInt = 15
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 3e-3
    weight_decay: NonNegativeFloat = 1e-3
    dropout: Fraction = 0.1
    origins: PositiveInt = Field(default=8, description="Held-out rolling origins.")
    season_length: PositiveInt = Field(
        default=7, description="Of the seasonal-naive baseline, in days."
    )
    univariate: UnivariateConfig = UnivariateConfig()


class PerplexityGateConfig(Section):
    """A9: opens strictly below the threshold, and only if the model beats naive forecasts."""

    metric: Literal["normalised_perplexity", "perplexity"] = "normalised_perplexity"
    threshold: PositiveFloat = 1.05
    max_pair: PositiveFloat = Field(
        default=1.15, description="Worst (platform, attribute) with enough support."
    )
    min_skill: float = Field(default=0.05, description="1 - ln(model) / ln(best naive).")
    standard_errors: NonNegativeFloat = Field(
        default=2.0,
        description="By which the paired difference to the best naive must exceed 0; the error counts overlap.",
    )
    coverage: tuple[Fraction, Fraction] = Field(
        default=(0.70, 0.90), description="Band of the 80 % interval's coverage."
    )
    max_interval_width: Fraction = Field(
        default=0.25,
        description="Median width of an attribute's 80 % share interval above which its series is not a measurement.",
    )
    min_days: PositiveInt = 56
    min_origins: PositiveInt = 8
    min_support: PositiveInt = Field(
        default=50, description="Products a pair needs to be held to max_pair."
    )
    max_rounds: PositiveInt = 3
    max_hours: PositiveFloat = Field(
        default=24.0, description="A run whose steps took longer is not sent back to labelling."
    )


class KeywordsConfig(Section):
    """When a value is called rising, and when there is not enough evidence to call it anything."""

    min_probability: Fraction = Field(
        default=0.8, description="P(change beyond min_change) that makes a direction."
    )
    min_change: Fraction = Field(
        default=0.005, description="Share points; widened to the noise half-width."
    )
    noise_quantile: Annotated[float, Field(ge=0.5, lt=1.0)] = Field(
        default=0.75, description="Quantile of the counting noise that is its half-width."
    )
    min_support: PositiveInt = Field(default=100, description="Distinct products of the segment.")
    min_days: PositiveInt = Field(default=28, description="Usable days.")
    emerging_below: Fraction = Field(default=0.03, description="Share up to which a rise emerges.")
    emerging_platforms: PositiveInt = Field(
        default=2, description="Platforms it has to rise on for that."
    )
    rising_below: Fraction = Field(
        default=0.15, description="Share from which a value is mainstream."
    )
    leading_quantile: Fraction = Field(
        default=0.75, description="Of its attribute's shares, from which a value leads."
    )
    classic_variation: Fraction = Field(
        default=0.15,
        description="Standard deviation over mean of a year, up to which it is classic.",
    )
    season_days: PositiveInt = Field(
        default=400, description="Least history from which season and trend can be told apart."
    )
    season_band: Fraction = Field(
        default=0.1, description="Distance of the seasonal index from 1 that makes a season."
    )
    trend_days: PositiveInt = Field(default=56, description="Days that the measured slope is of.")
    clear_slope: PositiveFloat = Field(
        default=2.0, description="Standard errors from which a measured slope is clear."
    )
    lead_days: PositiveInt = Field(default=21, description="Most days that a platform may lead by.")
    lead_correlation: Fraction = Field(
        default=0.6, description="Least correlation of the changes at the lead."
    )
    lead_gain: Fraction = Field(
        default=0.02, description="By which it exceeds that of moving together."
    )
    sure_probability: Fraction = Field(default=0.9, description="Grade A: P(direction).")
    sure_support: PositiveFloat = Field(default=3.0, description="Grade A: times min_support.")
    sure_agreement: Fraction = Field(default=0.5, description="Grade A: part of the platforms.")
    samples: NonNegativeInt = Field(default=6, description="Sample products of a keyword.")
    min_pair_support: PositiveInt = Field(
        default=30, description="Products of a combination of two values."
    )
    min_lift: PositiveFloat = Field(default=1.2, description="Of a combination over chance.")
    segments: tuple[Literal["gender", "garment_type"], ...] = Field(
        default=("gender", "garment_type"),
        description="Products are also followed apart by these, where they are known.",
    )
    max_segments: NonNegativeInt = Field(default=6, description="The largest so many segments.")
    segment_purity: Fraction = Field(
        default=0.95, description="Part of the products from which a series is one segment's."
    )
    grace_days: NonNegativeInt = Field(
        default=3, description="Days that a forecast waits for the measurement of its target day."
    )
    monitor_days: PositiveInt = Field(
        default=90, description="Target days over which released intervals are watched."
    )


class ReportConfig(Section):
    """The HTML report."""

    truth: str | None = Field(
        default=None, description="Folder with a demo world's or replay's truth, for the scorecard."
    )
    cards: NonNegativeInt = Field(default=12, description="Keywords with a card and pictures.")
    panels: NonNegativeInt = Field(
        default=120, description="Charts in the page; the others are named and left out."
    )
    earlier_runs: NonNegativeInt = Field(
        default=10, description="Runs before this one whose gates are listed."
    )
