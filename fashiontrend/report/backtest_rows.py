"""The trend model beside naive forecasts, as rows of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from fashiontrend.outcomes import PairReport, TrendReport
from fashiontrend.report import wording

#: Naive forecasts in the order in which they are listed.
BASELINES = ("persistence", "seasonal_naive", "ewma", "long_run_mean")


@dataclass(frozen=True)
class NaiveRow:
    """A naive forecast: its normalised perplexity, and its difference to the model's.

    Attributes:
        difference: None if it is not known; `error` is its standard error.
        errors: the difference in standard errors.
    """

    name: str
    value: float | None
    difference: float | None
    error: float | None
    errors: float | None


@dataclass(frozen=True)
class FitRow:
    """The scores of all pairs together (`name` is "All") or of one pair; `best` forecast it best."""

    name: str
    scores: TrendReport | PairReport
    best: str
    waiting: bool = False


@dataclass(frozen=True)
class BacktestRows:
    """The whole section: totals, names of the naive forecasts, their rows, and a row per pair."""

    total: TrendReport
    names: tuple[str, ...]
    naive: tuple[NaiveRow, ...]
    rows: tuple[FitRow, ...]

    @property
    def pairs(self) -> int:
        """Number of pairs that have a row."""
        return len(self.rows) - 1


def list_backtest(report: TrendReport | None) -> BacktestRows | None:
    """The model beside the naive forecasts, overall and per pair; None if nothing was tested."""
    if report is None:
        return None
    names = tuple(n for n in BASELINES if n in report.baselines)
    whole = FitRow("All", report, _best(report, names))
    pairs = (
        FitRow(f"{p.platform}, {wording.plain(p.attribute)}", p, _best(p, names), not p.is_tested)
        for p in report.single_platforms
    )
    return BacktestRows(report, names, tuple(_compare(report, n) for n in names), (whole, *pairs))


def _compare(report: TrendReport, name: str) -> NaiveRow:
    difference, error = report.differences.get(name, (None, None))
    if difference is None and name == report.best_naive:
        difference, error = report.difference, report.difference_se
    known = wording.known(difference) and wording.known(error)
    errors = difference / error if known and difference is not None and error else None
    return NaiveRow(name, report.baselines.get(name), difference, error, errors)


def _best(scores: TrendReport | PairReport, names: Sequence[str]) -> str:
    """What forecast best: `model` or the name of a naive forecast; "" if nothing is known."""
    everything = {
        "model": scores.normalised_perplexity,
        **{n: scores.baselines[n] for n in names if n in scores.baselines},
    }
    measured = {n: s for n, s in everything.items() if wording.known(s)}
    return min(measured, key=lambda n: measured[n]) if measured else ""
