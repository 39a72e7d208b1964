"""The whole loop for one day: ask the state machine for the next step, take it, write it down.

Killing it at any moment and running the same command again goes on after the last step that
was written down. `only` takes one step, if it is the one that is due.
"""

import importlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from fashiontrend import __version__, console
from fashiontrend.storage import ledger, layout, releases
from fashiontrend.config import Config, digest
from fashiontrend.errors import ConfigError, DataError, GateError
from fashiontrend.loop import RELEASE_DAY, TRAINING_DAY, Limits, Move, Step, next_move
from fashiontrend.storage.object_store import Store, open_store
from fashiontrend.taxonomy import Taxonomy
from fashiontrend.pipeline import availability, inputs
from ray_jobs.runtime import Context, Outcome, load_taxonomy, main, now

log = logging.getLogger(__name__)

#: Where each step's function lives: imported only when the step is taken.
STEPS: dict[Step, tuple[str, str]] = {
    Step.CRAWL: ("fashiontrend.pipeline.crawl", "crawl"),
    Step.INGEST: ("ray_jobs.ingest", "ingest_days"),
    Step.LABEL: ("fashiontrend.pipeline.label", "label"),
    Step.TRAIN_ATTRNET: ("ray_jobs.train_attrnet", "train"),
    Step.RECOGNISE: ("ray_jobs.recognise", "recognise"),
    Step.SHARES: ("fashiontrend.pipeline.shares", "build_shares"),
    Step.TRAIN_FORECASTER: ("ray_jobs.train_forecaster", "train"),
    Step.PUBLISH: ("fashiontrend.pipeline.publish", "publish"),
}


def run(config: Config, day: date) -> ledger.Run:
    """Drive the loop until it is finished; the report is written even if a gate stays closed.

    Raises:
        AccuracyGateClosed, PerplexityGateClosed: a gate's last round stayed closed; nothing was published.
    """
    begun = begin(config, day)
    state = catch_up(config, begun)
    try:
        while (move := due(config, state)) is not None:
            state = take(config, state, move)
    except GateError:
        _report(config, begun, state)
        raise
    _report(config, begun, state)
    return state


def only(step: Step) -> Callable[[Config, date], ledger.Run]:
    """A job that takes one step of the day's run, if that step is due."""

    def job(config: Config, day: date) -> ledger.Run:
        state = begin(config, day)
        if step is Step.CRAWL:
            state = catch_up(config, state)
        move = due(config, state)
        if move is None or move.step is not step:
            if any(e.step is step for e in state.entries):
                console.console.print(f"{step}: done already in run {state.run_id}", markup=False)
                return state
            due_now = "nothing" if move is None else f"`fashiontrend {move.step}`"
            raise DataError(
                f"run {state.run_id}: {step} is not due; {due_now} is. Run that first, or `fashiontrend run` for all."
            )
        state = take(config, state, move)
        due(config, state)  # a gate closed in its last round raises here, with its exit code
        return state

    return job


def begin(config: Config, day: date) -> ledger.Run:
    """Start the day's run, or pick it up where it was left."""
    store = open_store(config.store)
    taxonomy = load_taxonomy(config, store)
    _refuse_empty(config)
    release = usable_release(config, store, taxonomy, day)
    fresh = ledger.Run(
        run_id=f"{day}-{digest([config.digest, taxonomy.digest, inputs.digests(config, store)])[:8]}",
        day=day,
        started_at=ledger.now_text(now()),
        config=config.model_dump(mode="json"),
        code_version=__version__,
        taxonomy_version=taxonomy.version,
        taxonomy_digest=taxonomy.digest,
        release=release.release_id if release else None,
    )
    return ledger.start(store, fresh)


def _refuse_empty(config: Config) -> None:
    if not any(p.enabled for p in config.crawl.platforms):
        raise ConfigError(
            "crawl.platforms is empty: name at least one shop. `fashiontrend init` writes an example."
        )


def usable_release(
    config: Config, store: Store, taxonomy: Taxonomy, day: date
) -> releases.Release | None:
    """The release before the day, if it speaks this taxonomy and is young enough to be used as it is."""
    release = releases.of_day(store, day, config.loop.retrain_days)
    return release if release and release.taxonomy_digest == taxonomy.digest else None


def due(config: Config, state: ledger.Run) -> Move | None:
    """The next step of a run, None when it is finished.

    Raises:
        GateError: a gate stayed closed in its last round.
    """
    gate = config.perplexity_gate
    spent = sum(e.seconds for e in state.entries) > 3600 * gate.max_hours
    limits = Limits(config.accuracy_gate.max_rounds, gate.max_rounds, spent)
    steps = RELEASE_DAY if state.release else TRAINING_DAY
    return next_move([e.done for e in state.entries], limits, steps)


def catch_up(config: Config, state: ledger.Run) -> ledger.Run:
    """Ask those platforms again whose crawl of the day failed.

    What comes now is crawled once more in the ledger, so that the steps after it are taken again. Of a
    day that is published the pictures are kept, and count from the next day's run on.
    """
    if not any(e.step is Step.CRAWL for e in state.entries):
        return state
    context = _context(config, state, Move(Step.CRAWL))
    missing = availability.missing_today(context)
    if not missing:
        return state
    entry = _act(context)
    came = sorted(set(missing) - set(availability.missing_today(context)))
    if not came:
        return state
    if state.entries[-1].step is Step.PUBLISH:
        text = (
            f"{', '.join(came)}: crawled, for the next day's run; {state.day} is published already"
        )
        console.console.print(text, markup=False)
        return state
    return _keep(context, entry)


def take(config: Config, state: ledger.Run, move: Move) -> ledger.Run:
    """Take one step and write it down."""
    context = _context(config, state, move)
    return _keep(context, _act(context))


def _context(config: Config, state: ledger.Run, move: Move) -> Context:
    store = open_store(config.store)
    return Context(config, store, load_taxonomy(config, store), state, move)


def _act(context: Context) -> ledger.Entry:
    move = context.move
    module, function = STEPS[move.step]
    started, clock = now(), time.monotonic()
    outcome: Outcome = getattr(importlib.import_module(module), function)(context)
    return ledger.Entry(
        step=move.step,
        label_round=move.label_round,
        train_round=move.train_round,
        started_at=ledger.now_text(started),
        seconds=round(time.monotonic() - clock, 2),
        output=outcome.output,
        facts=outcome.facts,
        verdict=outcome.verdict,
    )


def _keep(context: Context, entry: ledger.Entry) -> ledger.Run:
    state = ledger.record(context.store, context.run, entry)
    _tell(context.store, entry)
    return state


def _tell(store: Store, entry: ledger.Entry) -> None:
    """One line for a person: what was done, how long it took, where its output lies."""
    from fashiontrend.report import step_line

    line = step_line(replace(entry, output=store.uri(entry.output)))
    console.console.print(line, markup=False, soft_wrap=True)


def _report(config: Config, begun: ledger.Run, state: ledger.Run) -> None:
    """Write the report once per state of the run."""
    from fashiontrend.pipeline import report

    store = open_store(config.store)
    if state.entries != begun.entries or not store.exists(layout.report(state.run_id)):
        report.write(config, store, state)


if __name__ == "__main__":
    main(run, __doc__ or "")
