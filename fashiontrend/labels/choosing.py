"""Choose the pictures that people should label next, by what a closed gate needs.

A stated part is drawn at random and evaluates the recogniser; the rest is chosen to teach it and goes
to training, for a choice by the recogniser's own predictions would make its evaluation biased.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashiontrend.labels.split import TRAIN, VAL

#: Bounds of the random part, unless the caller names its size: a gate that lacks pictures cannot
#: open without it, and a recogniser that is not accurate does not improve by it.
LEAST_RANDOM, MOST_RANDOM = 0.2, 2 / 3
#: A picture stands for a value if the value is this many times as probable on it as on the mean picture,
#: and at least `LEAST_PROBABILITY`; a picture that shows the value more probably than not always does.
TIMES_MEAN, LEAST_PROBABILITY = 2.0, 0.02
#: Of the chosen part, this much is for rare values of weak attributes, the rest for the least sure.
RARE_PART = 0.5
#: The kind of the reasons that name a rare value.
RARE = "rare values"


@dataclass(frozen=True)
class Candidates:
    """N pictures that nobody has labelled, of products that nobody has labelled.

    Attributes:
        picture_ids: (N,) of the pictures, the first picture of a product first.
        product_keys: (N,) platform/product_id.
        strata: (N,) platform and day, over which the choice is spread; sorted, they are in order of day.
        probabilities: attribute -> (N, V + 1) predicted probabilities, "not visible" last; a row of
            zeros is a picture without a prediction.
    """

    picture_ids: Sequence[str]
    product_keys: Sequence[str]
    strata: Sequence[str]
    probabilities: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class AttributeNeed:
    """What an attribute still needs.

    Attributes:
        weight: how weak it is; 0 needs nothing, 1 is usual.
        missing: validation pictures that show it and that the gate still asks for.
        values: (V,) ids of the values.
        counts: (V,) training pictures that people labelled, of each value.
    """

    weight: float
    missing: int
    values: Sequence[str]
    counts: Sequence[int]


@dataclass(frozen=True)
class ChosenPicture:
    """A chosen picture: its place among the candidates, its split, and why it was chosen.

    Attributes:
        kind: of the reason, for counts; the reason itself if "".
    """

    place: int
    split: str
    why: str
    kind: str = ""


def random_part(candidates: Candidates, needs: Mapping[str, AttributeNeed], number: int) -> int:
    """Return how many of `number` pictures are drawn at random.

    Each attribute is probably visible on as many of them as the gate lacks, within `LEAST_RANDOM` and
    `MOST_RANDOM` of all.
    """
    wanted = 0.0
    for attribute, need in needs.items():
        seen = candidates.probabilities.get(attribute)
        known = seen[seen.sum(axis=1) > 0] if seen is not None else np.zeros((0, 1))
        visible = max(0.05, 1.0 - float(known[:, -1].mean())) if len(known) else 1.0
        wanted = max(wanted, need.missing / visible)
    low, high = math.ceil(LEAST_RANDOM * number), math.ceil(MOST_RANDOM * number)
    return int(min(max(math.ceil(wanted), low), high))


def choose(
    candidates: Candidates,
    needs: Mapping[str, AttributeNeed],
    number: int,
    random: int,
    seed: int,
) -> list[ChosenPicture]:
    """Choose pictures, no two of one product.

    Args:
        candidates: to choose from.
        needs: attribute -> what it needs.
        number: of pictures; fewer are chosen if there are fewer products.
        random: so many of them are drawn at random, for validation.
        seed: of the draws; the same candidates and seed give the same choice.
    """
    free = _one_of_each_product(candidates)
    rng = np.random.default_rng([seed, 17])
    drawn = _draw_spread(free, candidates.strata, min(random, number, len(free)), rng)
    chosen = [ChosenPicture(int(p), VAL, "drawn at random") for p in drawn]
    taken = set(drawn.tolist())
    rest = np.array([p for p in free if p not in taken], dtype=np.int64)
    picker = _Picker(candidates, needs, rest)
    left = min(number - len(chosen), len(rest))
    chosen += picker.pick_rare(math.ceil(RARE_PART * left))
    chosen += picker.pick_unsure(number - len(chosen))
    others = np.array([p for p in rest if p not in picker.taken], dtype=np.int64)
    more = _draw_spread(others, candidates.strata, min(number - len(chosen), len(others)), rng)
    return chosen + [ChosenPicture(int(p), TRAIN, "spread over platforms and days") for p in more]


def _one_of_each_product(candidates: Candidates) -> NDArray[np.int64]:
    """Places of the first picture of each product, each picture once."""
    products: set[str] = set()
    pictures: set[str] = set()
    places = []
    for place, (key, picture) in enumerate(
        zip(candidates.product_keys, candidates.picture_ids, strict=True)
    ):
        if key not in products and picture not in pictures:
            places.append(place)
        products.add(key)
        pictures.add(picture)
    return np.array(places, dtype=np.int64)


def _draw_spread(
    places: NDArray[np.int64], strata: Sequence[str], number: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw places with equal probability, at equal distances in the order of the strata.

    Systematic sampling: each place is drawn as often as any other, and each stratum has its due part.
    """
    if number <= 0:
        return places[:0]
    noise = rng.permutation(len(places))
    ordered = places[np.lexsort((noise, np.array([strata[p] for p in places], dtype=str)))]
    step = len(places) / number
    drawn = np.floor(rng.uniform(0, step) + step * np.arange(number)).astype(np.int64)
    return np.asarray(ordered[drawn])


