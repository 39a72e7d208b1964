import json

import pytest

from fashiontrend.errors import DataError
from fashiontrend.labels.label_studio import read_label_studio


def box(region, x, y, width, height):
    value = {
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "rotation": 0,
        "rectanglelabels": ["garment"],
    }
    return {
        "id": region,
        "type": "rectanglelabels",
        "from_name": "box",
        "to_name": "image",
        "value": value,
    }


def choice(attribute, name, region="r1"):
    return {
        "id": region,
        "type": "choices",
        "from_name": attribute,
        "to_name": "image",
        "value": {"choices": [name]},
    }


def task(*results, split="val", **data):
    return {
        "id": 7,
        "data": {"platform": "a", "product_id": "1", "split": split, **data},
        "annotations": [{"result": list(results)}],
    }


@pytest.fixture
def read(small, make_pictures):
    pictures = make_pictures(("p1", "1"), ("p2", "2"))
    return lambda tasks: read_label_studio(json.dumps(tasks), "ls.json", small, pictures)


def test_per_cent_boxes_become_fractions_and_choices_labels(read):
    (row,) = read(
        [task(box("r1", 10, 20, 50, 60), choice("neckline", "v_neck"), choice("colour", "红"))]
    ).table.to_pylist()
    assert row["box"] == pytest.approx([0.1, 0.2, 0.6, 0.8])
    assert dict(row["labels"]) == {"neckline": "v_neck", "colour": "red"}
    assert (row["picture_id"], row["split"]) == ("p1", "val")


def test_of_several_boxes_the_largest_is_the_garment(read):
    results = [
        box("r1", 0, 0, 10, 10),
        box("r2", 0, 0, 90, 90),
        choice("colour", "red", "r1"),
        choice("colour", "blue", "r2"),
    ]
    (row,) = read([task(*results)]).table.to_pylist()
    assert dict(row["labels"]) == {"colour": "blue"}


def test_choices_of_the_whole_picture_count_without_a_box(read):
    (row,) = read([task(choice("colour", "Blue", "c1"))]).table.to_pylist()
    assert (dict(row["labels"]), row["box"]) == ({"colour": "blue"}, None)


@pytest.mark.parametrize("name", ["not_visible", "Not visible", "看不出"])
def test_not_visible_is_understood(read, name):
    (row,) = read([task(choice("colour", name))]).table.to_pylist()
    assert dict(row["labels"]) == {"colour": "not_visible"}


def test_cancelled_annotations_unknown_pictures_and_other_controls_are_left_out(read):
    cancelled = {
        **task(choice("colour", "red")),
        "annotations": [{"was_cancelled": True, "result": [choice("colour", "red")]}],
    }
    done = read([cancelled, task(choice("mood", "happy"), picture_id="p2"), task(product_id="9")])
    assert done.missing == ("a/9",)
    assert done.ignored_columns == ("mood",)
    assert [dict(r["labels"]) for r in done.table.to_pylist()] == [{}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"images": []}', 'Export as "JSON"'),
        ('[{"image": "x", "label": []}]', 'Export as "JSON"'),
        (
            json.dumps([task(choice("colour", "rde"))]),
            r"task 7, choice of 'colour': 'rde' is no value .*'red'",
        ),
        (
            json.dumps([task({**choice("colour", "red"), "value": {"choices": ["red", "blue"]}})]),
            "has 2 choices",
        ),
    ],
    ids=["broken", "coco", "min", "value", "two choices"],
)
def test_what_is_no_such_export_is_refused(small, make_pictures, text, message):
    with pytest.raises(DataError, match=message):
        read_label_studio(text, "ls.json", small, make_pictures(("p1", "1")))
