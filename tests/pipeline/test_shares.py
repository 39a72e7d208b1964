"""Under which key shares lie: whatever decides them decides the key. Needs no Ray."""

from dataclasses import replace
from datetime import date

import pytest

from fashiontrend import taxonomy
from fashiontrend.config import Config
from fashiontrend.errors import DataError
from fashiontrend.loop import Move, Step
from fashiontrend.outcomes import IngestFacts, WithheldDay
from fashiontrend.pipeline import publish, shares
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context
from fashiontrend.storage import layout, ledger
from fashiontrend.storage.object_store import open_store

DAY = date(2026, 11, 23)


def context(folder, withheld=(), **branches):
    tree = {
        "store": {"url": str(folder)},
        "crawl": {"platforms": [{"name": "shop", "kind": "replay", "weight": 2.0}]},
        "loop": {"history_days": 3},
    }
    config = Config.model_validate({**tree, **branches})
    entry = ledger.Entry(Step.INGEST, 1, 1, "", 0, "", IngestFacts(withheld=tuple(withheld)))
    run = ledger.Run("r", DAY, "", {}, "", "", "", None, (entry,))
    words = taxonomy.load(None)
    catalogue = Catalogue.of_run(open_store(config.store), config, DAY)
    return Context(config, catalogue, words, run, Move(Step.SHARES))


HEAVY = {"platforms": [{"name": "shop", "kind": "replay", "weight": 3.0}]}
BAD = WithheldDay("shop", date(2026, 11, 22), "blocked")


@pytest.mark.parametrize(
    "change",
    [
        {"series": {"window_days": 14}},
        {"series": {"basis": "new_in"}},
        {"crawl": HEAVY},
        {"seed": 5},
        {"withheld": [BAD]},
    ],
    ids=["window", "basis", "weight", "seed", "withheld"],
)
def test_what_changes_the_shares_changes_their_key(tmp_path, change):
    """Seen: a run with other settings took the shares of the run before for its own."""
    standing = shares.made_of(context(tmp_path))
    assert shares.made_of(context(tmp_path, **change)) != standing


def test_a_day_that_is_crawled_late_changes_the_key_and_settings_of_later_steps_do_not(tmp_path):
    standing = shares.made_of(context(tmp_path))
    assert shares.made_of(context(tmp_path, keywords={"season_days": 500})) == standing
    late = context(tmp_path)
    late.store.commit_tables(layout.catalogue_day(DAY, "shop"), {}, {})
    assert shares.made_of(late) != standing
    assert shares.made_of(replace(late)) == shares.made_of(late)


def test_published_keywords_stay_and_other_ones_of_the_day_are_refused(store):
    """Seen: the ledger counted the new keywords, the files held the old ones."""
    key = layout.keywords("r1", DAY)
    publish._commit(store, key, {"keywords.json": b"{}"}, {"made_of": "a"})
    publish._commit(store, key, {"keywords.json": b"{}"}, {"made_of": "a"})
    with pytest.raises(DataError, match=r"published before.*counts from the next day on"):
        publish._commit(store, key, {"keywords.json": b"[]"}, {"made_of": "b"})
    assert store.read(f"{key}/keywords.json") == b"{}"


def test_keywords_of_before_that_are_told_are_taken_as_they_are(store):
    key = layout.keywords("r1", DAY)
    store.commit(key, [], {"horizon_days": 30})
    publish._commit(store, key, {}, {"made_of": "b"})
