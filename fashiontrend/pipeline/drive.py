"""Drive a run: ask the state machine for the next step, take it, and record it in the ledger.

A run that was killed at any moment resumes after the last recorded step. The functions that
take the steps are an argument, so this module does not know which of them need Ray.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from fashiontrend import __version__, console
from fashiontrend.config import Config, digest
from fashiontrend.errors import ConfigError, DataError, GateError
from fashiontrend.loop import RELEASE_DAY, TRAINING_DAY, Limits, Move, Step, next_move
from fashiontrend.outcomes import LabelFacts
from fashiontrend.pipeline import availability, inputs, labelling_request, report
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context, Outcome, load_taxonomy, now
from fashiontrend.report import label_lines, step_line
from fashiontrend.storage import layout, ledger, releases
from fashiontrend.storage.object_store import Store, open_store
from fashiontrend.taxonomy import Taxonomy

log = logging.getLogger(__name__)
StepFunction = Callable[[Context], Outcome]


def begin(config: Config, day: date) -> ledger.Run:
    """Start the day's run, or return the run of that day that an earlier attempt started."""
    return open_run(config, day).run


def open_run(config: Config, day: date) -> Context:
    """Start or resume the day's run, and return the context of its first step."""
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
    run = ledger.start(store, fresh)
    return Context(config, Catalogue.of_run(store, config, day), taxonomy, run, Move(Step.CRAWL))


def _refuse_empty(config: Config) -> None:
    if not any(p.enabled for p in config.crawl.platforms):
        raise ConfigError(
            "crawl.platforms is empty: name at least one shop. `fashiontrend init` writes an example."
        )


def usable_release(
    config: Config, store: Store, taxonomy: Taxonomy, day: date
) -> releases.Release | None:
    """The release before the day, if it has this taxonomy and is recent enough to be used as it is."""
    release = releases.of_day(store, day, config.loop.retrain_days)
    return release if release and release.taxonomy_digest == taxonomy.digest else None


def due(config: Config, run: ledger.Run) -> Move | None:
    """The next step of a run, None when it is finished.

    Raises:
        GateError: a gate stayed closed in its last round.
    """
    gate = config.perplexity_gate
    spent = sum(e.seconds for e in run.entries) > 3600 * gate.max_hours
    limits = Limits(config.accuracy_gate.max_rounds, gate.max_rounds, spent)
    steps = RELEASE_DAY if run.release else TRAINING_DAY
    return next_move([e.done for e in run.entries], limits, steps)


@dataclass(frozen=True)
class Driver:
    """Takes the steps of a run.

    Attributes:
        steps: the function that takes each step.
    """

    steps: Mapping[Step, StepFunction]

    def run(self, config: Config, day: date) -> ledger.Run:
        """Take steps until the run is finished; the report is written even if a gate stays closed.

        Raises:
            AccuracyGateClosed, PerplexityGateClosed: a gate's last round stayed closed; nothing was published.
        """
        begun = open_run(config, day)
        context = self.catch_up(begun)
        try:
            while (move := due(config, context.run)) is not None:
                context = self.take(replace(context, move=move))
        except GateError as error:
            told = labelling_request.with_request(context, error)
            _write_report(begun.run, context)
            raise told from error
        _write_report(begun.run, context)
        return context.run

    def run_step(self, step: Step, config: Config, day: date) -> ledger.Run:
        """Take one step of the day's run.

        Raises:
            DataError: another step is due.
            GateError: the step closed its gate in the last round.
        """
        context = open_run(config, day)
        if step is Step.CRAWL:
            context = self.catch_up(context)
        run = context.run
        move = due(config, run)
        if move is None or move.step is not step:
            if any(e.step is step for e in run.entries):
                console.stderr.print(f"{step}: already done in run {run.run_id}", markup=False)
                return run
            raise DataError(_explain_not_due(run, step, move))
        try:
            context = self.take(replace(context, move=move))
            due(config, context.run)  # a gate that closed in its last round raises here
        except GateError as error:
            raise labelling_request.with_request(context, error) from error
        return context.run

    def catch_up(self, context: Context) -> Context:
        """Crawl those platforms again whose crawl of the day failed.

        A crawl that succeeds now is recorded as a second crawl, so that the steps after it are taken
        again. If the day is already published, the new pictures count from the next day's run on.
        """
        run = context.run
        if not any(e.step is Step.CRAWL for e in run.entries):
            return context
        again = replace(context, move=Move(Step.CRAWL))
        missing = availability.missing_today(again)
        if not missing:
            return context
        entry = self._act(again)
        crawled = sorted(set(missing) - set(availability.missing_today(again)))
        if not crawled:
            return context
        if run.entries[-1].step is Step.PUBLISH:
            text = (
                f"{', '.join(crawled)}: crawled for the next day's run; "
                f"{run.day} is already published"
            )
            console.stderr.print(text, markup=False)
            return context
        return _record(again, entry)

    def take(self, context: Context) -> Context:
        """Take the context's step and record it; the context returned knows the run as it is then."""
        return _record(context, self._act(context))

    def _act(self, context: Context) -> ledger.Entry:
        move = context.move
        started, clock = now(), time.monotonic()
        context.catalogue.refresh()
        outcome = self.steps[move.step](context)
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


def _explain_not_due(run: ledger.Run, step: Step, move: Move | None) -> str:
    due_now = "nothing" if move is None else f"`fashiontrend {move.step}`"
    return f"run {run.run_id}: {step} is not due; {due_now} is. Run that first, or `fashiontrend run` for all."


def _record(context: Context, entry: ledger.Entry) -> Context:
    run = ledger.record(context.store, context.run, entry)
    line = step_line(replace(entry, output=context.store.uri(entry.output)))
    told = label_lines(entry.facts) if isinstance(entry.facts, LabelFacts) else []
    for text in (line, *told):
        console.stderr.print(text, markup=False, soft_wrap=True)
    return replace(context, run=run)


def _write_report(begun: ledger.Run, context: Context) -> None:
    """Write the report once per state of the run."""
    store, run = context.store, context.run
    if run.entries != begun.entries or not store.exists(layout.report(run.run_id)):
        report.write(context.config, store, run)
