from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from fashiontrend.attrnet.network import boxes, model
from fashiontrend.attrnet.training import dataset, loss, train
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import ConfigError


def test_every_attribute_has_one_more_output_for_not_visible(build_net, draw_batch):
    net = build_net((3, 1, 5)).eval()
    output = net(draw_batch(2, 0).image)
    assert [tuple(x.shape) for x in output.logits] == [(2, 4), (2, 2), (2, 6)]
    assert output.vector.shape == (2, 64)
    assert output.location.box.shape == (2, 4)


def test_the_vector_has_2048_numbers_unless_told_otherwise():
    net = model.build(AttrNetConfig(), (2,), (128.0, 128.0, 128.0), 0).eval()
    with torch.inference_mode():
        assert net(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).vector.shape == (1, 2048)


def test_permuting_a_batch_permutes_the_output(build_net, draw_batch):
    net, image = build_net().eval(), draw_batch(6, 1).image
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    with torch.inference_mode():
        straight, mixed = net(image), net(image[order])
    torch.testing.assert_close(straight.logits[0][order], mixed.logits[0])
    torch.testing.assert_close(straight.vector[order], mixed.vector)
    torch.testing.assert_close(straight.location.box[order], mixed.location.box)


def test_an_empty_batch_gives_empty_answers(build_net):
    output = build_net().eval()(torch.zeros(0, 3, 32, 32, dtype=torch.uint8))
    assert output.logits[0].shape == (0, 3)
    assert output.location.box.shape == (0, 4)


def test_the_seed_alone_decides_the_weights(build_net):
    torch.manual_seed(1)
    first = build_net(seed=7).state_dict()
    torch.manual_seed(2)
    second = build_net(seed=7).state_dict()
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not torch.equal(first["embed.weight"], build_net(seed=8).state_dict()["embed.weight"])


def test_the_training_sets_mean_is_subtracted_inside(cfg, draw_batch):
    image = draw_batch(2, 0).image.clamp(max=200)
    brighter = image + 30
    low = model.build(cfg, (2,), (50.0, 60.0, 70.0), 0).eval()
    high = model.build(cfg, (2,), (80.0, 90.0, 100.0), 0).eval()
    with torch.inference_mode():
        torch.testing.assert_close(low(image).vector, high(brighter).vector)


def test_known_boxes_replace_the_predicted_place_only_where_given(build_net, draw_batch):
    net, image = build_net().eval(), draw_batch(2, 0).image
    box = torch.tensor([[0.0, 0.0, 0.3, 0.3], [torch.nan] * 4])
    with torch.inference_mode():
        free, told = net(image), net(image, box)
    assert not torch.equal(free.vector[0], told.vector[0])
    assert torch.equal(free.vector[1], told.vector[1])


def test_without_location_the_whole_picture_is_the_garment(build_net, draw_batch):
    net, batch = build_net(locate=False).eval(), draw_batch(2, 0)
    with torch.inference_mode():
        assert torch.equal(net(batch.image).vector, net(batch.image, batch.box).vector)


def test_a_box_of_no_size_is_no_place_to_look_at(build_net, draw_batch):
    net, image = build_net().eval(), draw_batch(2, 0).image
    with torch.inference_mode():
        torch.testing.assert_close(net(image, torch.zeros(2, 4)).vector, net(image).vector)


def test_presence_and_the_best_cell_say_together_whether_there_is_a_garment(build_net, draw_batch):
    net, image = build_net(presence=True).eval(), draw_batch(2, 0).image
    torch.nn.init.zeros_(net.presence.weight)
    torch.nn.init.constant_(net.presence.bias, -8.0)
    with torch.inference_mode():
        output = net(image)
    assert output.presence.tolist() == [-8.0, -8.0]
    best = output.location.objectness.amax(1)
    torch.testing.assert_close(output.location.score.logit(), (best - 8) / 2)


