"""`fashiontrend shop`, `init --shop` and the doctor's question to each shop, as they are typed."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from typer.testing import CliRunner

from fashiontrend import config as configuration
from fashiontrend.cli import app
from fashiontrend.crawl import visit

PRODUCT = b"""{"products": [{"id": 7, "title": "Red wool coat", "handle": "coat", "product_type": "Coats",
"images": [{"src": "/a.jpg"}], "variants": [{"id": 1, "price": "49.00", "available": true}]}]}"""


@pytest.fixture
def shop(monkeypatch):
    """The address of a Shopify shop that sells one coat, and the paths that it was asked for."""
    monkeypatch.setattr(visit, "PAUSE_S", 0.0)
    asked = []

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = PRODUCT if self.path.startswith("/products.json") else b"cdn.shopify.com"
            self.send_response(404 if self.path == "/robots.txt" else 200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def typed(*words):
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.stdout, result.stderr, result.exception


def test_the_block_is_a_configuration_and_the_listing_is_shown(shop, tmp_path):
    url, asked = shop
    code, out, _, _ = typed("shop", url)
    assert code == 0
    (tmp_path / "a.yaml").write_text(out)
    (platform,) = configuration.load(str(tmp_path / "a.yaml")).crawl.platforms
    assert (platform.kind, platform.base_url) == ("shopify", url)
    assert len(asked) <= visit.MAX_REQUESTS


def test_labels_are_those_that_a_run_would_make(shop):
    from fashiontrend.commands import shops
    from fashiontrend.config import Config

    found = shops.visit(Config(), shop[0])
    (labels,) = shops.labels_of(Config(), found.listings)
    assert "colour red" in labels
    assert "garment_type coat" in labels


def test_init_writes_the_shop_into_the_commented_configuration(shop, tmp_path):
    path = tmp_path / "new.yaml"
    assert typed("init", str(path), "--shop", shop[0])[0] == 0
    text = path.read_text()
    assert "# Attributes to train." in text
    assert "shop.example" not in text
    assert yaml.safe_load(text)["crawl"]["platforms"][0]["base_url"] == shop[0]
    assert configuration.load(str(path)).crawl.platforms[0].kind == "shopify"


def test_init_writes_nothing_for_a_shop_that_cannot_be_asked(tmp_path):
    path = tmp_path / "new.yaml"
    *_, error = typed("init", str(path), "--shop", "http://127.0.0.1:1")
    assert "did not answer" in str(error)
    assert not path.exists()


@pytest.mark.parametrize("address", ["ftp://shop.example", "https://", ""])
def test_what_is_no_address_of_a_shop_is_refused(address):
    *_, error = typed("shop", address)
    assert "is no address of a shop" in str(error)


def test_the_doctor_asks_each_shop_once(shop, tmp_path):
    url, asked = shop
    gone = {"name": "gone", "kind": "shopify", "base_url": "http://127.0.0.1:1"}
    there = {"name": "there", "kind": "shopify", "base_url": url}
    file = tmp_path / "a.yaml"
    file.write_text(yaml.safe_dump({"crawl": {"platforms": [there, gone]}}))
    code, _, _, _ = typed("doctor", "--config", str(file), "--only", "shops")
    assert code == 1
    assert sorted(asked) == ["/products.json?limit=1", "/robots.txt"]


def test_offline_the_doctor_asks_no_shop(shop, tmp_path, monkeypatch):
    from fashiontrend.commands import doctor

    monkeypatch.setattr(doctor, "_by_name", dict)
    file = tmp_path / "a.yaml"
    platform = {"name": "there", "kind": "shopify", "base_url": shop[0]}
    file.write_text(
        yaml.safe_dump({"crawl": {"platforms": [platform]}, "store": {"url": str(tmp_path)}})
    )
    typed("doctor", "--config", str(file), "--offline")
    assert shop[1] == []
