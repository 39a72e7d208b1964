"""Which tables of a release are served."""

import pytest

from fashiontrend.errors import DataError
from fashiontrend.serve.release import tables
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.storage import layout
from tests.serve.conftest import DAY, publish, save_forecaster, save_recogniser, share_rows


def test_the_served_series_are_those_that_the_newest_keywords_were_made_of(store, tmp_path):
    """Two runs of a day with other settings measure two series; one of them is published."""
    save_recogniser(store, tmp_path / "a1", "a1")
    save_forecaster(store, "f1")
    publish(store, "r1")
    used, unused = (layout.shares("a1", DAY, of) for of in ("b", "z"))
    for key, rows in ((used, share_rows()), (unused, share_rows().slice(0, 1))):
        store.commit_tables(key, {"shares": rows}, {})
    assert tables.load(store, tables.find(store)).shares()[1].num_rows == 1
    newer = layout.keywords("r1", DAY.replace(day=DAY.day + 1))
    for name in ("keywords.json", "forecasts.parquet"):
        store.write(f"{newer}/{name}", store.read(f"{layout.keywords('r1', DAY)}/{name}"))
    store.commit(newer, [f"{newer}/keywords.json"], {"shares": used})
    as_of, rows = tables.load(store, tables.find(store)).shares()
    assert (as_of, rows.num_rows) == (str(DAY), share_rows().num_rows)


def test_keywords_that_do_not_have_the_documented_shape_are_refused_with_their_path(
    store, tmp_path
):
    save_recogniser(store, tmp_path / "a1", "a1")
    publish(store, "r1")
    key = f"{layout.keywords('r1', DAY)}/keywords.json"
    store.write(key, store.read(key).replace(b'"rank": 1', b'"rank": "first"', 1))
    with pytest.raises(DataError, match=r"keywords\.json: keywords\.0\.rank: .*Publish the day"):
        tables.load(store, tables.find(store))


def test_a_release_that_was_published_before_there_was_a_retail_table_says_so(store, tmp_path):
    save_recogniser(store, tmp_path / "a1", "a1")
    save_forecaster(store, "f1")
    publish(store, "r1")
    newer = layout.keywords("r1", DAY.replace(day=DAY.day + 1))
    for name in ("keywords.json", "forecasts.parquet"):
        store.write(f"{newer}/{name}", store.read(f"{layout.keywords('r1', DAY)}/{name}"))
    store.commit(newer, [f"{newer}/keywords.json"], {})
    with pytest.raises(Problem, match="no retail table yet"):
        tables.load(store, tables.find(store)).retail()
