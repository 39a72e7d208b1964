"""The store on a directory; `tests/integration/test_s3.py` runs the same promises on S3 servers."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.errors import Conflict, DataError, StoreError
from fashiontrend.store import MANIFEST, open_store

TABLE = pa.table({"id": [1, 2], "image": [b"a", b"b"]})


def test_what_was_written_is_read_back(store):
    store.write("a/b.bin", b"one")
    store.write("a/b.bin", b"two")
    assert store.read("a/b.bin") == b"two"
    assert store.keys("a/") == ["a/b.bin"]


def test_of_32_writers_of_one_key_exactly_one_succeeds(store):
    def attempt(n: int) -> bool:
        try:
            store.create("contended", str(n).encode())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(attempt, range(32))) == 1


def test_a_swap_needs_what_the_caller_read(store):
    store.swap("pointer", b"one", expected=None)
    store.swap("pointer", b"two", expected=b"one")
    with pytest.raises(Conflict):
        store.swap("pointer", b"three", expected=b"one")
    assert store.read("pointer") == b"two"


def test_a_partition_without_a_manifest_is_absent(store):
    store.write_table("day=1/rows-x.parquet", TABLE)
    assert store.manifest("day=1") is None
    assert store.committed("day=") == []
    with pytest.raises(DataError, match="not committed"):
        store.read_partition("day=1")


def test_the_first_commit_of_a_partition_stands(store):
    first = store.commit_tables("day=1", {"rows": TABLE}, {"attempt": 1})
    second = store.commit_tables("day=1", {"rows": TABLE.slice(0, 1)}, {"attempt": 2})
    assert second == first
    assert store.read_partition("day=1").num_rows == 2


def test_leftovers_of_an_attempt_that_died_are_never_read(store):
    store.write_table("day=1/rows-dead.parquet", TABLE)
    store.commit_tables("day=1", {"rows": TABLE}, {})
    assert store.read_partition("day=1", "rows").num_rows == 2


def test_a_folder_goes_up_and_comes_down_whole(store, tmp_path):
    source = tmp_path / "model"
    source.mkdir()
    (source / "card.json").write_text("{}")
    store.upload("models/x", source, {"kind": "test"})
    store.download("models/x", tmp_path / "copy")
    assert (tmp_path / "copy" / "card.json").read_text() == "{}"


def test_a_store_travels_between_processes_without_credentials(store):
    assert pickle.loads(pickle.dumps(store)) == store
    assert "key" not in repr(store).lower()


def test_an_unknown_scheme_is_refused_with_what_to_use():
    with pytest.raises(StoreError, match="s3://bucket/prefix"):
        open_store(StoreConfig(url="ftp://host/x"))


def test_a_missing_key_says_what_to_do(store):
    with pytest.raises(StoreError, match="run the step that makes it"):
        store.read("nowhere")


def test_a_store_that_cannot_be_reached_says_so():
    nowhere = open_store(
        StoreConfig(
            url="s3://b/p",
            endpoint="http://127.0.0.1:9",
            connect_timeout_s=0.2,
            request_timeout_s=0.2,
        )
    )
    with pytest.raises(StoreError) as caught:
        nowhere.create("x", b"")
    assert caught.value.exit_code == 40


def test_a_full_disk_is_named_and_nothing_is_lost(store, monkeypatch):
    store.write("kept", b"old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="disk is full: free space"):
        store.write("kept", b"new")
    monkeypatch.undo()
    assert store.read("kept") == b"old"
    assert store.keys("") == ["kept"]


@pytest.mark.parametrize("target", ["", "file://"])
def test_a_directory_is_named_by_path_or_file_url(tmp_path, target):
    store = open_store(StoreConfig(url=f"{target}{tmp_path}"))
    store.write("x", b"1")
    assert (tmp_path / "x").read_bytes() == b"1"
    assert not store.exists(MANIFEST)


def test_a_relative_store_is_the_same_place_from_every_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_store(StoreConfig(url="here"))
    store.write("x", b"1")
    monkeypatch.chdir("/")
    assert pickle.loads(pickle.dumps(store)).read("x") == b"1"
