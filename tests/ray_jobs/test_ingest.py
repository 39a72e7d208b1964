"""How a task packs pictures into files, and what it holds meanwhile. Needs no Ray."""

import hashlib
import io
import threading
from datetime import date

import numpy as np
import pytest
from PIL import Image

from fashiontrend.config import IngestConfig
from fashiontrend.errors import StoreError
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store
from ray_jobs import ingest

DAY = date(2026, 11, 1)


def picture(number: int) -> bytes:
    """A JPEG of noise, about 3 KB; every number gives other bytes."""
    noise = np.random.default_rng(number).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG")
    return out.getvalue()


def stored(store: Store, images: list[bytes]) -> list[str]:
    """Put the bytes where the crawler puts them; their ids."""
    ids = [hashlib.sha256(data).hexdigest() for data in images]
    for picture_id, data in zip(ids, images, strict=True):
        store.write(layout.raw_image(picture_id), data)
    return ids


def task(ids: list[str]) -> dict:
    """A row as the driver plans it."""
    pictures = [
        {"picture_id": i, "platform": "s", "product_id": str(n), "day": DAY, "position": 0,
         "url": f"u/{n}"}
        for n, i in enumerate(ids)
    ]  # fmt: skip
    return {"partition": layout.catalogue_day(DAY, "s"), "number": 7, "pictures": pictures}


def limits(shard_bytes: int) -> IngestConfig:
    return IngestConfig(shard_bytes=shard_bytes)


def packed(store: Store, row: dict) -> list[list[str]]:
    """Ids of the pictures in each file."""
    return [store.read_table(key).column("picture_id").to_pylist() for key in row["keys"]]


@pytest.fixture
def images() -> list[bytes]:
    return [picture(n) for n in range(8)]


def test_a_file_ends_with_the_picture_that_reaches_its_size(store, images):
    ids = stored(store, images)
    found = ingest.pack_shard(task(ids), store, limits(sum(map(len, images[:3]))))
    assert packed(store, found) == [ids[:3], ids[3:6], ids[6:]]
    assert found["good"] == 8
    table = store.read_table(found["keys"][0])
    assert table.schema.equals(schemas.PICTURE)
    assert table.column("image").to_pylist() == images[:3]


def test_pictures_that_are_lighter_than_a_file_share_one(store, images):
    ids = stored(store, images)
    assert packed(store, ingest.pack_shard(task(ids), store, IngestConfig())) == [ids]


def test_rejects_of_all_files_come_back_with_their_reasons(store, images):
    ids = stored(store, [images[0], b"no picture", *images[1:4]])
    never = "0" * 64
    found = ingest.pack_shard(task([*ids, never]), store, limits(1))
    assert [i for file in packed(store, found) for i in file] == [ids[0], *ids[2:]]
    assert found["good"] == 4
    assert {r["picture_id"]: r["reason"] for r in found["rejects"]} == {
        ids[1]: "unsupported",
        never: "missing",
    }


def test_a_task_without_pictures_writes_one_empty_file(store):
    """A day whose pictures are all known holds a table of pictures all the same."""
    found = ingest.pack_shard(task([]), store, limits(1))
    assert packed(store, found) == [[]]
    assert (found["good"], found["rejects"]) == (0, [])


def test_every_attempt_writes_files_of_its_own(store, images):
    row = task(stored(store, images))
    keys = [k for _ in range(2) for k in ingest.pack_shard(row, store, limits(1))["keys"]]
    assert len(set(keys)) == len(keys) == 16
    assert all(k.startswith(f"{row['partition']}/pictures-00007-") for k in keys)


def test_no_more_is_fetched_ahead_than_there_are_threads(store, images, monkeypatch):
    """What a task holds does not grow with the pictures of its day."""
    ids, fetched, lock = stored(store, images), [], threading.Lock()
    fetch, seen = ingest._fetch, []

    def counted(*arguments):
        with lock:
            fetched.append(arguments)
        return fetch(*arguments)

    def write(self, *arguments, **options):
        seen.append(len(fetched))

    monkeypatch.setattr(ingest, "FETCH_THREADS", 2)
    monkeypatch.setattr(ingest, "_fetch", counted)
    monkeypatch.setattr(Store, "write_table", write)
    ingest.pack_shard(task(ids), store, limits(1))
    assert len(seen) == len(ids)
    assert all(count <= file + 1 + 2 for file, count in enumerate(seen))


def test_a_store_that_fails_is_no_missing_picture(store, images, monkeypatch):
    def fail(self, key):
        raise StoreError("the store does not answer")

    row = task(stored(store, images))
    monkeypatch.setattr(Store, "read", fail)
    with pytest.raises(StoreError, match="does not answer"):
        ingest.pack_shard(row, store, IngestConfig())
