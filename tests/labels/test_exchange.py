"""Labels on their way to labelling tools and back."""

import json

import pytest
from lxml import etree

from fashiontrend.errors import DataError
from fashiontrend.labels import coco, csv_rows, cvat, label_studio_tasks, tools
from fashiontrend.labels.agreement import measure_agreement
from fashiontrend.labels.annotations import Annotation
from fashiontrend.labels.tasks import LabellingTask, Tool, read_file_name

GIVEN = Annotation("p1", "a/1", "val", {"neckline": "v_neck", "colour": "not_visible"},
                   [0.1, 0.2, 0.6, 0.8], "ann")  # fmt: skip
BARE = Annotation("p2", "a/2", "train", {"colour": "red"}, None, "ann")


def made(of, **more):
    return LabellingTask(of.picture_id, of.product_key, of.split, (200, 100), **more)


@pytest.fixture
def pictures(make_pictures):
    return make_pictures(("p1", "1"), ("p2", "2"))


def write(tool, tasks, taxonomy):
    writers = {
        Tool.LABEL_STUDIO: lambda: label_studio_tasks.tasks_json(tasks, taxonomy, "m"),
        Tool.CVAT: lambda: cvat.annotations_xml(tasks, taxonomy),
        Tool.COCO: lambda: coco.coco_json(tasks, taxonomy)[0],
        Tool.CSV: lambda: csv_rows.csv_rows(tasks, taxonomy),
    }
    return writers[tool]()


@pytest.mark.parametrize("tool", Tool)
def test_what_people_said_comes_back_from_every_tool(tool, small, pictures):
    tasks = [made(g, given=(g,)) for g in (GIVEN, BARE)]
    text = write(tool, tasks, small)
    assert tools.tool_of(text) is tool
    done = tools.read(text, "file", small, pictures)
    rows = {r["picture_id"]: r for r in done.table.to_pylist()}
    assert rows["p1"]["box"] == pytest.approx(GIVEN.box, abs=1e-4)
    assert rows["p1"]["split"] == "val"
    if tool is Tool.COCO:
        assert rows["p1"]["labels"] == []
        assert [n.what for n in done.notes] == [
            "COCO holds no values: boxes are read, labels are not",
            "pictures without annotation",
        ]
        return
    assert done.notes == ()
    assert dict(rows["p1"]["labels"]) == dict(GIVEN.labels)
    assert (dict(rows["p2"]["labels"]), rows["p2"]["box"]) == (dict(BARE.labels), None)


def test_predictions_are_offered_to_be_corrected_and_are_no_annotations(small, pictures):
    task = made(GIVEN, values=GIVEN.labels, box=GIVEN.box, confidences={"neckline": 0.5})
    text = write(Tool.LABEL_STUDIO, [task], small)
    (found,) = json.loads(text)
    (prediction,) = found["predictions"]
    assert {r["from_name"] for r in prediction["result"]} == {"box", "neckline", "colour"}
    assert found["data"]["image"] == "/data/local-files/?d=pictures/val/p1.jpg"
    done = tools.read(text, "file", small, pictures)
    assert done.table.num_rows == 0
    assert [n.what for n in done.notes] == ["tasks without annotation"]


def test_the_interface_offers_every_value_in_both_languages_and_exports_its_id(small):
    view = etree.fromstring(label_studio_tasks.interface(small))
    shown = {
        c.get("name"): [(o.get("alias"), o.get("value")) for o in c] for c in view.iter("Choices")
    }
    assert shown["colour"] == [
        ("red", "Red · 红"),
        ("blue", "Blue · 蓝"),
        ("not_visible", "Not visible · 看不出"),
    ]


def test_the_labels_of_cvat_are_those_that_its_constructor_reads(small):
    labels = json.loads(cvat.label_constructor(small))
    assert [(label["name"], label["type"]) for label in labels] == [
        ("garment", "rectangle"),
        ("picture", "tag"),
    ]
    for label in labels:
        for attribute in label["attributes"]:
            assert attribute["default_value"] in attribute["values"]
            assert set(attribute) == {"name", "mutable", "input_type", "default_value", "values"}


XML = """<annotations><version>1.1</version>
<meta><job><created>2026-01-01</created><assignee><username>ann</username></assignee></job></meta>
<image id="0" name="pictures/val/p1.jpg" width="1000" height="500">
  <box label="garment" xtl="100" ytl="100" xbr="300" ybr="200" rotation="90">
    <attribute name="colour">Red</attribute><attribute name="mood">glad</attribute>
    <attribute name="neckline">boat</attribute></box>
  <box label="garment" xtl="0" ytl="0" xbr="3" ybr="3"/><polygon label="garment" points="1,2"/>
</image><image id="1" name="p2.png" width="9" height="9"/><image id="2" name="x.jpg" width="9" height="9"/>
</annotations>"""


def test_cvats_boxes_turn_about_their_centre_and_nothing_is_left_out_in_silence(small, pictures):
    done = cvat.read_cvat(XML, "c.xml", small, pictures)
    (row,) = done.table.to_pylist()
    assert row["box"] == pytest.approx([0.15, 0.1, 0.25, 0.5])
    assert dict(row["labels"]) == {"colour": "red"}
    assert done.annotations[0].annotator == "ann"
    assert done.missing == ("x",)
    assert {n.what for n in done.notes} == {
        "shapes of the kind 'polygon' are left out",
        "pictures with several boxes, of which the largest is taken",
        "rotated boxes, read as the upright box around them",
        "values of 'mood', which is no attribute, are left out",
        "neckline: value 'boat' is not in the taxonomy, left out",
        "pictures without annotation",
    }


