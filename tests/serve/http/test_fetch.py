"""No URL reaches the internal network, whatever its spelling and whatever its name resolves to."""

import asyncio
import ipaddress
import socket
from pathlib import Path

import httpcore
import pytest

from fashiontrend.addresses import is_public
from fashiontrend.config import FetchConfig
from fashiontrend.serve.http.fetch import Fetcher
from fashiontrend.serve.schemas.problems import Problem

#: What a careless resolver answers; the rest goes through the system's own reading of numbers.
NAMES = {
    "localhost": ["127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "foo.localhost": ["::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "inner.example": ["10.0.0.5"],
    "mixed.example": ["93.184.216.34", "192.168.0.1"],
    "v6.example": ["fd00::1"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "public.example": ["93.184.216.34"],
    "redirect.example": ["93.184.216.34"],
    "none.example": [],
    "xn--bcher-kva.example": ["10.1.1.1"],
}
CORPUS = (Path(__file__).parents[2] / "addresses" / "urls.txt").read_text("utf-8").split("\n")[:-1]
REDIRECTS = {
    b"/loop": b"http://redirect.example/loop",
    b"/to-file": b"file:///etc/passwd",
    b"/to-metadata": b"http://169.254.169.254/latest/",
    b"/to-inner": b"http://inner.example/",
    b"/to-port": b"http://public.example:22/",
    b"/to-user": b"http://a:b@public.example/",
    b"/to-nowhere": b"http://[",
    b"/twice": b"/to-inner",
    b"/relative-to-loop": b"loop",
}
PICTURE = b"\x89PNG picture"


class Wire(httpcore.AsyncMockStream):
    """A connection that answers by path, and remembers that it was opened."""

    def __init__(self) -> None:
        super().__init__([])
        self.sent = b""

    async def write(self, buffer: bytes, timeout=None) -> None:
        self.sent += buffer
        path = self.sent.split(b" ")[1]
        if b"\r\n\r\n" not in self.sent:
            return
        if path in REDIRECTS:
            told = (
                b"HTTP/1.1 302 Found\r\nLocation: "
                + REDIRECTS[path]
                + b"\r\nContent-Length: 0\r\n\r\n"
            )
        elif path == b"/error":
            told = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
        elif path == b"/endless":
            told = (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"64\r\n%s\r\n" % (b"x" * 100) * 50
            )
        else:
            told = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(PICTURE), PICTURE)
        self._buffer.append(told)


class Network(httpcore.AsyncNetworkBackend):
    """Counts the addresses that connections are opened to."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.wires: list[Wire] = []

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.opened.append(host)
        self.wires.append(Wire())
        return self.wires[-1]

    async def sleep(self, seconds: float) -> None:
        pass


async def resolve(host: str, port: int) -> list[str]:
    if host in NAMES:
        return NAMES[host]
    flags = socket.AI_NUMERICHOST  # numbers in any base, names never
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=flags)
    return [str(f[4][0]) for f in found]


def fetch(url: str, network: Network, resolver=resolve, **settings) -> bytes:
    async def one() -> bytes:
        fetcher = Fetcher(FetchConfig(**settings), 1000, resolver, inner=network)
        try:
            return await fetcher(url)
        finally:
            await fetcher.aclose()

    return asyncio.run(one())


def refused(url: str, network: Network, **more) -> Problem:
    with pytest.raises(Problem) as caught:
        fetch(url, network, **more)
    return caught.value


def test_the_corpus_is_as_large_as_promised():
    assert len(set(CORPUS)) >= 60


@pytest.mark.parametrize("url", CORPUS)
def test_no_url_of_the_corpus_is_fetched_and_no_inner_address_is_touched(url):
    network = Network()
    problem = refused(url, network)
    assert problem.code == "fetch_failed"
    assert set(network.opened) <= {"93.184.216.34"}
    assert not any(number in problem.detail for number in ("10.", "169.254", "192.168"))


def test_a_public_picture_is_fetched_from_the_checked_address_under_its_own_name():
    network = Network()
    assert fetch("http://public.example/a.png?x=1", network) == PICTURE
    assert network.opened == ["93.184.216.34"]
    assert network.wires[0].sent.startswith(b"GET /a.png?x=1 HTTP/1.1\r\nHost: public.example\r\n")


def test_a_name_is_resolved_once_a_connection_so_rebinding_gains_nothing():
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])

    async def rebinding(host: str, port: int) -> list[str]:
        return next(answers)

    network = Network()
    assert fetch("http://rebind.example/a", network, rebinding) == PICTURE
    assert network.opened == ["93.184.216.34"]
    assert refused("http://rebind.example/a", network, resolver=rebinding).code == "fetch_failed"
    assert network.opened == ["93.184.216.34"]


def test_size_status_and_switch_are_limits_too():
    assert refused("http://public.example/endless", Network()).code == "too_large"
    assert refused("http://public.example/error", Network()).code == "fetch_failed"
    assert refused("http://public.example/a", Network(), enabled=False).code == "fetch_failed"


def test_an_allow_list_and_an_allowed_network():
    network = Network()
    only = {"allowed_hosts": ("public.example",)}
    assert fetch("http://public.example/a", network, **only) == PICTURE
    assert refused("http://evilpublic.example/a", network, **only)
    assert refused("http://redirect.example/a", network, **only)
    inside = {"allowed_networks": ("10.0.0.0/24",)}
    assert fetch("http://inner.example/a", network, **inside) == PICTURE
    assert refused("http://192.168.0.1/", network, **inside)


def test_a_host_that_hangs_is_given_up():
    async def hang(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    assert (
        "within" in refused("http://slow.example/", Network(), resolver=hang, timeout_s=0.01).detail
    )


class Hurry(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing that is to happen."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.ahead += max(0.0, self._scheduled[0].when() - self.time())
        super()._run_once()


class Hosts(Network):
    """Connections take as long as their host does; counts those that are on their way."""

    def __init__(self, seconds: dict[str, float]) -> None:
        super().__init__()
        self.seconds, self.waiting, self.most = seconds, 0, 0

    async def resolve(self, host: str, port: int) -> list[str]:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await asyncio.sleep(self.seconds.get(host, 0.0))
        finally:
            self.waiting -= 1
        return ["93.184.216.34"]


def hurry(network: Hosts, *urls: str, **settings) -> list[tuple[bytes | str, float]]:
    """What became of each picture, asked for in this order at once, and after how many seconds."""

    async def one(fetcher: Fetcher, url: str) -> tuple[bytes | str, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            told: bytes | str = await fetcher(url)
        except Problem as problem:
            told = f"{problem.status} {problem.code}: {problem.detail}"
        return told, round(loop.time() - began)

    async def all_of_them() -> list[tuple[bytes | str, float]]:
        fetcher = Fetcher(FetchConfig(**settings), 1000, network.resolve, inner=network)
        try:
            return await asyncio.gather(*(one(fetcher, url) for url in urls))
        finally:
            await fetcher.aclose()

    with asyncio.Runner(loop_factory=Hurry) as runner:
        return runner.run(all_of_them())


def test_waiting_for_a_turn_is_not_held_against_a_host():
    network = Hosts({"shop.example": 3.0})
    found = hurry(network, *(f"http://shop.example/{n}" for n in range(32)))
    assert [told for told, _ in found] == [PICTURE] * 32
    assert network.most == 24


def test_a_host_that_hangs_keeps_no_other_out():
    network = Hosts({"slow.example": 60.0})
    slow = [f"http://slow.example/{n}" for n in range(64)]
    *hung, (other, seconds) = hurry(network, *slow, "http://quick.example/a")
    assert (other, seconds) == (PICTURE, 0)
    assert all(isinstance(told, str) for told, _ in hung)
    assert max(seconds for _, seconds in hung) <= 10


def test_a_picture_without_a_fetch_slot_is_refused_with_the_advice_to_retry():
    network = Hosts({f"{n}.example": 15.0 for n in range(8)})
    slow = [f"http://{n}.example/" for n in range(8)]
    *fetched, (told, seconds) = hurry(
        network, *slow, "http://quick.example/a", concurrency=4, timeout_s=20
    )
    assert fetched == [(PICTURE, 15)] * 4 + [(PICTURE, 30)] * 4
    assert (
        "429 fetch_failed: The picture was not fetched: no fetch slot became free within 20 s"
        in str(told)
    )
    assert seconds == 20


def test_a_single_slot_serves_every_host_in_turn():
    found = hurry(Hosts({}), "http://a.example/", "http://a.example/", concurrency=1)
    assert [told for told, _ in found] == [PICTURE] * 2


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_public_addresses_are_public(text):
    assert is_public(ipaddress.ip_address(text))
