import hashlib
import io
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fashiontrend.errors import DataError
from fashiontrend.labelled_sets import importing
from fashiontrend.labelled_sets.columns import derive_taxonomy, guess_columns, slug, value_ids
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import Taxonomy


def png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 40), (shade, 5, 9)).save(out, "PNG")
    return out.getvalue()


def frame(number=40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": range(100, 100 + number),
            "split": ["val" if n % 4 == 0 else "train" for n in range(number)],
            "title": [f"Shirt {n}" for n in range(number)],
            "base colour": ["Navy Blue" if n % 3 else "Red" for n in range(number)],
            "type": [["Tops", "T-Shirts", "", "Not visible"][n % 4] for n in range(number)],
            "year": [str(2000 + n % 2) for n in range(number)],
        }
    )


def write_parquet(folder: Path, rows: pd.DataFrame, images: list[bytes]) -> Path:
    table = pa.Table.from_pandas(rows, preserve_index=False).append_column(
        "image", pa.array(images, pa.binary())
    )
    pq.write_table(table, folder / "set.parquet")
    return folder / "set.parquet"


@pytest.fixture
def parquet(tmp_path):
    return write_parquet(tmp_path, frame(), [png(n) for n in range(40)])


def test_a_parquet_set_becomes_annotations_with_their_own_bytes(parquet):
    done = importing.import_set([parquet], "mine")
    assert done.annotations.schema == schemas.ANNOTATION
    rows = {r["product_key"]: r for r in done.annotations.to_pylist()}
    assert len(rows) == 40
    one = rows["mine/101"]
    assert one["image"] == png(1)
    assert one["picture_id"] == hashlib.sha256(png(1)).hexdigest()
    assert (one["split"], dict(one["labels"])) == (
        "train",
        {"base_colour": "navy_blue", "type": "t_shirts"},
    )
    assert dict(rows["mine/102"]["labels"]) == {"base_colour": "navy_blue"}
    assert dict(rows["mine/103"]["labels"])["type"] == "not_visible"
    assert done.facts.splits == {"val": 10, "train": 30}


def test_the_taxonomy_follows_the_columns_in_order_of_frequency(parquet):
    read = importing.import_set([parquet], "mine").taxonomy
    assert read.ids == ("base_colour", "type")
    assert [(v.id, v.en) for v in read.attribute("base_colour").values] == [
        ("navy_blue", "Navy Blue"),
        ("red", "Red"),
    ]
    assert read.attribute("type").value_ids == ("t_shirts", "tops")
    assert read.attribute("type").value("tops").synonyms == ("top",)
    assert read.version.startswith("mine-")
    assert Taxonomy.model_validate(read.model_dump(mode="json")) == read


def test_columns_can_be_chosen(parquet):
    assert importing.import_set([parquet], "mine", ["type"]).taxonomy.ids == ("type",)


def test_values_with_few_examples_are_kept_and_reported(parquet):
    done = importing.import_set([parquet], "mine", min_examples=12)
    assert done.facts.thin_values == {"base_colour.red": 10, "type.t_shirts": 10, "type.tops": 0}


def test_unusable_pictures_and_duplicates_are_counted(tmp_path):
    images = [png(n) for n in range(40)]
    images[5], images[6], images[9] = b"<html>", b"", images[8]
    done = importing.import_set([write_parquet(tmp_path, frame(), images)], "mine")
    assert done.facts.rejected == {"unsupported": 1, "empty": 1}
    assert done.facts.duplicates == 1
    rows = {r["product_key"]: r for r in done.annotations.to_pylist()}
    assert rows["mine/108"]["split"] == "val"
    assert "mine/109" not in rows


def test_a_test_split_stays_out_and_other_names_train(tmp_path):
    rows = frame()
    rows["split"] = ["test", "extra", "validation", ""] * 10
    done = importing.import_set(
        [write_parquet(tmp_path, rows, [png(n) for n in range(40)])], "mine"
    )
    assert done.facts.splits == {"train": 20, "val": 10}
    assert done.facts.rejected == {"test_left_out": 10}


@pytest.mark.parametrize("name", ["testing", "Query", "gallery", "holdout", "eval", "fold-3"])
def test_a_split_that_is_not_for_training_is_left_out_and_counted(tmp_path, name):
    """Seen: every split that was not called test or val was trained on."""
    rows = frame()
    rows["split"] = ["train", name] * 20
    done = importing.import_set(
        [write_parquet(tmp_path, rows, [png(n) for n in range(40)])], "mine"
    )
    assert done.facts.splits == {"train": 20}
    assert done.facts.rejected == {f"{name.casefold()}_left_out": 20}


