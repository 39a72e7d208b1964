import math
import shutil

import numpy as np
import pytest
import torch
from torch import distributed

from fashiontrend import checkpoint
from fashiontrend.attrnet.training import dataset, train
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import DataError


@pytest.fixture
def run(build_net, draw_rows):
    """run(epochs, seed=0, **options) -> TrainState on sixteen pictures."""
    rows = draw_rows(16, 0)
    rows["plain"] = rows["image"]

    def fit(epochs, seed=0, net=None, **options):
        net = net or build_net()
        options = {"steps_per_epoch": 2, "seed": seed, **options}
        batches = options.pop(
            "batches", lambda e: dataset.epoch_batches(rows, 8, np.random.default_rng([seed, e]))
        )
        return train.fit(net, batches, net.cfg, epochs=epochs, **options)

    return fit


def same(first, second) -> bool:
    weights = all(torch.equal(first.model[k], second.model[k]) for k in first.model)
    return weights and first.history == second.history


def test_a_seed_gives_the_same_weights_to_the_last_bit(run):
    torch.manual_seed(1)
    first = run(2)
    torch.manual_seed(2)
    assert same(first, run(2))
    assert not same(first, run(2, seed=1))


def test_every_epoch_is_reported_once(run):
    seen = []
    state = run(3, on_epoch_end=lambda s: seen.append((s.epoch, len(s.history))))
    assert seen == [(1, 1), (2, 2), (3, 3)]
    last = state.history[-1]
    assert last["pictures"] == 16
    assert last["epoch"] == 3
    assert last["learning_rate"] < 1e-4
    assert all(math.isfinite(v) for v in last.values())


def test_nothing_is_done_when_all_epochs_are_finished(run):
    state = run(1)
    assert run(1, start=state, on_epoch_end=lambda _: pytest.fail("trained")) is state


def test_a_loss_that_is_not_finite_names_epoch_and_batch(run, draw_batch):
    good, bad = draw_batch(8, 0), draw_batch(8, 1)
    bad = bad._replace(weights=bad.weights * math.nan)
    with pytest.raises(DataError, match=r"epoch 2, batch 2.*checkpoint is kept"):
        run(2, batches=lambda e: [good, bad if e == 1 else good])


def test_no_checkpoint_is_promised_before_the_first_epoch_ended(run, draw_batch):
    bad = draw_batch(2, 1)
    bad = bad._replace(weights=bad.weights * math.nan)
    with pytest.raises(DataError, match=r"look at those pictures\.$"):
        run(1, batches=lambda _: [bad])


def test_an_epoch_without_a_batch_is_refused(run):
    with pytest.raises(DataError, match="epoch 1 has no batch"):
        run(1, batches=lambda _: [])


def test_only_so_many_batches_are_taken_as_every_worker_has(run, draw_batch):
    state = run(1, batches=lambda _: iter([draw_batch(8, 0)] * 9), steps_per_epoch=2)
    assert state.history[0]["pictures"] == 16


def test_the_state_of_another_network_is_refused(run, build_net):
    with pytest.raises(DataError, match="another network"):
        run(2, net=build_net((2, 3)), start=run(1))


def test_a_batch_without_boxes_or_labels_trains_on(run, draw_batch, without_boxes, without_labels):
    batch = without_labels(without_boxes(draw_batch(8, 0)))
    state = run(1, batches=lambda _: [batch])
    assert state.history[0]["loss"] == 0.0
    assert math.isnan(state.history[0]["label_agreement"])
    assert all(t.isfinite().all() for t in state.model.values())


@pytest.mark.parametrize("settings", [{}, {"plain_share": 0.5, "embedding_dim": 640}])
def test_distributed_training_finds_every_parameter_in_every_step(
    build_net, draw_batch, without_boxes, without_labels, settings
):
    batch = draw_batch(8, 0)
    batch = batch._replace(plain=batch.image)
    none = batch._replace(plain=torch.zeros_like(batch.image))
    batches = [batch, without_boxes(batch), without_labels(batch), none]
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        net = build_net(**settings)
        wrapped = torch.nn.parallel.DistributedDataParallel(net)
        state = train.fit(wrapped, lambda _: batches, net.cfg, epochs=1, steps_per_epoch=4, seed=0)
    finally:
        distributed.destroy_process_group()
    assert set(state.model) == set(build_net(**settings).state_dict())


def test_gradients_are_exchanged_once_a_step(build_net, draw_batch):
    exchanged = []

    def note(_, bucket):
        exchanged.append(bucket.index())
        done = torch.futures.Future()
        done.set_result(bucket.buffer())
        return done

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        net = build_net(accumulate=2)
        wrapped = torch.nn.parallel.DistributedDataParallel(net)
        wrapped.register_comm_hook(None, note)
        batches = [draw_batch(8, n) for n in range(4)]
        train.fit(wrapped, lambda _: batches, net.cfg, epochs=1, steps_per_epoch=4, seed=0)
    finally:
        distributed.destroy_process_group()
    assert exchanged.count(0) == 2


