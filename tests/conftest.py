"""What all tests share: a store in a temporary folder, and no way to the network."""

import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.storage.object_store import Store, open_store


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