def test_words_are_told_in_training_only(build_net, draw_batch):
    net, batch = build_net(words=3), draw_batch(4, 0)
    batch = batch._replace(title_words=torch.ones(4, 3))
    output = net(batch.image, batch.box)
    assert output.title_words.shape == (4, 3)
    told = loss.measure(output, batch, net.cfg)
    plain = loss.measure(output, batch._replace(title_words=None), net.cfg)
    assert told.total > plain.total
    told.total.backward()
    assert net.words.weight.grad.abs().sum() > 0
    net.zero_grad(set_to_none=True)
    silent = loss.measure(net(batch.image, batch.box), batch._replace(title_words=None), net.cfg)
    silent.total.backward()
    assert net.words.weight.grad.abs().sum() == 0, "without text the head still takes part, for DDP"
    assert net.eval()(batch.image).title_words is None


@pytest.fixture
def half_plain(draw_batch):
    """Four toy pictures, the second and the fourth of which are plain shots."""
    batch = draw_batch(4, 0)
    plain = batch.image.clone()
    plain[::2] = 0
    return batch._replace(plain=plain)


def test_plain_shots_are_read_as_a_whole_too(build_net, half_plain):
    net = build_net(plain_share=0.4, embedding_dim=1024, words=3)
    said = net(half_plain.image, half_plain.box, half_plain.plain)
    assert said.plain.rows.tolist() == [1, 3]
    assert [x.shape[0] for x in (*said.plain.logits, said.plain.title_words)] == [2, 2, 2]
    assert net(half_plain.image).plain is None
    assert build_net()(half_plain.image, None, half_plain.plain).plain is None


def test_the_whole_and_the_regions_are_taught_apart(build_net, half_plain):
    net = build_net(plain_share=0.4, embedding_dim=1024, words=3, presence=True)
    said = net(half_plain.image, half_plain.box, half_plain.plain)

    def taught(part):
        return any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())

    sum(x.square().sum() for x in (*said.plain.logits, said.plain.title_words)).backward()
    assert (taught(net.whole), taught(net.backbone)) == (True, False)
    net.zero_grad(set_to_none=True)
    sum(x.square().sum() for x in (*said.logits, said.title_words, said.presence)).backward()
    assert (taught(net.whole), taught(net.backbone)) == (False, True)


def test_the_answer_is_the_mean_of_both_by_their_shares(build_net, half_plain):
    net = build_net(plain_share=0.25, embedding_dim=1024).train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()  # what training sees of a picture is then what prediction sees
    net.whole.train = lambda mode=True: net.whole
    with torch.inference_mode():
        apart = net(half_plain.image, None, half_plain.plain)
        joined = net.eval()(half_plain.image, None, half_plain.plain)
        alone = net(half_plain.image)
    assert joined.vector.shape == (4, 1024)
    for one, other, both, regions in zip(
        apart.logits, apart.plain.logits, joined.logits, alone.logits, strict=True
    ):
        torch.testing.assert_close(both[[0, 2]], one[[0, 2]])
        torch.testing.assert_close(both[[1, 3]], 0.75 * one[[1, 3]] + 0.25 * other)
        torch.testing.assert_close(regions, one)


def test_a_batch_without_plain_shots_still_moves_nothing_and_reaches_all(build_net, half_plain):
    batch = half_plain._replace(plain=torch.zeros_like(half_plain.plain))
    net = build_net(plain_share=0.4, embedding_dim=1024)
    output = net(batch.image, batch.box, batch.plain)
    loss.measure(output, batch, net.cfg).total.backward()
    assert all(p.grad is not None for p in net.parameters())
    assert sum(p.grad.abs().sum() for p in net.whole.parameters()) == 0


