"""Serve three shops of different kinds, by default on loopback.

A past day of a shop is at `/day/<date>/`. shop-a has Shopify's `/products.json`, shop-b has
WooCommerce's Store API, and shop-c is plain HTML with a sitemap and schema.org JSON-LD. The shops
have some oddities of real shops.
"""

import argparse
import html
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fashiontrend.demo.world import KINDS, PLATFORMS, Product, World
from fashiontrend.errors import ConfigError

LOOPBACK = "127.0.0.1"
#: Default port of shop-a; the other shops have the next ports.
FIRST_PORT = 8701
ROBOTS = "User-agent: *\nDisallow: /private/\n"


@dataclass(frozen=True)
class ShopResponse:
    """An HTTP response of a shop."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def json_response(value: object, headers: tuple[tuple[str, str], ...] = ()) -> ShopResponse:
    """Return a response with a JSON body."""
    return ShopResponse(json.dumps(value, ensure_ascii=False).encode(), headers=headers)


NOT_FOUND = ShopResponse(b"not found", "text/plain", 404)
DOWN = ShopResponse(b"maintenance", "text/plain", 503, (("Retry-After", "1"),))


def respond(world: World, platform: str, url: str) -> ShopResponse:
    """Return a shop's response to a GET of a path with its query."""
    parts = urlsplit(url)
    path, query = parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}
    if path == "/robots.txt":
        return ShopResponse(ROBOTS.encode(), "text/plain")
    if path.startswith("/media/"):
        return _picture(world, path)
    segments = path.split("/", 3)
    if len(segments) < 4 or segments[1] != "day":
        return NOT_FOUND
    day = date.fromisoformat(segments[2])
    if (platform, day) in world.outages:
        return DOWN
    handlers = {"shopify": _shopify, "woocommerce": _woocommerce, "schema_org": _schema_org}
    return handlers[KINDS[platform]](_live(world, platform, day), day, segments[3], query)


@lru_cache(maxsize=8)
def _live(world: World, platform: str, day: date) -> tuple[Product, ...]:
    return tuple(world.live(platform, day))


def _picture(world: World, path: str) -> ShopResponse:
    product = world.by_id.get(path.removeprefix("/media/").removesuffix(".jpg"))
    if product is None:
        return NOT_FOUND
    return ShopResponse(
        world.draw(product).image, "image/jpeg", headers=(("ETag", f'"{product.product_id}"'),)
    )


def _page(
    live: tuple[Product, ...], query: Mapping[str, str], name: str, most: int
) -> list[Product]:
    size = min(int(query.get(name, 30)), most)
    start = (int(query.get("page", 1)) - 1) * size
    return list(live[start : start + size])


def _shopify(
    live: tuple[Product, ...], day: date, path: str, query: Mapping[str, str]
) -> ShopResponse:
    if path == "meta.json":
        return json_response({"name": "Shop A", "currency": "EUR"})
    if path != "products.json":
        return NOT_FOUND
    return json_response(
        {"products": [_shopify_product(p) for p in _page(live, query, "limit", 250)]}
    )


def _shopify_product(product: Product) -> dict[str, object]:
    number = int(product.product_id[1:])
    price = f"{product.price_cents / 100:.2f}"
    tags = ["women", "new"]
    return {
        "id": product.product_id,
        "title": product.title,
        "handle": product.product_id,
        "body_html": f"<p>{html.escape(product.description)}</p>",
        "vendor": "Shop A",
        "product_type": "tops",
        "tags": ", ".join(tags) if number % 2 else tags,
        "updated_at": f"{product.first_day}T06:00:00+00:00",
        "variants": [{"id": number, "price": price, "available": True, "option1": "M"}],
        "images": [{"position": 1, "src": product.image_path, "variant_ids": [number]}],
    }


