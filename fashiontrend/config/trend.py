"""From shares to keywords: the series, the forecaster, its gate, the keywords and the report."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fashiontrend.typed_yaml import Fraction, Section


class SeriesConfig(Section):
    """How shares are computed from products."""

    window_days: PositiveInt = Field(
        default=7,
        description="A share is counted over a window of this many days, in which each product counts once.",
    )
    basis: Literal["live", "new_in"] = Field(
        default="live",
        description="`live` counts the products that a shop lists in the window; `new_in` counts the products "
        "that it first listed in the window.",
    )
    smoothing: NonNegativeFloat = Field(
        default=0.5,
        description="This pseudo-count is added to the count of each value (Jeffreys prior); 0 adds none.",
    )
    bootstrap: PositiveInt = Field(
        default=200,
        description="The interval of a share is estimated from this many bootstrap draws of its products.",
    )
    recognise_workers: PositiveInt = Field(
        default=1, description="Pictures are recognised by this many workers at a time."
    )
    batch_size: PositiveInt = Field(
        default=64, description="A worker recognises this many pictures in one batch."
    )


class MemberConfig(Section):
    """One network of the ensemble."""

    context_length: PositiveInt = Field(
        default=52, description="The network reads this many dates before the forecast."
    )
    epochs: PositiveInt = Field(
        default=6,
        description="The network is trained for this many epochs, each of `steps_per_epoch` batches.",
    )
    half_life: PositiveFloat = Field(
        default=8.0,
        description="A date this many dates back counts half in the level that the network corrects.",
    )


class UnivariateConfig(Section):
    """A two-layer LSTM for series that are not shares (`fashiontrend forecast`)."""

    season_length: PositiveInt | None = Field(
        default=None,
        description="A season has this many dates. If it is not set, the length is 7 for daily, 52 for weekly and "
        "12 for monthly series.",
    )
    members: tuple[MemberConfig, ...] = Field(
        default=(
            MemberConfig(),
            MemberConfig(epochs=4, half_life=5.0),
            MemberConfig(epochs=12, half_life=13.0),
        ),
        description="The forecasts of these networks are averaged; they differ in length of training and in how "
        "fast their level forgets. The trees use the half-life of the first network.",
        min_length=1,
    )
    hidden_size: PositiveInt = Field(
        default=32, description="Each layer of the LSTM has this many hidden units."
    )
    steps_per_epoch: PositiveInt = Field(
        default=25, description="An epoch of training has this many batches of 128 windows."
    )
    dropout: Fraction = Field(
        default=0.2, description="This fraction of the hidden units is dropped in training."
    )
    trees_weight: Fraction = Field(
        default=0.5,
        description="The gradient-boosted trees have this weight beside the networks; 0 leaves the trees out.",
    )
    trees_context: PositiveInt = Field(
        default=104,
        description="The trees summarise this many dates before the forecast.",
    )


class ForecasterConfig(Section):
    """The two-layer LSTM and its training."""

    context_length: PositiveInt = Field(
        default=42,
        description="The LSTM reads this many days before the forecast. Days before the start of the history are padded.",
    )
    prediction_length: PositiveInt = Field(
        default=14, description="The forecaster predicts this many days ahead."
    )
    hidden_size: PositiveInt = Field(
        default=32, description="Each of the two layers of the LSTM has this many hidden units."
    )
    epochs: PositiveInt = Field(
        default=15, description="Training passes over its windows this many times."
    )
    batch_size: PositiveInt = Field(
        default=64, description="A training step sees this many windows."
    )
    learning_rate: PositiveFloat = Field(
        default=3e-3, description="Training starts with this learning rate and lowers it."
    )
    weight_decay: NonNegativeFloat = Field(
        default=1e-3, description="The optimizer applies this weight decay; 0 switches it off."
    )
    dropout: Fraction = Field(
        default=0.1, description="This fraction of the hidden units is dropped in training."
    )
    origins: PositiveInt = Field(
        default=8,
        description="The forecaster is evaluated from this many rolling origins that its training did not see.",
    )
    season_length: PositiveInt = Field(
        default=7,
        description="The seasonal naive baseline repeats the last season of this many days.",
    )
    univariate: UnivariateConfig = Field(
        default=UnivariateConfig(),
        description="These settings configure the forecaster of `fashiontrend forecast` and `backtest`.",
    )


class PerplexityGateConfig(Section):
    """The perplexity gate (A9): it opens strictly below the threshold, and only if the model beats naive forecasts."""

    metric: Literal["normalised_perplexity", "perplexity"] = Field(
        default="normalised_perplexity",
        description="The gate compares this score with `threshold`. Normalised perplexity is 1 for a perfect forecast "
        "of every attribute.",
    )
    threshold: PositiveFloat = Field(
        default=1.05,
        description="The gate opens if the mean score over platforms and attributes lies strictly below this value, "
        "which is raised if counting noise alone exceeds it.",
    )
    max_pair: PositiveFloat = Field(
        default=1.15,
        description="The gate closes if a pair of platform and attribute with at least `min_support` products scores "
        "above this value.",
    )
    min_skill: float = Field(
        default=0.05,
        description="The gate closes unless 1 - ln(model) / ln(best naive forecast) exceeds this value.",
    )
    standard_errors: NonNegativeFloat = Field(
        default=2.0,
        description="The gate closes unless the paired difference to the best naive forecast exceeds 0 by this "
        "many standard errors. The standard errors allow for the overlap of the origins.",
    )
    coverage: tuple[Fraction, Fraction] = Field(
        default=(0.70, 0.90),
        description="The gate closes if the 80 % interval covers a fraction of the observations outside this range.",
    )
    max_interval_width: Fraction = Field(
        default=0.25,
        description="The gate closes if the median width of an attribute's 80 % share interval exceeds this "
        "value, because a share that is so uncertain shows no trend.",
    )
    min_days: PositiveInt = Field(
        default=56, description="The gate closes if the series has fewer usable days than this."
    )
    min_origins: PositiveInt = Field(
        default=8, description="The gate closes if fewer rolling origins than this were evaluated."
    )
    min_support: PositiveInt = Field(
        default=50,
        description="A pair of platform and attribute is held to `max_pair` if it has at least this many products.",
    )
    max_rounds: PositiveInt = Field(
        default=3,
        description="A run labels at most this many times before it ends with exit code 11.",
    )
    max_hours: PositiveFloat = Field(
        default=24.0,
        description="A run whose steps took more than this many hours together does not go back to labelling.",
    )


class KeywordsConfig(Section):
    """When a value is called rising, and when there is not enough evidence to call it anything."""

    min_probability: Fraction = Field(
        default=0.8,
        description="A value is rising or falling if its change exceeds `min_change` with at least this probability; "
        "otherwise it is stable.",
    )
    min_change: Fraction = Field(
        default=0.005,
        description="Changes of the share up to this value do not count. If counting noise is larger, its "
        "half-width replaces this value.",
    )
    noise_quantile: Annotated[float, Field(ge=0.5, lt=1.0)] = Field(
        default=0.75,
        description="The half-width of the counting noise is this quantile of its distribution.",
    )
    min_support: PositiveInt = Field(
        default=100,
        description="A keyword needs at least this many distinct products of its segment; below it there is not "
        "enough evidence.",
    )
    min_days: PositiveInt = Field(
        default=28,
        description="A keyword needs at least this many usable days; below it there is not enough evidence.",
    )
    emerging_below: Fraction = Field(
        default=0.03,
        description="A rising value can be called emerging only if its share is below this threshold.",
    )
    emerging_platforms: PositiveInt = Field(
        default=2,
        description="A value is called emerging only if it rises on at least this many platforms.",
    )
    rising_below: Fraction = Field(
        default=0.15,
        description="A stable value is called mainstream if its share is at least this threshold or if it leads "
        "its attribute; otherwise it is called dormant.",
    )
    leading_quantile: Fraction = Field(
        default=0.75,
        description="A value leads its attribute if its share reaches this quantile of the attribute's shares.",
    )
    classic_variation: Fraction = Field(
        default=0.15,
        description="A leading value is called classic if the standard deviation of a year's shares is at most this "
        "fraction of their mean.",
    )
    season_days: PositiveInt = Field(
        default=400,
        description="Season and trend are told apart only with at least this many days of history.",
    )
    season_band: Fraction = Field(
        default=0.1,
        description="A value is called seasonal if its seasonal index differs from 1 by more than this fraction.",
    )
    trend_days: PositiveInt = Field(
        default=56, description="The slope of a value is measured over this many days."
    )
    clear_slope: PositiveFloat = Field(
        default=2.0,
        description="A measured slope is clear if it exceeds this many of its standard errors.",
    )
    lead_days: PositiveInt = Field(
        default=21,
        description="Leads of one platform over the others are searched from one day up to this many days.",
    )
    lead_correlation: Fraction = Field(
        default=0.6,
        description="A platform leads only if its changes have at least this correlation with the later changes "
        "of the other platforms.",
    )
    sure_probability: Fraction = Field(
        default=0.9,
        description="Confidence grade A needs at least this probability of the direction.",
    )
    sure_support: PositiveFloat = Field(
        default=3.0,
        description="Confidence grade A needs at least this many times `min_support` products.",
    )
    sure_agreement: Fraction = Field(
        default=0.5,
        description="Confidence grade A needs at least this fraction of the platforms to agree on the direction.",
    )
    samples: NonNegativeInt = Field(
        default=6, description="A keyword shows at most this many sample products; 0 shows none."
    )
    min_pair_support: PositiveInt = Field(
        default=30,
        description="A combination of two values is listed if at least this many products have both.",
    )
    min_lift: PositiveFloat = Field(
        default=1.2,
        description="A combination is listed if it is at least this many times as frequent as independent values "
        "would make it.",
    )
    segments: tuple[Literal["gender", "garment_type"], ...] = Field(
        default=("gender", "garment_type"),
        description="Products are also followed separately for each value of these attributes, if the value is known.",
    )
    max_segments: NonNegativeInt = Field(
        default=6, description="At most this many segments are followed, the largest ones."
    )
    segment_purity: Fraction = Field(
        default=0.95,
        description="A series is attributed to one segment if at least this fraction of its products belongs to it.",
    )
    grace_days: NonNegativeInt = Field(
        default=3,
        description="A forecast whose target day was not measured is closed without a score after this many days more.",
    )
    monitor_days: PositiveInt = Field(
        default=90,
        description="The hit rates of released forecasts are computed over the forecasts whose target day is "
        "among the last this many days.",
    )


class ReportConfig(Section):
    """The HTML report."""

    truth: str | None = Field(
        default=None,
        description="This folder holds the true shares of a demo world or a replay, which the report then scores "
        "forecasts against.",
    )
    cards: NonNegativeInt = Field(
        default=12,
        description="The report shows at most this many keywords as a card with pictures.",
    )
    panels: NonNegativeInt = Field(
        default=120,
        description="The report draws at most this many charts. The report names the series that it leaves out.",
    )
