"""What the metrics say of a store, and that they go on being said when the store is gone."""

from datetime import UTC, datetime, timedelta

import pytest

from fashiontrend.config import Config
from fashiontrend.errors import StoreError

from .conftest import DAYS, LAST_DAY, NOW, evaluation, share_table

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
ALLOWED = {"platform", "attribute", "value", "stage", "gate", "horizon", "outcome", "grade"}


def test_crawl_health_of_each_platform(small, scrape):
    seen = (small.whole() and scrape)()
    assert seen("crawl_products_total", platform="shop-a") == 200
    assert seen("crawl_fetch_total", platform="shop-a", outcome="2xx") == 90
    assert seen("crawl_fetch_total", platform="shop-a", outcome="3xx") == 10
    assert seen("crawl_images_total", platform="shop-b", outcome="image_failures") == 4
    assert seen("image_store_bytes", platform="shop-a") == 32_000
    assert seen("crawl_last_success_timestamp_seconds", platform="shop-a") == MIDNIGHT + 6 * 3600
    assert seen("crawl_newest_day_timestamp_seconds", platform="shop-a") == MIDNIGHT
    assert seen("crawl_blocked_ratio", platform="shop-a") == 0
    assert seen("crawl_withheld_days", platform="shop-b") == 1
    assert seen("catalogue_products", platform="shop-a") == 100


def test_the_first_keywords_of_the_newest_day_are_there_with_what_is_expected_of_them(
    small, scrape
):
    small.whole()
    seen = scrape()
    for attribute, value, change in (("colour", "red", 0.4), ("pattern", "check", -0.2)):
        labels = {"attribute": attribute, "value": value, "platform": "*", "grade": "A"}
        assert seen("keyword_expected_change_ratio", **labels) == change
    late = {"attribute": "colour", "value": "blue", "platform": "*", "grade": "A"}
    assert seen("keyword_expected_change_ratio", **late) is None


def test_a_refused_crawl_counts_as_blocked_though_it_committed_nothing(small, scrape):
    small.crawl(DAYS[-2], "shop-a")
    small.fail(LAST_DAY, "shop-a", blocked=25, responses={"200": 25, "503": 25})
    seen = scrape()
    assert seen("crawl_blocked_ratio", platform="shop-a") == 0.5
    assert seen("crawl_failures_total", platform="shop-a") == 1
    assert seen("crawl_last_success_timestamp_seconds", platform="shop-a") < MIDNIGHT


def test_a_shop_that_was_never_crawled_is_exported_before_its_first_crawl(small, scrape):
    """An alert on what never came needs a series that is there without it."""
    small.crawl(LAST_DAY, "shop-a")
    seen = scrape()
    for platform in ("shop-a", "shop-b"):
        assert seen("crawl_expected", platform=platform) == 1
        assert seen("crawl_failures_total", platform=platform) == 0
    assert seen("crawl_last_success_timestamp_seconds", platform="shop-b") is None


def test_no_crawl_is_expected_of_replayed_and_of_switched_off_platforms(small, scrape):
    platforms = [
        {"name": "shop-a", "kind": "replay"},
        {"name": "shop-b", "kind": "shopify", "base_url": "http://x", "enabled": False},
    ]
    small.crawl(LAST_DAY, "shop-a")
    seen = scrape(Config.model_validate({"crawl": {"platforms": platforms}}))
    assert seen("crawl_products_total", platform="shop-a") == 100
    assert [s for s in seen.samples() if s.name == "fashiontrend_crawl_expected"] == []


def test_a_platform_that_is_switched_off_is_not_exported(small, scrape):
    small.whole()
    off = small.config.crawl.platforms[1].model_copy(update={"enabled": False})
    crawl = small.config.crawl.model_copy(
        update={"platforms": (small.config.crawl.platforms[0], off)}
    )
    seen = scrape(small.config.model_copy(update={"crawl": crawl}))
    assert seen("crawl_products_total", platform="shop-a") == 200
    assert seen("crawl_products_total", platform="shop-b") is None


def test_the_gates_show_value_limit_verdict_and_round(small, scrape):
    seen = (small.whole() and scrape)()
    accuracy = {"gate": "accuracy", "attribute": "*", "platform": "*"}
    assert seen("gate_value", **accuracy) == 0.94
    assert seen("gate_threshold", **accuracy) == 0.85
    assert seen("gate_pass", **accuracy) == 1
    lowest = {**accuracy, "attribute": "neckline"}
    assert seen("gate_value", **lowest) == evaluation().attributes["neckline"].wilson_low
    assert seen("gate_threshold", **lowest) == 0.7
    perplexity = {**accuracy, "gate": "perplexity"}
    assert (seen("gate_value", **perplexity), seen("gate_threshold", **perplexity)) == (1.02, 1.05)
    health = {"gate": "data_health", "attribute": "*", "platform": "shop-a"}
    assert seen("gate_value", **health) == 1.0
    assert (seen("gate_threshold", **health), seen("gate_threshold_upper", **health)) == (0.6, 1.6)
    assert seen("loop_round", gate="accuracy") == 1
    assert seen("gate_closed_rounds", gate="accuracy") == 0


def test_closed_rounds_are_counted_to_the_newest_verdict_and_name_the_attribute(small, scrape):
    run = small.run()
    run = small.accuracy(run, neckline=0.5)
    small.accuracy(run, neckline=0.6, round_=(1, 2))
    seen = scrape()
    assert seen("gate_closed_rounds", gate="accuracy") == 2
    assert seen("loop_round", gate="accuracy") == 2
    assert seen("gate_pass", gate="accuracy", attribute="neckline", platform="*") == 0
    assert seen("gate_pass", gate="accuracy", attribute="colour", platform="*") == 1
    assert seen("gate_failed_checks", gate="accuracy", attribute="*", platform="*") == 1


