import pytest

from fashiontrend.errors import DataError
from fashiontrend.labels.annotations import read_csv
from fashiontrend.storage import schemas


@pytest.fixture
def read(small, make_pictures):
    pictures = make_pictures(("p1", "1"), ("p2", "2"), ("q1", "1", "b"))
    return lambda text: read_csv(text, "ann.csv", small, pictures)


HEAD = "platform,product_id,split,neckline,colour,x0,y0,x1,y1\n"


def test_a_row_becomes_an_annotation_of_the_products_first_picture(read):
    done = read(HEAD + "a,1,val,v_neck,,20,10,100,90\n")
    assert done.table.schema == schemas.ANNOTATION
    (row,) = done.table.to_pylist()
    assert (row["picture_id"], row["product_key"], row["split"]) == ("p1", "a/1", "val")
    assert dict(row["labels"]) == {"neckline": "v_neck"}
    assert row["box"] == pytest.approx([0.1, 0.1, 0.5, 0.9])
    assert row["image"] is None


def test_the_same_id_on_another_platform_is_another_product(read):
    assert read(HEAD + "b,1,train,crew,red,,,,\n").table["picture_id"].to_pylist() == ["q1"]


def test_not_visible_is_a_label_and_an_empty_cell_is_none(read):
    (row,) = read(HEAD + "a,1,train,not_visible,,,,,\n").table.to_pylist()
    assert dict(row["labels"]) == {"neckline": "not_visible"}
    assert row["box"] is None


def test_a_picture_can_be_named_by_its_id(read):
    (row,) = read("picture_id,colour\np2,red\n").table.to_pylist()
    assert (row["picture_id"], row["product_key"]) == ("p2", "a/2")


def test_products_that_the_catalogue_does_not_hold_are_reported(read):
    done = read(HEAD + "a,77,train,crew,,,,,\na,1,train,crew,,,,,\n")
    assert done.missing == ("a/77",)
    assert done.table.num_rows == 1


def test_without_a_split_a_hash_of_the_product_decides_for_ever(read):
    first, again = (
        read("platform,product_id,colour\na,1,red\na,2,red\n").table["split"].to_pylist()
        for _ in "ab"
    )
    assert first == again
    assert set(first) <= {"train", "val"}


def test_annotators_who_contradict_each_other_leave_no_label(read):
    done = read(HEAD + "a,1,train,crew,red,,,,\na,1,val,v_neck,red,0,0,200,100\n")
    (row,) = done.table.to_pylist()
    assert dict(row["labels"]) == {"colour": "red"}
    assert (row["split"], row["box"], done.disagreements) == ("val", [0, 0, 1, 1], 1)


def test_other_columns_are_ignored_and_reported(read):
    assert read("platform,product_id,note,colour\na,1,hm,red\n").ignored_columns == ("note",)


def test_a_byte_order_mark_and_crlf_are_read(read):
    assert (
        read("\ufeff" + (HEAD + "a,1,train,crew,,,,,\n").replace("\n", "\r\n")).table.num_rows == 1
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            HEAD + "a,1,val,v_nek,,,,,\n",
            r"ann\.csv: row 2, column 'neckline': 'v_nek' is no value of 'neckline'\. Nearest: "
            r"'v_neck'",
            id="value",
        ),
        pytest.param(
            HEAD + "a,1,val,,,,,,\na,9,val,,V-neck,,,,\n",
            r"row 3, column 'colour'",
            id="value of an unknown product",
        ),
        pytest.param(
            "platform,product_id,color\na,1,red\n",
            r"row 1: column 'color' is no attribute\. Did you mean 'colour'",
            id="column",
        ),
        pytest.param(
            "product,colour\n1,red\n",
            r"expected platform and product_id, or picture_id",
            id="no key",
        ),
        pytest.param("", r"the columns are none", id="empty"),
        pytest.param(HEAD + "a,1,test,,,,,,\n", r"row 2, column 'split': seen 'test'", id="split"),
        pytest.param(
            HEAD + "a,1,val,,,1,2,3,\n",
            r"row 2, columns x0\.\.y1: seen 1, 2, 3, ; expected four numbers",
            id="three corners",
        ),
        pytest.param(
            HEAD + "a,1,val,,,50,2,3,9\n",
            r"expected 0 <= x0 < x1 <= 200 and 0 <= y0 < y1 <= 100",
            id="corners swapped",
        ),
        pytest.param(
            HEAD + "a,1,val,,,0,0,100,200\n", r"expected 0 <= x0", id="outside the picture"
        ),
        pytest.param(HEAD + "a,1,val,,,0,0,nan,20\n", r"expected 0 <= x0", id="nan"),
    ],
)
def test_mistakes_are_told_with_row_column_and_nearest_name(read, text, message):
    with pytest.raises(DataError, match=message):
        read(text)


def test_semicolons_and_decimal_commas_are_read_and_reported(read):
    text = HEAD.replace(",", ";") + "a;1;val;crew;;20,5;10;100,5;90\n"
    done = read(text)
    (row,) = done.table.to_pylist()
    assert row["box"] == pytest.approx([0.1025, 0.1, 0.5025, 0.9])
    assert [n.what for n in done.notes] == [
        "cells are separated by semicolons",
        "the comma is the decimal point in x0, y0, x1, y1: 20,5 is 20.5",
    ]


def test_other_spellings_of_a_value_are_one_value_and_reported(read):
    done = read("platform,product_id,colour\na,1,Red\na,2,红\nb,1,RED \n")
    assert [dict(r["labels"])["colour"] for r in done.table.to_pylist()] == ["red"] * 3
    assert [n.what for n in done.notes] == [
        "colour: 'Red' is read as 'red'",
        "colour: '红' is read as 'red'",
        "colour: 'RED' is read as 'red'",
    ]


def test_ids_keep_their_leading_zeros(small, make_pictures):
    pictures = make_pictures(("p1", "007"), ("p2", "7"))
    done = read_csv("platform,product_id,colour\na,007,red\n", "ann.csv", small, pictures)
    assert done.table["picture_id"].to_pylist() == ["p1"]


def test_a_row_with_too_many_cells_is_refused(read):
    with pytest.raises(DataError, match="row 2 has more cells"):
        read("platform,product_id,colour\na,1,red,blue\n")


def test_values_of_an_older_export_are_taken_as_far_as_the_taxonomy_has_them(read):
    done = read("picture_id,taxonomy,colour,neckline\np1,older,red,boat\n")
    (row,) = done.table.to_pylist()
    assert dict(row["labels"]) == {"colour": "red"}
    assert len(done.notes) == 2
