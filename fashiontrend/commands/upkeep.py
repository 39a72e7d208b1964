"""Care of the store: damage, what nothing needs any more, copies."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import pydantic
import rich.console
import rich.table
import rich.text
import typer

from fashiontrend import config as configuration
from fashiontrend.commands.options import ConfigOption
from fashiontrend.config import StoreConfig
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.storage.object_store import Store, open_store
from fashiontrend.upkeep import backup as copies
from fashiontrend.upkeep import check, retention

app = typer.Typer()
EndpointOption = Annotated[
    str | None,
    typer.Option(
        help="The copy lies on the S3 server with this address. Without it, that of the store is asked."
    ),
]


@app.command()
def fsck(
    config: ConfigOption = None,
    mend: Annotated[
        bool,
        typer.Option(
            "--repair/--dry-run",
            help="Leftovers are removed, and damaged files that a later step writes again. "
            "Without --repair nothing is changed.",
        ),
    ] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Sizes are compared, and the files' content is not read."),
    ] = False,
) -> None:
    """Find damaged, missing and left-over files of the store, and say what to run again.

    The command ends with 1 if something is damaged or missing that it has not repaired.
    """
    store = open_store(configuration.load(config).store)
    findings = check.check(store, check.seconds_now(), quick)
    _show(findings)
    if mend:
        typer.echo(f"Repaired: {len(check.repair(store, findings))}.")
    left = [f for f in findings if f.kind in check.HARMFUL and not (mend and f.repairable)]
    if left:
        raise DataError(
            f"{len(left)} files of the store are damaged or missing; first: {left[0].key}. {left[0].advice}"
        )
    typer.echo("Nothing is damaged.")


@app.command()
def clean(
    config: ConfigOption = None,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove/--dry-run",
            help="What is listed is removed. Without --remove nothing is changed.",
        ),
    ] = False,
) -> None:
    """List what nothing needs any more, and remove it with --remove.

    Predictions of retired recognisers, trainings that nobody continued, and pages older than
    crawl.keep_pages_days may go. What a kept release, an unfinished run or an open job needs stays.
    """
    settings = configuration.load(config)
    store, at = open_store(settings.store), datetime.now(tz=UTC)
    removals = retention.plan(store, settings, at.date(), at.timestamp())
    for removal in removals:
        typer.echo(
            f"{removal.prefix}  {removal.files:,} files, {removal.bytes:,} bytes: {removal.reason}"
        )
    files, size = sum(r.files for r in removals), sum(r.bytes for r in removals)
    if remove:
        retention.remove(store, removals)
    done = "Removed" if remove else "May be removed with --remove"
    typer.echo(f"{done}: {len(removals)} folders, {files:,} files, {size:,} bytes.")


@app.command()
def backup(
    target: Annotated[
        str, typer.Argument(help="The copy goes into this folder, or to s3://BUCKET/PREFIX.")
    ],
    config: ConfigOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Copy the store, so that the copy serves the same release.

    A later backup into the same place copies only what is new. Runs may go on meanwhile.
    """
    store = open_store(configuration.load(config).store)
    _report(copies.copy(store, _beside(store, target, endpoint)))


@app.command()
def restore(
    source: Annotated[
        str, typer.Argument(help="The copy lies in this folder, or at s3://BUCKET/PREFIX.")
    ],
    config: ConfigOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Copy a backup into the store, whose damaged files are replaced and whose release becomes that of the backup.

    No run may go on meanwhile. Files that only the store holds stay.
    """
    store = open_store(configuration.load(config).store)
    _report(copies.copy(_beside(store, source, endpoint), store, renew=True))


def _beside(store: Store, url: str, endpoint: str | None) -> Store:
    """Another store, asked with the settings of this one."""
    changed = {"url": url, **({"endpoint": endpoint} if endpoint else {})}
    try:
        return open_store(StoreConfig.model_validate({**store.config.model_dump(), **changed}))
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"{url}: {first['msg'].removeprefix('Value error, ')}") from error


def _report(copied: copies.Copied) -> None:
    typer.echo(
        f"Copied {copied.files:,} files, {copied.bytes:,} bytes; {copied.standing:,} stood there already. "
        f"The release is {copied.release or 'none yet'}."
    )


def _show(findings: Sequence[check.StoreFault]) -> None:
    table = rich.table.Table("what", "file", "seen", "what to do")
    for finding in findings:
        table.add_row(
            finding.kind, *(_plain(t) for t in (finding.key, finding.fault, finding.advice))
        )
    if findings:
        rich.console.Console(width=200).print(table)


def _plain(text: str) -> rich.text.Text:
    """Text without markup and without the control characters that a file's name may hold."""
    return rich.text.Text("".join(c if c.isprintable() else "?" for c in text))
