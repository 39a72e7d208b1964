"""What a recogniser is refused a judgement for, in words that say what to do."""

import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from fashiontrend import standalone
from fashiontrend.attrnet.inference import artifact
from fashiontrend.attrnet.network import model
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import DataError
from fashiontrend.standalone import Sets, evaluate
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

CFG = AttrNetConfig(input_px=32, region_channels=8, embedding_dim=16)


def words(*values, version="t"):
    named = tuple(Value(id=v, en=v, zh=v) for v in values)
    return Taxonomy(
        version=version,
        attributes=(Attribute(id="colour", en="colour", zh="colour", values=named),),
    )


def save(folder, taxonomy, temperatures=None, **facts):
    net = model.build(CFG, list(taxonomy.num_values.values()), (128.0,) * 3, 0).eval()
    card = artifact.make_card(
        taxonomy, net, {"colour": np.ones(3)}, temperatures or {}, core_seconds=1.0, **facts
    )
    artifact.save(folder, net, card)
    return folder


def picture(n):
    sink = io.BytesIO()
    Image.new("RGB", (32, 32), (n * 9 % 256, 10, 10)).save(sink, "PNG")
    return sink.getvalue()


def table(labels):
    ids = [f"p{n}" for n in range(len(labels))]
    return pa.table(
        {
            "picture_id": ids,
            "source": ids,
            "labels": pa.array([[v] for v in labels], pa.list_(pa.int64())),
            "box": pa.array([None] * len(labels), pa.list_(pa.float64())),
            "image": [picture(n) for n in range(len(labels))],
        }
    )


def sets(taxonomy, val=(0, 1) * 6):
    return Sets(taxonomy, table((0, 1) * 10), table(val), table([]), table([]))


def test_a_model_of_other_values_is_refused_by_name(tmp_path):
    folder = save(tmp_path, words("red", "blue"))
    with pytest.raises(DataError, match=r"colour defined differently.*train a new model"):
        evaluate.judge(sets(words("red", "green")), folder)


@pytest.mark.parametrize("label", [-1, 2], ids=["unlabelled", "not visible"])
def test_pictures_kept_apart_without_a_label_are_refused(tmp_path, label):
    folder = save(tmp_path, words("red", "blue"))
    with pytest.raises(
        DataError, match=r"none of the 3 pictures kept apart .* colour\. Label some"
    ):
        evaluate.judge(sets(words("red", "blue"), [label] * 3), folder)


def test_the_same_values_in_files_of_another_name_are_the_same_classes(tmp_path):
    folder = save(tmp_path, words("red", "blue"))
    judged = evaluate.judge(sets(words("red", "blue", version="other")), folder)
    evaluate.show(judged.report)
    assert judged.report["val"]["pictures"] == 12
    assert "How well the recogniser sees" in judged.page
    card = artifact.read_card(folder)
    assert "coverage_curve" not in str(card.metrics)
    assert set(card.temperatures) == {"colour"}


def test_without_empty_scenes_the_threshold_for_boxes_is_a_half(tmp_path):
    folder = save(tmp_path, words("red", "blue"))
    evaluate.judge(sets(words("red", "blue")), folder, baselines=False)
    assert artifact.read_card(folder).box_threshold == 0.5


def test_with_too_few_empty_scenes_the_models_own_threshold_stays_and_it_is_said(tmp_path, capsys):
    folder = save(tmp_path, words("red", "blue"), box_threshold=0.93)
    few = replace(sets(words("red", "blue")), vacant=table([-1] * 39))
    evaluate.judge(few, folder, baselines=False)
    assert artifact.read_card(folder).box_threshold == 0.93
    said = " ".join(capsys.readouterr().err.split())
    assert "threshold for boxes stays at 0.930: 39 scenes without a garment" in said


def test_what_the_card_says_of_scenes_stays_where_none_are_judged(tmp_path, capsys):
    before = {"scenes": {"mean_iou": 0.8}, "val": {"mean_accuracy": 0.1}}
    folder = save(tmp_path, words("red", "blue"), metrics=before)
    judged = evaluate.judge(sets(words("red", "blue")), folder, baselines=False)
    metrics = artifact.read_card(folder).metrics
    assert metrics["scenes"] == {"mean_iou": 0.8}
    assert metrics["val"]["mean_accuracy"] == judged.report["val"]["mean_accuracy"]
    assert "scenes" not in judged.report
    assert "No scenes were judged" in capsys.readouterr().err


def test_a_judgement_that_stops_on_its_way_leaves_the_model_as_it_was(tmp_path, monkeypatch):
    folder = save(tmp_path, words("red", "blue"), {"colour": 2.5}, box_threshold=0.93)
    before = artifact.read_card(folder)
    monkeypatch.setattr(evaluate, "fit_temperature", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate.judge(sets(words("red", "blue")), folder, baselines=False)
    assert artifact.read_card(folder) == before


def test_a_judgement_does_not_depend_on_the_one_before(tmp_path):
    folder = save(tmp_path, words("red", "blue"), {"colour": 2.5})
    first = evaluate.judge(sets(words("red", "blue")), folder, baselines=False).report
    assert evaluate.judge(sets(words("red", "blue")), folder, baselines=False).report == first


def test_other_pictures_than_the_model_was_fitted_on_are_told_and_choose_no_threshold(
    tmp_path, capsys
):
    given = sets(words("red", "blue"))
    scenes = table([0, 1]).set_column(3, "box", pa.array([[0.2, 0.2, 0.8, 0.8]] * 2))
    given = replace(given, vacant=table([-1] * 100), scenes=scenes)
    fitted = standalone.digest_pictures(given.train)
    folder = save(
        tmp_path, words("red", "blue"), box_threshold=0.93, pictures=20, pictures_digest=fitted
    )
    other = replace(given, train=given.train.slice(1))
    judged = evaluate.judge(other, folder)
    evaluate.show(judged.report)
    assert judged.report["fitted_on"] == 20
    assert "fitted on 20 pictures, and not on the 19" in judged.report["doubt"]
    assert "may be among those it has learnt" in judged.page
    assert "--hold-out-seed" in capsys.readouterr().err
    assert artifact.read_card(folder).box_threshold == 0.93
    without = evaluate.judge(replace(other, scenes=table([]), vacant=table([])), folder).report
    assert "may be among those" not in without["doubt"]
    as_fitted = evaluate.judge(given, folder).report
    assert "doubt" not in as_fitted
    assert artifact.read_card(folder).box_threshold != 0.93


def test_a_card_that_does_not_say_what_it_was_fitted_on_is_tested_as_it_is(tmp_path):
    folder = save(tmp_path, words("red", "blue"))
    report = evaluate.judge(sets(words("red", "blue")), folder, baselines=False).report
    assert report["fitted_on"] == 20
    assert "doubt" not in report


def test_empty_scenes_that_were_not_fitted_on_choose_the_threshold(tmp_path, monkeypatch):
    folder = save(tmp_path, words("red", "blue"))
    given = replace(sets(words("red", "blue")), vacant=table([-1] * 100))
    looked_at = []
    monkeypatch.setattr(
        evaluate.labelled_set,
        "choose_threshold",
        lambda certainty, part: looked_at.append(len(certainty)) or 0.25,
    )
    evaluate.judge(given, folder, baselines=False)
    assert looked_at == [100]
    assert artifact.read_card(folder).box_threshold == 0.25
