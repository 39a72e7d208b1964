"""The committed dashboards are what the code makes, and every query of theirs finds something."""

import json
from collections.abc import Iterator

import pytest

pytest.importorskip("grafana_foundation_sdk", reason="pip install fashiontrend[dev]")

from monitoring.dashboards import DASHBOARDS, FOLDER
from monitoring.panels import to_json

from .queries import metric_names


def queries(name: str) -> Iterator[str]:
    panels = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["panels"]
    for panel in panels:
        for inner in (panel, *panel.get("panels", ())):
            yield from (t["expr"] for t in inner.get("targets", ()))


def test_no_dashboard_is_left_that_no_code_makes():
    assert {p.stem for p in FOLDER.glob("*.json")} == set(DASHBOARDS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_committed_text_is_what_the_code_makes(name):
    made = to_json(DASHBOARDS[name]())
    assert (FOLDER / f"{name}.json").read_text("utf-8") == made, "run `make dashboards`"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_dashboard_can_be_told_where_to_look(name):
    tree = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    names = [v["name"] for v in tree["templating"]["list"]]
    assert names == ["datasource", "namespace", "cluster", "platform"]
    assert tree["uid"] == f"fashiontrend-{name}"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_query_is_promql_whose_metrics_exist(name, live_names):
    known = live_names
    asked = list(queries(name))
    assert len(asked) >= 8
    assert {n for q in asked for n in metric_names(q)} - known == set()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_metrics_of_the_variables_exist(name, live_names):
    known = live_names
    variables = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["templating"]["list"]
    asked = [v["query"] for v in variables if v["type"] == "query"]
    assert {q.removeprefix("label_values(").split(",")[0] for q in asked} <= known
