"""A shop behind a proxy, with a certificate of a private authority, both named by standard variables."""

import asyncio
import json
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fashiontrend.config import CrawlConfig, StoreConfig
from fashiontrend.crawl.visit import ShopRefuses, Visit
from fashiontrend.storage import s3
from tests.crawl.certificates import Proxy, make_authority, with_certificate

DAY = date(2026, 12, 1)


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        product = {"id": 1, "title": "Coat", "images": [{"src": "/a.jpg"}]}
        body = json.dumps({"products": [product]}).encode()
        if self.path.endswith(".jpg"):
            body = b"\xff\xd8\xff\xe0 a picture"
        self.send_response(200 if self.path.endswith((".jpg", "page=1")) else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        self.send_error(404)

    def log_message(self, *args):
        pass


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Whoever does not trust the authority hangs up, as it should."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(address of the shop, its authority's file, the proxy)."""
    authority, certificate = make_authority(tmp_path_factory.mktemp("authority"))
    server = with_certificate(QuietServer(("127.0.0.1", 0), Shop), certificate)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    proxy = Proxy()
    yield f"https://localhost:{server.server_address[1]}", str(authority), proxy
    proxy.close()
    server.shutdown()
    server.server_close()


@pytest.fixture
def behind(world, monkeypatch):
    """The world, with its proxy and its authority named in the environment."""
    url, authority, proxy = world
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    proxy.asked.clear()
    return url, authority, proxy


def platform(url):
    return {"name": "tls", "kind": "shopify", "base_url": url, "delay_s": 0.0}


def test_a_crawl_goes_through_the_proxy_and_trusts_the_authority(behind, crawl, tmp_path):
    url, _, proxy = behind
    _, (told,) = crawl(tmp_path, [platform(url)], DAY, DAY, autothrottle=False, retries=0)
    assert (told["committed"], told["products"], told["fetched_images"]) == (True, 1, 1)
    assert set(proxy.asked) == {url.removeprefix("https://")}


def test_a_crawl_trusts_no_other_authority_once_one_is_named(behind, crawl, tmp_path, monkeypatch):
    other, _ = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    _, (told,) = crawl(tmp_path, [platform(behind[0])], DAY, DAY, autothrottle=False, retries=0)
    assert (told["committed"], told["reason"]) == (False, "the shop did not answer")


@pytest.mark.parametrize("proxied", [True, False])
def test_a_visit_heeds_the_same_variables(behind, monkeypatch, proxied):
    url, _, proxy = behind
    if not proxied:
        monkeypatch.setenv("NO_PROXY", "localhost")
        monkeypatch.setenv("no_proxy", "localhost")
    answer = asyncio.run(Visit(CrawlConfig(), url, pause_s=0.0).get(f"{url}/products.json?page=1"))
    assert answer.status == 200
    assert bool(proxy.asked) is proxied


def test_a_visit_trusts_no_unknown_authority(world, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(ShopRefuses, match="did not answer"):
        asyncio.run(Visit(CrawlConfig(), world[0], pause_s=0.0).get(world[0]))


@pytest.mark.parametrize("bypassed", [True, False])
def test_both_clients_of_the_store_take_proxy_and_authority(behind, monkeypatch, bypassed):
    url, _, proxy = behind
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    if bypassed:
        monkeypatch.setenv("NO_PROXY", "localhost")
        monkeypatch.setenv("no_proxy", "localhost")
    config = StoreConfig(url="s3://bucket/x", endpoint=url, request_timeout_s=5.0)
    # The server is no S3 server: that it answers 404 shows that it was reached and trusted.
    s3_client = s3.make_client(config)
    with pytest.raises(s3_client.exceptions.ClientError, match="404"):
        s3_client.head_object(Bucket="bucket", Key="x")
    of_boto3 = len(proxy.asked)
    info = s3.make_filesystem(config).get_file_info("bucket/x")
    assert info.type.name == "NotFound"
    assert (of_boto3 > 0, len(proxy.asked) > of_boto3) == (not bypassed, not bypassed)
