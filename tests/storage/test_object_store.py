"""The store on a directory; `tests/integration/test_s3.py` runs the same promises on S3 servers."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
import yaml

from fashiontrend import config as configuration
from fashiontrend.config import StoreConfig
from fashiontrend.errors import ConfigError, Conflict, DataError, StoreError
from fashiontrend.storage.object_store import MANIFEST, open_store

#: Opens a store on S3 and says how often the SDK asked a metadata server for keys.
ASKS = """
import os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from fashiontrend.config import StoreConfig
from fashiontrend.storage.object_store import open_store
asked = []
class Metadata(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        self.send_error(404)
    do_PUT = do_GET
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{server.server_address[1]}"
open_store(StoreConfig(url="s3://bucket/prefix", endpoint="http://127.0.0.1:9")).filesystem
print(len(asked))
"""

TABLE = pa.table({"id": [1, 2], "image": [b"a", b"b"]})


def test_what_was_written_is_read_back(store):
    store.write("a/b.bin", b"one")
    store.write("a/b.bin", b"two")
    assert store.read("a/b.bin") == b"two"
    assert store.keys("a/") == ["a/b.bin"]


@pytest.mark.parametrize(("keys", "asks"), [(True, False), (False, True)])
def test_nobody_is_asked_for_keys_where_they_are_given(keys, asks):
    """A cluster's network refuses that address, and each refusal costs seconds."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    given = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"} if keys else {}
    done = subprocess.run(
        [sys.executable, "-c", ASKS], env=env | given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (int(done.stdout) > 0) is asks


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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"endpoint": "minio:9000"}, "store.endpoint.*must begin with http"),
        ({"endpoint": "s3.example"}, "store.endpoint.*must begin with http"),
        ({"endpoint": "https://"}, "store.endpoint.*must begin with http"),
        ({"endpoint": "http://h:99999"}, "store.endpoint.*is no address"),
        ({"endpoint": "https://key:s3cret@minio:9000"}, "store.endpoint.*user information"),
        ({"endpoint": "https://minio:9000/tenant"}, "store.endpoint.*has a path"),
        ({"url": "s3://"}, "store.url.*names no bucket"),
        ({"url": "s3:///prefix"}, "store.url.*names no bucket"),
    ],
)
def test_an_address_that_no_client_can_use_is_refused_with_its_key(tmp_path, settings, message):
    """Seen: an endpoint without a scheme ended in a traceback; one with a password was printed."""
    file = tmp_path / "fashiontrend.yaml"
    file.write_text(yaml.safe_dump({"store": settings}))
    with pytest.raises(ConfigError, match=message) as refused:
        configuration.load(str(file))
    assert "s3cret" not in str(refused.value)


def test_an_endpoint_of_the_environment_is_checked_alike(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "minio:9000")
    store = open_store(StoreConfig(url="s3://shop-data"))
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL: must begin with http"):
        _ = store.endpoint
