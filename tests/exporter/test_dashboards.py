"""The committed dashboards are what the code makes, and every query of theirs finds something."""

import json
from collections.abc import Iterator

import pytest

pytest.importorskip("grafana_foundation_sdk", reason="pip install fashiontrend[dev]")

from monitoring.dashboards import DASHBOARDS, FOLDER
from monitoring.panels import a_day, to_json

from .queries import metric_names
from .test_alerts import RECORDED, promtool


def panels(name: str) -> Iterator[dict]:
    """Every panel, also those inside rows."""
    for panel in json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["panels"]:
        yield from (panel, *panel.get("panels", ()))


def queries(name: str) -> Iterator[str]:
    for panel in panels(name):
        yield from (t["expr"] for t in panel.get("targets", ()))


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
    known = live_names | RECORDED.keys()
    asked = list(queries(name))
    assert len(asked) >= 8
    assert {n for q in asked for n in metric_names(q)} - known == set()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_number_has_a_colour_that_says_whether_it_is_good(name):
    """Seen: 13 of 16 had the colour of their default, whatever they showed."""
    for panel in panels(name):
        if panel["type"] == "stat":
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert len(steps) >= 2, panel["title"]
            assert steps[0]["value"] is None, panel["title"]
            limits = [s["value"] for s in steps[1:]]
            assert limits == sorted(limits), panel["title"]
            assert len({s["color"] for s in steps}) >= 2, panel["title"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_dashboard_marks_what_happened_and_leads_on(name, live_names):
    tree = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    events = {a["name"]: a["expr"] for a in tree["annotations"]["list"]}
    assert list(events) == ["release", "gate", "training"]
    assert {n for q in events.values() for n in metric_names(q)} <= live_names
    assert [link["title"] for link in tree["links"]] == ["Board", "Report", "Runbook"]


def test_no_panel_of_a_day_forgets_the_first_day():
    """Seen: `increase` of a counter that begins with its value is 0 on the first day."""
    asked = [q for name in DASHBOARDS for q in queries(name)]
    assert not [q for q in asked if "increase(fashiontrend_" in q]
    assert sum("offset 1d" in q for q in asked) >= 9


def test_a_day_counts_from_the_beginning_and_over_a_restarted_exporter(tmp_path):
    made = a_day("m_total", 'namespace=~"n"', "namespace, platform")
    counted = [("12h", 700), ("30h", 100), ("47h", 150)]
    cases = {
        "tests": [
            {
                "interval": "5m",
                "input_series": [
                    {
                        # 700 on the first day; the pod is another after 25 hours; then 50 and 100 more.
                        "series": 'm_total{namespace="n",platform="a",pod="p"}',
                        "values": "700x287 750x12 _x300",
                    },
                    {
                        "series": 'm_total{namespace="n",platform="a",pod="q"}',
                        "values": "_x300 800x200 850x100",
                    },
                ],
                "promql_expr_test": [
                    {
                        "expr": made,
                        "eval_time": time,
                        "exp_samples": [{"labels": '{namespace="n",platform="a"}', "value": value}],
                    }
                    for time, value in counted
                ],
            }
        ]
    }
    file = tmp_path / "a_day.yaml"
    file.write_text(json.dumps(cases), "utf-8")
    done = promtool("test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_metrics_of_the_variables_exist(name, live_names):
    known = live_names
    variables = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["templating"]["list"]
    asked = [v["query"] for v in variables if v["type"] == "query"]
    assert {q.removeprefix("label_values(").split(",")[0] for q in asked} <= known
