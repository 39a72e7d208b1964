"""The control flow of A6 and A9 as tables."""

import pytest

from fashiontrend.errors import AccuracyGateClosed, PerplexityGateClosed
from fashiontrend.loop import GATED, RELEASE_DAY, TRAINING_DAY, Done, Limits, Move, Step, next_move

LIMITS = Limits(train_rounds=3, label_rounds=2)


def walk(
    answers: dict[tuple[Step, int, int], bool], limits=LIMITS, steps=TRAINING_DAY
) -> list[Move]:
    """Every move of a run whose gates answer as the table says, open where it says nothing."""
    done: list[Done] = []
    while (move := next_move(done, limits, steps)) is not None:
        key = (move.step, move.label_round, move.train_round)
        done.append(Done(move, answers.get(key, True) if move.step in GATED else None, "poor"))
    return [d.move for d in done]


def test_open_gates_lead_straight_from_crawl_to_publish():
    assert [m.step for m in walk({})] == list(TRAINING_DAY)


def test_a_young_release_is_used_without_any_training():
    assert [m.step for m in walk({}, steps=RELEASE_DAY)] == list(RELEASE_DAY)
    assert not set(RELEASE_DAY) & {Step.LABEL, Step.TRAIN_ATTRNET, Step.TRAIN_FORECASTER}


def test_a_closed_accuracy_gate_repeats_the_training_and_not_the_labelling():
    moves = walk({(Step.TRAIN_ATTRNET, 1, 1): False, (Step.TRAIN_ATTRNET, 1, 2): False})
    assert [m.step for m in moves].count(Step.LABEL) == 1
    assert [m.train_round for m in moves if m.step is Step.TRAIN_ATTRNET] == [1, 2, 3]


def test_a_closed_perplexity_gate_goes_back_to_labelling_and_on_from_there():
    moves = walk({(Step.TRAIN_FORECASTER, 1, 1): False})
    closed = moves.index(Move(Step.TRAIN_FORECASTER, 1, 1))
    assert [(m.step, m.label_round) for m in moves[closed + 1 :]] == [
        (s, 2) for s in TRAINING_DAY[TRAINING_DAY.index(Step.LABEL) :]
    ]


def test_each_round_of_labelling_has_all_rounds_of_training():
    moves = walk({(Step.TRAIN_ATTRNET, 1, 1): False, (Step.TRAIN_FORECASTER, 1, 2): False})
    assert Move(Step.TRAIN_ATTRNET, 2, 1) in moves


@pytest.mark.parametrize(
    ("step", "error", "code"),
    [
        pytest.param(Step.TRAIN_ATTRNET, AccuracyGateClosed, 10, id="never accurate enough"),
        pytest.param(Step.TRAIN_FORECASTER, PerplexityGateClosed, 11, id="never fits"),
    ],
)
def test_a_gate_that_stays_closed_ends_the_run_with_its_exit_code(step, error, code):
    answers = {(step, a, b): False for a in (1, 2, 3) for b in (1, 2, 3)}
    with pytest.raises(error, match="Nothing was published") as caught:
        walk(answers)
    assert caught.value.exit_code == code


@pytest.mark.parametrize(
    "done",
    [
        pytest.param(Done(Move(Step.TRAIN_ATTRNET)), id="gated step without a verdict"),
        pytest.param(Done(Move(Step.CRAWL), True), id="verdict of a step without a gate"),
    ],
)
def test_the_machine_cannot_be_called_past_a_gate(done):
    with pytest.raises(ValueError, match="verdict is needed exactly"):
        next_move([done], LIMITS)


def test_a_run_that_took_too_long_is_not_sent_back_to_labelling():
    closed = Done(Move(Step.TRAIN_FORECASTER), False, "too wide")
    assert next_move([closed], Limits(3, 3)).step is Step.LABEL
    with pytest.raises(PerplexityGateClosed, match="max_hours are spent: too wide"):
        next_move([closed], Limits(3, 3, out_of_time=True))


@pytest.mark.parametrize(
    ("request_key", "told"),
    [
        pytest.param("labelling/r/round-2.csv", "The labelling request labelling/r/round-2.csv in the store ranks",
                     id="somebody is blamed"),
        pytest.param("", "No attribute is to be labelled", id="nobody is"),
    ],
)  # fmt: skip
def test_a_gate_that_never_fits_names_the_labelling_request_only_if_it_asks(request_key, told):
    closed = Done(Move(Step.TRAIN_FORECASTER, 2), False, "poor", "Train longer.", request_key)
    with pytest.raises(PerplexityGateClosed) as caught:
        next_move([closed], LIMITS)
    assert "What to do: Train longer." in str(caught.value)
    assert told in str(caught.value)
    assert ("labelling request" in str(caught.value)) is bool(request_key)


def test_training_that_cannot_open_the_gate_is_not_repeated():
    closed = Done(
        Move(Step.TRAIN_ATTRNET), False, "thin", "Annotate 80 more of sleeve.", futile=True
    )
    with pytest.raises(AccuracyGateClosed, match="after round 1 of 3: thin") as caught:
        next_move([closed], LIMITS)
    assert "Annotate 80 more of sleeve." in str(caught.value)
    assert "max_rounds" not in str(caught.value)
