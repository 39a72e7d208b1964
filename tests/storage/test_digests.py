"""What was changed since it was written is refused with its key, and stores without digests are still read."""

import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.errors import Conflict, DataError
from fashiontrend.storage import checked, layout
from fashiontrend.storage.digests import SEAL, open_sealed, seal
from fashiontrend.storage.manifest import MANIFEST
from fashiontrend.storage.object_store import open_store

PARTITION = "predictions/a1/day=2026-11-23/platform=north"
ROWS = pa.table({"picture_id": [f"{n:064x}" for n in range(300)], "x": [n / 7 for n in range(300)]})


def opened(store):
    """The same store in a process that has seen nothing of it."""
    return open_store(StoreConfig(url=store.config.url))


def flip(path, bit):
    data = bytearray(Path(path).read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    Path(path).write_bytes(data)


@pytest.fixture
def key(store):
    return store.commit_tables(PARTITION, {"rows": ROWS}, {"rows": 300}).files[0]


@pytest.mark.parametrize("whole_bytes", [0, checked.WHOLE_BYTES])
@pytest.mark.parametrize("end", [1, 9, 40, 200])
def test_a_flipped_bit_of_the_footer_is_refused_with_its_key(
    store, key, end, whole_bytes, monkeypatch
):
    """Seen: one of 200 flips was believed, because Parquet's checksums leave the footer out."""
    monkeypatch.setattr(checked, "WHOLE_BYTES", whole_bytes)
    flip(store.path(key), 8 * (Path(store.path(key)).stat().st_size - end))
    with pytest.raises(DataError, match=key):
        opened(store).read_table(key, ["x"])
    with pytest.raises(DataError, match=key):
        opened(store).check_footers([key])


@pytest.mark.parametrize("whole_bytes", [0, checked.WHOLE_BYTES])
def test_columns_and_rows_are_read_as_they_were_written(store, key, whole_bytes, monkeypatch):
    monkeypatch.setattr(checked, "WHOLE_BYTES", whole_bytes)
    assert opened(store).read_table(key).equals(ROWS)
    assert opened(store).read_table(key, ["x"]).equals(ROWS.select(["x"]))
    opened(store).check_footers([key])


def test_a_cut_or_replaced_file_is_refused_with_its_key(store, key):
    path = Path(store.path(key))
    data = path.read_bytes()
    store.write("elsewhere.parquet", data)
    path.write_bytes(data[:-20])
    with pytest.raises(DataError, match=r"rows-.* is damaged \(it has .* bytes"):
        opened(store).read_table(key)
    store.write_table("elsewhere.parquet", ROWS.slice(0, 10))
    path.write_bytes(Path(store.path("elsewhere.parquet")).read_bytes())
    with pytest.raises(DataError, match=key):
        opened(store).read_partition(PARTITION)


def test_a_manifest_of_the_version_before_states_nothing_and_is_read(store, key):
    path = Path(store.path(f"{PARTITION}/{MANIFEST}"))
    body = json.loads(path.read_text())
    path.write_text(json.dumps({"files": body["files"], "facts": body["facts"]}, indent=1))
    old = opened(store)
    assert old.read_partition(PARTITION).equals(ROWS)
    assert old.read_manifest(PARTITION).facts == {"rows": 300}
    assert old.stated(key) is None


def test_a_changed_manifest_is_refused(store, key):
    path = Path(store.path(f"{PARTITION}/{MANIFEST}"))
    path.write_text(path.read_text().replace('"rows": 300', '"rows": 301'))
    with pytest.raises(DataError, match="seal"):
        opened(store).read_partition(PARTITION)


def test_a_file_that_a_worker_wrote_is_described_by_size_and_footer(store):
    """The driver that commits it never holds its bytes."""
    name = f"{PARTITION}/rows-worker.parquet"
    opened(store).write_table(name, ROWS)
    digest = store.commit(PARTITION, [name], {}).digests[name]
    assert (digest.size, digest.sha256) == (Path(store.path(name)).stat().st_size, "")
    assert opened(store).read_partition(PARTITION).equals(ROWS)
    flip(store.path(name), 8 * (digest.size - 30))
    with pytest.raises(DataError, match="rows-worker"):
        opened(store).read_partition(PARTITION)


def test_of_two_writers_of_fixed_names_the_files_are_those_of_the_one_who_committed(store):
    """Both write the same names; what the second one wrote over the first would pass for damage."""
    first, second = opened(store), opened(store)
    create = first.create

    def late(key, data):
        create(key, data)
        second.write("keywords/r/as_of=1/keywords.json", b"second")

    object.__setattr__(first, "create", late)
    first.commit_bytes("keywords/r/as_of=1", {"keywords.json": b"first"}, {})
    assert opened(store).read("keywords/r/as_of=1/keywords.json") == b"first"
    with pytest.raises(Conflict):
        second.commit("keywords/r/as_of=1", ["keywords/r/as_of=1/keywords.json"], {})


def test_a_seal_fits_to_its_document_only():
    body = {"day": "2026-11-23", "share": 0.25, "names": ["a", "b"]}
    text = seal(body)
    assert open_sealed(text, "x") == body
    assert SEAL not in open_sealed(text, "x")
    assert open_sealed(json.dumps(body), "x") == body
    assert open_sealed(text.replace(SEAL.encode(), b"_sha254"), "x") == body
    with pytest.raises(DataError, match="x: is damaged"):
        open_sealed(text.replace(b"0.25", b"0.75"), "x")


def test_a_picture_is_compared_with_its_name(store):
    store.write(layout.raw_image("0" * 64), b"other")
    with pytest.raises(DataError, match="its SHA-256 is not its name"):
        store.read_picture("0" * 64)


def test_a_read_by_a_process_that_saw_no_manifest_costs_two_requests_more(store, key, calls):
    fresh = opened(store)
    fresh.read_table(key)
    assert dict(calls.kinds) == {"open": 1, "head": 1, "get": 1}
    fresh.read_table(key)
    assert calls.kinds == {"open": 2, "head": 1, "get": 1}


def test_flips_anywhere_in_a_partition_are_harmless_or_refused(store, key):
    rng = random.Random(5)
    for name in (key, f"{PARTITION}/{MANIFEST}"):
        path = Path(store.path(name))
        data = path.read_bytes()
        for _ in range(40):
            flip(path, rng.randrange(8 * len(data)))
            try:
                assert opened(store).read_partition(PARTITION).equals(ROWS)
            except DataError as error:
                assert PARTITION in str(error)  # noqa: PT017
            path.write_bytes(data)


def test_a_partition_that_was_written_anew_is_no_damage_to_who_remembers_the_old_one(store):
    """A server keeps the manifests that it saw, and `fashiontrend forget` uses the same names."""
    store.commit_bytes("keywords/r/as_of=1", {"keywords.json": b"{1}"}, {})
    old = opened(store)
    assert old.read("keywords/r/as_of=1/keywords.json") == b"{1}"
    store.delete_folder("keywords/r/as_of=1")
    store.commit_bytes("keywords/r/as_of=1", {"keywords.json": b"{2}"}, {})
    assert old.read("keywords/r/as_of=1/keywords.json") == b"{2}"
