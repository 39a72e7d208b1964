"""What all tests share: a store in a temporary folder, a count of its calls, and no way to the network."""

from collections import Counter
from dataclasses import dataclass, field

import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.storage.object_store import Store, open_store
from tests import drills

#: An S3 server returns at most this many keys for one request.
KEYS_PER_LIST = 1000


def pytest_configure() -> None:
    drills.seed()  # before workers are started, who draw by the same one


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed that a failed drill is repeated with."""
    kind = "every case" if drills.is_complete() else f"drawn by {drills.SEED}={drills.seed()}"
    terminalreporter.write_line(f"drills: {kind}")


@dataclass
class StoreCalls:
    """Calls that reached the store, each counted as S3 would bill it at least.

    A look whether a key exists, a read of a key, a Parquet file opened and a write count 1 each;
    a listing counts 1 for every 1,000 keys that it returns.
    """

    kinds: Counter = field(default_factory=Counter)
    tables: list[tuple[str, str, tuple[str, ...] | None]] = field(default_factory=list)
    step: str = "start"
    steps: Counter = field(default_factory=Counter)

    def add(self, kind: str, number: int = 1) -> None:
        self.kinds[kind] += number
        self.steps[self.step] += number

    def clear(self) -> None:
        """Begin anew."""
        self.kinds.clear()
        self.steps.clear()
        self.tables.clear()
        self.step = "start"

    @property
    def total(self) -> int:
        return self.kinds.total()

    def __str__(self) -> str:
        return f"{self.total} requests: {dict(self.kinds)}; by step {dict(self.steps)}"


@pytest.fixture
def calls(monkeypatch) -> StoreCalls:
    """Counts what any `Store` of this process does from now on."""
    found = StoreCalls()

    def count(name: str, kind: str) -> None:
        method = getattr(Store, name)

        def counted(self, *arguments, **options):
            found.add(kind)
            return method(self, *arguments, **options)

        monkeypatch.setattr(Store, name, counted)

    for name, kind in (
        ("exists", "head"), ("read", "get"), ("write", "put"), ("_put", "put"),
        ("delete_folder", "delete"),
    ):  # fmt: skip
        count(name, kind)
    keys, read_table = Store.keys, Store.read_table

    def counted_keys(self, prefix):
        listed = keys(self, prefix)
        found.add("list", max(1, -(-len(listed) // KEYS_PER_LIST)))
        return listed

    def counted_read(self, key, columns=None):
        found.add("open")
        found.tables.append((found.step, key, None if columns is None else tuple(columns)))
        return read_table(self, key, columns)

    monkeypatch.setattr(Store, "keys", counted_keys)
    monkeypatch.setattr(Store, "read_table", counted_read)
    return found


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(StoreConfig(url=str(tmp_path / "store")))


@pytest.fixture(autouse=True)
def _no_network(request):
    """Only loopback answers: a test that reaches further fails."""
    if "socket_enabled" in request.fixturenames:
        yield
        return
    import pytest_socket

    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    yield
    pytest_socket._remove_restrictions()
