"""What a recogniser is refused a judgement for, in words that say what to do."""

import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from fashiontrend import judging
from fashiontrend.attrnet import artefact, model
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import DataError
from fashiontrend.labelled import Sets
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

CFG = AttrNetConfig(input_px=32, region_channels=8, embedding_dim=16)


def words(*values, version="t"):
    named = tuple(Value(id=v, en=v, zh=v) for v in values)
    return Taxonomy(
        version=version,
        attributes=(Attribute(id="colour", en="colour", zh="colour", values=named),),
    )


def save(folder, taxonomy):
    net = model.build(CFG, list(taxonomy.num_values.values()), (128.0,) * 3, 0).eval()
    card = artefact.make_card(taxonomy, net, {"colour": np.ones(3)}, {}, core_seconds=1.0)
    artefact.save(folder, net, card)
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
        judging.judge(sets(words("red", "green")), folder)


def test_pictures_kept_apart_without_a_label_are_refused(tmp_path):
    folder = save(tmp_path, words("red", "blue"))
    with pytest.raises(
        DataError, match=r"none of the 3 pictures kept apart .* colour\. Label some"
    ):
        judging.judge(sets(words("red", "blue"), [-1] * 3), folder)


def test_the_same_values_in_files_of_another_name_are_the_same_classes(tmp_path):
    folder = save(tmp_path, words("red", "blue"))
    judged = judging.judge(sets(words("red", "blue", version="other")), folder)
    judging.show(judged.report)
    assert judged.report["val"]["pictures"] == 12
    assert "How well the recogniser sees" in judged.page
    card = artefact.read_card(folder)
    assert "coverage_curve" not in str(card.metrics)
    assert set(card.temperatures) == {"colour"}


def test_without_empty_scenes_the_threshold_for_boxes_is_a_half(tmp_path):
    folder = save(tmp_path, words("red", "blue"))
    judging.judge(sets(words("red", "blue")), folder, baselines=False)
    assert artefact.read_card(folder).box_threshold == 0.5


def test_empty_scenes_that_were_not_fitted_on_choose_the_threshold(tmp_path, monkeypatch):
    folder = save(tmp_path, words("red", "blue"))
    given = replace(sets(words("red", "blue")), vacant=table([-1] * 100))
    looked_at = []
    monkeypatch.setattr(
        judging.scorecard,
        "choose_threshold",
        lambda certainty, part: looked_at.append(len(certainty)) or 0.25,
    )
    judging.judge(given, folder, baselines=False)
    assert looked_at == [100]
    assert artefact.read_card(folder).box_threshold == 0.25
