"""The loop from encoded pictures to predictions: its batches, its memory, its errors."""

import ast
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from fashiontrend.attrnet.inference import loop
from fashiontrend.attrnet.inference.loop import EncodedPicture, Unreadable
from fashiontrend.errors import PictureError

ROOT = Path(__file__).parents[3]
SOURCES = [*ROOT.glob("fashiontrend/**/*.py"), *ROOT.glob("ray_jobs/*.py")]


class Counting:
    """A stand-in for a recogniser: the score of a picture is its first byte, `b"x"` does not decode."""

    def __init__(self):
        self.devices, self.batches, self.boxes = [], [], []

    def to(self, device):
        self.devices.append(device)
        return self

    def decode(self, image):
        if image == b"x":
            raise PictureError("unsupported: no picture.")
        return SimpleNamespace(value=image[0], size=(10, 20))

    def predict_decoded(self, decoded, boxes):
        self.batches.append(len(decoded))
        self.boxes += boxes
        scores = np.array([d.value for d in decoded], np.float32)
        return {
            "box": np.zeros((len(decoded), 4), np.float32),
            "box_score": scores,
            "vector": np.ones((len(decoded), 2), np.float32),
        }


def pictures(*data):
    return [EncodedPicture(f"p{n}", d) for n, d in enumerate(data)]


def run(recogniser, given, batch_size=64, unreadable=Unreadable.ROW):
    return loop.predict_batches(
        recogniser, given, device="cpu", batch_size=batch_size, unreadable=unreadable
    )


def called_in(path, method):
    """Line numbers of the calls of a method by this name in a file."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    calls = (n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute))
    return [call.lineno for call in calls if call.func.attr == method]


def test_the_loop_is_the_only_place_that_runs_a_recogniser_over_batches():
    found = {
        str(p.relative_to(ROOT)): len(lines)
        for p in SOURCES
        if (lines := called_in(p, "predict_decoded"))
    }
    assert found == {"fashiontrend/attrnet/inference/loop.py": 1}


def test_all_five_users_of_the_recogniser_run_the_loop():
    entries = ("predict_batches", "predict_all", "describe")
    users = {
        str(p.relative_to(ROOT)) for p in SOURCES if any(called_in(p, name) for name in entries)
    }
    assert users >= {
        "ray_jobs/train_attrnet.py",
        "ray_jobs/recognise.py",
        "fashiontrend/standalone/evaluate.py",
        "fashiontrend/attrnet/inference/predict.py",
        "fashiontrend/serve/recognition/predictions.py",
    }


def test_pictures_are_read_as_their_batches_are_taken():
    """Memory holds one batch, however many pictures there are."""
    read, recogniser = [], Counting()

    def endless():
        for n in range(1_000_000):
            read.append(n)
            yield EncodedPicture(str(n), b"a")

    batches = run(recogniser, endless(), batch_size=3)
    assert len(next(batches).rows) == 3
    assert len(read) == 3
    next(batches)
    assert len(read) == 6
    assert recogniser.batches == [3, 3]


def test_the_last_batch_may_be_smaller_and_none_is_empty():
    recogniser = Counting()
    assert [len(b.pictures) for b in run(recogniser, pictures(*[b"a"] * 5), 2)] == [2, 2, 1]
    assert [len(b.pictures) for b in run(recogniser, pictures(*[b"a"] * 4), 2)] == [2, 2]


def test_no_picture_gives_one_batch_without_a_row():
    (batch,) = run(Counting(), [])
    assert batch.to_columns()["box"].shape == (0, 4)


def test_the_network_runs_on_the_given_device():
    recogniser = Counting()
    list(loop.predict_batches(
        recogniser, pictures(b"a"), device="cuda", batch_size=1, unreadable=Unreadable.ROW
    ))  # fmt: skip
    assert recogniser.devices == ["cuda"]


def test_an_unreadable_picture_gets_a_row_of_nan():
    (batch,) = run(Counting(), pictures(b"a", b"x", b"b"))
    columns = batch.to_columns()
    assert columns["picture_id"].tolist() == ["p0", "p1", "p2"]
    np.testing.assert_array_equal(columns["box_score"], [97, np.nan, 98])
    assert np.isnan(columns["box"][1]).all()
    assert str(batch.problems[1]) == "unsupported: no picture."


def test_an_unreadable_picture_is_skipped_and_reported():
    (batch,) = run(Counting(), pictures(b"a", b"x", b"b"), unreadable=Unreadable.SKIP)
    assert batch.rows == (0, 2)
    assert batch.to_columns()["picture_id"].tolist() == ["p0", "p2"]
    assert list(batch.problems) == [1]


def test_an_unreadable_picture_ends_the_loop_by_name():
    with pytest.raises(PictureError, match=r"no picture\. It is picture p1\."):
        list(run(Counting(), pictures(b"a", b"x"), unreadable=Unreadable.RAISE))


def test_a_known_box_reaches_the_network_in_pixels_of_the_decoded_picture():
    recogniser = Counting()
    list(run(recogniser, [EncodedPicture("p", b"a", (10.0, 10.0, 20.0, 40.0), size=(20, 40))]))
    assert recogniser.boxes == [(5.0, 5.0, 10.0, 20.0)]


def test_a_table_is_predicted_in_its_order_whatever_its_chunks():
    tables = [pa.table({"picture_id": [i], "image": [d]}) for i, d in (("p", b"a"), ("q", b"b"))]
    recogniser = Counting()
    columns = loop.predict_all(
        recogniser, loop.read_pictures(pa.concat_tables(tables)), device="cpu", batch_size=2
    )
    assert recogniser.batches == [2]
    assert columns["picture_id"].tolist() == ["p", "q"]
    assert "vector" not in columns
