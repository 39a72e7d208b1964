"""What a run did and found, as rows of the page: accuracy, balance, scorecard, steps, versions."""

from collections.abc import Sequence
from dataclasses import dataclass

from fashiontrend.loop import Step
from fashiontrend.outcomes import (
    AttributeReport,
    EvalReport,
    LabelFacts,
    Rates,
    RecogniseFacts,
    ScoreSummary,
    TrainAttrnetFacts,
    TrainForecasterFacts,
)
from fashiontrend.outcomes.facts import BalanceRow
from fashiontrend.report import wording
from fashiontrend.storage.ledger import Run
from fashiontrend.taxonomy import POOLED, Taxonomy

#: What the pooled series is called in a list of platforms.
TOGETHER = "all together"
SCORE_GROUPS = {
    "horizon_days": "days ahead",
    "platform": "platform",
    "grade": "grade",
    "direction": "direction",
    "attribute": "attribute",
    "call": "direction and grade",
}
STEPS_ZH = {
    Step.CRAWL: "采集",
    Step.INGEST: "入库",
    Step.LABEL: "标注与重采样",
    Step.TRAIN_ATTRNET: "训练识别网络",
    Step.RECOGNISE: "识别",
    Step.SHARES: "生成属性变化序列",
    Step.TRAIN_FORECASTER: "训练趋势模型",
    Step.PUBLISH: "发布",
}


@dataclass(frozen=True)
class AccuracyRow:
    """The recogniser's accuracy on one attribute."""

    en: str
    zh: str
    scores: AttributeReport


@dataclass(frozen=True)
class ValueBalance:
    """One value in the training set, before and after resampling."""

    en: str
    zh: str
    counts: BalanceRow


@dataclass(frozen=True)
class AttributeBalance:
    """All values of one attribute."""

    en: str
    zh: str
    rows: tuple[ValueBalance, ...]


@dataclass(frozen=True)
class ScoreTable:
    """The running scorecard; each row has the group, a value of it, and the rates."""

    summary: ScoreSummary
    rows: tuple[tuple[str, str, Rates], ...]


@dataclass(frozen=True)
class StepRow:
    """A finished step; `round` is its round of labelling and of training."""

    step: str
    zh: str
    round: str
    started_at: str
    seconds: float
    output: str
    passed: bool | None


def list_scores(rates: ScoreSummary | None) -> ScoreTable | None:
    """The running scorecard as table rows; None before the first keyword came due."""
    if rates is None or not (rates.scored or rates.unscored):
        return None
    rows = [("all", "", rates.overall), (f"last {rates.monitor.days} days", "", rates.monitor)]
    for name, groups in rates.by.items():
        group = SCORE_GROUPS.get(name, wording.plain(name))
        rows += [(group, TOGETHER if k == POOLED else k, found) for k, found in groups.items()]
    return ScoreTable(rates, tuple(row for row in rows if row[2].n))


def list_accuracy(report: EvalReport | None, taxonomy: Taxonomy) -> list[AccuracyRow]:
    """The accuracy per attribute beside that of the majority value."""
    found = report.attributes if report else {}
    return [AccuracyRow(*wording.attribute_names(taxonomy, a), one) for a, one in found.items()]


def list_balance(rows: Sequence[BalanceRow], taxonomy: Taxonomy) -> list[AttributeBalance]:
    """Label balance by attribute; each with its values before and after resampling."""
    found: dict[str, list[ValueBalance]] = {}
    for row in rows:
        names = wording.value_names(taxonomy, row.attribute, row.value)
        found.setdefault(row.attribute, []).append(ValueBalance(*names, row))
    return [
        AttributeBalance(*wording.attribute_names(taxonomy, a), tuple(values))
        for a, values in found.items()
    ]


def list_steps(run: Run) -> list[StepRow]:
    """Finished steps with time, verdict and output."""
    return [
        StepRow(
            step=str(e.step),
            zh=STEPS_ZH[e.step],
            round=f"{e.label_round}.{e.train_round}",
            started_at=e.started_at,
            seconds=e.seconds,
            output=e.output,
            passed=e.passed,
        )
        for e in run.entries
    ]


def list_versions(run: Run) -> list[tuple[str, str]]:
    """What made the result: name and version."""
    labelled, forecaster = run.find_facts(LabelFacts), run.find_facts(TrainForecasterFacts)
    trained, used = run.find_facts(TrainAttrnetFacts), run.find_facts(RecogniseFacts)
    rows = [
        ("Run", run.run_id),
        ("Day", str(run.day)),
        ("Started", run.started_at),
        ("Release used", run.release or "none: trained in this run"),
        ("Dataset", labelled.version if labelled else ""),
        ("AttrNet", trained.version if trained else used.attrnet if used else ""),
        ("Forecaster", forecaster.version if forecaster else ""),
        ("Taxonomy", f"{run.taxonomy_version} ({run.taxonomy_digest[:16]})"),
        ("Code", run.code_version),
    ]
    return [(name, value) for name, value in rows if value]
