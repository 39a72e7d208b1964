"""The store's promises on S3-compatible servers: moto's always, a real one in the slow part."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa
import pytest

from fashiontrend.errors import Conflict, StoreError
from fashiontrend.storage.object_store import open_store

pytestmark = pytest.mark.s3
TABLE = pa.table({"id": [1, 2], "image": [b"a", b"b"]})


def test_what_was_written_is_read_back(s3_store):
    s3_store.write("a/b.bin", b"one")
    s3_store.write("a/b.bin", b"two")
    assert s3_store.read("a/b.bin") == b"two"
    assert s3_store.keys("a/") == ["a/b.bin"]
    assert not s3_store.exists("a/c.bin")


@pytest.mark.parametrize("standing", [None, b"before"], ids=["create", "swap"])
def test_of_32_concurrent_conditional_puts_exactly_one_succeeds(s3_store, standing):
    """Twenty times over: a server that looks first and writes then fails here."""

    def attempt(key: str, n: int) -> bool:
        try:
            s3_store.swap(key, str(n).encode(), expected=standing)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        for key in (f"contended-{standing is None}-{n}" for n in range(20)):
            if standing is not None:
                s3_store.create(key, standing)
            wins = list(pool.map(partial(attempt, key), range(32)))
            assert sum(wins) == 1
            assert s3_store.read(key) == str(wins.index(True)).encode()


def test_a_swap_needs_what_the_caller_read(s3_store):
    s3_store.swap("pointer", b"one", expected=None)
    s3_store.swap("pointer", b"two", expected=b"one")
    with pytest.raises(Conflict):
        s3_store.swap("pointer", b"three", expected=b"one")
    assert s3_store.read("pointer") == b"two"


def test_partitions_commit_once_and_are_listed(s3_store):
    first = s3_store.commit_tables("t/day=1", {"rows": TABLE}, {"n": 1})
    assert s3_store.commit_tables("t/day=1", {"rows": TABLE}, {"n": 2}) == first
    assert s3_store.committed("t/") == ["t/day=1"]
    assert s3_store.read_partition("t/day=1", columns=["id"]).column("id").to_pylist() == [1, 2]


def test_a_folder_can_be_deleted(s3_store):
    s3_store.write("training/x/1", b"")
    s3_store.delete_folder("training/x")
    s3_store.delete_folder("training/never")
    assert s3_store.keys("training/") == []


def test_wrong_credentials_are_told_as_such(s3_store, monkeypatch, request):
    # A server that checks nobody (moto) lets everybody in; there is nothing to see then.
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    stranger = open_store(s3_store.config)
    if "moto" in request.node.callspec.id:
        stranger.create("x", b"")
        return
    with pytest.raises(StoreError, match="AWS_") as caught:
        stranger.create("x", b"")
    assert caught.value.exit_code == 40
