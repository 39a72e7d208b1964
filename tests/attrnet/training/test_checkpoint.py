import numpy as np
import pytest
import torch

from fashiontrend import checkpoint
from fashiontrend.attrnet.training import dataset, train
from fashiontrend.errors import DataError


def test_a_resumed_training_is_bit_equal_to_one_that_never_stopped(build_net, draw_rows, tmp_path):
    rows = draw_rows(16, 0)

    def fit(net, stop=None, start=None):
        def keep(state):
            if state.epoch == stop:
                checkpoint.save(tmp_path / "state", state)
                raise KeyboardInterrupt

        return train.fit(
            net, lambda e: dataset.epoch_batches(rows, 8, np.random.default_rng(e)), net.cfg,
            epochs=3, steps_per_epoch=2, seed=5, start=start, on_epoch_end=keep,
        )  # fmt: skip

    whole = fit(build_net())
    with pytest.raises(KeyboardInterrupt):
        fit(build_net(), stop=1)
    resumed = fit(build_net(seed=99), start=checkpoint.load(tmp_path / "state"))
    assert all(torch.equal(whole.model[k], resumed.model[k]) for k in whole.model)
    assert whole.history == resumed.history
    assert resumed.epoch == 3


def test_a_folder_without_a_state_is_named(tmp_path):
    with pytest.raises(DataError, match=r"state\.json"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("state.json", "{"), ("state.json", '{"format": "other/1"}'), ("state.safetensors", "cut")],
    ids=["json cut", "other format", "tensors cut"],
)
def test_a_damaged_state_is_refused(tmp_path, name, content):
    checkpoint.save(tmp_path, checkpoint.TrainState(1, {"w": torch.zeros(2)}, {}))
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=r"[sS]tart.* anew"):
        checkpoint.load(tmp_path)


def test_what_is_saved_comes_back(tmp_path):
    state = checkpoint.TrainState(
        4, {"a.b": torch.arange(3.0)}, {0: {"step": torch.tensor(7.0)}}, ({"loss": 0.1 + 0.2},)
    )
    checkpoint.save(tmp_path, state)
    back = checkpoint.load(tmp_path)
    assert (back.epoch, back.history) == (4, state.history)
    assert torch.equal(back.model["a.b"], state.model["a.b"])
    assert back.optimizer[0]["step"].item() == 7.0
