"""The steps of the loop in the order of the data, each as a command."""

from collections.abc import Callable

from fashiontrend import config as configuration
from fashiontrend.commands.options import ConfigOption, DayOption, day_of
from fashiontrend.loop import Step

STAGES = {
    Step.CRAWL: "Fetch the day's listings and pictures from every platform.",
    Step.INGEST: "Check the fetched pictures, pack them into shards, and evaluate the day's health.",
    Step.LABEL: "Read labels from titles and annotations, resample them, and write a new dataset version.",
    Step.TRAIN_ATTRNET: "Train the recogniser and evaluate its accuracy; a closed gate ends with exit code 10.",
    Step.RECOGNISE: "Recognise every picture that the current recogniser has not seen.",
    Step.SHARES: "Build the share series with their intervals.",
    Step.TRAIN_FORECASTER: "Train the LSTM and evaluate its perplexity; a closed gate ends with exit code 11.",
    Step.PUBLISH: "Forecast, rank the keywords, and move the release pointer.",
}


def command_of(step: Step, text: str) -> Callable[..., None]:
    """The command that takes one step of the day's run."""

    def command(config: ConfigOption = None, day: DayOption = None) -> None:
        from ray_jobs.run import run_step

        run_step(step, configuration.load(config), day_of(day))

    command.__doc__ = (
        f"{text}\n\nThis is one step of the day's run. The command `run` takes all steps."
    )
    return command