def test_a_closed_perplexity_gate_shows_what_waits_for_labels(small, scrape):
    run = small.run()
    small.perplexity(run, normalised=1.3)
    seen = scrape()
    assert seen("gate_pass", gate="perplexity", attribute="*", platform="*") == 0
    assert seen("label_queue_depth") == 2
    assert seen("label_queue_since_timestamp_seconds") == MIDNIGHT + 7 * 3600 + 10


def test_an_attribute_that_is_not_judged_yet_has_neither_number_nor_verdict(small, scrape):
    small.perplexity(small.run(), waiting="neckline")
    seen = scrape()
    key = {"gate": "perplexity", "platform": "*"}
    assert seen("gate_pass", attribute="colour", **key) == 1
    assert seen("gate_pass", attribute="neckline", **key) is None
    assert seen("gate_value", attribute="neckline", **key) is None


@pytest.mark.parametrize(
    ("values", "rises"),
    [
        pytest.param([1.01, 1.02, 1.03, 1.04], 3, id="three rises"),
        pytest.param([1.04, 1.03, 1.02], 0, id="falls"),
        pytest.param([1.01, 1.02, 1.02, 1.03], 1, id="a day that stood still ends the count"),
        pytest.param([1.01], 0, id="one day"),
    ],
)
def test_rises_of_perplexity_are_counted_by_day(small, scrape, values, rises):
    for n, value in enumerate(values):
        small.perplexity(small.run(LAST_DAY - timedelta(days=7 * (len(values) - n))), value)
    assert scrape()("trend_perplexity_rises") == rises


def test_freshness_seconds_and_gpus_of_stages(small, scrape):
    seen = (small.whole() and scrape)()
    assert seen("stage_newest_day_timestamp_seconds", stage="publish") == MIDNIGHT
    assert seen("stage_last_success_timestamp_seconds", stage="shares") == MIDNIGHT + 7 * 3600 + 10
    assert seen("stage_last_seconds", stage="recognise") == 20
    assert seen("gpu_seconds_total", stage="train-attrnet") == 10 * small.config.ray.train_workers
    assert seen("release_day_timestamp_seconds") == MIDNIGHT


def test_recognition_and_its_cost_where_a_price_is_known(small, scrape):
    seen = (small.whole() and scrape)()
    assert seen("recognition_images_total") == 400
    assert seen("recognition_images_per_second") == 20
    assert seen("cost_per_1000_images") is None
    priced = small.config.exporter.model_copy(update={"worker_hour_price": 1.8})
    seen = scrape(small.config.model_copy(update={"exporter": priced}))
    assert seen("cost_per_1000_images") == pytest.approx(1000 * 20 / 3600 * 1.8 / 400)


def test_shares_and_the_scorecard(small, scrape):
    seen = (small.whole() and scrape)()
    shares = [
        seen("trend_share", platform="shop-a", attribute="colour", value=v)
        for v in ("green", "black")
    ]
    assert sum(shares) == pytest.approx(1)
    assert seen("keyword_hit_ratio", horizon="14") == 0.75
    assert seen("keyword_coverage_ratio", horizon="14") == 0.8
    assert seen("interval_coverage_ratio") == 0.82


def test_a_share_that_jumps_on_one_platform_is_seen_there_only(small, scrape):
    small.shares(small.run(), share_table(jump=0.2))
    seen = scrape()
    assert seen("trend_share_jump_sigmas", platform="shop-a", attribute="colour") > 5
    assert seen("trend_share_jump_sigmas", platform="shop-b", attribute="colour") < 5


def test_labels_are_few_and_value_stands_on_shares_and_keywords_alone(small, scrape):
    samples = (small.whole() and scrape)().samples()
    assert {label for s in samples for label in s.labels} <= ALLOWED
    assert {s.name for s in samples if "value" in s.labels} == {
        "fashiontrend_trend_share",
        "fashiontrend_keyword_expected_change_ratio",
    }


def test_an_empty_store_is_up_and_says_little(scrape):
    seen = scrape()
    assert seen("exporter_up") == 1
    assert seen("runs_total") == 0
    assert seen("gate_value", gate="accuracy", attribute="*", platform="*") is None


def test_a_store_that_is_gone_leaves_what_was_known_and_says_so(small, scrape, monkeypatch):
    seen = (small.whole() and scrape)()

    def gone(*_):
        raise StoreError("no route")

    monkeypatch.setattr(type(small.store), "keys", gone)
    seen.exporter.refresh()
    assert seen("exporter_up") == 0
    assert seen("exporter_refreshed_timestamp_seconds") == NOW.timestamp()
    assert seen("recognition_images_total") == 400


def test_a_broken_ledger_does_not_end_the_exporter(small, scrape):
    small.whole()
    small.store.write("runs/2026-11-24-y/run.json", b"{half")
    assert scrape()("exporter_up") == 0


def test_what_was_read_once_is_not_read_again(small, scrape, monkeypatch):
    seen = (small.whole() and scrape)()
    read = []
    kept = type(small.store).read
    monkeypatch.setattr(
        type(small.store), "read", lambda self, key: read.append(key) or kept(self, key)
    )
    seen.exporter.refresh()
    assert [k for k in read if not k.startswith("releases/")] == []
