import pytest

from tests import drills

CASES = list("abcdefgh")


@pytest.fixture
def seeded(monkeypatch):
    """seeded(seed): what is drawn under a seed, by CI."""
    monkeypatch.delenv(drills.ALL, raising=False)

    def draw(seed, name="kills"):
        monkeypatch.setenv(drills.SEED, str(seed))
        return drills.draw(CASES, 2, name)

    return draw


def test_a_seed_draws_the_same_cases_in_their_order(seeded):
    assert seeded(5) == seeded(5) == sorted(seeded(5))
    assert len(set(seeded(5))) == 2


def test_the_seeds_of_a_month_draw_every_case(seeded):
    assert {case for seed in range(30) for case in seeded(seed)} == set(CASES)


def test_two_drills_draw_independently_of_each_other(seeded):
    assert any(seeded(seed) != seeded(seed, "seeds") for seed in range(5))


def test_make_drills_runs_every_case_at_its_whole_size(monkeypatch):
    monkeypatch.setenv(drills.ALL, "all")
    assert drills.draw(CASES, 2, "kills") == CASES
    assert drills.choose(2_000, 500) == 2_000


def test_the_seed_of_the_day_is_kept_for_the_workers_of_pytest(monkeypatch):
    monkeypatch.delenv(drills.SEED)
    assert drills.seed() == drills.seed() > 700_000


def test_ci_takes_the_shorter_size(monkeypatch):
    monkeypatch.delenv(drills.ALL, raising=False)
    assert drills.choose(2_000, 500) == 500
