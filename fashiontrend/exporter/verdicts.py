"""The gates as metrics: what was measured, the limit, the verdict, the round, and what waits for labels."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client.metrics_core import Metric

from fashiontrend.exporter.samples import Samples, gauge
from fashiontrend.exporter.state import PlatformDay, StoreState
from fashiontrend.gates.checks import number
from fashiontrend.loop import Step
from fashiontrend.outcomes import AccuracyFinding, Check, TrainForecasterFacts, Verdict
from fashiontrend.outcomes.verdict import Finding
from fashiontrend.storage.ledger import Entry, Run

ALL = "*"
GATES = {"accuracy": Step.TRAIN_ATTRNET, "perplexity": Step.TRAIN_FORECASTER}
HEALTH = "data_health"
#: The number that a gate is named for; its other conditions show in `gate_pass` and the verdict.
HEADLINES = {"mean_accuracy", "normalised_perplexity", "perplexity", "products_ratio"}
LABELS = ("gate", "attribute", "platform")
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


def families(state: StoreState, days: Mapping[str, PlatformDay]) -> Iterator[Metric]:
    """Families of the three gates.

    Args:
        state: holds the runs.
        days: the newest catalogued day of each platform, whose verdict is G0's.
    """
    newest = {name: found for name, step in GATES.items() if (found := state.newest(step))}
    decided = {name: entry.verdict or Verdict(name) for name, (_, entry) in newest.items()}
    health = {n: verdict for n, d in days.items() if (verdict := d.verdict)}
    whole = [((name, ALL, ALL), verdict) for name, verdict in decided.items()]
    whole += [((HEALTH, ALL, platform), verdict) for platform, verdict in health.items()]
    parts = list(_attributes(decided))
    yield gauge(
        "gate_value", "The number that the gate is named for: of the whole, and of each attribute.", LABELS,
        [*((key, _seen(v)) for key, v in whole), *((key, value) for key, value, _, _ in parts)],
    )  # fmt: skip
    yield gauge(
        "gate_threshold", "The limit of gate_value, or the lower limit of a band.", LABELS,
        [*((key, _limit(v, 0)) for key, v in whole), *((key, limit) for key, _, limit, _ in parts)],
    )  # fmt: skip
    yield gauge(
        "gate_threshold_upper", "The upper limit of a band.", LABELS,
        [(key, _limit(v, 1)) for key, v in whole],
    )  # fmt: skip
    yield gauge(
        "gate_pass", "1 if the gate is open; for an attribute, 1 if it does not close the gate.", LABELS,
        [*((k, float(v.passed)) for k, v in whole), *((k, good) for k, _, _, good in parts)],
    )  # fmt: skip
    yield gauge(
        "gate_failed_checks", "Conditions of the gate that do not hold.", LABELS,
        [(key, float(sum(not c.passed for c in v.checks))) for key, v in whole],
    )  # fmt: skip
    yield gauge(
        "gate_closed_rounds", "Consecutive verdicts, up to the newest, that closed the gate.",
        ("gate",), (((n,), float(_closed_rounds(state.all(GATES[n])))) for n in newest),
    )  # fmt: skip
    yield gauge(
        "loop_round",
        "Round of the newest verdict: of training (accuracy gate) or of labelling (perplexity gate).", ("gate",),
        _rounds(newest),
    )  # fmt: skip
    yield from _perplexity(state)
    yield from _queue(newest)


def _rounds(newest: Mapping[str, tuple[Run, Entry]]) -> Samples:
    for name, (_, entry) in newest.items():
        yield (name,), float(entry.train_round if name == "accuracy" else entry.label_round)


def _seen(verdict: Verdict) -> float | None:
    check = _headline(verdict)
    return check.seen if check else None


def _limit(verdict: Verdict, place: int) -> float | None:
    """The n-th number in the text of the headline's limit: `> 0.85`, `0.6 .. 1.6`."""
    check = _headline(verdict)
    numbers = _NUMBER.findall(check.limit.replace("..", " ")) if check else []
    return float(numbers[place]) if len(numbers) > place else None


def _headline(verdict: Verdict) -> Check | None:
    return next((c for c in verdict.checks if c.name in HEADLINES), None)