def test_the_values_that_cvat_adds_to_coco_are_read(small, pictures):
    text = write(Tool.COCO, [made(GIVEN, given=(GIVEN,))], small)
    document = json.loads(text)
    document["annotations"][0]["attributes"] = {"occluded": False, "rotation": 0.0, "colour": "Red"}
    done = coco.read_coco(json.dumps(document), "c.json", small, pictures)
    assert dict(done.table.to_pylist()[0]["labels"]) == {"colour": "red"}


def test_coco_says_how_many_values_it_loses(small):
    assert coco.coco_json([made(GIVEN, given=(GIVEN,)), made(BARE, values={})], small)[1] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations", "not XML"),
        ("<x/>", "expected <annotations>"),
        ('{"annotations" 1', "not JSON"),
        ('{"annotations": []}', "expected the lists"),
    ],
)
def test_what_is_no_such_file_is_refused(small, pictures, text, message):
    with pytest.raises(DataError, match=message):
        tools.read(text, "file", small, pictures)


def test_an_entity_of_xml_is_not_followed(small, pictures, tmp_path):
    (tmp_path / "secret").write_text("secret")
    text = f"""<!DOCTYPE a [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>
<annotations><image id="0" name="p1.jpg"><tag label="picture"><attribute name="colour">&e;</attribute></tag>
</image></annotations>"""
    done = cvat.read_cvat(text, "c.xml", small, pictures)
    assert all("secret" not in n.what for n in done.notes)
    assert done.table.to_pylist()[0]["labels"] == []


def test_what_is_kept_of_a_file_is_all_but_its_times():
    task = {
        "id": 1,
        "created_at": "now",
        "data": {"sold_at": "noon"},
        "annotations": [{"updated_at": "x", "id": 2}],
    }
    kept = json.loads(tools.lasting(json.dumps([task]), "f"))
    assert kept == [{"id": 1, "data": {"sold_at": "noon"}, "annotations": [{"id": 2}]}]
    assert "2026-01-01" not in tools.lasting(XML, "f")
    assert "ann" in tools.lasting(XML, "f")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("pictures/val/ab.jpg", ("ab", "val")),
        ("train\\ab.png", ("ab", "train")),
        ("other/ab", ("ab", "")),
        ("ab.jpg", ("ab", "")),
    ],
)
def test_a_file_name_holds_picture_and_split(name, found):
    assert read_file_name(name) == found


def labelled(picture, by, **labels):
    return Annotation(picture, "a/1", "val", labels, None, by)


def test_agreement_is_krippendorffs_alpha_of_each_value():
    # Krippendorff 2018, section 12.3.1: two observers, ten units, binary data, alpha 0.095
    first, second = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
    people = [
        labelled(f"p{n}", by, colour=("red", "blue")[v])
        for by, values in (("ann", first), ("bob", second))
        for n, v in enumerate(values)
    ]
    whole, blue, red = measure_agreement(people)
    assert whole.alpha == pytest.approx(0.095, abs=5e-4)
    assert (blue.value, red.value, blue.pictures) == ("blue", "red", 10)
    assert blue.alpha == pytest.approx(red.alpha)


def test_agreement_without_two_people_or_two_values_is_unknown():
    assert measure_agreement([labelled("p", "ann", colour="red")]) == ()
    same = measure_agreement([labelled("p", by, colour="red") for by in ("ann", "bob")])
    assert {a.alpha for a in same} == {None}


DAMAGED = [
    '[{"id": 3, "data": {"picture_id": "p1"}, "annotations": [{"result": [{"type": "rectangle", "id": 1, '
    '"value": {}}]}]}]',
    '[{"id": 3, "data": {"picture_id": "p1"}, "annotations": [{"result": [7]}]}]',
    '[{"id": 3, "data": {"picture_id": "p1"}, "annotations": [7]}]',
    '[{"id": 3, "data": {"picture_id": "p1"}, "annotations": [{"result": [{"type": "choices", "value": null}]}]}]',
    '[{"id": 3, "data": {"picture_id": "p1"}, "annotations": [{"result": [{"type": "rectangle", "id": 1, "value": '
    '{"x": "a", "y": 0, "width": 1, "height": 1}}]}]}]',
    '<annotations><image name="p1.jpg"><box xtl="1"/></image></annotations>',
    '<annotations><image name="p1.jpg" width="a"><box xtl="1" ytl="1" xbr="2" ybr="2"/></image></annotations>',
    '{"images": [{"id": 1, "file_name": "p1.jpg"}], "annotations": [7]}',
    '{"images": [7], "annotations": []}',
    '{"images": [{"id": 1, "file_name": "p1.jpg"}], "annotations": [{"image_id": 1, "bbox": [1, 2, "a", 3]}]}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_part_is_an_error_that_names_it(small, pictures, text):
    with pytest.raises(DataError, match=r"file: (task 3|image|annotations|images)"):
        tools.read(text, "file", small, pictures)