def _woocommerce(
    live: tuple[Product, ...], day: date, path: str, query: Mapping[str, str]
) -> ShopResponse:
    if path != "wp-json/wc/store/v1/products":
        return NOT_FOUND
    size = min(int(query.get("per_page", 10)), 100)
    if size < 1:
        return ShopResponse(b'{"code":"rest_invalid_param"}', status=400)
    pages = -(-len(live) // size)
    page = [_woocommerce_product(p) for p in _page(live, query, "per_page", 100)]
    return json_response(page, (("X-WP-Total", str(len(live))), ("X-WP-TotalPages", str(pages))))


def _woocommerce_product(product: Product) -> dict[str, object]:
    return {
        "id": product.product_id,
        "name": f"{html.escape(product.title)} &#8217;26",
        "permalink": f"/product/{product.product_id}",
        "description": f"<p>{html.escape(product.description)}</p>",
        "prices": {
            "price": str(product.price_cents),
            "regular_price": str(product.price_cents),
            "currency_code": "EUR",
            "currency_minor_unit": 2,
            "price_range": None,
        },
        "is_in_stock": True,
        "categories": [{"name": "Tops"}],
        "tags": [],
        "images": [{"id": 1, "src": product.image_path}],
    }


def _schema_org(
    live: tuple[Product, ...], day: date, path: str, query: Mapping[str, str]
) -> ShopResponse:
    if path == "sitemap.xml":
        rows = "".join(
            f"<url><loc>/day/{day}/p/{p.product_id}</loc><lastmod>{p.first_day}</lastmod></url>"
            for p in live
        )
        # Sitemaps must state absolute addresses; the handler adds the host.
        body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'
        return ShopResponse(body.encode(), "application/xml")
    product = next((p for p in live if path == f"p/{p.product_id}"), None)
    return (
        ShopResponse(_html(product).encode(), "text/html; charset=utf-8") if product else NOT_FOUND
    )


def _html(product: Product) -> str:
    stated = {
        "@type": "product",
        "productID": product.product_id,
        "name": html.escape(product.title),
        "description": product.description,
        "url": f"/p/{product.product_id}",
        "image": [product.image_path],
        "brand": {"@type": "Brand", "name": "Shop C"},
        "category": "women/tops",
        "offers": {
            "@type": "Offer",
            "price": f"{product.price_cents / 100:.2f}",
            "priceCurrency": "EUR",
            "availability": "https://schema.org/InStock",
        },
    }
    graph = {"@context": "https://schema.org", "@graph": [{"@type": "WebPage"}, stated, stated]}
    script = json.dumps(graph, ensure_ascii=False).replace("</", "<\\/")
    title = html.escape(product.title)
    return (
        f"<!doctype html><html><head><title>{title}</title>"
        f'<script type="application/ld+json">{script}</script>'
        f'</head><body><h1>{title}</h1><img src="{product.image_path}" alt=""></body></html>'
    )


def _handler(world: World, platform: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Serves one shop over HTTP/1.1 with persistent connections."""

        protocol_version = "HTTP/1.1"
        # Otherwise Nagle's algorithm delays the body until the header is acknowledged.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Respond to a GET, without a body if the client has the current ETag."""
            response = respond(world, platform, self.path)
            headers = dict(response.headers)
            known = "ETag" in headers and self.headers.get("If-None-Match") == headers["ETag"]
            body = response.body
            if self.path.endswith("sitemap.xml"):
                body = body.replace(b"<loc>/", f"<loc>http://{self.headers['Host']}/".encode())
            body = b"" if known else body
            self.send_response(304 if known else response.status)
            for name, value in {
                **headers,
                "Content-Type": response.content_type,
                "Content-Length": str(len(body)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Print no access log."""

    return Handler


class Shop(ThreadingHTTPServer):
    """A server with a queue of connections that is long enough for any crawler."""

    request_queue_size = 128


@contextmanager
def serve(world: World, first_port: int = 0, address: str = LOOPBACK) -> Iterator[dict[str, str]]:
    """Serve the shops; yields platform -> `base_url` with `{day}` in it.

    Args:
        world: what the shops sell.
        first_port: port of the first shop, followed by the others; 0 takes any free ports.
        address: address to listen on.
    """
    servers = {
        name: Shop((address, first_port + n if first_port else 0), _handler(world, name))
        for n, name in enumerate(PLATFORMS)
    }
    threads = [threading.Thread(target=s.serve_forever, daemon=True) for s in servers.values()]
    for thread in threads:
        thread.start()
    try:
        yield {n: f"http://{address}:{s.server_address[1]}/day/{{day}}" for n, s in servers.items()}
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


def find_ports(first_port: int) -> int:
    """Find as many free loopback ports in a row as there are shops, and return the first.

    Raises:
        ConfigError: there are none from `first_port` to a hundred tries further.
    """
    candidates = range(first_port, first_port + 100 * len(PLATFORMS), len(PLATFORMS))
    for start in candidates:
        if all(_is_free(start + n) for n in range(len(PLATFORMS))):
            return start
    raise ConfigError(
        f"no {len(PLATFORMS)} free ports in a row from {first_port} to {candidates[-1]} on loopback. "
        "Stop what listens there."
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def main() -> None:
    """Serve the shops until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="Seed of the world.")
    parser.add_argument(
        "--address", default=LOOPBACK, help="Address to listen on; 0.0.0.0 in a pod."
    )
    parser.add_argument(
        "--port-base",
        type=int,
        default=FIRST_PORT,
        help="Port of shop-a; the others have the next ports.",
    )
    parser.add_argument(
        "--last-day",
        type=date.fromisoformat,
        default=datetime.now(tz=UTC).date(),
        help="Last day of the history; today (UTC) by default.",
    )
    arguments = parser.parse_args()
    world = World(arguments.seed, arguments.last_day)
    with serve(world, arguments.port_base, arguments.address) as urls, suppress(KeyboardInterrupt):
        for name, url in urls.items():
            print(f"{name} ({KINDS[name]}): {url}  {world.first_day}..{world.last_day}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
