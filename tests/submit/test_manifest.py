"""The stages that can be submitted, and the chart's template filled in."""

from datetime import UTC, date, datetime

import pytest
import yaml

from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step
from fashiontrend.submit.jobs import STAGES, make_request
from fashiontrend.submit.manifest import fill

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 6, 7, 8, tzinfo=UTC)


@pytest.mark.parametrize("stage", STAGES)
def test_the_entrypoint_of_a_ray_job_runs_the_stage_of_its_day(stage):
    entrypoint = make_request(stage, DAY, NOW).entrypoint
    assert entrypoint.startswith("python -m ray_jobs.run")
    assert entrypoint.endswith("--day 2026-11-23")
    assert (stage in entrypoint.removeprefix("python -m ray_jobs.run")) == (stage != "run")


def test_a_stage_that_is_not_one_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigError, match="Did you mean 'recognise'"):
        make_request("recognize", DAY, NOW)
    assert {str(s) for s in Step} < set(STAGES)


def test_the_charts_template_is_filled_in_and_a_name_that_is_left_is_refused():
    text = yaml.safe_dump(
        {
            "kind": "RayJob",
            "metadata": {"name": "my-{stage}-{day}"},
            "spec": {"entrypoint": "fashiontrend {stage} --day {day}"},
        }
    )
    job = fill(text, stage="recognise", day=str(DAY))
    assert job["metadata"]["name"] == "my-recognise-2026-11-23"
    assert job["spec"]["entrypoint"] == "fashiontrend recognise --day 2026-11-23"
    with pytest.raises(ConfigError, match="not filled in"):
        fill(text.replace("{day}", "{date}"), stage="recognise", day=str(DAY))
    with pytest.raises(ConfigError, match="no RayJob"):
        fill("kind: Pod", stage="recognise", day=str(DAY))