def test_spellings_of_one_value_are_one_value_and_told(tmp_path):
    """Seen: `Red`, `red` and `RED ` became three classes."""
    rows = frame()
    rows["colour"] = ["red", "Red", "red", "RED ", "blue"] * 8
    file = write_parquet(tmp_path, rows, [png(n) for n in range(40)])
    done = importing.import_set([file], "mine", ["colour"])
    assert done.taxonomy.attribute("colour").value_ids == ("red", "blue")
    assert done.facts.spellings == {"colour.red": ["RED", "Red", "red"]}
    labels = [dict(r["labels"])["colour"] for r in done.annotations.to_pylist()]
    assert sorted(set(labels)) == ["blue", "red"]


def test_without_a_split_a_hash_of_the_id_decides(tmp_path):
    file = write_parquet(tmp_path, frame().drop(columns="split"), [png(n) for n in range(40)])
    first, again = (
        importing.import_set([file], "mine").annotations["split"].to_pylist() for _ in "ab"
    )
    assert first == again
    assert set(first) == {"train", "val"}


@pytest.mark.parametrize(
    "named", [True, False], ids=["a column names the files", "files are named by id"]
)
def test_a_folder_with_a_csv_and_pictures_is_read(tmp_path, named):
    rows = frame(20)
    if named:
        rows["image"] = [f"pics/{n}.png" for n in range(20)]
        (tmp_path / "pics").mkdir()
    for n in range(20):
        (tmp_path / (f"pics/{n}.png" if named else f"{100 + n}.png")).write_bytes(png(n))
    rows.to_csv(tmp_path / "labels.csv", index=False)
    done = importing.import_set([tmp_path], "mine")
    assert done.annotations.num_rows == 20
    assert done.taxonomy.ids == ("base_colour", "type")


def test_boxes_in_pixels_become_fractions(tmp_path):
    rows = frame(20)
    rows["x0"], rows["y0"], rows["x1"], rows["y1"] = "5", "10", "10", "30"
    rows.loc[3, ["x0", "y0", "x1", "y1"]] = ""
    rows.to_csv(tmp_path / "labels.csv", index=False)
    write_parquet(tmp_path, rows[["id"]], [png(n) for n in range(20)])
    boxes = importing.import_set([tmp_path], "mine").annotations["box"].to_pylist()
    assert boxes[0] == pytest.approx([0.25, 0.25, 0.5, 0.75])
    assert boxes[3] is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Navy Blue", "navy_blue"),
        ("3/4 sleeve", "v_3_4_sleeve"),
        ("Café", "cafe"),
        ("T恤", "t"),
        ("衬衫", "v_" + hashlib.sha256("衬衫".encode()).hexdigest()[:8]),
    ],
)
def test_ids_are_slugs(name, expected):
    assert slug(name) == expected


def test_names_with_the_same_slug_keep_apart():
    rows = pa.table({"kind": ["T shirt", "T-shirt", "T-shirt"]})
    values = derive_taxonomy(rows, ["kind"], "x").attribute("kind").values
    assert [(v.id, v.en) for v in values] == [("t_shirt", "T-shirt"), ("t_shirt_2", "T shirt")]


def test_guessing_takes_text_with_few_values_only():
    rows = pa.table(
        {
            "id": ["a", "b"] * 20,
            "title": ["x", "y"] * 20,
            "colour": ["red", "blue"] * 20,
            "note": [f"n{n}" for n in range(40)],
            "same": ["one"] * 40,
            "number": [1, 2] * 20,
        }
    )
    assert guess_columns(rows) == ("colour",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda p: [p / "none.parquet"], "not found. Name Parquet files", id="missing"),
        pytest.param(lambda p: [], "no source", id="nothing"),
        pytest.param(lambda p: [p], "seen 0 CSV files", id="empty folder"),
        pytest.param(
            lambda p: [_file(p, "a.parquet", b"x")], "All must be Parquet", id="no parquet"
        ),
        pytest.param(
            lambda p: [_file(p, "a.csv", b"name\n1\n").parent], "no column 'id'", id="no id"
        ),
        pytest.param(
            lambda p: [_file(p, "a.csv", b"id,image\n1,../../x.png\n").parent],
            "outside the folder",
            id="path outside",
        ),
    ],
)
def test_what_is_no_set_is_told(tmp_path, make, message):
    with pytest.raises(DataError, match=message):
        importing.import_set(make(tmp_path), "mine")


def test_names_where_bytes_are_expected_are_refused(tmp_path):
    pq.write_table(pa.table({"id": [1], "image": ["a.jpg"]}), tmp_path / "names.parquet")
    with pytest.raises(DataError, match=r"names\.parquet: column 'image' is of type string"):
        importing.read_rows([tmp_path / "names.parquet"])


