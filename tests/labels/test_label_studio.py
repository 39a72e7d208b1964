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


def turned(x, y, width, height, degrees, size=(1000, 500)):
    found = box("r1", x, y, width, height)
    found |= {"original_width": size[0], "original_height": size[1]}
    return {**found, "value": {**found["value"], "rotation": degrees}}


@pytest.mark.parametrize(
    ("degrees", "right"),
    [
        (0, [0.3, 0.1, 0.5, 0.5]),
        (90, [0.1, 0.1, 0.3, 0.5]),
        (360, [0.3, 0.1, 0.5, 0.5]),
        (-270, [0.1, 0.1, 0.3, 0.5]),
        # 200 by 200 pixels about (300, 50), by an eighth of a turn: 282.84 wide and high
        (45, [0.3 - 0.141421, 0.1, 0.3 + 0.141421, 0.1 + 0.565685]),
    ],
)
def test_a_rotated_box_is_turned_in_pixels_and_becomes_the_box_around_it(read, degrees, right):
    done = read([task(turned(30, 10, 20, 40, degrees))])
    (row,) = done.table.to_pylist()
    assert row["box"] == pytest.approx(right, abs=1e-5)
    told = [n for n in done.notes if "rotated" in n.what]
    assert bool(told) == (degrees % 360 != 0)


def test_a_turn_without_the_size_takes_that_of_the_picture(read):
    turned_box = turned(30, 10, 20, 40, 90)
    del turned_box["original_width"], turned_box["original_height"]
    (row,) = read([task(turned_box)]).table.to_pylist()
    assert row["box"] == pytest.approx([0.1, 0.1, 0.3, 0.5], abs=1e-5)


def test_whatever_is_left_out_is_counted(read):
    several = [
        box("r1", 0, 0, 10, 10),
        box("r2", 0, 0, 90, 90),
        choice("colour", "red", "r1"),
        {"id": "t", "type": "textarea", "from_name": "note", "value": {"text": ["hm"]}},
    ]
    skipped = {**task(), "annotations": [{"was_cancelled": True, "result": []}]}
    done = read(
        [
            task(*several),
            skipped,
            {**task(), "annotations": []},
            {**task(), "drafts": [{"result": []}]},
            task(box("r", 100, 0, 50, 50), picture_id="p2"),
            task(choice("colour", "red"), split="testing"),
        ]
    )
    assert {n.what: n.number for n in done.notes} == {
        "pictures with several boxes, of which the largest is taken": 1,
        "choices of smaller boxes are left out": 1,
        "results of the kind 'textarea' are left out": 1,
        "annotations that were skipped or cancelled": 1,
        "tasks without annotation": 1,
        "drafts that nobody submitted": 1,
        "boxes outside the picture or without area are left out": 1,
        "tasks of split 'testing' are left out": 1,
    }
    assert done.notes[0].first == "ls.json: task 7"


def test_values_of_another_taxonomy_version_are_taken_as_far_as_this_one_has_them(read):
    done = read([task(choice("colour", "red"), choice("neckline", "boat"), taxonomy="older")])
    (row,) = done.table.to_pylist()
    assert dict(row["labels"]) == {"colour": "red"}
    assert [n.what for n in done.notes] == [
        "exported with taxonomy 'older', read with 'small'",
        "neckline: value 'boat' is not in the taxonomy, left out",
    ]


def test_annotators_keep_their_names(read):
    by = {"completed_by": {"id": 3, "email": "ann@example.org"}, "result": []}
    done = read([{**task(), "annotations": [by, {"completed_by": 4, "result": []}]}])
    assert [a.annotator for a in done.annotations] == ["ann@example.org", "4"]
