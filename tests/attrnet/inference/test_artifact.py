import json

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from fashiontrend.attrnet.inference import artifact
from fashiontrend.attrnet.network import model
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import DataError
from fashiontrend.taxonomy import Taxonomy
from tests.stand_in_device import DEVICE, StandInDevice


@pytest.fixture
def saved(build_net, taxonomy, tmp_path):
    net = build_net()
    counts = {"colour": [3, 1, 0], "pattern": [1, 1, 2]}
    card = artifact.make_card(
        taxonomy,
        net,
        counts,
        {"colour": 2.0, "pattern": 1.0},
        metrics={"mean": 0.9},
        dataset="d1",
        seed=3,
    )
    return tmp_path, net, artifact.save(tmp_path, net, card)


def test_a_model_comes_back_with_its_card(saved, draw_batch, taxonomy):
    folder, net, card = saved
    back, read = artifact.load(folder, taxonomy)
    assert read == card
    assert read.train_priors["colour"] == (0.75, 0.25, 0.0)
    assert read.channel_mean == (60.0, 60.0, 60.0)
    assert read.read_taxonomy() == taxonomy
    assert sum(read.self_test["pattern"]) == pytest.approx(1.0)
    image = draw_batch(3, 0).image
    with torch.inference_mode():
        assert torch.equal(back(image).vector, net.eval()(image).vector)


def test_saving_leaves_the_model_in_its_mode(build_net, taxonomy, tmp_path):
    net = build_net().train()
    artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {}, {}))
    assert net.training


def test_the_self_test_is_answered_on_the_cpu_wherever_the_model_is(
    saved, build_net, taxonomy, tmp_path, monkeypatch
):
    """There `load` asks again, and a GPU's bfloat16 and TF32 round more coarsely than it allows."""
    seen, calibrate = [], artifact.calibrate

    def noting(output, *args):
        seen.append(output.vector.device.type)
        return calibrate(output, *args)

    monkeypatch.setattr(artifact, "calibrate", noting)
    card = saved[2]
    with StandInDevice():
        moved = build_net().to(DEVICE)
        again = artifact.save(tmp_path / "again", moved, card)
    assert seen == ["cpu"]
    assert again == card
    assert str(moved.mean.device) == DEVICE
    assert moved.training


def test_changed_weights_are_refused_by_their_hash(saved):
    path = saved[0] / artifact.WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="SHA-256"):
        artifact.load(saved[0])


def edit_card(folder, change):
    path = folder / artifact.CARD
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def test_other_weights_under_a_corrected_hash_fail_the_self_test(saved):
    folder = saved[0]
    weights = load_file(folder / artifact.WEIGHTS)
    weights["classifiers.0.bias"] += torch.tensor([1.0, -1.0, 0.0])
    save_file(weights, folder / artifact.WEIGHTS)
    edit_card(folder, lambda c: c.update(weights_sha256=artifact._hash(folder / artifact.WEIGHTS)))
    with pytest.raises(DataError, match="self-test of 'colour'"):
        artifact.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda c: c["taxonomy"]["attributes"].reverse(),
            "taxonomy has digest",
            id="classes swapped",
        ),
        pytest.param(
            lambda c: c.update(temperatures={"colour": 9.0}),
            "self-test of 'colour'",
            id="temperature",
        ),
        pytest.param(
            lambda c: c.update(channel_mean=[0, 0, 0]), None, id="mean comes from the weights"
        ),
        pytest.param(lambda c: c.update(self_test={}), "no self-test", id="self-test removed"),
        pytest.param(lambda c: c.update(taxonomy_digest="x"), "digest", id="digest"),
        pytest.param(lambda c: c.update(surprise=1), "surprise", id="unknown key"),
        pytest.param(
            lambda c: c["config"].update(embedding_dim=32), "size mismatch", id="other network"
        ),
        pytest.param(
            lambda c: c["config"].update(backbone="big"), "no 'big'", id="unknown backbone"
        ),
    ],
)
def test_an_edited_card_is_refused(saved, change, message):
    edit_card(saved[0], change)
    if message is None:
        artifact.load(saved[0])
        return
    with pytest.raises(DataError, match=message):
        artifact.load(saved[0])


@pytest.mark.parametrize("name", [artifact.WEIGHTS, artifact.CARD])
def test_a_missing_file_is_named(saved, name):
    (saved[0] / name).unlink()
    with pytest.raises(DataError, match=name):
        artifact.load(saved[0])


def test_another_taxonomy_is_refused_with_the_difference(saved, taxonomy):
    plain = taxonomy.model_dump(mode="json")
    plain["attributes"][0]["values"].append({"id": "green", "en": "green", "zh": "green"})
    plain["attributes"][1]["id"] = "fit"
    with pytest.raises(
        DataError, match=r"pattern only .*; fit not in the model; colour defined diff"
    ):
        artifact.load(saved[0], Taxonomy.model_validate(plain))


def test_the_self_test_picture_never_changes():
    picture = artifact.draw_self_test(64)
    assert picture.shape == (1, 3, 64, 64)
    assert picture.dtype == torch.uint8
    assert int(picture.to(torch.int64).sum()) == 1_862_848


def test_words_of_training_are_forgotten(build_net, taxonomy, tmp_path, draw_batch):
    net = build_net(words=5).eval()
    artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {}, {}))
    back, card = artifact.load(tmp_path)
    assert card.config.words == 0
    assert not [k for k in load_file(tmp_path / artifact.WEIGHTS) if k.startswith("words")]
    image = draw_batch(2, 0).image
    with torch.inference_mode():
        assert torch.equal(back(image).vector, net(image).vector)


@pytest.fixture
def pretrained(taxonomy, tmp_path):
    """A model that began with the weights of a file which is gone, and that file."""
    file = tmp_path / "body.pth"
    torch.save(torchvision.models.mobilenet_v3_small(weights=None).state_dict(), file)
    cfg = AttrNetConfig(
        backbone="mobilenet_v3_small", weights=str(file), input_px=64, region_channels=8,
        embedding_dim=16,
    )  # fmt: skip
    net = model.build(cfg, [2, 2], (60.0, 60.0, 60.0), 0)
    artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {}, {}))
    file.unlink()
    return tmp_path, file


def test_a_model_does_not_need_the_file_that_its_training_began_with(pretrained):
    folder, _ = pretrained
    assert artifact.load(folder)[1].config.weights is None


def test_a_card_that_still_names_that_file_loads_too(pretrained):
    folder, file = pretrained
    edit_card(folder, lambda c: c["config"].update(weights=str(file)))
    artifact.load(folder)


def test_the_self_test_asks_the_network_for_plain_shots_too(build_net, taxonomy, tmp_path):
    net = build_net(plain_share=0.5, embedding_dim=640)
    card = artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {}, {}))
    net.cfg = net.cfg.model_copy(update={"plain_share": 0.0})
    assert artifact._answer(net, card)["colour"] != card.self_test["colour"]
    artifact.load(tmp_path)
