"""A crawl reaches no private address, whatever a shop, a redirect or a name server says."""

import asyncio
import json
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from scrapy.http import Request

from fashiontrend.addresses import SystemResolver
from fashiontrend.config import CrawlConfig, PlatformConfig
from fashiontrend.crawl.guard import GuardedNameResolver, GuardMiddleware, PrivateAddress, guard_for
from fashiontrend.crawl.memory import CrawlMemory
from fashiontrend.crawl.spiders import SchemaOrgSpider

DAY = date(2026, 11, 23)
PUBLIC = "93.184.216.34"
CORPUS = (Path(__file__).parents[1] / "addresses" / "urls.txt").read_text("utf-8").splitlines()
#: What a careless name server answers.
NAMES = {
    "localhost": ["127.0.0.1"], "foo.localhost": ["::1"], "metadata.google.internal": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"], "inner.example": ["10.0.0.5"], "v6.example": ["fd00::1"],
    "mixed.example": [PUBLIC, "192.168.0.1"], "mapped.example": ["::ffff:10.0.0.1"], "none.example": [],
    "public.example": [PUBLIC], "redirect.example": [PUBLIC], "xn--bcher-kva.example": ["10.1.1.1"],
    "shop.example": ["10.0.0.7"],
}  # fmt: skip


async def careless(host, port):
    if host in NAMES:
        return NAMES[host]
    resolver = SystemResolver()
    try:
        return await resolver(host, port)
    finally:  # a late answer would find its event loop closed
        await resolver.aclose()


def spider(base="https://shop.example", **crawl):
    platform = PlatformConfig(name="s", kind="schema_org", base_url=base)
    return SchemaOrgSpider(platform, CrawlConfig(**crawl), DAY, CrawlMemory())


def passes(url, of, resolver=careless):
    """Whether the middleware of a spider lets a request through."""
    middleware = GuardMiddleware(SimpleNamespace(spider=of), resolver)
    try:
        asyncio.run(middleware.process_request(Request(url)))
    except PrivateAddress:
        return False
    return True


class Connection:
    """What the reactor would connect to for a host."""

    def __init__(self):
        self.addresses, self.complete = [], 0

    def resolutionBegan(self, resolution):
        self.resolution = resolution

    def addressResolved(self, address):
        self.addresses.append((type(address).__name__, address.host, address.port))

    def resolutionComplete(self):
        self.complete += 1


def connect(host, port, resolver=careless, *shops, times=1):
    async def all_times():
        names = GuardedNameResolver(guard_for(CrawlConfig(), shops), resolver)
        found = [Connection() for _ in range(times)]
        for one in found:
            names.resolveHostName(one, host, port)
            await asyncio.sleep(0.001)
        return found

    found = asyncio.run(all_times())
    assert all(one.complete == 1 for one in found)
    return [one.addresses for one in found]


WEB = [u for u in CORPUS if u.startswith(("http://", "https://"))]


@pytest.mark.parametrize("url", WEB)
def test_no_connection_goes_to_a_private_address_whatever_its_form(url):
    try:
        stated = Request(url).url
        parts = urlsplit(stated)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        return  # no request can be made of it
    of = spider()
    public = host in ("public.example", "redirect.example")
    if passes(stated, of) and not public:
        assert of.counts == {}
    reached = {address for found in connect(host, port) for _, address, _ in found}
    assert reached <= {PUBLIC}
    assert public or reached == set()


def test_the_corpus_holds_at_least_sixty_forms():
    assert len(set(WEB)) >= 60


def test_a_name_that_means_a_private_address_too_is_not_asked():
    assert connect("mixed.example", 80) == [[]]
    of = spider()
    assert not passes("http://mixed.example/a.jpg", of)
    assert of.counts == {"private": 1}
    assert connect("public.example", 8443) == [[("IPv4Address", PUBLIC, 8443)]]


def test_a_name_that_changes_its_meaning_gains_nothing():
    answers = iter([[PUBLIC], ["127.0.0.1"], ["10.0.0.1", PUBLIC]])

    async def rebinding(host, port):
        return next(answers)

    assert connect("rebind.example", 80, rebinding, times=3) == [
        [("IPv4Address", PUBLIC, 80)], [], []
    ]  # fmt: skip


def test_a_shop_with_a_public_name_cannot_move_into_a_private_network():
    of = spider("https://shop.example")
    assert not passes("https://shop.example/p/1", of)
    assert connect("shop.example", 443, careless, "https://shop.example") == [[]]
    assert passes("https://shop.example/p/1", spider(allowed_networks=("10.0.0.0/29",)))


