"""Commands for those who run it for others: the metrics, jobs on a cluster, their logs."""

from typing import Annotated

import typer

from fashiontrend import config as configuration
from fashiontrend.options import ConfigOption


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    panel = "Operation"
    app.command(rich_help_panel=panel)(exporter)


def exporter(
    config: ConfigOption = None,
    port: Annotated[int, typer.Option(help="To listen on.")] = 9464,
    address: Annotated[str, typer.Option(help="To listen on.")] = "0.0.0.0",  # noqa: S104 - pods are scraped from outside
) -> None:
    """Serve what the ledger says as metrics for Prometheus, until it is stopped."""
    from fashiontrend.exporter.collector import serve

    serve(configuration.load(config), port, address)
