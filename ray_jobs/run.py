"""Run the daily loop, or one step of it: `python -m ray_jobs.run [STEP] --config FILE --day DAY`.

This is the one entry point for a Ray cluster; `fashiontrend run` and the steps' commands call it too.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date

import ray

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.config import Config
from fashiontrend.loop import Step
from fashiontrend.pipeline.context import now
from fashiontrend.pipeline.crawl import crawl
from fashiontrend.pipeline.drive import Driver
from fashiontrend.pipeline.publish import publish
from fashiontrend.pipeline.shares import build_shares
from fashiontrend.storage import ledger
from ray_jobs.ingest import ingest_days
from ray_jobs.label import label
from ray_jobs.recognise import recognise
from ray_jobs.train_attrnet import train as train_attrnet
from ray_jobs.train_forecaster import train as train_forecaster

#: The function that takes each step.
DRIVER = Driver(
    {
        Step.CRAWL: crawl,
        Step.INGEST: ingest_days,
        Step.LABEL: label,
        Step.TRAIN_ATTRNET: train_attrnet,
        Step.RECOGNISE: recognise,
        Step.SHARES: build_shares,
        Step.TRAIN_FORECASTER: train_forecaster,
        Step.PUBLISH: publish,
    }
)


def run(config: Config, day: date) -> ledger.Run:
    """Take all steps of the day's run that are not yet recorded.

    Raises:
        AccuracyGateClosed, PerplexityGateClosed: a gate's last round stayed closed; nothing was published.
    """
    return DRIVER.run(config, day)


def run_step(step: Step, config: Config, day: date) -> ledger.Run:
    """Take one step of the day's run.

    Raises:
        DataError: another step is due.
        GateError: the step closed its gate in the last round.
    """
    return DRIVER.run_step(step, config, day)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, run the loop or the step, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ray_jobs.run", description=__doc__)
    parser.add_argument(
        "step",
        nargs="?",
        choices=[str(s) for s in Step],
        help="the step to take; all that are due if not given",
    )
    parser.add_argument("--config", help="YAML file; FASHIONTREND_CONFIG names it if not given")
    parser.add_argument("--day", type=date.fromisoformat, help="day in UTC; today if not given")
    options = parser.parse_args(arguments)
    day = options.day or now().date()

    def job() -> None:
        config = configuration.load(options.config)
        try:
            run_step(Step(options.step), config, day) if options.step else run(config, day)
        finally:
            ray.shutdown()

    return console.guard(job)


if __name__ == "__main__":
    sys.exit(main())
