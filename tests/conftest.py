"""What all tests share: a store in a temporary folder, and no way to the network."""

import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.storage.object_store import Store, open_store
from tests import drills


def pytest_configure() -> None:
    drills.seed()  # before workers are started, who draw by the same one


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed that a failed drill is repeated with."""
    kind = "every case" if drills.is_complete() else f"drawn by {drills.SEED}={drills.seed()}"
    terminalreporter.write_line(f"drills: {kind}")


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
