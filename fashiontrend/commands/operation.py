"""Commands for those who run it for others: the metrics, jobs on a cluster, their logs."""

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
from fashiontrend.submit.jobs import Cluster, Job

AddressOption = Annotated[
    str | None,
    typer.Option(help="http://HEAD:8265 of a running Ray cluster, instead of Kubernetes."),
]
app = typer.Typer()
PANEL = "On a cluster"
LinesOption = Annotated[int, typer.Option(min=1, help="Of the end of the log.")]


@app.command(rich_help_panel=PANEL)
def submit(
    stage: Annotated[str, typer.Argument(help="`run` for the whole loop, or one stage.")],
    config: ConfigOption = None,
    day: DayOption = None,
    address: AddressOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until its end; ends with its exit code.")
    ] = False,
) -> None:
    """Run a stage on a cluster: as a RayJob on Kubernetes, or on a running Ray."""
    settings = configuration.load(config)
    request = submitted.ask(stage, day_of(day), datetime.now(tz=UTC))
    if dry_run:
        typer.echo(yaml.safe_dump(_manifest(request, settings, address), sort_keys=False), nl=False)
        return
    cluster = _cluster(settings, address)
    name = cluster.submit(request)
    typer.echo(name)
    if wait:
        _end(cluster, submitted.wait(cluster, name, time.sleep), lines=30)


@app.command(rich_help_panel=PANEL)
def jobs(config: ConfigOption = None, address: AddressOption = None) -> None:
    """List submitted jobs: state, exit code, when they began and ended."""
    table = rich.table.Table("job", "state", "exit code", "began", "ended", "entrypoint")
    for job in _cluster(configuration.load(config), address).jobs():
        code = "" if job.exit_code is None else str(job.exit_code)
        table.add_row(
            job.name, str(job.state), code, _minute(job.started), _minute(job.ended), job.entrypoint
        )
    rich.console.Console().print(table)


@app.command(rich_help_panel=PANEL)
def logs(
    name: Annotated[str, typer.Argument(help="As `jobs` prints it.")],
    config: ConfigOption = None,
    address: AddressOption = None,
    lines: LinesOption = 100,
) -> None:
    """Print the last lines of a job's log; of a failed job, end with its exit code."""
    cluster = _cluster(configuration.load(config), address)
    job = cluster.find(name)
    if job.result:
        _end(cluster, job, lines)
    typer.echo(submitted.last_lines(cluster.logs(name), lines))


@app.command(rich_help_panel=PANEL)
def exporter(
    config: ConfigOption = None,
    port: Annotated[int, typer.Option(help="To listen on.")] = 9464,
    address: Annotated[str, typer.Option(help="To listen on.")] = "0.0.0.0",  # noqa: S104 - pods are scraped from outside
) -> None:
    """Serve what the ledger says as metrics for Prometheus, until it is stopped."""
    from fashiontrend.exporter.collector import serve

    serve(configuration.load(config), port_of(port), address)


def _cluster(config: Config, address: str | None) -> Cluster:
    if address:
        from ray_jobs.submission import RayApi

        return RayApi(address, config)
    from fashiontrend.submit.kube import Kubernetes

    return Kubernetes(config.cluster)


def _manifest(request: submitted.Request, config: Config, address: str | None) -> object:
    if address:
        from ray_jobs.submission import asked

        return asked(request)
    if config.cluster.template:
        from fashiontrend.submit.kube import Kubernetes

        return Kubernetes(config.cluster).manifest(request)
    from fashiontrend.submit.manifest import rayjob

    return rayjob(request, config.cluster)


def _end(cluster: Cluster, job: Job, lines: int) -> None:
    """Tell how a job ended, with its last lines if it failed, and end with its exit code."""
    if job.result:
        typer.echo(submitted.last_lines(cluster.logs(job.name) or job.message, lines))
        code = "" if job.exit_code is None else f" with exit code {job.exit_code}"
        console.stderr.print(f"[bold red]✘[/] {job.name} {job.state}{code}")
        raise typer.Exit(job.result)
    console.stderr.print(f"[bold green]✔[/] {job.name} {job.state}")


def _minute(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="minutes")[:16] if moment else ""
