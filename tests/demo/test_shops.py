"""The three shops respond as shops of their kinds do."""

import http.client
import json
import socket
from datetime import date
from urllib.parse import urlsplit

import pytest

from fashiontrend.demo.shops import find_ports, respond, serve
from fashiontrend.demo.world import World

WORLD = World(0, date(2026, 11, 23))
DAY = WORLD.days[30]


def test_shopify_pages_end_with_an_empty_one_and_state_no_currency():
    full = json.loads(respond(WORLD, "shop-a", f"/day/{DAY}/products.json?limit=250&page=1").body)
    beyond = json.loads(respond(WORLD, "shop-a", f"/day/{DAY}/products.json?limit=250&page=2").body)
    assert len(full["products"]) == len(WORLD.live("shop-a", DAY))
    assert beyond["products"] == []
    assert "currency" not in full["products"][0]
    assert {type(p["tags"]) for p in full["products"]} == {str, list}


def test_woocommerce_counts_its_pages_and_states_minor_units():
    response = respond(
        WORLD, "shop-b", f"/day/{DAY}/wp-json/wc/store/v1/products?per_page=100&page=1"
    )
    assert dict(response.headers)["X-WP-TotalPages"] == "2"
    product = json.loads(response.body)[0]
    assert product["prices"]["price"].isdigit()
    assert "&#8217;" in product["name"]


def test_the_html_shop_has_a_sitemap_of_what_is_live():
    text = respond(WORLD, "shop-c", f"/day/{DAY}/sitemap.xml").body.decode()
    assert text.count("<loc>") == len(WORLD.live("shop-c", DAY))
    assert respond(WORLD, "shop-c", f"/day/{DAY}/p/none").status == 404


def test_a_shop_in_its_outage_answers_503():
    platform, day = WORLD.outages[0]
    assert respond(WORLD, platform, f"/day/{day}/wp-json/wc/store/v1/products").status == 503


@pytest.mark.parametrize("path", ["/", "/nothing", "/media/none.jpg"])
def test_what_is_not_there_is_404(path):
    assert respond(WORLD, "shop-a", path).status == 404


def test_a_picture_that_is_known_already_is_not_sent_again():
    with serve(WORLD) as urls:
        host = urlsplit(urls["shop-a"].format(day=DAY)).netloc
        connection = http.client.HTTPConnection(host)
        path = WORLD.live("shop-a", DAY)[0].image_path
        connection.request("GET", path)
        first = connection.getresponse()
        assert first.read()
        connection.request("GET", path, headers={"If-None-Match": first.headers["ETag"]})
        assert connection.getresponse().status == 304
        connection.close()


def test_ports_that_somebody_uses_are_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        assert find_ports(busy - 1) > busy
