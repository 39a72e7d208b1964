"""The choice of pictures to label, as a pure function."""

from collections import Counter

import numpy as np
import pytest

from fashiontrend.labels.choosing import AttributeNeed, Candidates, choose, random_part

COLOURS = ("red", "blue", "teal")


def drawn(number=900, per_product=3, seed=0, teal=0.02):
    """Pictures on 30 days of three platforms; teal is rare, and one prediction in ten is unsure."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, number, p=[0.6, 0.4 - teal, teal])
    sure = rng.uniform(size=number) > 0.1
    probabilities = np.full((number, 4), 0.02)
    probabilities[np.arange(number), truth] = np.where(sure, 0.94, 0.4)
    probabilities[~sure, 3] = 0.36
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    products = np.arange(number) // per_product
    strata = [f"{'nes'[p % 3]}/2026-01-{1 + p % 30:02}" for p in products]
    keys = [f"{s[0]}/{p}" for s, p in zip(strata, products, strict=True)]
    return Candidates(
        [f"p{n}" for n in range(number)], keys, strata, {"colour": probabilities}
    ), truth


def need(weight=1.0, missing=0, counts=(50, 50, 0)):
    return {"colour": AttributeNeed(weight, missing, COLOURS, counts)}


def test_no_two_pictures_of_one_product_and_a_seed_decides():
    candidates, _ = drawn()
    first = choose(candidates, need(), 60, 20, seed=3)
    assert first == choose(candidates, need(), 60, 20, seed=3)
    assert first != choose(candidates, need(), 60, 20, seed=4)
    assert len(first) == 60
    assert len({candidates.product_keys[c.place] for c in first}) == 60


def test_only_the_random_part_is_for_validation():
    candidates, _ = drawn()
    found = choose(candidates, need(), 60, 20, seed=0)
    assert Counter((c.split, c.why == "drawn at random") for c in found) == {
        ("val", True): 20,
        ("train", False): 40,
    }


def test_rare_values_come_first_and_then_the_least_sure():
    candidates, truth = drawn()
    found = choose(candidates, need(), 60, 0, seed=0)
    teal = [c for c in found if c.why == "perhaps colour teal, which is rare"]
    firsts = {c.place for c in teal}
    assert len(firsts) >= 5
    assert np.mean(truth[list(firsts)] == 2) > 0.5  # of 2 % of the pictures
    unsure = [c.place for c in found if c.why == "least sure"]
    assert candidates.probabilities["colour"][unsure].max(axis=1).mean() < 0.7


def test_the_random_part_has_the_natural_proportions():
    candidates, truth = drawn(6000, per_product=1)
    found = choose(candidates, need(), 600, 600, seed=1)
    shares = np.bincount(truth[[c.place for c in found]], minlength=3) / 600
    assert shares == pytest.approx(np.bincount(truth, minlength=3) / 6000, abs=0.05)


@pytest.mark.parametrize("random", [0, 90])
def test_the_choice_is_spread_over_platforms_and_days(random):
    candidates, _ = drawn()
    found = choose(candidates, need(), 90, random, seed=0)
    platforms = Counter(candidates.strata[c.place][0] for c in found)
    assert min(platforms.values()) >= 20
    assert len({candidates.strata[c.place] for c in found}) >= 25  # of 30


def test_a_weak_attribute_has_more_than_its_part():
    candidates, _ = drawn()
    flipped = candidates.probabilities["colour"][::-1]
    both = Candidates(candidates.picture_ids, candidates.product_keys, candidates.strata,
                      {"colour": candidates.probabilities["colour"], "mood": flipped})  # fmt: skip
    needs = {
        **need(weight=0.1, counts=(9, 9, 9)),
        "mood": AttributeNeed(5.0, 0, COLOURS, (9, 9, 9)),
    }
    whys = Counter(
        c.why.split()[1] for c in choose(both, needs, 40, 0, seed=0) if "perhaps" in c.why
    )
    assert set(whys) == {"mood"}


def test_without_predictions_the_choice_is_spread():
    candidates, _ = drawn()
    bare = Candidates(candidates.picture_ids, candidates.product_keys, candidates.strata, {})
    found = choose(bare, need(), 40, 10, seed=0)
    assert Counter(c.why for c in found) == {
        "drawn at random": 10,
        "spread over platforms and days": 30,
    }


def test_fewer_products_than_asked_for_are_all_chosen():
    candidates, _ = drawn(30)
    assert len(choose(candidates, need(), 60, 20, seed=0)) == 10
    empty = Candidates([], [], [], {})
    assert choose(empty, need(), 60, 20, seed=0) == []


@pytest.mark.parametrize(("missing", "part"), [(0, 40), (50, 55), (400, 134)])
def test_the_random_part_is_what_the_gate_lacks_within_bounds(missing, part):
    candidates, _ = drawn()
    seen = candidates.probabilities["colour"].copy()
    seen[:] = [0.45, 0.3, 0.16, 0.09]  # visible on 91 of 100
    some = Candidates(
        candidates.picture_ids, candidates.product_keys, candidates.strata, {"colour": seen}
    )
    assert random_part(some, need(missing=missing), 200) == part
