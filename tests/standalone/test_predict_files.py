"""Recognising files: what is found, what is written, what happens to what cannot be read."""

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fashiontrend.attrnet.inference.prediction import (
    AttributePrediction,
    GarmentPrediction,
    Status,
)
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.standalone import predict_files


def encode(width=20, height=30) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(sink, "PNG")
    return sink.getvalue()


def describe(images):
    """A stub that finds a box in wide pictures only."""
    answers = []
    for data in images:
        size = Image.open(io.BytesIO(data)).size
        colour = AttributePrediction(Status.PRESENT, "dark_red", "Dark Red", 0.75)
        collar = AttributePrediction(Status.NOT_VISIBLE, None, None, 0.5)
        box = (1.0, 2.0, 10.5, 20.0) if size[0] > 20 else None
        answers.append(GarmentPrediction({"colour": colour, "collar": collar}, box, 0.9, size))
    return answers


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pictures"
    (place / "deeper").mkdir(parents=True)
    (place / "a.png").write_bytes(encode())
    (place / "deeper" / "b.JPG").write_bytes(encode(40))
    (place / "c.jpg").write_bytes(b"not a picture")
    (place / "notes.txt").write_text("no picture")
    return place


def test_every_picture_gets_a_row_per_attribute_and_a_box_where_found(folder, tmp_path):
    out, boxes = tmp_path / "out" / "p.csv", tmp_path / "out" / "b.csv"
    tally = predict_files.predict(predict_files.find([folder]), describe, out, boxes, batch_size=2)
    assert tally == predict_files.Tally(2, 1)
    assert read(out) == [
        ["id", "attribute", "value", "confidence"],
        ["a", "colour", "Dark Red", "0.7500"],
        ["a", "collar", "none", "0.5000"],
        ["b", "colour", "Dark Red", "0.7500"],
        ["b", "collar", "none", "0.5000"],
    ]
    assert read(boxes)[1:] == [["b", "1.00", "2.00", "10.50", "20.00", "0.9000"]]
    assert read(out.with_name("errors.csv"))[1][:2] == ["c", "unsupported"]


def test_a_parquet_file_gives_its_ids_and_is_read_in_batches(tmp_path):
    file = tmp_path / "set.parquet"
    images = [encode(), None, encode(40), b"x", encode()]
    pq.write_table(pa.table({"id": [7, 8, 9, 10, 11], "image": images}), file, row_group_size=2)
    sizes = [len(batch) for batch in predict_files.read([file], 2)]
    assert sizes == [2, 2, 1]
    assert predict_files.count([file]) == 5
    out = tmp_path / "p.csv"
    assert predict_files.predict([file], describe, out) == predict_files.Tally(3, 2)
    assert {row[0] for row in read(out)[1:]} == {"7", "9", "11"}
    assert [row[0] for row in read(tmp_path / "errors.csv")[1:]] == ["8", "10"]


def test_if_no_picture_can_be_read_it_is_an_error(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of 1 pictures could be read \(1 empty\)"):
        predict_files.predict([bad], describe, tmp_path / "p.csv")


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_nothing_to_read_is_told_before_any_work(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=name):
        predict_files.find([tmp_path / name])


def test_a_table_without_ids_is_refused(tmp_path):
    pq.write_table(pa.table({"image": [encode()]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="'id'"):
        list(predict_files.read([tmp_path / "t.parquet"], 2))


def test_a_link_that_leads_nowhere_is_reported_like_any_unreadable_picture(folder, tmp_path):
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    predict_files.predict(predict_files.find([folder]), describe, tmp_path / "p.csv")
    assert ["gone", "empty"] in [row[:2] for row in read(tmp_path / "errors.csv")]


def test_a_table_with_names_instead_of_pictures_is_refused(tmp_path):
    pq.write_table(pa.table({"id": [1], "image": ["a.jpg"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="'image' is of type string, expected the pictures' bytes"):
        list(predict_files.read([tmp_path / "t.parquet"], 2))


def test_a_picture_may_be_kept_as_bytes_with_a_path(tmp_path):
    one = {"bytes": encode(), "path": None}
    pq.write_table(pa.table({"id": [1], "image": [one]}), tmp_path / "t.parquet")
    assert list(predict_files.read([tmp_path / "t.parquet"], 2)) == [[("1", one["bytes"])]]


def test_files_whose_ids_are_the_same_are_named(folder, caplog):
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "deep" / "a.png").write_bytes(encode())
    (folder / "a.jpg").write_bytes(encode())
    predict_files.find([folder])
    assert "ids that several files share: a (3)" in caplog.text
