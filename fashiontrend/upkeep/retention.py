"""What nothing needs any more: predictions of retired recognisers, unfinished trainings, old pages.

Whatever is kept for a time registers itself in `RULES`. A rule sees the listing of its prefix and what
is in use, and names what may go; removing is the same for all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from fashiontrend.config import Config
from fashiontrend.loop import Step
from fashiontrend.outcomes import TrainAttrnetFacts
from fashiontrend.storage import layout, ledger, releases
from fashiontrend.storage.files import StoredFile
from fashiontrend.storage.manifest import MANIFEST
from fashiontrend.storage.object_store import Store

#: So many of the newest releases keep what they are made of, beside the served one: `releases rollback` needs it.
KEPT_RELEASES = 3
#: What was written within this many days is kept: a run that began with an older release may read it.
QUIET_DAYS = 14


@dataclass(frozen=True)
class Removal:
    """A folder that may go: its prefix, why, and what it holds."""

    prefix: str
    reason: str
    files: int
    bytes: int


@dataclass(frozen=True)
class InUse:
    """What may not go.

    Attributes:
        recognisers: whose predictions a release or an unfinished run needs.
    """

    recognisers: frozenset[str]


@dataclass(frozen=True)
class Look:
    """What a rule decides on: the settings, the day, the time, what is in use, and folders with their files."""

    config: Config
    day: date
    now: float
    used: InUse
    folders: Mapping[str, list[StoredFile]]


Rule = Callable[[Look], Iterator[tuple[str, str]]]


def plan(store: Store, config: Config, day: date, now: float) -> list[Removal]:
    """What may be removed from a store; nothing is removed.

    Args:
        store: which is only read.
        config: `crawl.keep_pages_days` is read.
        day: today, in UTC.
        now: seconds since 1970.
    """
    used = in_use(store)
    found = []
    for prefix, depth, rule in RULES:
        folders: dict[str, list[StoredFile]] = defaultdict(list)
        for file in store.listing(prefix):
            folders["/".join(file.key.split("/")[:depth]) + "/"].append(file)
        look = Look(config, day, now, used, folders)
        found += [_removal(folder, why, folders[folder]) for folder, why in rule(look)]
    return found


def remove(store: Store, removals: Iterable[Removal]) -> None:
    """Remove what was planned: of each partition first the manifest, so that no reader finds it half removed."""
    for removal in removals:
        for file in store.listing(removal.prefix):
            if file.key.endswith(f"/{MANIFEST}"):
                store.delete(file.key)
        store.delete_folder(removal.prefix.rstrip("/"))


def in_use(store: Store) -> InUse:
    """What the served release, the newest releases and unfinished runs need; jobs need weights, which are never removed.

    Raises:
        DataError: a document cannot be read; then nothing is known, and nothing may be removed.
    """
    names = releases.releases(store)
    kept = [releases.load(store, name) for name in names[-KEPT_RELEASES:]]
    served = releases.current(store)
    needed = {r.attrnet for r in [*kept, *([served] if served else [])]}
    return InUse(frozenset(needed | _of_runs(store)))


def _of_runs(store: Store) -> set[str]:
    """The recognisers of runs that have not published."""
    needed: set[str] = set()
    for run in (ledger.load(store, run_id) for run_id in ledger.runs(store)):
        if any(entry.step is Step.PUBLISH for entry in run.entries):
            continue
        if run.release:
            needed.add(releases.load(store, run.release).attrnet)
        needed |= {e.facts.version for e in run.entries if isinstance(e.facts, TrainAttrnetFacts)}
    return needed


def _retired(look: Look) -> Iterator[tuple[str, str]]:
    """Predictions of a recogniser that nothing in use names."""
    for folder, files in look.folders.items():
        recogniser = folder.rstrip("/").rpartition("/")[2]
        if recogniser not in look.used.recognisers and _is_quiet(files, look.now):
            yield (
                folder,
                f"no release that is kept and no unfinished run uses recogniser {recogniser}",
            )


def _unfinished(look: Look) -> Iterator[tuple[str, str]]:
    """Checkpoints of trainings that nobody has continued."""
    for folder, files in look.folders.items():
        if _is_quiet(files, look.now):
            yield folder, f"the training was not continued for {QUIET_DAYS} days"


def _old_pages(look: Look) -> Iterator[tuple[str, str]]:
    """Pages of days before the last `crawl.keep_pages_days`, also of platforms that are crawled no more."""
    keep = look.config.crawl.keep_pages_days
    first = look.day - timedelta(days=max(keep, 1) - 1)
    for folder in look.folders:
        stated = layout.parts(folder).get("day", "")
        if stated and stated < str(first):
            yield folder, f"crawl.keep_pages_days keeps {keep} days"


#: Each prefix that is not kept for ever, how many parts of a key name what goes as one, and its rule.
RULES: tuple[tuple[str, int, Rule], ...] = (
    ("predictions/", 2, _retired),
    (layout.roll_ups("predictions/"), 3, _retired),
    ("training/", 3, _unfinished),
    (layout.RAW_PAGES, 4, _old_pages),
)


def _is_quiet(files: Iterable[StoredFile], now: float) -> bool:
    return max(f.written_at for f in files) < now - QUIET_DAYS * 86_400


def _removal(folder: str, reason: str, files: list[StoredFile]) -> Removal:
    return Removal(folder, reason, len(files), sum(f.size for f in files))
