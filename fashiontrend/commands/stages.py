"""The stages in the order of the data, each as a command."""

from collections.abc import Callable

from fashiontrend import config as configuration
from fashiontrend.commands.options import ConfigOption, DayOption, day_of
from fashiontrend.loop import Step

STAGES = {
    Step.CRAWL: "Fetch the day's listings and pictures of every platform.",
    Step.INGEST: "Check raw pictures, pack them into shards, judge the day's health.",
    Step.LABEL: "Read titles and annotations, resample, write a new dataset version.",
    Step.TRAIN_ATTRNET: "Train the recogniser and judge its accuracy (exit 10 if closed).",
    Step.RECOGNISE: "Recognise every picture that this recogniser has not seen.",
    Step.SHARES: "Build the share series with their intervals.",
    Step.TRAIN_FORECASTER: "Train the LSTM and judge its perplexity (exit 11 if closed).",
    Step.PUBLISH: "Forecast, rank the keywords, move the release pointer.",
}


def command_of(step: Step, text: str) -> Callable[..., None]:
    """The command that takes one step of the day's run."""

    def command(config: ConfigOption = None, day: DayOption = None) -> None:
        from ray_jobs.run import run_step

        run_step(step, configuration.load(config), day_of(day))

    command.__doc__ = f"{text} One step of the day's run; `run` takes them all."
    return command