def test_the_rate_warms_up_and_falls_to_nothing():
    rates = train._schedule(AttrNetConfig(learning_rate=1.0, warmup_fraction=0.2), 0, 10)
    seen = [next(rates) for _ in range(11)]
    assert seen[:3] == [0.5, 1.0, 1.0]
    assert seen[6] == pytest.approx(0.5)
    assert seen[2:] == sorted(seen[2:], reverse=True)
    assert seen[-1] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("settings", "pictures", "factor", "epochs"),
    [
        pytest.param({"epochs": 10}, 500, 1.0, 10, id="as configured"),
        pytest.param({"epochs": 10}, 500, 1.5, 15, id="longer"),
        pytest.param({"epochs": 10, "max_passes": 2000}, 500, 1.0, 4, id="few passes"),
        pytest.param({"epochs": 10, "max_passes": 2000}, 500, 1.5, 6, id="few passes, longer"),
        pytest.param({"epochs": 10, "max_passes": 10}, 500, 1.0, 1, id="at least one"),
        pytest.param({"epochs": 10, "max_passes": 10}, 0, 1.0, 10, id="nothing to show"),
    ],
)
def test_epochs_shrink_to_the_passes_allowed(settings, pictures, factor, epochs):
    assert train.limit_epochs(AttrNetConfig(**settings), pictures, factor) == epochs


def test_neighbouring_seeds_are_far_apart():
    mixed = {train._mix(a, b, c) for a in range(9) for b in range(9) for c in range(9)}
    assert len(mixed) == 729
    assert len({m % 256 for m in mixed}) > 200


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_resumed_training_is_equal_to_one_that_never_stopped(run, build_net, tmp_path, optimizer):
    settings = {"ema_decay": 0.9, "dropout": 0.3, "decay_fraction": 0.5, "colour_channels": 4}
    settings |= {"optimizer": optimizer, "plain_share": 0.5, "embedding_dim": 640}
    kept = []

    def keep(state):
        checkpoint.save(tmp_path, state) if state.epoch == 1 else kept.append(state)

    whole_net, later_net = build_net(**settings), build_net(**settings)
    whole = run(2, net=whole_net, on_epoch_end=keep)
    resumed = run(2, net=later_net, start=checkpoint.load(tmp_path))
    assert same(whole, resumed)
    assert all(torch.equal(whole.average[k], resumed.average[k]) for k in whole.average)
    weights = zip(whole_net.state_dict().values(), later_net.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


def test_the_model_ends_with_the_averaged_weights(run, build_net):
    net = build_net(ema_decay=0.5)
    state = run(2, net=net)
    assert torch.equal(net.embed.weight, state.average["embed.weight"])


def test_gradients_of_several_batches_make_one_step(run, build_net):
    state = run(1, net=build_net(accumulate=2))
    assert all(float(m["step"]) == 1 for m in state.optimizer.values())


def test_the_rate_may_stay_before_it_falls():
    cfg = AttrNetConfig(learning_rate=1.0, warmup_fraction=0.1, decay_fraction=0.4)
    rates = train._schedule(cfg, 0, 10)
    seen = [next(rates) for _ in range(11)]
    assert seen[:7] == [1.0] * 7
    assert seen[8] == pytest.approx(0.5)
    assert seen[10] == pytest.approx(0.0)


def test_the_first_part_looks_at_smaller_pictures(run, build_net):
    net, sides = build_net(early_px=16, early_fraction=0.5), []
    net.register_forward_pre_hook(lambda _, args: sides.append(args[0].shape[-1]))
    state = run(4, net=net)
    assert sides == [16] * 4 + [32] * 4
    assert math.isfinite(state.history[-1]["loss"])


def test_a_loss_that_is_not_finite_names_the_pictures(run, draw_batch):
    bad = draw_batch(2, 1)
    bad = bad._replace(weights=bad.weights * math.nan, names=("p7", "p9"))
    with pytest.raises(DataError, match="pictures p7, p9"):
        run(1, batches=lambda _: [bad])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_half_precision_trains_as_well(run, build_net, precision):
    state = run(1, net=build_net(precision=precision, colour_channels=4))
    assert math.isfinite(state.history[-1]["loss"])
    assert all(t.dtype != torch.bfloat16 for t in state.model.values())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU")
def test_a_compiled_backbone_trains_under_the_same_names(run, build_net):
    plain, compiled = run(1), run(1, net=build_net(compile=True))
    assert set(compiled.model) == set(plain.model)
    assert compiled.history[-1]["loss"] == pytest.approx(plain.history[-1]["loss"], rel=1e-3)
