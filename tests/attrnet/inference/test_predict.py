import io

import numpy as np
import pytest
from PIL import Image

from fashiontrend.attrnet.inference import artifact, loop, predict
from fashiontrend.storage import schemas


@pytest.fixture
def recogniser(build_net, taxonomy, tmp_path):
    net = build_net()
    artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {}, {"colour": 2.0}))
    return predict.Recogniser(tmp_path)


def columns_of(recogniser, images):
    pictures = loop.pair([f"p{n}" for n in range(len(images))], images)
    return loop.predict_all(recogniser, pictures, device="cpu", batch_size=64)


@pytest.fixture
def images(draw_rows, encode):
    return [encode(pixels) for pixels in draw_rows(3, 0)["image"]]


def test_predictions_have_the_columns_of_the_prediction_schema(recogniser, images, taxonomy):
    columns = columns_of(recogniser, images)
    assert list(columns) == schemas.prediction_schema(taxonomy.num_values).names
    assert columns["probs_colour"].shape == (3, 3)
    assert columns["probs_colour"].sum(1) == pytest.approx(np.ones(3), abs=1e-5)
    table = predict.to_table(columns, taxonomy.num_values)
    assert table.schema == schemas.prediction_schema(taxonomy.num_values)
    assert table["box"][0].as_py() == pytest.approx(columns["box"][0].tolist())


def test_a_picture_that_does_not_decode_harms_no_other(recogniser, images):
    alone = columns_of(recogniser, images)
    mixed = columns_of(recogniser, [b"not a picture", *images, b""])
    assert mixed["picture_id"].tolist() == ["p0", "p1", "p2", "p3", "p4"]
    for name in ("box", "box_score", "probs_colour", "probs_pattern"):
        assert np.isnan(mixed[name][[0, 4]]).all()
        assert mixed[name][1:4] == pytest.approx(alone[name], abs=1e-5)


@pytest.mark.parametrize("images", [[], [b"x", b"y"]], ids=["no pictures", "only broken ones"])
def test_nothing_to_recognise_gives_rows_without_predictions(recogniser, images):
    columns = columns_of(recogniser, images)
    assert columns["probs_pattern"].shape == (len(images), 3)
    assert columns["box"].shape == (len(images), 4)
    assert np.isnan(columns["box_score"]).all()


def test_columns_and_descriptions_hold_the_same_numbers(recogniser, images, taxonomy):
    """What training evaluates, what jobs write and what servers return is bit-equal."""
    recogniser.card = recogniser.card.model_copy(update={"box_threshold": 0.0})
    columns = columns_of(recogniser, images)
    described = recogniser.describe(images)
    assert columns["box_score"].tolist() == [d.score for d in described]
    assert (columns["box"] * 32.0).tolist() == [list(d.box) for d in described]
    for a in taxonomy.ids:
        best = columns[f"probs_{a}"].max(1).astype(float)
        assert best.tolist() == [d.attributes[a].confidence for d in described]


def test_temperatures_of_the_card_are_applied(recogniser, draw_rows):
    image = draw_rows(2, 0)["image"]
    warm = recogniser.recognise(image)["probs_colour"]
    recogniser.card = recogniser.card.model_copy(update={"temperatures": {}})
    plain = recogniser.recognise(image)["probs_colour"]
    assert warm == pytest.approx(np.sqrt(plain) / np.sqrt(plain).sum(1, keepdims=True), abs=1e-5)


def test_each_picture_is_described_with_its_box_in_its_own_pixels(recogniser, images, taxonomy):
    recogniser.card = recogniser.card.model_copy(update={"box_threshold": 0.0})
    told = recogniser.describe(images, top_k=2, embedding=True)
    for answer in told:
        assert answer.size == (32, 32)
        assert set(answer.attributes) == set(taxonomy.ids)
        assert len(answer.attributes["colour"].top_k) == 2
        assert len(answer.embedding) == 64
        x0, y0, x1, y1 = answer.box
        assert 0 <= x0 < x1 <= 32
        assert 0 <= y0 < y1 <= 32


def test_a_turned_picture_is_answered_like_the_upright_one_with_its_box_in_it(recogniser):
    """Cameras store what they saw and how they were held; orientation 6 is a quarter turn."""
    recogniser.card = recogniser.card.model_copy(update={"box_threshold": 0.0})
    pixels = np.full((60, 40, 3), 230, np.uint8)
    pixels[10:30, 5:20] = (200, 30, 30)
    upright, turned = Image.fromarray(pixels), Image.fromarray(np.rot90(pixels).copy())
    held = Image.Exif()
    held[0x0112] = 6
    first, second = recogniser.describe([save(upright), save(turned, exif=held)])
    assert first.size == second.size == (40, 60)
    assert second.box == pytest.approx(first.box, abs=1e-3)
    confident = [a.attributes["colour"].confidence for a in (first, second)]
    assert confident[0] == pytest.approx(confident[1], abs=1e-5)


