"""One product is one product, whichever pages state it."""

from dataclasses import replace
from datetime import date

import pytest

from fashiontrend.crawl.listing import check_listing
from fashiontrend.crawl.memory import KnownPage
from fashiontrend.crawl.pages import StatedProduct
from fashiontrend.crawl.settling import is_same_product, settle

SHOP = "https://s.example"
DAY = date(2026, 12, 1)


def listing(number="1", path="/p/1", title="Coat", image="/a.jpg", position=None):
    stated = StatedProduct(number, SHOP + path, title, [SHOP + image], list_position=position)
    return check_listing(stated, "s", "schema_org", DAY)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(
            {"path": "/p/1?size=M", "image": "/b.jpg", "title": "Coat M"}, True, id="query"
        ),
        pytest.param(
            {"path": "/en/p/1", "image": "/b.jpg", "title": "Mantel"}, True, id="language"
        ),
        pytest.param(
            {"path": "/de-AT/p/1", "image": "/b.jpg", "title": "Mantel"}, True, id="country"
        ),
        pytest.param({"path": "/sale/coat", "image": "/b.jpg"}, True, id="title"),
        pytest.param({"path": "/mantel", "title": "Mantel"}, True, id="picture"),
        pytest.param(
            {"path": "/p/2", "title": "Dress", "image": "/b.jpg"}, False, id="one sku for all"
        ),
    ],
)
def test_one_number_is_one_product_only_if_something_else_says_so(other, same):
    assert is_same_product(listing(), listing(**other)) is same


def test_the_page_of_a_product_wins_over_a_list_and_keeps_its_place():
    of_list, of_page = listing(title="Coat in list", position=4), listing()
    for found in ([of_list, of_page], [of_page, of_list]):
        (kept,) = settle(found, {}, (), {}).listings
        assert kept.title == "Coat"
    assert settle([of_list, of_page], {}, (), {}).listings[0].list_position == 4


def test_products_that_share_a_number_have_their_address_as_id_and_their_first_day():
    coat, dress = listing(), listing(path="/p/2", title="Dress", image="/b.jpg")
    known = {coat.url: replace(coat, product_id=coat.url, first_seen=date(2026, 11, 1))}
    pages = {coat.url: KnownPage("m", ("1",)), dress.url: KnownPage("m", ("1",))}
    settled = settle([coat, dress], pages, {"1"}, known)
    assert {x.product_id: x.first_seen for x in settled.listings} == {
        coat.url: date(2026, 11, 1),
        dress.url: DAY,
    }
    assert {a: p.product_ids for a, p in settled.pages.items()} == {a: (a,) for a in pages}