def _attributes(
    decided: Mapping[str, Verdict],
) -> Iterator[tuple[tuple[str, str, str], float | None, float | None, float | None]]:
    """Key, value, limit and verdict of each attribute: Wilson's lower bound, or normalised perplexity.

    An attribute that is not tested yet has no verdict.
    """
    for gate, verdict in decided.items():
        floors = {c.name: c for c in verdict.checks}
        for attribute, found in verdict.per_attribute.items():
            floor = floors.get(f"floor:{attribute}")
            limit = _NUMBER.search(floor.limit) if floor else None
            value, passed = _finding(found)
            yield (gate, attribute, ALL), value, float(limit[0]) if limit else None, passed


def _finding(found: Finding) -> tuple[float | None, float | None]:
    """The number of an attribute, and 1 if it does not close the gate; None if it is not tested."""
    if isinstance(found, AccuracyFinding):
        return found.wilson_low, float(not found.reason)
    passed = None if found.fits is None else float(not found.reason)
    return found.normalised_perplexity, passed


def _closed_rounds(entries: Sequence[tuple[Run, Entry]]) -> int:
    closed = 0
    for _, entry in reversed(entries):
        if entry.passed:
            break
        closed += 1
    return closed


def _perplexity(state: StoreState) -> Iterator[Metric]:
    trained = state.facts(TrainForecasterFacts)
    if not trained:
        return
    report = trained[-1].report
    for field, name, text in (
        ("perplexity", "trend_perplexity", "Mean perplexity of the forecast on held-out days."),
        ("perplexity_floor", "trend_perplexity_floor",
         "Mean perplexity that a perfect forecast of the held-out days would have."),
        ("normalised_perplexity", "trend_normalised_perplexity",
         "Perplexity of the forecast over that of a perfect one; 1 is perfect."),
        ("noise_floor", "trend_noise_floor",
         "Normalised perplexity that a perfect forecast has because shares are counted from few products."),
        ("skill", "trend_skill", "Skill over the best naive forecast: 1 - ln(model) / ln(naive); 0 is no better."),
        ("coverage80", "interval_coverage_ratio", "Part of the held-out shares inside the 80 % interval."),
    ):  # fmt: skip
        yield gauge(name, text, (), [((), number(getattr(report, field)))])
    pairs = [((p.platform, p.attribute), number(p.normalised_perplexity)) for p in report.pairs]
    yield gauge(
        "trend_pair_normalised_perplexity", "Normalised perplexity of one platform and attribute.",
        ("platform", "attribute"), pairs,
    )  # fmt: skip
    yield gauge(
        "trend_perplexity_rises", "Consecutive backtested days on which normalised perplexity rose.", (),
        [((), float(_rises(state)))],
    )  # fmt: skip


def _rises(state: StoreState) -> int:
    """Consecutive days, up to the newest, whose last backtest was worse than the day's before."""
    by_day = {
        run.day: number(facts.report.normalised_perplexity)
        for run in state.runs
        if (facts := run.find_facts(TrainForecasterFacts))
    }
    values = [by_day[day] for day in sorted(by_day)]
    rises = 0
    for before, after in zip(values[-2::-1], values[:0:-1], strict=True):
        if before is None or after is None or after <= before:
            break
        rises += 1
    return rises


def _queue(newest: Mapping[str, tuple[Run, Entry]]) -> Iterator[Metric]:
    """What a closed perplexity gate wants people to label; nothing while it is open."""
    found = newest.get("perplexity")
    if found is None:
        return
    entry = found[1]
    waiting = len(entry.verdict.blamed) if entry.verdict and not entry.verdict.passed else 0
    yield gauge(
        "label_queue_depth", "Attributes that a closed perplexity gate wants people to label.", (),
        [((), float(waiting))],
    )  # fmt: skip
    ended = datetime.fromisoformat(entry.started_at) + timedelta(seconds=entry.seconds)
    yield gauge(
        "label_queue_since_timestamp_seconds", "Unix time at which that gate closed.", (),
        [((), ended.timestamp() if waiting else None)],
    )  # fmt: skip