class _Picker:
    """Picks places by predictions, from each stratum its best one before its second best."""

    def __init__(
        self,
        candidates: Candidates,
        needs: Mapping[str, AttributeNeed],
        places: NDArray[np.int64],
    ) -> None:
        self.taken: set[int] = set()
        self._places = places
        self._strata = np.unique(
            np.array([candidates.strata[p] for p in places]), return_inverse=True
        )[1]
        self._seen = {
            a: candidates.probabilities[a][places] for a in needs if a in candidates.probabilities
        }
        self._needs = needs
        self._counts = {a: np.asarray(needs[a].counts, dtype=np.float64) for a in self._seen}
        self._queues: dict[tuple[str, int], list[int]] = {}

    def pick_rare(self, number: int) -> list[ChosenPicture]:
        """Pick for the value that most lacks labelled pictures, again and again."""
        found: list[ChosenPicture] = []
        spent: set[tuple[str, int]] = set()
        while len(found) < number and (pair := self._neediest(spent)) is not None:
            row = self._next_of(pair)
            if row is None:
                spent.add(pair)
                continue
            attribute, value = pair
            name = self._needs[attribute].values[value]
            found.append(self._take(row, f"perhaps {attribute} {name}, which is rare", RARE))
        return found

    def pick_unsure(self, number: int) -> list[ChosenPicture]:
        """Pick the pictures on which weak attributes are least sure."""
        if not self._seen or not len(self._places):
            return []
        doubt = np.zeros(len(self._places))
        for attribute, seen in self._seen.items():
            known = seen.sum(axis=1) > 0
            doubt += known * self._needs[attribute].weight * (1.0 - seen.max(axis=1))
        found: list[ChosenPicture] = []
        for row in self._in_turn(doubt):
            if len(found) >= number or doubt[row] <= 0:
                break
            if int(self._places[row]) not in self.taken:
                found.append(self._take(row, "least sure"))
        return found

    def _neediest(self, spent: set[tuple[str, int]]) -> tuple[str, int] | None:
        best, most = None, 0.0
        for attribute, counts in self._counts.items():
            needs = self._needs[attribute].weight / (1.0 + counts)
            for value in np.argsort(-needs):
                if (attribute, int(value)) not in spent:
                    if needs[value] > most:
                        best, most = (attribute, int(value)), float(needs[value])
                    break
        return best

    def _next_of(self, pair: tuple[str, int]) -> int | None:
        """The best row for a value that is not taken yet."""
        if pair not in self._queues:
            probability = self._seen[pair[0]][:, pair[1]]
            least = np.clip(TIMES_MEAN * probability.mean(), LEAST_PROBABILITY, 0.5)
            rows = [r for r in self._in_turn(probability) if probability[r] >= least]
            self._queues[pair] = rows[::-1]
        queue = self._queues[pair]
        while queue:
            row = queue.pop()
            if int(self._places[row]) not in self.taken:
                return row
        return None

    def _in_turn(self, score: NDArray[np.float64]) -> list[int]:
        """Rows by score, but no stratum has its second row before all have their first."""
        if not len(score):
            return []
        order = np.lexsort((-score, self._strata))
        strata = self._strata[order]
        starts = np.flatnonzero(np.r_[True, strata[1:] != strata[:-1]])
        lengths = np.diff(np.r_[starts, len(strata)])
        rank = np.empty(len(score), dtype=np.int64)
        rank[order] = np.arange(len(strata)) - np.repeat(starts, lengths)
        # A picture that hardly shows the value is no better for being the first of its day.
        return [int(r) for r in np.lexsort((-score, rank, score < 0.5 * score.max()))]

    def _take(self, row: int, why: str, kind: str = "") -> ChosenPicture:
        place = int(self._places[row])
        self.taken.add(place)
        for attribute, seen in self._seen.items():
            self._counts[attribute] += seen[row, :-1]
        return ChosenPicture(place, TRAIN, why, kind)
