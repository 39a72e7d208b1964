"""Jobs on a cluster, their logs, and the metrics for Prometheus."""

import time
from datetime import UTC, datetime
from typing import Annotated

import rich.console
import rich.table
import typer
import yaml

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.commands.options import ConfigOption, DayOption, day_of, port_of
from fashiontrend.config import Config
from fashiontrend.submit import jobs as submitted
from fashiontrend.submit import rayjobs
from fashiontrend.submit.jobs import Cluster, Job

AddressOption = Annotated[
    str | None,
    typer.Option(
        help="The job API of a running Ray cluster at this address, http://HEAD:8265, is used instead of Kubernetes."
    ),
]
app = typer.Typer()
LinesOption = Annotated[
    int, typer.Option(min=1, help="This many lines of the end of the log are printed.")
]


@app.command("forget")
def forget_shop(
    platform: Annotated[
        str, typer.Option(help="Everything that comes from the platform of this name is removed.")
    ] = "",
    url: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="What comes from product pages whose whole address fits this pattern is removed; `*` stands for "
            "any text.",
        ),
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it. Without this option, nothing is changed.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Remove what a shop asks to have removed, from every table and picture of the store.

    Without --yes the command only tells what it would remove. Let no run work on the store meanwhile.
    What models learnt stays with them; the releases concerned are named.
    """
    from fashiontrend.commands import forgetting

    forgetting.run(configuration.load(config), platform, url, yes)


@app.command()
def submit(
    stage: Annotated[str, typer.Argument(help="This step is run, or the whole loop with `run`.")],
    config: ConfigOption = None,
    day: DayOption = None,
    address: AddressOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="The job is printed and not submitted.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="The command waits for the job's end and ends with the job's exit code."
        ),
    ] = False,
) -> None:
    """Run a step of the loop, or the whole loop, on a cluster.

    On Kubernetes the step becomes a RayJob, filled in from the template of the chart's release that
    cluster.template names. With --address the step becomes a job of a running Ray cluster, whose token
    is read from $RAY_AUTH_TOKEN.
    """
    settings = configuration.load(config)
    request = submitted.make_request(stage, day_of(day), datetime.now(tz=UTC))
    if address is None:
        rayjobs.template_of(settings.cluster)
    if dry_run:
        typer.echo(yaml.safe_dump(_manifest(request, settings, address), sort_keys=False), nl=False)
        return
    cluster = _cluster(settings, address)
    name = cluster.submit(request)
    typer.echo(name)
    if wait:
        _end(cluster, submitted.wait(cluster, name, time.sleep), lines=30)


@app.command()
def jobs(config: ConfigOption = None, address: AddressOption = None) -> None:
    """List the submitted jobs with their state, exit code, start and end."""
    table = rich.table.Table("job", "state", "exit code", "began", "ended", "entrypoint")
    for job in _cluster(configuration.load(config), address).jobs():
        code = "" if job.exit_code is None else str(job.exit_code)
        table.add_row(
            job.name, str(job.state), code, _minute(job.started), _minute(job.ended), job.entrypoint
        )
    rich.console.Console().print(table)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="The job has this name in `fashiontrend jobs`.")],
    config: ConfigOption = None,
    address: AddressOption = None,
    lines: LinesOption = 100,
) -> None:
    """Print the last lines of a job's log.

    If the job failed, the command ends with the job's exit code.
    """
    cluster = _cluster(configuration.load(config), address)
    job = cluster.find(name)
    if job.result:
        _end(cluster, job, lines)
    typer.echo(submitted.last_lines(cluster.logs(name), lines))


@app.command()
def exporter(
    config: ConfigOption = None,
    port: Annotated[int, typer.Option(help="The exporter listens on this TCP port.")] = 9464,
    address: Annotated[str, typer.Option(help="The exporter listens on this address.")] = "0.0.0.0",  # noqa: S104 - pods are scraped from outside
) -> None:
    """Serve the state of runs and gates as metrics for Prometheus, until it is stopped."""
    from fashiontrend.exporter.collector import serve

    serve(configuration.load(config), port_of(port), address)


def _cluster(config: Config, address: str | None) -> Cluster:
    if address:
        from ray_jobs.submission import RayApi

        return RayApi(address, config)
    return rayjobs.RayJobs(config.cluster)


def _manifest(request: submitted.Request, config: Config, address: str | None) -> object:
    if address:
        from ray_jobs.submission import job_arguments

        return dict(job_arguments(request))
    return rayjobs.RayJobs(config.cluster).manifest(request)


def _end(cluster: Cluster, job: Job, lines: int) -> None:
    """Print how a job ended, with its last lines if it failed, and end with its exit code."""
    if job.result:
        typer.echo(submitted.last_lines(cluster.logs(job.name) or job.message, lines))
        code = "" if job.exit_code is None else f" with exit code {job.exit_code}"
        console.stderr.print(f"[bold red]✘[/] {job.name} {job.state}{code}")
        raise typer.Exit(job.result)
    console.stderr.print(f"[bold green]✔[/] {job.name} {job.state}")


def _minute(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="minutes")[:16] if moment else ""