def test_what_the_whole_learns_may_be_weighted_by_attribute(build_net, half_plain):
    net = build_net(plain_share=0.4, embedding_dim=1024, plain_weights={"pattern": 0.0})
    said = net(half_plain.image, half_plain.box, half_plain.plain)
    batch = half_plain._replace(weights=torch.ones_like(half_plain.weights))
    loss.measure(said, batch, net.cfg, ("colour", "pattern")).total.backward()
    colour, pattern = (c.weight.grad[:, net.parts[1]].abs().sum() for c in net.classifiers)
    assert colour > 0
    assert pattern == 0
    assert net.classifiers[1].weight.grad[:, net.parts[0]].abs().sum() > 0


def test_plain_shots_are_learnt_by_heart_by_the_whole(build_net, half_plain):
    net = build_net(plain_share=0.4, embedding_dim=1024, augment=False, label_smoothing=0.0)
    train.fit(net, lambda _: [half_plain] * 5, net.cfg, epochs=8, steps_per_epoch=5, seed=0)
    said = net.train()(half_plain.image, half_plain.box, half_plain.plain)
    assert [x.argmax(1).tolist() for x in said.plain.logits] == half_plain.labels[[1, 3]].T.tolist()


@pytest.mark.parametrize("missing", ["nothing", "boxes", "labels", "both"])
def test_every_parameter_gets_a_gradient_whatever_is_missing(
    build_net, draw_batch, without_boxes, without_labels, missing
):
    net, batch = build_net(), draw_batch(4, 0)
    if missing in ("boxes", "both"):
        batch = without_boxes(batch)
    if missing in ("labels", "both"):
        batch = without_labels(batch)
    loss.measure(net(batch.image, batch.box), batch, net.cfg).total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_an_unknown_backbone_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'big'.*small, lean.*resnet18"):
        model.build(AttrNetConfig(backbone="big"), (2,), (0.0, 0.0, 0.0), 0)


def test_a_vector_without_room_for_the_regions_is_refused(build_net):
    with pytest.raises(ConfigError, match=r"plain_share.*embedding_dim is 64"):
        build_net(plain_share=0.4)


def test_a_dozen_pictures_are_learnt_by_heart(build_net, draw_batch):
    net, batch = build_net(augment=False, label_smoothing=0.0), draw_batch(12, 3)
    state = train.fit(net, lambda _: [batch] * 5, net.cfg, epochs=8, steps_per_epoch=5, seed=0)
    assert state.history[-1]["loss_labels"] < 0.05
    assert state.history[-1]["label_agreement"] == 1.0


def test_a_bright_rectangle_is_found_quickly(build_net, draw_rows, draw_batch):
    net, rows = build_net(), draw_rows(128, 4)
    train.fit(
        net, lambda e: dataset.epoch_batches(rows, 16, np.random.default_rng(e)),
        net.cfg, epochs=10, steps_per_epoch=8, seed=0,
    )  # fmt: skip
    unseen = draw_batch(64, 5)
    with torch.inference_mode():
        found = net.eval()(unseen.image).location.box
    assert boxes.measure_iou(found.numpy(), unseen.box.numpy()).mean() > 0.6


@pytest.mark.parametrize(
    ("device", "instructions", "training", "halved"),
    [
        ("cpu", "amx_bf16", True, True),
        ("cpu", "avx512_bf16", True, True),
        ("cpu", "avx2", True, False),
        ("cpu", "amx_bf16", False, False),
        ("cuda", "avx2", True, True),
        ("cuda", "avx2", False, True),
    ],
)
def test_bfloat16_serves_gpus_and_the_training_of_cpus_that_compute_it(
    build_net, device, instructions, training, halved, monkeypatch
):
    """Seen: on a CPU without the instructions the recipe trained a tenth of the pictures per second."""
    asked = []

    def autocast(kind, dtype, enabled):
        asked.append((kind, dtype, enabled))
        return nullcontext()

    monkeypatch.setattr(torch, "autocast", autocast)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {instructions: True})
    with FakeTensorMode(), torch.device(device):
        net = build_net(precision="bfloat16").train(training)
        output = net(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    assert output.logits[0].device.type == device
    assert asked == [(device, torch.bfloat16, halved)]
