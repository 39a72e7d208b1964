"""The gates as metrics: what was measured, the limit, the verdict, the round, and what waits for labels."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from prometheus_client.metrics_core import Metric

from fashiontrend.exporter.samples import Samples, gauge
from fashiontrend.exporter.state import PlatformDay, State
from fashiontrend.loop import Step
from fashiontrend.storage.ledger import Entry, Run

ALL = "*"
GATES = {"accuracy": Step.TRAIN_ATTRNET, "perplexity": Step.TRAIN_FORECASTER}
HEALTH = "data_health"
#: The number that a gate is named for; its other conditions show in `gate_pass` and the verdict.
HEADLINES = {"mean_accuracy", "normalised_perplexity", "perplexity", "products_ratio"}
LABELS = ("gate", "attribute", "platform")
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


def families(state: State, days: Mapping[str, PlatformDay]) -> Iterator[Metric]:
    """Families of the three gates.

    Args:
        state: holds the runs.
        days: the newest catalogued day of each platform, whose verdict is G0's.
    """
    newest = {name: found for name, step in GATES.items() if (found := state.newest(step))}
    judged = {name: entry.verdict or {} for name, (_, entry) in newest.items()}
    health = {n: d.facts["verdict"] for n, d in days.items() if "verdict" in d.facts}
    whole = [((name, ALL, ALL), verdict) for name, verdict in judged.items()]
    whole += [((HEALTH, ALL, platform), verdict) for platform, verdict in health.items()]
    parts = list(_attributes(judged))
    yield gauge(
        "gate_value", "What the gate measured: the whole, and each attribute.", LABELS,
        [*((key, _seen(v)) for key, v in whole), *((key, value) for key, value, _, _ in parts)],
    )  # fmt: skip
    yield gauge(
        "gate_threshold", "The limit of gate_value; the lower one of a band.", LABELS,
        [*((key, _limit(v, 0)) for key, v in whole), *((key, limit) for key, _, limit, _ in parts)],
    )  # fmt: skip
    yield gauge(
        "gate_threshold_upper", "The upper limit of a band.", LABELS,
        [(key, _limit(v, 1)) for key, v in whole],
    )  # fmt: skip
    yield gauge(
        "gate_pass", "1 if open. Of an attribute: 1 if nothing in it closes the gate.", LABELS,
        [*((k, float(v["passed"])) for k, v in whole), *((k, good) for k, _, _, good in parts)],
    )  # fmt: skip
    yield gauge(
        "gate_failed_checks", "Conditions of the gate that do not hold.", LABELS,
        [(key, float(sum(not c["passed"] for c in v["checks"]))) for key, v in whole],
    )  # fmt: skip
    yield gauge(
        "gate_closed_rounds", "Verdicts in a row, up to the newest, that closed the gate.",
        ("gate",), (((n,), float(_closed_rounds(state.all(GATES[n])))) for n in newest),
    )  # fmt: skip
    yield gauge(
        "loop_round", "Round of the newest verdict: of training, of labelling.", ("gate",),
        _rounds(newest),
    )  # fmt: skip
    yield from _perplexity(state)
    yield from _queue(newest)


def _rounds(newest: Mapping[str, tuple[Run, Entry]]) -> Samples:
    for name, (_, entry) in newest.items():
        yield (name,), float(entry.train_round if name == "accuracy" else entry.label_round)


def _seen(verdict: Mapping[str, Any]) -> float | None:
    check = _headline(verdict)
    return check["seen"] if check else None


def _limit(verdict: Mapping[str, Any], place: int) -> float | None:
    """The n-th number of the headline's limit in words: `> 0.85`, `0.6 .. 1.6`."""
    check = _headline(verdict)
    numbers = _NUMBER.findall(check["limit"].replace("..", " ")) if check else []
    return float(numbers[place]) if len(numbers) > place else None


def _headline(verdict: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((c for c in verdict["checks"] if c["name"] in HEADLINES), None)


def _attributes(
    judged: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[tuple[str, str, str], float | None, float | None, float | None]]:
    """Key, value, limit and verdict of each attribute: Wilson's lower bound, or normalised perplexity.

    One that is not judged yet has no verdict.
    """
    for gate, verdict in judged.items():
        floors = {c["name"]: c for c in verdict["checks"]}
        for attribute, told in verdict["per_attribute"].items():
            floor = floors.get(f"floor:{attribute}")
            limit = _NUMBER.search(floor["limit"]) if floor else None
            value = told.get("wilson_low" if gate == "accuracy" else "normalised_perplexity")
            yield (
                (gate, attribute, ALL), value, float(limit[0]) if limit else None,
                None if told.get("fits", True) is None else float(not told.get("reason")),
            )  # fmt: skip


def _closed_rounds(entries: Sequence[tuple[Run, Entry]]) -> int:
    closed = 0
    for _, entry in reversed(entries):
        if (entry.verdict or {}).get("passed"):
            break
        closed += 1
    return closed


def _perplexity(state: State) -> Iterator[Metric]:
    trained = state.all(Step.TRAIN_FORECASTER)
    if not trained:
        return
    report = trained[-1][1].facts["report"]
    for field, name, text in (
        ("perplexity", "trend_perplexity", "Mean perplexity of held-out days."),
        ("perplexity_floor", "trend_perplexity_floor", "That of a perfect forecast."),
        ("normalised_perplexity", "trend_normalised_perplexity", "Perplexity over its floor; 1 is perfect."),
        ("noise_floor", "trend_noise_floor", "Normalised perplexity of a perfect forecast of counted shares."),
        ("skill", "trend_skill", "1 - ln(model) / ln(best naive forecast)."),
        ("coverage80", "interval_coverage_ratio", "Held-out shares within the 80 % interval."),
    ):  # fmt: skip
        yield gauge(name, text, (), [((), report.get(field))])
    pairs = [((p["platform"], p["attribute"]), p) for p in report.get("pairs", ())]
    yield gauge(
        "trend_pair_normalised_perplexity", "Of one platform and attribute.",
        ("platform", "attribute"), ((k, p["normalised_perplexity"]) for k, p in pairs),
    )  # fmt: skip
    yield gauge(
        "trend_perplexity_rises", "Judged days in a row on which normalised perplexity rose.", (),
        [((), float(_rises(trained)))],
    )  # fmt: skip


def _rises(trained: Sequence[tuple[Run, Entry]]) -> int:
    """Days in a row, up to the newest, whose last judgement was worse than the day's before."""
    by_day = {run.day: entry.facts["report"].get("normalised_perplexity") for run, entry in trained}
    values = [by_day[day] for day in sorted(by_day)]
    rises = 0
    for before, after in zip(values[-2::-1], values[:0:-1], strict=True):
        if before is None or after is None or after <= before:
            break
        rises += 1
    return rises


def _queue(newest: Mapping[str, tuple[Run, Entry]]) -> Iterator[Metric]:
    """What a closed perplexity gate asks people to label; nothing while it is open."""
    found = newest.get("perplexity")
    if found is None:
        return
    entry = found[1]
    verdict = entry.verdict or {}
    told = verdict["per_attribute"].values()
    waiting = 0 if verdict["passed"] else sum(bool(a.get("reason")) for a in told)
    yield gauge(
        "label_queue_depth", "Attributes that a closed perplexity gate asks people to label.", (),
        [((), float(waiting))],
    )  # fmt: skip
    ended = datetime.fromisoformat(entry.started_at) + timedelta(seconds=entry.seconds)
    yield gauge(
        "label_queue_since_timestamp_seconds", "When the gate that asks closed.", (),
        [((), ended.timestamp() if waiting else None)],
    )  # fmt: skip
