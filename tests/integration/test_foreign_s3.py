"""S3 servers that answer as the protocol allows and not as AWS usually does, through a small proxy."""

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.errors import Conflict, StoreError
from fashiontrend.storage.object_store import open_store

pytestmark = pytest.mark.s3
#: A proxy that changes requests spoils their signatures, which moto alone does not check.
through_proxy = pytest.mark.parametrize("s3_endpoint", ["moto"], indirect=True)


class Behaviour:
    """What the proxy changes on the way; every method may be replaced."""

    def tag(self, tag):
        return tag

    def refuses(self, headers):
        return None

    def body(self, method, body):
        return body


class ForeignTags(Behaviour):
    """SSE-KMS, multipart: the ETag is no MD5."""

    def tag(self, tag):
        return f'"{tag.strip(chr(34))[::-1]}-1"'


class NoTrailers(Behaviour):
    """Ceph and others before 2025: `aws-chunked` bodies with checksums in a trailer are not understood."""

    def refuses(self, headers):
        chunked = "aws-chunked" in headers.get("Content-Encoding", "")
        return 501 if chunked or "x-amz-trailer" in headers else None


class Truncated(Behaviour):
    """A 200 whose body ends early."""

    def body(self, method, body):
        return body[: len(body) // 2] if method == "GET" else body


def proxy(endpoint, behaviour):
    """A server on loopback that passes requests on to `endpoint`, and translates tags both ways."""
    target, tags = urlsplit(endpoint).netloc, {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self):
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            if (status := behaviour.refuses(self.headers)) is not None:
                self.answer(status, [], b"")
                return
            headers = dict(self.headers)
            if "If-Match" in headers:
                headers["If-Match"] = tags.get(headers["If-Match"], '"foreign"')
            for foreign, own in tags.items():  # the list of parts that ends an upload in parts
                sent = sent.replace(foreign.strip('"').encode(), own.strip('"').encode())
            headers["Content-Length"] = str(len(sent))
            connection = HTTPConnection(target, timeout=20)
            connection.request(self.command, self.path, sent, headers)
            found = connection.getresponse()
            body = found.read()
            kept = []
            for name, value in found.getheaders():
                if name.lower() == "etag":
                    foreign = behaviour.tag(value)
                    tags[foreign] = value
                    kept.append((name, foreign))
                elif name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    kept.append((name, value))
            size = int(found.getheader("Content-Length") or len(body))
            self.answer(found.status, kept, behaviour.body(self.command, body), size)
            connection.close()

        def answer(self, status, headers, body, size=0):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(size if self.command == "HEAD" else len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def behind(s3_endpoint, tmp_path):
    """behind(behaviour) -> a store behind the proxy."""
    running = []

    def make(behaviour):
        server = proxy(s3_endpoint, behaviour)
        running.append(server)
        url = f"s3://shop-data/{type(behaviour).__name__}-{tmp_path.name}"
        return open_store(StoreConfig(url=url, endpoint=f"http://127.0.0.1:{server.server_port}"))

    yield make
    for server in running:
        server.shutdown()
        server.server_close()


@through_proxy
@pytest.mark.parametrize(
    "behaviour", [Behaviour(), ForeignTags(), NoTrailers()], ids=lambda b: type(b).__name__
)
def test_the_pointer_moves_and_nothing_is_lost(behind, behaviour):
    """Seen: where an ETag is no MD5 the second publication failed for ever with "another writer"."""
    store = behind(behaviour)
    store.swap("release", b"one", expected=None)
    for before, after in ((b"one", b"two"), (b"two", b"three")):
        store.swap("release", after, expected=before)
        assert store.read("release") == after
    with pytest.raises(Conflict):
        store.swap("release", b"four", expected=b"two")
    with pytest.raises(Conflict):
        store.swap("missing", b"one", expected=b"zero")
    store.write("data", b"x" * 100_000)
    assert store.read("data") == b"x" * 100_000


@through_proxy
def test_a_pointer_that_is_read_cut_off_is_not_replaced(behind):
    store = behind(Truncated())
    store.swap("release", b"0123456789", expected=None)
    with pytest.raises((Conflict, StoreError)):
        store.swap("release", b"new", expected=b"0123456789")


def test_the_environment_names_the_server_for_both_clients(s3_endpoint, monkeypatch, tmp_path):
    """Seen: boto3 obeyed AWS_ENDPOINT_URL and pyarrow did not."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    store = open_store(StoreConfig(url=f"s3://shop-data/{tmp_path.name}"))
    store.create("a", b"boto3")
    assert store.read("a") == b"boto3"
    store.write("b", b"pyarrow")
    store.swap("b", b"boto3", expected=b"pyarrow")
