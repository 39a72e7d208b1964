"""How the conditions of a gate are checked, and how a verdict follows from them.

A number that is missing or not finite fails its check with a reason; nothing here raises.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from fashiontrend.outcomes import AccuracyFinding, Check, TrendFinding, Verdict


def make_verdict(
    gate: str,
    checks: Sequence[Check],
    remedy: str,
    warnings: tuple[str, ...] = (),
    per_attribute: Mapping[str, AccuracyFinding | TrendFinding] | None = None,
    numbers: Mapping[str, float | None] | None = None,
    futile: bool = False,
) -> Verdict:
    """The verdict that follows from checks: the gate is open if there are some and all hold."""
    failed = [c for c in checks if not c.passed]
    reasons = tuple(
        f"{c.name} is {text(c.seen)}, expected {c.limit}" + (f" ({c.detail})" if c.detail else "")
        for c in failed
    )
    passed = bool(checks) and not failed
    return Verdict(
        gate,
        passed,
        tuple(checks),
        reasons,
        "" if passed else remedy,
        warnings,
        per_attribute or {},
        numbers or {},
        futile and not passed,
    )


def check(
    name: str, seen: float | None, limit: str, holds: Callable[[float], bool], detail: str = ""
) -> Check:
    """One condition on a number; a number that is missing or not finite fails it."""
    if seen is None:
        return Check(name, None, limit, False, detail or "missing, or not a finite number")
    return Check(name, seen, limit, bool(holds(seen)), detail)


def at_least(name: str, seen: float | None, limit: float) -> Check:
    """The condition `seen >= limit`."""
    return check(name, number(seen), f">= {limit:g}", lambda s: s >= limit)


def at_most(name: str, seen: float | None, limit: float) -> Check:
    """The condition `seen <= limit`."""
    return check(name, number(seen), f"<= {limit:g}", lambda s: s <= limit)


def more_than(name: str, seen: float | None, limit: float, detail: str = "") -> Check:
    """The condition `seen > limit`."""
    return check(name, number(seen), f"> {limit:g}", lambda s: s > limit, detail)


def between(name: str, seen: float | None, low: float, high: float, detail: str = "") -> Check:
    """The condition `low <= seen <= high`."""
    return check(name, number(seen), f"{low:g} .. {high:g}", lambda s: low <= s <= high, detail)


def number(value: float | None) -> float | None:
    """A finite number, or None."""
    return float(value) if value is not None and math.isfinite(value) else None


def mean_of(values: Iterable[float | None]) -> float | None:
    """Arithmetic mean; None if one value is missing or there is none."""
    numbers = [number(v) for v in values]
    known = [n for n in numbers if n is not None]
    return sum(known) / len(known) if known and len(known) == len(numbers) else None


def text(seen: float | None) -> str:
    """A number for people."""
    return "unknown" if seen is None else f"{seen:.4g}"
