"""Partitions are listed once, and closed months are read from one partition each."""

from datetime import date

import pyarrow as pa
import pytest

from fashiontrend.errors import DataError
from fashiontrend.storage import layout
from fashiontrend.storage.partitions import Partitions, RolledPartitions, RolledTable

PREFIX = layout.CATALOGUE
OCTOBER = [date(2026, 10, d) for d in (29, 30, 31)]
NOVEMBER = [date(2026, 11, d) for d in (1, 2)]
TODAY = date(2026, 11, 3)
TABLES = (RolledTable("listings"), RolledTable("pictures", ("id",)))


def name(day):
    return layout.catalogue_day(day, "shop")


def commit(store, day, rows=2, **facts):
    ids = [f"{day}-{n}" for n in range(rows)]
    tables = {
        "listings": pa.table({"title": pa.array(ids, pa.string())}),
        "pictures": pa.table({"id": pa.array(ids, pa.string()), "image": [b"x"] * rows}),
    }
    return store.commit_tables(name(day), tables, {"rows": rows, **facts})


@pytest.fixture
def filled(store):
    for day in (*OCTOBER, *NOVEMBER):
        commit(store, day, rows=day.day % 3)
    return store


def opened(store):
    return RolledPartitions(store, PREFIX, TABLES)


def read(days, partitions, table="listings", columns=None):
    return [(p, t.to_pydict()) for p, t in days.tables(partitions, table, columns)]


def test_any_number_of_questions_is_one_listing_and_one_read_of_each_manifest(filled, calls):
    days = Partitions(filled, PREFIX)
    for _ in range(3):
        assert list(days) == [name(d) for d in (*OCTOBER, *NOVEMBER)]
        assert name(TODAY) not in days
        assert days.manifest(name(TODAY)) is None
        assert days.manifest(name(OCTOBER[0])).facts == {"rows": 2}
    assert calls.kinds == {"list": 1, "get": 1}


def test_what_this_process_commits_is_known_and_what_others_commit_after_a_refresh(filled):
    days = Partitions(filled, PREFIX)
    assert name(TODAY) not in days
    days.commit_tables(name(TODAY), {"listings": pa.table({"title": ["own"]})}, {})
    commit(filled, date(2026, 11, 4))
    assert name(TODAY) in days
    assert name(date(2026, 11, 4)) not in days
    days.refresh()
    assert name(date(2026, 11, 4)) in days


def test_a_partition_that_another_process_commits_meanwhile_is_not_overwritten(filled):
    days = Partitions(filled, PREFIX)
    assert name(TODAY) not in days
    first = commit(filled, TODAY, by="another process")
    assert days.commit_tables(name(TODAY), {"listings": pa.table({"title": ["late"]})}, {}) == first
    assert days.manifest(name(TODAY)) == first
    assert days.read(name(TODAY), "listings")["title"].to_pylist() == [f"{TODAY}-0", f"{TODAY}-1"]


def test_a_file_without_a_manifest_is_no_partition(filled):
    filled.write(f"{name(TODAY)}/listings-dead.parquet", b"")
    days = Partitions(filled, PREFIX)
    assert name(TODAY) not in days
    with pytest.raises(DataError, match="not committed"):
        days.read(name(TODAY))


def test_a_closed_month_is_read_with_one_request_a_table_and_gives_the_same_rows(filled, calls):
    order = [name(d) for d in (OCTOBER[1], OCTOBER[0], OCTOBER[2], *NOVEMBER)]
    unrolled = read(opened(filled), order)
    assert opened(filled).roll_up(TODAY) == 1
    calls.clear()
    days = opened(filled)
    assert read(days, order) == unrolled
    opened_files = [key for _, key, _ in calls.tables]
    assert sum(key.startswith("rollups/") for key in opened_files) == 1
    assert len(opened_files) == 1 + len(NOVEMBER)
    assert [days.manifest(p).facts["rows"] for p in order] == [0, 2, 1, 1, 2]
    assert calls.kinds["get"] == 1 + len(NOVEMBER)


def test_the_month_of_the_run_is_left_alone_and_nothing_is_rolled_up_twice(filled):
    days = opened(filled)
    assert days.roll_up(NOVEMBER[0]) == 1
    assert days.roll_up(NOVEMBER[1]) == 0
    assert opened(filled).roll_up(TODAY) == 0
    assert opened(filled).roll_up(date(2026, 12, 1)) == 1


def test_a_day_that_is_committed_late_makes_its_roll_up_out_of_date(filled):
    opened(filled).roll_up(TODAY)
    late = date(2026, 10, 1)
    commit(filled, late)
    days = opened(filled)
    assert read(days, [name(late), name(OCTOBER[0])]) == [
        (name(late), {"title": [f"{late}-0", f"{late}-1"]}),
        (name(OCTOBER[0]), {"title": ["2026-10-29-0", "2026-10-29-1"]}),
    ]
    assert days.roll_up(TODAY) == 1
    assert len(filled.committed(layout.roll_ups(PREFIX))) == 2


def test_a_day_that_was_deleted_and_made_again_is_read_as_it_is_now(filled):
    opened(filled).roll_up(TODAY)
    filled.delete_folder(name(OCTOBER[0]))
    commit(filled, OCTOBER[0], rows=1)
    assert read(opened(filled), [name(OCTOBER[0])])[0][1] == {"title": ["2026-10-29-0"]}


def test_columns_that_a_roll_up_leaves_out_are_read_from_the_days(filled, calls):
    opened(filled).roll_up(TODAY)
    calls.clear()
    ((_, found),) = read(opened(filled), [name(OCTOBER[0])], "pictures", ["id", "image"])
    assert found["image"] == [b"x", b"x"]
    assert [key.startswith(PREFIX) for _, key, _ in calls.tables] == [True]


def test_a_day_without_such_a_table_is_named(filled):
    filled.commit_tables(name(date(2026, 10, 2)), {"rejects": pa.table({"id": ["a"]})}, {})
    days = opened(filled)
    assert days.roll_up(TODAY) == 1
    with pytest.raises(DataError, match=r"day=2026-10-02.*holds no table 'listings'"):
        read(days, [name(date(2026, 10, 2))])


def test_tables_of_different_columns_are_left_as_they_are(filled, caplog):
    other = pa.table({"title": ["a"], "more": [1]})
    filled.commit_tables(name(date(2026, 10, 2)), {"listings": other}, {})
    days = opened(filled)
    assert days.roll_up(TODAY) == 0
    assert "catalogue/2026-10: not rolled up" in caplog.text
    assert len(read(days, [name(d) for d in OCTOBER])) == 3
