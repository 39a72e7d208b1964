"""What a shop asks to have removed is in no file of the store afterwards, and nothing else is missing."""

import io
import json
from datetime import date

import pyarrow as pa
import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.pipeline import forget as forgetting
from fashiontrend.pipeline.forget import forget
from fashiontrend.pipeline.forgotten import Wish
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import open_store

DAY = date(2026, 12, 1)
#: product -> its own picture; "shared" is a picture that both shops show.
PRODUCTS = {"gone": ["red", "blue"], "stays": ["green", "grey"]}


def listing(platform, product):
    images = [
        {"url": f"http://{platform}/{product}.jpg", "picture_id": f"id-{product}", "position": 0},
        {"url": f"http://{platform}/shared.jpg", "picture_id": "id-shared", "position": 1},
    ]
    row = dict.fromkeys(schemas.LISTING.names)
    url = f"http://{platform}/p/{product}"
    return {**row, "platform": platform, "day": DAY, "product_id": product, "url": url,
            "title": product, "images": images}  # fmt: skip


def table(rows, schema):
    names = schema.names
    return pa.Table.from_pylist([{n: row.get(n) for n in names} for row in rows], schema)


@pytest.fixture
def store(tmp_path):
    store = open_store(StoreConfig(url=str(tmp_path / "store")))
    everything = []
    for platform, products in PRODUCTS.items():
        rows = [listing(platform, p) for p in products]
        pictures = [{"picture_id": f"id-{p}", "platform": platform, "product_id": p,
                     "image": p.encode()} for p in products]  # fmt: skip
        if platform == "gone":
            pictures.append({"picture_id": "id-shared", "platform": platform, "product_id": "red",
                             "image": b"shared"})  # fmt: skip
        everything += [{**p, "product_key": f"{platform}/{p['product_id']}"} for p in pictures]
        listings = table(rows, schemas.LISTING)
        pages = pa.table({"page": [r["url"] for r in rows]})
        store.commit_tables(
            layout.raw_day(DAY, platform), {"listings": listings, "pages": pages}, {}
        )
        packed = {"listings": listings, "pictures": table(pictures, schemas.PICTURE)}
        store.commit_tables(layout.catalogue_day(DAY, platform), packed, {"good": True})
        answers = pa.table({"picture_id": [p["picture_id"] for p in pictures]})
        store.commit_tables(layout.predictions_day("a1", DAY, platform), {"answers": answers}, {})
        body = pa.table({"url": [f"http://{platform}/products.json"], "body": [platform.encode()]})
        store.commit_tables(layout.raw_pages(DAY, platform), {"pages": body}, {})
    store.commit_tables(layout.dataset("d1"), {"train": table(everything, schemas.EXAMPLE)}, {})
    shares = [{"platform": name, "value": "red"} for name in (*PRODUCTS, "*")]
    store.commit_tables(layout.shares("a1", DAY, "x"), {"shares": table(shares, schemas.SHARE)}, {})
    samples = [{"platform": n, "product_id": p, "picture_id": f"id-{p}"}
               for n, ps in PRODUCTS.items() for p in ps]  # fmt: skip
    keywords = layout.keywords("r1", DAY)
    store.write(
        f"{keywords}/keywords.json", json.dumps({"keywords": [{"samples": samples}]}).encode()
    )
    store.commit(keywords, [f"{keywords}/keywords.json"], {})
    for name in ("id-red", "id-blue", "id-green", "id-grey", "id-shared"):
        store.write(layout.raw_image(name), name.encode())
    store.write(layout.report("run"), b"<img src='data:red'>")
    store.write("labelling/run/export/pictures.zip", b"\x89PNG id-red")
    requests = "platform,product_id,picture_id\n" + "".join(
        f"{n},{p},id-{p}\n" for n, ps in PRODUCTS.items() for p in ps
    )
    store.write(layout.labelling_request("run", 1), requests.encode())
    return store


def content(store):
    """All that the store says, as text: rows of tables and the text of other files."""
    told = {}
    for key in store.keys(""):
        data = store.read(key)
        is_table = key.endswith(".parquet")
        told[key] = (
            str(pa.parquet.read_table(io.BytesIO(data)).to_pylist())
            if is_table
            else data.decode("utf-8", "replace")
        )
    return told


def holders(store, word):
    return [key for key, text in content(store).items() if word in key or word in text]


def test_a_dry_run_changes_nothing_and_tells_everything(store):
    before = content(store)
    told = forget(store, Wish(platform="gone"), dry_run=True)
    assert content(store) == before
    assert (told.products, told.pictures) == (2, 2)
    assert told.changes == forget(store, Wish(platform="gone"), dry_run=False).changes