def save(image, **options):
    sink = io.BytesIO()
    image.save(sink, "PNG", **options)
    return sink.getvalue()


def test_no_box_is_told_where_the_score_is_low(recogniser, images):
    recogniser.card = recogniser.card.model_copy(update={"box_threshold": 1.0})
    assert recogniser.describe(images)[0].box is None


def test_a_picture_that_does_not_decode_has_its_problem_told(recogniser, images):
    told = recogniser.describe([b"no picture", images[0]])
    assert told[0].problem.startswith("unsupported")
    assert told[0].attributes == {}
    assert told[1].problem is None


def test_a_known_box_is_kept_and_looked_at(recogniser, images):
    box = (4.0, 6.0, 20.0, 30.0)
    told = recogniser.describe(images[:2], boxes=[box, None])
    assert told[0].box == box
    assert told[0].attributes != recogniser.describe(images[:1])[0].attributes


def test_an_unsure_answer_is_uncertain(recogniser, images):
    answer = recogniser.describe(images[:1], min_confidence=0.999)[0].attributes["colour"]
    assert answer.status == "uncertain"


@pytest.mark.parametrize(
    ("presence", "scores", "told"),
    [
        pytest.param(False, (0.9, 0.1), 0.9, id="cells: the whole picture says it"),
        pytest.param(True, (0.9, 0.1), 0.5, id="presence: both say it"),
        pytest.param(True, (1.0, 0.0), 0.5, id="however sure"),
        pytest.param(True, (0.8, 0.8), 0.8, id="of one mind"),
    ],
)
def test_two_looks_say_whether_there_is_a_garment(presence, scores, told):
    first, second = ({"box": np.zeros((1, 4)), "box_score": np.array([s])} for s in scores)
    merged = predict._merge(first, second, presence)
    assert merged["box_score"] == pytest.approx(told)


@pytest.mark.parametrize("flip_px", [None, 48])
@pytest.mark.parametrize("keep_aspect", [False, True])
def test_a_mirror_image_and_a_second_look_keep_boxes_in_place(
    build_net, taxonomy, tmp_path, encode, draw_rows, keep_aspect, flip_px
):
    net = build_net(second_look=True, test_flip=True, keep_aspect=keep_aspect, flip_px=flip_px)
    artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {}, {}))
    tall = np.repeat(draw_rows(1, 0)["image"][0], 2, axis=1)
    [answer] = predict.Recogniser(tmp_path).describe([encode(tall)], boxes=None)
    assert answer.size == (32, 64)
    assert answer.attributes["colour"].confidence > 0


def test_the_whole_picture_is_mirrored_in_a_second_size_and_its_garment_in_the_first(
    build_net, taxonomy, tmp_path, images, monkeypatch
):
    """What fills the view is larger in a larger one than anything that boxes were learnt from."""
    net = build_net(test_flip=True, second_look=True, flip_px=48)
    artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {}, {}))
    recogniser = predict.Recogniser(tmp_path)
    looked, recognise = [], recogniser.recognise

    def note(image, *others):
        looked.append(image.shape[2:])
        return recognise(image, *others)

    monkeypatch.setattr(recogniser, "recognise", note)
    recogniser.describe(images)
    assert looked == [(32, 32), (48, 48), (32, 32), (32, 32)]


@pytest.fixture
def whole(build_net, taxonomy, tmp_path):
    """Looks at plain shots as a whole too, twice and mirrored."""
    net = build_net(
        plain_share=0.5, plain_size=(32, 24), embedding_dim=640, second_look=True, test_flip=True
    )
    artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {}, {}))
    return predict.Recogniser(tmp_path)


@pytest.fixture
def shot(encode):
    pixels = np.full((3, 40, 30), 245, np.uint8)
    pixels[:, 10:30, 8:20] = np.array([200, 30, 30])[:, None, None]
    return encode(pixels)


def test_a_plain_shot_is_seen_as_a_whole_too(whole, encode, shot):
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 24)).astype(np.uint8)
    plain, cluttered = whole.describe([shot, encode(noise)], embedding=True)
    parts = [np.abs(answer.embedding[128:]).max() for answer in (plain, cluttered)]
    assert parts[0] > 0
    assert parts[1] == 0
    assert plain.attributes == whole.describe([shot])[0].attributes


def test_where_a_box_is_asked_about_the_whole_says_nothing(whole, shot):
    [told] = whole.describe([shot], boxes=[(5.0, 5.0, 20.0, 30.0)], embedding=True)
    assert np.abs(told.embedding[128:]).max() == 0


def test_a_plain_shot_and_its_mirror_image_are_answered_alike(whole, encode):
    pixels = np.full((3, 40, 30), 245, np.uint8)
    pixels[:, 10:30, 2:14] = np.array([200, 30, 30])[:, None, None]
    one, other = whole.describe([encode(pixels), encode(pixels[..., ::-1])], embedding=True)
    assert one.embedding[128:] == pytest.approx(other.embedding[128:], abs=1e-5)
