"""What a terminal shows: a line per keyword and a line per step."""

from collections.abc import Sequence

from fashiontrend.keywords import KeywordRecord, KeywordsFile, render
from fashiontrend.outcomes import CrawlFacts, IngestFacts, LabelFacts, Rates, ScoreSummary
from fashiontrend.report import wording
from fashiontrend.report.wording import percent, plain
from fashiontrend.storage.ledger import Entry, Run
from fashiontrend.taxonomy import POOLED

#: Keywords that are spelt out; the others are counted.
LINES = 12
#: Crawls that failed and are named; the others are counted.
FAILURES = 3


def summary_lines(keywords: KeywordsFile) -> list[str]:
    """Lines for the moving keywords over all platforms, best first, and one that counts the rest.

    Args:
        keywords: `keywords`, `not_enough_evidence` and `combinations` as `publish` wrote them.
    """
    records = pooled(keywords["keywords"])
    moving = [k for k in records if k["direction"] != "stable"]
    thin = [t for t in keywords["not_enough_evidence"] if t["platform"] == POOLED]
    lines = [render(k) for k in moving[:LINES]]
    rest = [
        f"{len(moving) - LINES} more rising or falling" if len(moving) > LINES else "",
        f"{len(records) - len(moving)} stable",
        f"{len(thin)} without enough evidence",
    ]
    if not moving:
        lines.append("No value is rising or falling beyond its noise.")
    return [*lines, ", ".join(r for r in rest if r) + "."]


def pooled(records: Sequence[KeywordRecord]) -> list[KeywordRecord]:
    """The records over all platforms by rank; all records if none is pooled."""
    found = [k for k in records if k["platform"] == POOLED] or list(records)
    return sorted(found, key=lambda k: k["rank"])


def score_lines(rates: ScoreSummary | None) -> list[str]:
    """The running scorecard in a few lines, for a terminal; one line if nothing was scored."""
    if rates is None or not rates.scored + rates.unscored:
        return ["scorecard: no forecast has come due yet."]
    lines = [
        f"scorecard up to {rates.as_of or '?'}: {_rates(rates.overall)}; "
        f"{rates.unscored} could not be measured",
        f"  last {rates.monitor.days} days: {_rates(rates.monitor)}",
    ]
    for name, groups in rates.by.items():
        lines += [f"  {plain(name)} {key}: {_rates(found)}" for key, found in groups.items()]
    return lines


def _rates(found: Rates) -> str:
    if not found.n:
        return "none"
    return (
        f"{percent(found.hit_rate, 0)} of {found.n} hit, "
        f"80{wording.THIN}% interval held {percent(found.coverage80, 0)}"
    )


def step_line(entry: Entry) -> str:
    """One finished step in one line: mark, name, round, time, verdict, where its output lies."""
    verdict = entry.verdict
    mark = "✔" if verdict is None or verdict.passed else "✘"
    state = {True: "gate open", False: "gate closed", None: ""}[entry.passed]
    if verdict and verdict.reasons:
        state += f" ({'; '.join(verdict.reasons)})"
    failed = failure_lines(entry)
    if failed:
        mark = "!"
        state = f"failed: {'; '.join(failed[:FAILURES])}"
        state += f"; and {len(failed) - FAILURES} more" if len(failed) > FAILURES else ""
    rounds = f"round {entry.label_round}.{entry.train_round}"
    line = f"{mark} {entry.step:16}  {rounds}  {wording.duration(entry.seconds):>11}"
    return "  ".join(p for p in (line, state, entry.output) if p)


def failure_lines(entry: Entry) -> list[str]:
    """A line for each crawl that brought nothing: platform, day, reason; none of other steps."""
    failed = entry.facts.failed if isinstance(entry.facts, CrawlFacts) else ()
    return [f"{f.platform} on {f.day}, {f.reason}" for f in failed]


def text_lines(run: Run) -> list[str]:
    """What the run's listings are: a line for those that are no garments, and one for each platform's texts."""
    ingested, labelled = run.find_facts(IngestFacts), run.find_facts(LabelFacts)
    lines = []
    if ingested and ingested.no_garments:
        lines.append(f"listings: {ingested.no_garments} of {ingested.listings} are no garments")
    return lines + (label_lines(labelled) if labelled else [])


def label_lines(facts: LabelFacts) -> list[str]:
    """A line for each platform: how many products had labels in their texts, and in which language."""
    return [
        f"labels of {t.platform} ({t.language}): {t.labelled} of {t.products} products have labels in their texts, "
        f"{t.unlabelled} have none, {t.no_garments} are no garments"
        for t in facts.texts
    ]