@pytest.mark.parametrize(
    ("base", "asked", "good"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/a", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001/a", False),
        ("http://127.0.0.1:8000", "http://127.0.0.2:8000/a", False),
        ("http://127.0.0.1:8000", "http://[::1]:8000/a", False),
        ("http://10.0.0.5", "https://10.0.0.5/a", True),
        ("http://10.0.0.5", "http://10.0.0.6/a", False),
        ("http://localhost:8000", "http://127.0.0.1:8000/a", True),
        ("http://localhost:8000", "http://public.example/a", True),
    ],
)
def test_a_shop_in_a_private_network_is_asked_at_its_own_host_and_port_only(base, asked, good):
    assert passes(asked, spider(base)) is good


def test_slow_names_stop_nobody():
    async def slow(host, port):
        if host.startswith("slow"):
            await asyncio.sleep(3600)
        return [PUBLIC]

    async def race():
        names = GuardedNameResolver(guard_for(CrawlConfig(), ()), slow)
        hung, quick = [Connection() for _ in range(200)], Connection()
        for number, one in enumerate(hung):
            names.resolveHostName(one, f"slow{number}.example", 80)
        names.resolveHostName(quick, "quick.example", 80)
        await asyncio.sleep(0.01)
        return quick.addresses, sum(one.complete for one in hung)

    assert asyncio.run(race()) == ([("IPv4Address", PUBLIC, 80)], 0)


class Canary:
    """An inner service that remembers what it was asked."""

    def __init__(self):
        asked = self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                stated = {"@type": "Product", "sku": "inner", "name": "x", "image": "/secret.jpg"}
                body = (
                    b'<script type="application/ld+json">%s</script>' % json.dumps(stated).encode()
                )
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture(scope="module")
def crawled(tmp_path_factory, crawl, open_shop):
    """(what was told of each platform, what the inner service was asked, the shops)."""
    canary = Canary()
    hosts = [
        *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1"),
        *("localhost", "localhost.", "LOCALHOST", "foo.localhost", "127.127.127.127", "0", "0.0.0.0"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]"),
        *("[2002:7f00:1::]", "017700000001", "0x7f.0x0.0x0.0x1", "127.0.0.1."),
    ]  # fmt: skip
    inner = [f"http://{host}:{canary.port}/secret" for host in hosts]
    plain = (u for u in WEB if u.isascii() and "public" not in u and "redirect" not in u)
    forms = [*inner, *plain]
    shop = {}

    def redirects(path):
        if path == "/robots.txt":
            return 404, {}, b""
        if path == "/sitemap.xml":
            rows = "".join(
                f"<url><loc>{shop['redirects'].url}/p/{n}</loc></url>" for n in range(len(inner))
            )
            entries = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in inner[:4])
            return 200, {}, f"<urlset>{rows}{entries}</urlset>".encode()
        return 302, {"Location": inner[int(path.rsplit("/", 1)[1])]}, b""

    def pictures(path):
        if path.startswith("/products.json") and path.endswith("page=1"):
            rows = [
                {"id": n, "title": "Tee", "images": [{"src": url}, {"src": f"/x/{n}"}]}
                for n, url in enumerate(forms)
            ]
            return 200, {}, json.dumps({"products": rows}).encode()
        if path.startswith("/x/"):
            return 302, {"Location": forms[int(path.rsplit("/", 1)[1])]}, b""
        return (200, {}, b'{"products": []}') if "products" in path else (404, {}, b"")

    shop["robots"] = open_shop(lambda path: (302, {"Location": inner[0]}, b""))
    shop["redirects"], shop["pictures"] = open_shop(redirects), open_shop(pictures)
    platforms = [
        {"name": n, "kind": k, "base_url": shop[n].url, "delay_s": 0.0}
        for n, k in (("redirects", "schema_org"), ("pictures", "shopify"), ("robots", "shopify"))
    ]
    folder = tmp_path_factory.mktemp("inner")
    _, told = crawl(folder, platforms, DAY, DAY, autothrottle=False, retries=0)
    canary.server.shutdown()
    canary.server.server_close()
    return {t["platform"]: t for t in told}, canary.asked, shop, len(forms)


def test_an_inner_service_is_asked_nothing(crawled):
    told, asked, *_ = crawled
    assert asked == []
    for name in ("redirects", "robots"):
        assert told[name]["committed"] is False
        assert "private network" in told[name]["reason"]
    assert told["redirects"]["private"] >= 20


def test_pictures_at_private_addresses_are_counted_and_the_listing_stays(crawled):
    told, _, shop, forms = crawled
    facts = told["pictures"]
    assert (facts["products"], facts["fetched_images"]) == (forms, 0)
    assert facts["private"] >= 2 * 60
    assert {f"/x/{n}" for n in range(forms)} <= set(shop["pictures"].paths())