def test_cells_outside_the_taxonomy_label_nothing_and_are_counted(caplog):
    [attribute] = derive_taxonomy(pa.table({"c": ["Red", "Blue"]}), ["c"], "x").attributes
    rows = pa.table({"c": ["Red", "Mauve", "", "blue", "Mauve", None]})
    assert value_ids(rows, "c", attribute) == ["red", None, None, "blue", None, None]
    assert "column 'c': 2 cells count as unlabelled" in caplog.text
    assert "Mauve (2)" in caplog.text


def _file(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["colour"], "columns colour: not there.*base colour"), (["type", "type"], "named twice")],
)
def test_wrong_columns_are_told_with_those_there_are(parquet, columns, message):
    with pytest.raises(DataError, match=message):
        importing.import_set([parquet], "mine", columns)


def test_a_set_without_usable_pictures_is_an_error(tmp_path):
    with pytest.raises(DataError, match="none of 40 rows has a usable picture"):
        importing.import_set([write_parquet(tmp_path, frame(), [b"x"] * 40)], "mine")


def test_the_real_catalogue_is_read_whole():
    files = sorted(
        Path(os.environ.get("FASHIONTREND_DATA", "none"), "catalogue").glob("labelled-*.parquet")
    )
    if not files:
        pytest.skip("needs catalogue/labelled-*.parquet in $FASHIONTREND_DATA")
    done = importing.import_set(files, "catalogue")
    assert done.taxonomy.num_values == {
        "gender": 5,
        "article_type": 42,
        "base_colour": 28,
        "season": 4,
        "usage": 4,
    }
    assert done.facts.splits == {"train": 7451, "val": 932}
    assert done.facts.rejected == {}


def folder_of(tmp_path: Path, *names: str) -> Path:
    root = tmp_path / "photos"
    for n, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(n))
    return root


def test_sub_folders_are_values_and_said_to_be(tmp_path):
    root = folder_of(tmp_path, "red/1.png", "red/2.png", "blue/1.png", "loose.png")
    done = importing.import_set([root], "mine", ["colour"])
    assert {r["product_key"]: dict(r["labels"]) for r in done.annotations.to_pylist()} == {
        "mine/red/1": {"colour": "red"},
        "mine/red/2": {"colour": "red"},
        "mine/blue/1": {"colour": "blue"},
    }
    assert done.facts.notes == (
        "sub-folders are read as the values of 'colour': blue, red",
        "1 pictures beside the sub-folders have no value and are left out",
    )
    assert importing.import_set([root], "mine").taxonomy.ids == ("folder",)


def test_folders_of_splits_above_the_values_are_splits(tmp_path):
    root = folder_of(tmp_path, "train/red/1.png", "valid/red/2.png", "test/blue/3.png")
    done = importing.import_set([root], "mine", ["colour"])
    assert done.facts.splits == {"train": 1, "val": 1}
    assert done.facts.rejected == {"test_left_out": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
def test_a_list_with_semicolons_in_any_usual_encoding_is_read_and_reported(tmp_path, encoding):
    root = folder_of(tmp_path, "007.png", "008.png")
    text = "id;colour;x0;y0;x1;y1\n007;Grün;1,5;2;10;20\n008;Grün;;;;\n"
    (root / "list.csv").write_bytes(text.encode(encoding))
    done = importing.import_set([root], "mine", ["colour"])
    assert [v.en for v in done.taxonomy.attribute("colour").values] == ["Grün"]
    rows = {r["product_key"]: r["box"] for r in done.annotations.to_pylist()}
    assert rows["mine/007"] == pytest.approx([1.5 / 20, 2 / 40, 10 / 20, 20 / 40])
    assert rows["mine/008"] is None
    assert "cells are separated by semicolons" in done.facts.notes
    assert any("1,5 is 1.5" in n for n in done.facts.notes)
    known = {"utf-8": "", "utf-8-sig": "byte order mark", "utf-16": "UTF-16"}
    assert any(known.get(encoding, "Latin-1") in n for n in done.facts.notes)


def test_names_of_splits_that_stay_unseen_are_not_training(tmp_path):
    root = folder_of(tmp_path, *(f"{n}.png" for n in range(1, 9)))
    names = ["train", "testing", "query", "val", "gallery", "holdout", "eval", "Test"]
    rows = [
        f"{n},{s},{c}"
        for n, (s, c) in enumerate(zip(names, ["Red", "red", "RED "] * 3, strict=False), 1)
    ]
    (root / "list.csv").write_text("id,split,colour\n" + "\n".join(rows))
    done = importing.import_set([root], "mine", ["colour"])
    assert done.facts.splits == {"train": 1, "val": 1}
    assert sum(done.facts.rejected.values()) == 6
    assert [v.id for v in done.taxonomy.attribute("colour").values] == ["red"]
    assert done.facts.spellings
