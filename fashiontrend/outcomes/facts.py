"""The facts of each step, as the ledger keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from fashiontrend.outcomes.evaluation import EvalReport
from fashiontrend.outcomes.scores import ScoreSummary
from fashiontrend.outcomes.trend import TrendReport
from fashiontrend.typed_json import JsonObject, JsonRecord


class Facts(JsonRecord):
    """What a step found."""


@dataclass(frozen=True)
class CrawlFailure(JsonRecord):
    """A platform's day of which nothing was crawled, and why."""

    day: date
    platform: str
    reason: str = ""


@dataclass(frozen=True)
class CrawlFacts(Facts):
    """What was crawled: numbers of days, requests and fetched pictures, and the failures."""

    days: int = 0
    requests: int = 0
    pictures: int = 0
    failed: tuple[CrawlFailure, ...] = ()


@dataclass(frozen=True)
class WithheldDay(JsonRecord):
    """A platform's day that data health keeps out of the series, and why."""

    platform: str
    day: date
    reason: str = ""


@dataclass(frozen=True)
class IngestFacts(Facts):
    """What the catalogue holds for the run: partitions, listings, pictures, withheld days, listings of no garments."""

    partitions: int = 0
    listings: int = 0
    pictures: int | None = None
    withheld: tuple[WithheldDay, ...] = ()
    no_garments: int | None = None


@dataclass(frozen=True)
class PictureCounts(JsonRecord):
    """Pictures of a dataset.

    Attributes:
        train: number of training pictures.
        val: number of validation pictures.
        annotated_train: training pictures that people annotated.
        titles: training pictures labelled by titles alone.
        drawn: training pictures of an epoch, repeats counted.
    """

    train: int = 0
    val: int = 0
    annotated_train: int = 0
    titles: int = 0
    drawn: int = 0


@dataclass(frozen=True)
class BeforeAfter(JsonRecord):
    """A number before and after resampling."""

    before: float = 0.0
    after: float = 0.0


@dataclass(frozen=True)
class BalanceRow(JsonRecord):
    """One value of an attribute in the training set, before and after resampling.

    IRLbl is the count of the attribute's most frequent value over that of this one; None if the
    value does not occur.
    """

    attribute: str
    value: str
    count_before: int = 0
    proportion_before: float = 0.0
    irlbl_before: float | None = None
    count_after: int = 0
    proportion_after: float = 0.0
    irlbl_after: float | None = None


@dataclass(frozen=True)
class LabelBalance(JsonRecord):
    """How even the values are before and after resampling."""

    rows: tuple[BalanceRow, ...] = ()
    mean_ir: BeforeAfter = BeforeAfter()
    pictures: BeforeAfter = BeforeAfter()
    effective_size: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DroppedRule(JsonRecord):
    """A title rule that annotations contradict: its support, precision, and why it was dropped."""

    attribute: str
    value: str
    rule: str
    support: int = 0
    precision: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class ReadTexts(JsonRecord):
    """What the texts of a platform's products gave.

    Attributes:
        platform: whose products they are.
        language: that the texts were read in.
        products: how many were read.
        labelled: products with a label at least.
        no_garments: products that are no garments, by category and title.
        unlabelled: garments without a label.
    """

    platform: str
    language: str = ""
    products: int = 0
    labelled: int = 0
    no_garments: int = 0
    unlabelled: int = 0


@dataclass(frozen=True)
class LabelFacts(Facts):
    """What a round of labelling made.

    Attributes:
        version: of the dataset.
        pictures: how many pictures it has.
        support: split -> attribute -> pictures that show the attribute.
        priors: attribute -> proportions of its V values and "not visible" in training.
        thin_values: `attribute.value` of those with few training pictures.
        balance: counts before and after resampling.
        held_out: pictures kept out of training because validation shows their product.
        annotated_without_picture: annotated pictures whose bytes are not in the store.
        ignored_attributes: annotated attributes that the taxonomy lacks.
        named: attributes that a closed perplexity gate blames on labels.
        dropped_rules: title rules that were dropped for it.
        changed: what differs from the round before, as text.
        texts: what each platform's texts gave.
    """

    version: str = ""
    pictures: PictureCounts = PictureCounts()
    support: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    priors: dict[str, list[float]] = field(default_factory=dict)
    thin_values: tuple[str, ...] = ()
    balance: LabelBalance = LabelBalance()
    held_out: int = 0
    annotated_without_picture: int = 0
    ignored_attributes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    dropped_rules: tuple[DroppedRule, ...] = ()
    changed: str = ""
    texts: tuple[ReadTexts, ...] = ()


@dataclass(frozen=True)
class TrainAttrnetFacts(Facts):
    """A trained recogniser and its evaluation.

    Attributes:
        version: of the model.
        dataset: version of the dataset that it was trained on.
        changed: what differs from the round before, as text.
        bought: gain in accuracy over the round before, by attribute and `mean_accuracy`; None in
            the first round.
        report: its evaluation.
    """

    version: str = ""
    dataset: str = ""
    changed: str = ""
    bought: Mapping[str, float | None] | None = None
    report: EvalReport = field(default_factory=EvalReport)


@dataclass(frozen=True)
class RecogniseFacts(Facts):
    """Which recogniser was used, and how many days and pictures it read in this step."""

    attrnet: str = ""
    days: int = 0
    pictures: int = 0


@dataclass(frozen=True)
class SharesFacts(Facts):
    """Which recogniser the shares rest on, their rows, and the days that are withheld."""

    attrnet: str = ""
    rows: int = 0
    withheld: tuple[WithheldDay, ...] = ()


@dataclass(frozen=True)
class TrainForecasterFacts(Facts):
    """A trained forecaster and its backtest.

    Attributes:
        version: of the model.
        report: its backtest.
        labelling_request: key of the labelling request that a closed gate wrote; "" if it is open.
    """

    version: str = ""
    report: TrendReport = field(default_factory=TrendReport)
    labelling_request: str = ""

    def to_json(self) -> JsonObject:
        """Plain JSON; the labelling request stands in it only if there is one."""
        plain = super().to_json()
        if not self.labelling_request:
            del plain["labelling_request"]
        return plain


@dataclass(frozen=True)
class PublishFacts(Facts):
    """Which release was used, how many keywords and segments came out, and the scorecard."""

    release: str = ""
    keywords: int | None = None
    segments: int = 0
    scorecard: ScoreSummary = field(default_factory=ScoreSummary)
