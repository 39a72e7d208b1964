"""Every alert can be read, fires when it should, is silent when it should be, and says what to do."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from .queries import KUBE_STATE, metric_names

ROOT = Path(__file__).parents[2]
RULES = ROOT / "helm/fashiontrend/files/alerts.yaml"
CASES = sorted((ROOT / "monitoring").glob("*_test.yaml"))
EVERY = [r for g in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for r in g["rules"]]
ALERTS = [r for r in EVERY if "alert" in r]
RECORDED = {r["record"]: r["expr"] for r in EVERY if "record" in r}
NAMES = [a["alert"] for a in ALERTS]


def promtool(*arguments: str) -> subprocess.CompletedProcess:
    places = [None, os.environ.get("GOBIN"), str(Path.home() / ".cache/fashiontrend/bin")]
    program = next((found for p in places if (found := shutil.which("promtool", path=p))), None)
    if program is None:
        pytest.skip("promtool is not installed: run `make test-tools`")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, cwd=CASES[0].parent
    )


def test_the_rules_can_be_read():
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_every_case_ends_as_written(cases):
    done = promtool("test", "rules", str(cases))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_has_a_severity_and_a_heading_that_says_what_to_do(alert):
    assert alert["labels"]["severity"] in ("warning", "critical")
    anchor = alert["annotations"]["runbook_url"]
    assert anchor == f"docs/operations.md#{alert['alert'].lower()}"
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    section = re.split(r"^##+ ", text.split(f"### {alert['alert']}\n")[1], flags=re.M)[0]
    for part in ("**Means**", "**Look at**", "**Do**"):
        assert part in section


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_a_firing_and_a_silent_case(name):
    """Silent: a time at which nothing is expected, or input series that the firing alerts do not name."""
    tests = [t for path in CASES for t in yaml.safe_load(path.read_text("utf-8"))["tests"]]
    cases = [(t, c) for t in tests for c in t["alert_rule_test"] if c["alertname"] == name]
    fired = [c for _, c in cases if c.get("exp_alerts")]
    silent = [c for _, c in cases if not c.get("exp_alerts")]
    others = [t for t, c in cases if len(t["input_series"]) > len(c.get("exp_alerts", ()))]
    assert fired
    assert silent or others


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_the_metrics_of_an_alert_exist(alert, live_names):
    assert metric_names(alert["expr"]) <= live_names | KUBE_STATE | RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_the_metrics_of_a_recording_rule_exist(name, live_names):
    assert metric_names(RECORDED[name]) <= live_names


def test_every_recording_rule_is_read_by_an_alert():
    read = {name for alert in ALERTS for name in metric_names(alert["expr"])}
    assert set(RECORDED) <= read
