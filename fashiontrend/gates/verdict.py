"""What a gate answers, and how its conditions are checked.

A number that is missing or not finite fails its check with a reason; nothing here raises.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """One condition of a gate: what was seen, the limit in words, and whether it holds."""

    name: str
    seen: float | None  # None where the number is missing or not finite
    limit: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer of a gate."""

    gate: str
    passed: bool
    checks: tuple[Check, ...]
    reasons: tuple[str, ...] = ()  # why it is closed; empty when open
    remedy: str = ""  # what to do; empty when open
    warnings: tuple[str, ...] = ()
    per_attribute: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, float | None] = field(default_factory=dict)  # what is always reported
    futile: bool = False  # closed, and another round of the same cannot open it

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        plain = asdict(self)
        for name in ("checks", "reasons", "warnings"):
            plain[name] = list(plain[name])
        return plain

    @classmethod
    def from_dict(cls, data: Report) -> "Verdict":
        """What `to_dict` gave."""
        checks = tuple(Check(**c) for c in data["checks"])
        texts = {n: tuple(data[n]) for n in ("reasons", "warnings")}
        return cls(**{**data, **texts, "checks": checks})


def close_or_open(
    gate: str,
    checks: Sequence[Check],
    remedy: str,
    warnings: tuple[str, ...] = (),
    per_attribute: dict[str, dict[str, Any]] | None = None,
    numbers: dict[str, float | None] | None = None,
    futile: bool = False,
) -> Verdict:
    """The verdict of checks: passed when there are some and all hold."""
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
    """One condition on a number; one that is missing or not finite fails it."""
    if seen is None:
        return Check(name, None, limit, False, detail or "missing, or not a finite number")
    return Check(name, seen, limit, bool(holds(seen)), detail)


def at_least(name: str, seen: Any, limit: float) -> Check:
    """The condition `seen >= limit`."""
    return check(name, number(seen), f">= {limit:g}", lambda s: s >= limit)


def at_most(name: str, seen: Any, limit: float) -> Check:
    """The condition `seen <= limit`."""
    return check(name, number(seen), f"<= {limit:g}", lambda s: s <= limit)


def number(value: Any) -> float | None:
    """A finite number, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return float(value) if math.isfinite(value) else None


def as_list(value: Any) -> list[Any]:
    """A list, or an empty one for everything else."""
    return list(value) if isinstance(value, list | tuple) else []


def as_mapping(value: Any) -> Report:
    """A mapping, or an empty one for everything else."""
    return value if isinstance(value, Mapping) else {}


def as_dicts(value: Any) -> dict[str, Report]:
    """A mapping of mappings; empty ones for everything else."""
    if not isinstance(value, Mapping):
        return {}
    return {str(k): v if isinstance(v, Mapping) else {} for k, v in value.items()}


def mean(rows: Sequence[Report], name: str) -> float | None:
    """Mean of a field over rows; see `mean_of`."""
    return mean_of(r.get(name) for r in rows)


def mean_of(values: Any) -> float | None:
    """Arithmetic mean; None when one is missing or there is none."""
    numbers = [number(v) for v in values]
    known = [n for n in numbers if n is not None]
    return sum(known) / len(known) if known and len(known) == len(numbers) else None


def text(seen: float | None) -> str:
    """A number for people."""
    return "unknown" if seen is None else f"{seen:.4g}"
