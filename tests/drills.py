"""Drills: cases of which CI runs a few, drawn by a seed; `make drills` runs every one of them.

The seed is FASHIONTREND_DRILL_SEED, the number of the day in UTC if it is not set, so that CI meets
every case within some days. pytest prints it first: a failure is repeated with the printed seed.
"""

import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

SEED, ALL = "FASHIONTREND_DRILL_SEED", "FASHIONTREND_DRILLS"
T = TypeVar("T")


def is_complete() -> bool:
    """Whether every case runs, as `make drills` has it."""
    return os.environ.get(ALL) == "all"


def seed() -> int:
    """The drills' seed; kept in the environment, so that pytest's workers draw the same cases."""
    today = datetime.now(tz=UTC).date().toordinal()
    return int(os.environ.setdefault(SEED, str(today)))


def draw(cases: Sequence[T], count: int, name: str) -> list[T]:
    """So many of the cases, in their order; each name draws for itself."""
    if is_complete():
        return list(cases)
    places = random.Random(f"{seed()} {name}").sample(range(len(cases)), count)
    return [cases[n] for n in sorted(places)]


def choose(drill: T, short: T) -> T:
    """A size of a drill, and the shorter one of CI."""
    return drill if is_complete() else short