def test_nothing_of_a_platform_is_left_and_nothing_else_is_missing(store):
    forget(store, Wish(platform="gone"), dry_run=False)
    for word in ("id-red", "id-blue", "http://gone", "/red.jpg"):
        assert holders(store, word) == []
    # The picture that the other shop shows too stays where it is packed.
    (left,) = holders(store, "platform=gone/pictures")
    assert "shared" in content(store)[left]
    stays = store.read_partition(layout.raw_day(DAY, "stays"), "listings")
    assert stays["product_id"].to_pylist() == ["green", "grey"]
    kept = store.read_partition(layout.dataset("d1"))["picture_id"].to_pylist()
    assert kept == ["id-shared", "id-green", "id-grey"]
    shares = store.read_partition(layout.shares("a1", DAY, "x"))["platform"].to_pylist()
    assert shares == ["stays", "*"]
    assert store.manifest(layout.raw_day(DAY, "gone")) is None


def test_pages_that_fit_a_pattern_are_forgotten_and_their_shop_stays(store):
    told = forget(store, Wish(url="http://gone/p/r*"), dry_run=False)
    assert told.products == 1
    for word in ("id-red", "http://gone/p/red", "/red.jpg", "gone/products.json"):
        assert holders(store, word) == []
    left = store.read_partition(layout.catalogue_day(DAY, "gone"), "listings")
    assert left["product_id"].to_pylist() == ["blue"]
    assert store.manifest(layout.catalogue_day(DAY, "gone")).facts == {"good": True}
    answers = store.read_partition(layout.predictions_day("a1", DAY, "gone"))
    assert answers["picture_id"].to_pylist() == ["id-blue", "id-shared"]
    request = store.read(layout.labelling_request("run", 1)).decode()
    assert "gone,blue" in request


def test_a_pattern_that_fits_nothing_changes_nothing(store):
    before = content(store)
    told = forget(store, Wish(url="http://other/*"), dry_run=False)
    assert (told.products, told.changes) == (0, ())
    assert content(store) == before


def test_what_was_stopped_half_way_is_finished_by_the_next(store, monkeypatch):
    """The worst moment: the old partition is deleted and the new one stands beside only."""
    whole = store.read_partition(layout.dataset("d1")).num_rows

    def stop(self, partition, files, facts):
        if partition == layout.dataset("d1"):
            raise KeyboardInterrupt
        return commit(self, partition, files, facts)

    commit = type(store).commit
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "commit", stop)
        with pytest.raises(KeyboardInterrupt):
            forget(store, Wish(platform="gone"), dry_run=False)
    assert store.manifest(layout.dataset("d1")) is None
    forget(store, Wish(platform="gone"), dry_run=False)
    assert store.read_partition(layout.dataset("d1")).num_rows == whole - 2
    assert store.keys(layout.FORGETTING) == []
    assert holders(store, "id-red") == []


def test_releases_that_were_trained_on_it_are_named(store, monkeypatch):
    class Cited:
        release_id, dataset = "r1", "d1"

    monkeypatch.setattr(forgetting.releases, "releases", lambda store: ["r1"])
    monkeypatch.setattr(forgetting.releases, "load", lambda store, name: Cited)
    assert forget(store, Wish(url="http://gone/p/r*"), dry_run=True).releases == ("r1",)
    assert forget(store, Wish(url="http://x/*"), dry_run=True).releases == ()


def test_the_command_tells_first_and_refuses_what_would_come_back(store, tmp_path):
    import yaml
    from typer.testing import CliRunner

    from fashiontrend.cli import app

    def typed(*words):
        return CliRunner().invoke(app, ["forget", "--config", str(file), *words])

    file = tmp_path / "a.yaml"
    platform = {"name": "gone", "kind": "shopify", "base_url": "http://gone"}
    tree = {"store": {"url": str(tmp_path / "store")}, "crawl": {"platforms": [platform]}}
    file.write_text(yaml.safe_dump(tree))
    assert typed("--platform", "gone").exit_code == 0
    assert holders(store, "id-red")
    assert "enabled: false" in str(typed("--platform", "gone", "--yes").exception)
    assert "say what" in str(typed().exception)
    file.write_text(
        yaml.safe_dump({**tree, "crawl": {"platforms": [{**platform, "enabled": False}]}})
    )
    assert typed("--platform", "gone", "--yes").exit_code == 0
    fresh = open_store(store.config)  # a store remembers what it read, as a run does
    assert holders(fresh, "id-red") == []


def test_every_prefix_is_searched_and_listings_come_last():
    assert set(layout.FORGETTING_ORDER) == {*layout.PARTITIONED, "retail/"}
    assert layout.FORGETTING_ORDER[-2:] == (layout.CATALOGUE, layout.RAW_DAYS)
