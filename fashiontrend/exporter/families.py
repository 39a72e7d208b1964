"""Store state to metric families, and nothing else: no clock, no store.

Labels are platform, attribute, stage, gate, horizon and outcome; only the share
gauge has `value`. `*` means all values of a label. A number that the ledger lacks is not exported.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from prometheus_client.metrics_core import Metric

from fashiontrend.catalogue.health import blocked_share
from fashiontrend.config import Config
from fashiontrend.exporter import verdicts
from fashiontrend.exporter.samples import Samples, counter, gauge
from fashiontrend.exporter.state import PlatformDay, StoreState
from fashiontrend.exporter.surprise import jump_sigmas, newest_shares
from fashiontrend.loop import Step
from fashiontrend.outcomes import IngestFacts, PublishFacts, Rates, RecogniseFacts
from fashiontrend.storage.ledger import Entry, Run

#: So many keywords have a series of their own: those that a dashboard shows.
FIRST_KEYWORDS = 20
#: Steps that use the GPUs that a run's configuration sets.
GPU_STEPS = (Step.TRAIN_ATTRNET, Step.TRAIN_FORECASTER, Step.RECOGNISE)


def families(state: StoreState, config: Config) -> Iterator[Metric]:
    """Every family of a state of the store.

    Args:
        state: what `Reader.read` found.
        config: platforms that are not enabled in it are left out; `exporter` holds the price.
    """
    shops = [p for p in config.crawl.platforms if p.enabled]
    enabled = {p.name for p in shops}
    expected = [p.name for p in shops if p.kind != "replay"]
    yield from _crawl(_only(state.crawled, enabled), _only(state.failed, enabled), expected)
    yield from _catalogue(_only(state.catalogued, enabled), state)
    yield from _stages(state)
    yield from _recognition(state, config.exporter.worker_hour_price)
    yield from verdicts.families(state, _newest(_only(state.catalogued, enabled)))
    yield from _trend(state)
    yield from _keywords(state)


def _only(days: Iterable[PlatformDay], enabled: set[str]) -> list[PlatformDay]:
    return [d for d in days if d.platform in enabled]


def _newest(days: Iterable[PlatformDay]) -> dict[str, PlatformDay]:
    """The newest day of every platform."""
    found: dict[str, PlatformDay] = {}
    for day in days:
        if day.platform not in found or day.day >= found[day.platform].day:
            found[day.platform] = day
    return found


def _crawl(
    crawled: list[PlatformDay], failed: list[PlatformDay], expected: list[str]
) -> Iterator[Metric]:
    tried = [*crawled, *failed]
    products, blocked, stored = Counter[str](), Counter[str](), Counter[str]()
    fetched, images = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for day in tried:
        name = day.platform
        products[name] += day.count("products")
        blocked[name] += day.count("blocked") + day.count("challenge")
        if "image_bytes" in day.facts:  # crawls of before it was counted hold none
            stored[name] += day.count("image_bytes")
        for status, count in day.facts.get("responses", {}).items():
            fetched[name, f"{str(status)[0]}xx"] += count
        for outcome in ("unreachable", "robots_forbidden"):
            fetched[name, outcome] += day.count(outcome)
        for outcome in ("fetched_images", "reused_images", "image_failures"):
            images[name, outcome.removesuffix("_images")] += day.count(outcome)
    # A failure that comes first is a rise from zero only if the zero was exported before.
    zeros = dict.fromkeys([*expected, *(day.platform for day in tried)], 0)
    failures = zeros | Counter(day.platform for day in failed)
    platform = ("platform",)
    yield gauge(
        "crawl_expected", "1 for every platform that the configuration lets be crawled.", platform,
        (((name,), 1.0) for name in expected),
    )  # fmt: skip
    yield counter("crawl_products", "Listings committed by crawls.", platform, _by_name(products))
    yield counter(
        "crawl_fetch", "Responses of shops by status class, and requests without a response by cause.",
        ("platform", "outcome"), fetched.items(),
    )  # fmt: skip
    yield counter(
        "crawl_images", "Pictures of listings that were fetched, reused from earlier crawls, or failed.",
        ("platform", "outcome"), images.items(),
    )  # fmt: skip
    yield counter("crawl_blocked", "Requests that the shop refused.", platform, _by_name(blocked))
    yield counter("crawl_failures", "Crawls that committed no listing.", platform,
                  _by_name(failures))  # fmt: skip
    yield gauge(
        "image_store_bytes", "Bytes of pictures stored by crawls.", platform, _by_name(stored)
    )
    newest = _last_crawls(crawled)
    yield gauge(
        "crawl_last_success_timestamp_seconds", "Unix time at which a crawl last committed listings.", platform,
        (((n,), _seconds(d.facts["crawled_at"])) for n, d in newest.items()),
    )  # fmt: skip
    yield gauge(
        "crawl_blocked_ratio", "Refused responses of the newest crawl over all of its responses.", platform,
        (((n,), blocked_share(d.facts)) for n, d in _last_crawls(tried).items()),
    )  # fmt: skip
    yield gauge(
        "crawl_newest_day_timestamp_seconds", "Unix time at which the newest day with listings began.", platform,
        (((n,), _midnight(d.day)) for n, d in _newest(crawled).items()),
    )  # fmt: skip


def _last_crawls(days: Iterable[PlatformDay]) -> dict[str, PlatformDay]:
    """The crawl of each platform that ended last; replayed days were never crawled."""
    found: dict[str, PlatformDay] = {}
    timed = (d for d in days if "crawled_at" in d.facts)
    for day in sorted(timed, key=lambda d: (_seconds(d.facts["crawled_at"]), d.day)):
        found[day.platform] = day
    return found


def _catalogue(catalogued: list[PlatformDay], state: StoreState) -> Iterator[Metric]:
    platform = ("platform",)
    newest = _newest(catalogued)
    for name, text in (
        ("products", "Distinct products of the newest catalogued day."),
        (
            "image_success",
            "Usable pictures of the newest catalogued day over all pictures that its listings show.",
        ),
        (
            "field_coverage",
            "Listings of the newest catalogued day that have every required field, over all.",
        ),
        ("duplicates", "Listings of the newest catalogued day whose id occurs twice, over all."),
    ):
        suffix = "" if name == "products" else "_ratio"
        yield gauge(
            f"catalogue_{name}{suffix}", text, platform,
            (((n,), _health(d, name)) for n, d in newest.items()),
        )  # fmt: skip
    found = state.facts(IngestFacts)
    withheld = Counter(w.platform for w in found[-1].withheld) if found else Counter[str]()
    yield gauge(
        "crawl_withheld_days", "Days that data health kept out of the series in the newest run.",
        platform, (((n,), float(withheld[n])) for n in newest if found),
    )  # fmt: skip


def _stages(state: StoreState) -> Iterator[Metric]:
    stage = ("stage",)
    newest = {str(step): found for step in Step if (found := state.newest(step))}
    seconds: dict[str, float] = defaultdict(float)
    gpu_seconds: dict[str, float] = defaultdict(float)
    for run in state.runs:
        for entry in run.entries:
            seconds[str(entry.step)] += entry.seconds
            if entry.step in GPU_STEPS:
                gpu_seconds[str(entry.step)] += entry.seconds * _gpus(run, entry.step)
    yield counter(
        "stage_seconds", "Wall time of all finished stages, in seconds.", stage, _by_name(seconds)
    )
    yield counter(
        "gpu_seconds",
        "Wall time of finished stages in seconds, times the GPUs that their run was configured with.", stage,
        _by_name(gpu_seconds),
    )  # fmt: skip
    yield gauge(
        "stage_last_seconds", "Wall time of the newest finished stage, in seconds.", stage,
        (((n,), entry.seconds) for n, (_, entry) in newest.items()),
    )  # fmt: skip
    yield gauge(
        "stage_last_success_timestamp_seconds", "Unix time at which the stage last finished.", stage,
        (((n,), _ended(entry)) for n, (_, entry) in newest.items()),
    )  # fmt: skip
    yield gauge(
        "stage_newest_day_timestamp_seconds", "Unix time at which the newest day that the stage processed began.", stage,
        (((n,), _midnight(run.day)) for n, (run, _) in newest.items()),
    )  # fmt: skip
    yield counter("runs", "Runs that were started.", (), [((), float(len(state.runs)))])
    released = _midnight(date.fromisoformat(state.release.day)) if state.release else None
    yield gauge(
        "release_day_timestamp_seconds", "Unix time at which the day of the current release began.", (),
        [((), released)],
    )  # fmt: skip


def _recognition(state: StoreState, price: float | None) -> Iterator[Metric]:
    total = sum(facts.pictures for facts in state.facts(RecogniseFacts))
    yield counter("recognition_images", "Pictures recognised.", (), [((), float(total))])
    newest = next(((r, e) for r, e in reversed(state.all(Step.RECOGNISE)) if _pictures(e)), None)
    if newest is None:
        return
    run, entry = newest
    pictures = _pictures(entry)
    yield gauge(
        "recognition_images_per_second",
        "Pictures a second of the newest recognition that had pictures, start-up included.",
        (), [((), pictures / max(entry.seconds, 1e-9))],
    )  # fmt: skip
    if price is not None:
        hours = run.config["series"]["recognise_workers"] * entry.seconds / 3600
        yield gauge(
            "cost_per_1000_images",
            "Cost of 1000 pictures in the newest recognition that had pictures, at exporter.worker_hour_price.",
            (), [((), 1000 * hours * price / pictures)],
        )  # fmt: skip


def _trend(state: StoreState) -> Iterator[Metric]:
    if state.shares is None:
        return
    frame = state.shares.to_pandas()
    rows = newest_shares(frame)[["platform", "attribute", "value", "share"]]
    yield gauge(
        "trend_share", "Share of a value on the newest measured day.",
        ("platform", "attribute", "value"),
        (((p, a, v), s) for p, a, v, s in rows.itertuples(index=False)),
    )  # fmt: skip
    yield gauge(
        "trend_share_jump_sigmas",
        "Largest change of a value's newest share, in standard deviations of its usual changes.",
        ("platform", "attribute"), jump_sigmas(frame).items(),
    )  # fmt: skip


def _keywords(state: StoreState) -> Iterator[Metric]:
    found = state.facts(PublishFacts)
    yield gauge(
        "keywords", "Keywords published on the newest day.", (),
        [((), found[-1].keywords if found else None)],
    )  # fmt: skip
    yield gauge(
        "keyword_expected_change_ratio",
        "Expected relative change of the share, of the first keywords of the newest day.",
        ("attribute", "value", "platform", "grade"),
        (
            (
                (k["keyword"]["attribute"], k["keyword"]["value"], k["platform"], k["confidence"]["grade"]),
                k["growth"]["relative"],
            )
            for k in state.keywords
            if k["rank"] <= FIRST_KEYWORDS
        ),
    )  # fmt: skip
    for field, group in (("horizon_days", "horizon"), ("platform", "platform"), ("grade", "grade")):
        rates = state.scorecard.by.get(field, {}) if state.scorecard else {}
        suffix = "" if group == "horizon" else f"_by_{group}"
        for rate, name, text in (
            ("hit_rate", "keyword_hit_ratio", "Part of the scored keywords that came true."),
            (
                "coverage80",
                "keyword_coverage_ratio",
                "Part of the measured shares that lay inside the keyword's 80 % interval.",
            ),
            ("n", "keywords_scored", "Keywords whose target day was measured."),
        ):
            yield gauge(f"{name}{suffix}", text, (group,), _rates(rates, rate))


def _rates(rates: Mapping[str, Rates], field: str) -> Samples:
    return (((key,), getattr(rate, field)) for key, rate in rates.items())


def _pictures(entry: Entry) -> int:
    return entry.facts.pictures if isinstance(entry.facts, RecogniseFacts) else 0


def _health(day: PlatformDay, name: str) -> float | None:
    """A number of the data-health gate; None if it is not known."""
    seen = getattr(day.health, name) if day.health else math.nan
    return None if math.isnan(seen) else float(seen)


def _by_name(counts: Mapping[str, float]) -> Samples:
    return (((name,), float(count)) for name, count in counts.items())


def _gpus(run: Run, step: Step) -> int:
    ray, series = run.config["ray"], run.config["series"]
    if not ray["use_gpu"]:
        return 0
    return int(series["recognise_workers"] if step is Step.RECOGNISE else ray["train_workers"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _ended(entry: Entry) -> float:
    return (datetime.fromisoformat(entry.started_at) + timedelta(seconds=entry.seconds)).timestamp()


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), tzinfo=UTC).timestamp()
