"""Tasks go to the real Label Studio, are corrected through its API, and come back."""

import json

import pytest

from fashiontrend.labels import label_studio, label_studio_tasks, tools
from fashiontrend.labels.tasks import LabellingTask
from tests.labels.label_studio_server import find_program, running

PROGRAM = find_program()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        PROGRAM is None,
        reason="Label Studio is not installed: `make label-studio`, or name it in $FASHIONTREND_LABEL_STUDIO",
    ),
]


def offered(number: int) -> LabellingTask:
    return LabellingTask(
        f"p{number}", f"a/{number:03}", "val" if number % 3 == 0 else "train", (200, 100),
        address=f"http://127.0.0.1/{number}.jpg", why="least sure",
        values={"neckline": "v_neck", "colour": "red"}, confidences={"neckline": 0.6, "colour": 0.9},
        box=[0.1, 0.2, 0.6, 0.8], box_score=0.7,
    )  # fmt: skip


def test_corrections_made_through_its_api_arrive(small, make_pictures, tmp_path):
    tasks = json.loads(label_studio_tasks.tasks_json([offered(n) for n in range(6)], small, "m-1"))
    pictures = make_pictures(*((f"p{n}", f"{n:03}") for n in range(6)))
    with running(str(PROGRAM), tmp_path) as server:
        project = server.make_project(label_studio_tasks.interface(small))
        server.import_tasks(project, tasks)
        found = sorted(server.tasks(project, 6), key=lambda t: t["data"]["picture_id"])
        assert [t["data"] for t in found] == [t["data"] for t in tasks]
        for number, task in enumerate(found[:5]):
            (prediction,) = task["predictions"]
            assert prediction["result"] == tasks[number]["predictions"][0]["result"]
            result = [dict(r) for r in prediction["result"]]
            if number == 1:  # another colour, and a box that is drawn anew, rotated
                result[-1] = {**result[-1], "value": {"choices": ["not_visible"]}}
                turned = {"x": 30, "y": 10, "width": 20, "height": 40, "rotation": 90}
                result[0] = {**result[0], "value": {**result[0]["value"], **turned}}
            server.annotate(task["id"], result, cancelled=number == 4)
        server.annotate(found[0]["id"], found[0]["predictions"][0]["result"])
        text = server.export(project)
    done = label_studio.read_label_studio(text, "export", small, pictures)
    rows = {r["picture_id"]: r for r in done.table.to_pylist()}
    assert set(rows) == {"p0", "p1", "p2", "p3"}
    assert dict(rows["p0"]["labels"]) == {"neckline": "v_neck", "colour": "red"}
    assert rows["p0"]["box"] == pytest.approx([0.1, 0.2, 0.6, 0.8])
    assert dict(rows["p1"]["labels"]) == {"neckline": "v_neck", "colour": "not_visible"}
    # (60, 10) pixels with width (0, 40) and height (-40, 0), of 200 by 100
    assert rows["p1"]["box"] == pytest.approx([0.1, 0.1, 0.3, 0.5])
    assert (rows["p0"]["split"], rows["p1"]["split"]) == ("val", "train")
    assert {n.what: n.number for n in done.notes} == {
        "rotated boxes, read as the upright box around them": 1,
        "annotations that were skipped or cancelled": 1,
        "tasks without annotation": 1,
    }
    assert len(done.annotations) == 5
    assert done.annotations[0].annotator
    kept = tools.lasting(text, "export")
    assert json.loads(kept) == label_studio_tasks.without_timestamps(json.loads(text))
    again = label_studio.read_label_studio(kept, "export", small, pictures)
    assert again.table.equals(done.table)
