"""The pages of a crawl are kept for some days."""

from datetime import date, timedelta

from fashiontrend.config import StoreConfig
from fashiontrend.crawl import archive
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import open_store

DAY = date(2026, 12, 1)


def test_pages_come_back_as_they_were_sent(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "SHARD_BYTES", 100)
    store = open_store(StoreConfig(url=str(tmp_path)))
    kept = archive.PageArchive(store, "s", DAY)
    bodies = {f"https://s.example/{n}": b"\xff<html>" * n for n in range(30)}
    for url, body in bodies.items():
        kept.add(url, "text/html", body)
    kept.commit()
    rows = store.read_partition(layout.raw_pages(DAY, "s")).to_pylist()
    assert {row["url"]: row["body"] for row in rows} == bodies
    assert len(kept.files) > 5


def test_a_second_crawl_of_a_day_leaves_the_first_ones_pages(tmp_path):
    store = open_store(StoreConfig(url=str(tmp_path)))
    for body in (b"first", b"second"):
        kept = archive.PageArchive(store, "s", DAY)
        kept.add("https://s.example/", "text/html", body)
        kept.commit()
    assert store.read_partition(layout.raw_pages(DAY, "s"))["body"].to_pylist() == [b"first"]


def test_a_crawl_without_pages_keeps_none(tmp_path):
    store = open_store(StoreConfig(url=str(tmp_path)))
    archive.PageArchive(store, "s", DAY).commit()
    assert store.keys(layout.RAW_PAGES) == []


def test_old_pages_of_this_platform_alone_are_removed(tmp_path):
    store = open_store(StoreConfig(url=str(tmp_path)))
    for platform in ("s", "other"):
        for back in range(4):
            old = archive.PageArchive(store, platform, DAY - timedelta(days=back))
            old.add("https://s.example/", "text/html", b"x")
            old.commit()
    archive.PageArchive(store, "s", DAY).remove_before(2)
    left = store.committed(layout.RAW_PAGES)
    days = [DAY - timedelta(days=back) for back in range(2)]
    assert [p for p in left if p.endswith("=s")] == sorted(layout.raw_pages(d, "s") for d in days)
    assert len([p for p in left if p.endswith("=other")]) == 4
