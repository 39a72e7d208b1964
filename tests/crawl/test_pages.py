# ruff: noqa: E501 - tables of what shops write, one case a line
"""What shops write in the wild, and what it means."""

import json

import pytest

from fashiontrend.crawl import pages
from fashiontrend.errors import DataError

URL = "https://shop.example/p/1"


def page(*blocks: object, raw: str = "") -> str:
    scripts = "".join(
        f'<script type="application/ld+json">{json.dumps(b)}</script>' for b in blocks
    )
    return f"<html><head>{scripts}{raw}</head><body></body></html>"


def script(text: str) -> str:
    return f'<script type="application/ld+json">{text}</script>'


MICRODATA = (
    '<div itemscope itemtype="http://schema.org/Product"><span itemprop="sku">m1</span>'
    '<span itemprop="name">Coat</span><img itemprop="image" src="m.jpg"></div>'
)
PRODUCT = {
    "@context": "https://schema.org",
    "@type": "Product",
    "sku": "1",
    "name": "V-neck knit",
    "image": "https://shop.example/a.jpg",
    "offers": {"@type": "Offer", "price": "38.15", "priceCurrency": "EUR"},
}


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        pytest.param(page(PRODUCT), "title", "V-neck knit", id="plain"),
        pytest.param(page({**PRODUCT, "@type": "product"}), "product_id", "1", id="type in lower case"),
        pytest.param(page({**PRODUCT, "@type": ["Product", "Thing"]}), "product_id", "1", id="list of types"),
        pytest.param(page({"@graph": [{"@type": "Brand", "makes": PRODUCT}]}), "product_id", "1", id="inside a brand node of a graph"),
        pytest.param(page({**PRODUCT, "image": "/b.jpg"}), "images", ["https://shop.example/b.jpg"], id="relative picture"),
        pytest.param(page({**PRODUCT, "image": ["a.jpg", "a.jpg", {"url": "c.jpg"}]}), "images", ["https://shop.example/p/a.jpg", "https://shop.example/p/c.jpg"], id="pictures as list, text and object, each once"),
        pytest.param(page({**PRODUCT, "offers": [{"price": 20}]}), "price", 20.0, id="offers as list"),
        pytest.param(page({**PRODUCT, "offers": {"@type": "AggregateOffer", "lowPrice": "12,50"}}), "price", 12.5, id="aggregate offer with a decimal comma"),
        pytest.param(page({**PRODUCT, "offers": {"priceSpecification": [{"price": "7.00"}]}}), "price", 7.0, id="price in a specification"),
        pytest.param(page({**PRODUCT, "offers": {"@type": "AggregateOffer", "offers": [{"price": "9.00"}]}}), "price", 9.0, id="price in an offer of an offer"),
        pytest.param(page({**PRODUCT, "offers": {"price": "12.500", "priceCurrency": "KWD"}}), "price", 12.5, id="currency of three decimals"),
        pytest.param(page({**PRODUCT, "offers": {"availability": "https://schema.org/OutOfStock"}}), "available", False, id="sold out"),
        pytest.param(page({**PRODUCT, "offers": {"availability": "InStock"}}), "available", True, id="in stock, as a word"),
        pytest.param(page({**PRODUCT, "@type": "http://schema.org/Product"}), "product_id", "1", id="type as an address"),
        pytest.param(page({**PRODUCT, "image": "/b.jpg?w=1&amp;copy=2&copy=3"}), "images", ["https://shop.example/b.jpg?w=1&copy=2&copy=3"], id="entities in a picture's address"),
        pytest.param(page({**PRODUCT, "image": ["http://[", "a.jpg"]}), "images", ["https://shop.example/p/a.jpg"], id="a broken address hides nothing"),
        pytest.param(page({"@type": "BreadcrumbList"}, raw='<div itemscope itemtype="https://schema.org/Product"><meta itemprop="sku" content="m2"></div>'), "product_id", "m2", id="microdata beside other JSON-LD"),
        pytest.param(page(PRODUCT, raw='<script type="application/ld+json">' + "[" * 100_000 + "</script>"), "product_id", "1", id="a block too deep hides nothing"),
        pytest.param(page({**PRODUCT, "brand": {"@type": "Brand", "name": "Acme"}}), "brand", "Acme", id="brand as object"),
        pytest.param(page({**PRODUCT, "brand": "Acme"}), "brand", "Acme", id="brand as text"),
        pytest.param(page({**PRODUCT, "name": "Tee &#8217;26 &amp; more"}), "title", "Tee ’26 & more", id="entities in a name"),
        pytest.param(page({**PRODUCT, "category": "نساء/فساتين"}), "category", "نساء/فساتين", id="category as a path, in Arabic"),
        pytest.param(page({"@type": "ProductGroup", "productGroupID": "g", "name": "Dress", "variesBy": "color", "hasVariant": [{"@type": "Product", "image": "v.jpg", "offers": {"price": "5"}}]}), "images", ["https://shop.example/p/v.jpg"], id="product group takes its variant's picture"),
        pytest.param(page(raw=f'<script type="application/ld+json">/*<![CDATA[*/{json.dumps(PRODUCT)}/*]]>*/</script>'), "product_id", "1", id="wrapped in CDATA"),
        pytest.param(page(PRODUCT, raw='<script type="application/ld+json">{broken</script>'), "product_id", "1", id="a broken block hides nothing"),
        pytest.param(script(json.dumps(PRODUCT)[:-1] + ",}"), "product_id", "1", id="a comma after the last field"),
        pytest.param(script('{"@type": "Product", "sku": "1", "name": "a // b /* c */ ,} <!-- d", "image": ["/a.jpg", ],\n}'), "title", "a // b /* c */ ,} <!-- d", id="what looks like a comment inside a text"),
        pytest.param(script("// the product\n" + json.dumps(PRODUCT) + " // end"), "product_id", "1", id="comments of a line"),
        pytest.param(script("/* the product */" + json.dumps(PRODUCT) + "/* never closed"), "product_id", "1", id="comments of a block"),
        pytest.param(script("<!-- " + json.dumps(PRODUCT) + " -->"), "product_id", "1", id="wrapped in an HTML comment"),
        pytest.param(script("<!--\n" + json.dumps(PRODUCT) + "\n//-->"), "product_id", "1", id="wrapped in an HTML comment, hidden from scripts"),
        pytest.param(script("// <![CDATA[ " + json.dumps(PRODUCT) + " // ]]>"), "product_id", "1", id="wrapped in CDATA, on one line"),
        pytest.param(script(json.dumps(PRODUCT)).replace("ld+json", "LD+JSON"), "product_id", "1", id="type of the script in capitals"),
        pytest.param(page({**PRODUCT, "offers": {"price": "1,299", "priceCurrency": ["EUR"]}}), "currency", "EUR", id="currency as a list"),
        pytest.param('<?xml version="1.0" encoding="iso-8859-1"?>\n<html>' + MICRODATA + "</html>", "product_id", "m1", id="microdata in XHTML that names its encoding"),
        pytest.param(page(PRODUCT, raw='<!-- itemscope -->').replace("<html>", "<?xml version='1.0' encoding='utf-8'?><html>"), "product_id", "1", id="JSON-LD in XHTML"),
        pytest.param(page(raw='<div itemscope itemtype="http://schema.org/Product"><span itemprop="sku">m1</span><span itemprop="name">Coat</span><img itemprop="image" src="m.jpg"></div>'), "title", "Coat", id="microdata"),
    ],
)  # fmt: skip
def test_a_schema_org_page_is_read_as_the_shop_meant_it(text, field, value):
    (found,) = pages.read_schema_org(text, URL)
    assert getattr(found, field) == value


def test_a_product_stated_once_per_size_comes_once():
    assert len(pages.read_schema_org(page(*[PRODUCT] * 14), URL)) == 1


def test_sizes_with_numbers_of_their_own_are_one_listing_named_by_its_page():
    sizes = [{**PRODUCT, "sku": f"1-{size}"} for size in ("s", "m", "l")]
    (found,) = pages.read_schema_org(page(*sizes), URL)
    assert found.product_id == URL


def group(*variants, **more):
    """A group of variants, as (colour, size, address) each."""
    stated = [
        {
            "@type": "Product",
            "sku": f"G-{c}-{s}",
            "color": c,
            "size": s,
            "image": f"/{c}.jpg",
            "url": u,
        }
        for c, s, u in variants
    ]
    return {
        "@type": "ProductGroup",
        "productGroupID": "G",
        "name": "Coat",
        "hasVariant": stated,
        **more,
    }


def entries(*variants):
    """The same as products beside one another."""
    return [
        {**v, "name": f"Coat {v['color']} {v['size']}", "inProductGroupWithID": "G"}
        for v in group(*variants)["hasVariant"]
    ]


ELSEWHERE = "/p/other"


@pytest.mark.parametrize(
    ("blocks", "product_id"),
    [
        pytest.param([{**PRODUCT, "inProductGroupWithID": "G"}], "1", id="one variant a page"),
        pytest.param([{**PRODUCT, "productGroupID": "G"}], "1", id="one variant, its group said otherwise"),
        pytest.param([{**PRODUCT, "productID": "G", "inProductGroupWithID": "G"}], "1", id="the group's id as product's id"),
        pytest.param([{**PRODUCT, "inProductGroupWithID": "1"}], "1", id="a group of one"),
        pytest.param([{**PRODUCT, "productID": "P", "mpn": "P"}], "1", id="no group"),
        pytest.param([{**PRODUCT, "sku": "", "inProductGroupWithID": "G"}], URL, id="a variant without a number"),
        pytest.param([group(("red", "S", "?v=1"), ("blue", "S", "?v=2"))], "G", id="a group with all its variants"),
        pytest.param([group(("red", "S", None), ("red", "M", None))], "G", id="a group of sizes"),
        pytest.param([group()], "G", id="a group alone"),
        pytest.param([group(("red", "S", ELSEWHERE), ("blue", "S", "/p/blue"))], "G", id="a group above the pages of its variants"),
        pytest.param([group(("red", "S", ELSEWHERE), ("blue", "S", URL))], "G-blue-S", id="a group of which one variant is of this page"),
        pytest.param([group(("red", "S", ELSEWHERE), ("blue", "S", "?s"), ("blue", "M", "?m"))], URL, id="a group of which one colour is of this page"),
        pytest.param(entries(("red", "S", "?v=1"), ("blue", "S", "?v=2")), "G", id="all colours as products"),
        pytest.param(entries(("red", "S", URL), ("red", "M", URL)), URL, id="one colour's sizes as products"),
    ],
)  # fmt: skip
def test_a_groups_id_names_a_listing_only_where_the_page_has_the_whole_group(blocks, product_id):
    stated = [{"image": "/a.jpg", **block} for block in blocks]
    (found,) = pages.read_schema_org(page(*stated), URL)
    assert found.product_id == product_id


def test_the_variant_of_a_page_is_read_with_its_own_colour_and_picture():
    shared = {"image": "/all.jpg", "description": "Warm"}
    stated = group(("red", "S", ELSEWHERE), ("blue", "S", URL), **shared)
    (found,) = pages.read_schema_org(page(stated), URL)
    assert (found.colour, found.images) == ("blue", ["https://shop.example/blue.jpg"])
    assert (found.title, found.description, found.url) == ("Coat", "Warm", URL)


def test_a_page_of_many_states_every_colour_that_has_a_page_of_its_own():
    stated = entries(("red", "S", "/p/red"), ("red", "M", "/p/red"), ("blue", "S", "/p/blue"))
    found = pages.read_schema_org(page(*stated), "https://shop.example/new")
    assert [f.product_id for f in found] == ["https://shop.example/p/red", "G-blue-S"]


def test_a_group_without_a_picture_hides_no_product_beside_it():
    bare = {"@type": "ProductGroup", "productGroupID": "G", "name": "Coat"}
    (found,) = pages.read_schema_org(page(bare, *entries(("red", "S", None))), URL)
    assert found.images == ["https://shop.example/red.jpg"]


def test_related_products_are_not_the_pages_own():
    own = {**PRODUCT, "url": "/p/1?utm=x"}
    related = [{**PRODUCT, "sku": str(n), "url": f"/p/{n}"} for n in range(2, 9)]
    (found,) = pages.read_schema_org(page(*related, own), URL)
    assert found.product_id == "1"


def test_a_page_of_several_products_states_them_all():
    several = [{**PRODUCT, "sku": str(n), "url": f"/p/{n}"} for n in range(2, 5)]
    found = pages.read_schema_org(page(*several), "https://shop.example/new")
    assert [f.product_id for f in found] == ["2", "3", "4"]


def test_microdata_that_cannot_be_read_is_told_unless_the_page_states_its_product_twice(
    monkeypatch,
):
    def fail(*_, **__):
        raise KeyError("itemref")

    monkeypatch.setattr("extruct.extract", fail)
    assert len(pages.read_schema_org(page(PRODUCT, raw=MICRODATA), URL)) == 1
    with pytest.raises(DataError, match=r"microdata.*itemref"):
        pages.read_schema_org(MICRODATA, URL)


@pytest.mark.parametrize(
    "text", ["/*" * 200_000, '"\\"' * 200_000, "<!--" * 200_000, "," * 400_000]
)
def test_a_block_that_is_no_json_takes_no_long_time(text):
    assert pages.read_schema_org(script("{" + text), URL) == []


def test_a_page_without_a_product_has_none():
    assert pages.read_schema_org(page({"@type": "BreadcrumbList"}), URL) == []


SHOPIFY = {
    "id": 7, "title": "Tee", "handle": "tee", "body_html": "<p>Soft &amp; easy</p>", "tags": "a, b",
    "variants": [{"price": "19.90", "available": False}, {"available": True}],
    "images": [{"src": "//cdn.example/x.jpg", "variant_ids": []}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        pytest.param({}, "tags", ["a", "b"], id="tags as comma text"),
        pytest.param({"tags": ["a", "b"]}, "tags", ["a", "b"], id="tags as list"),
        pytest.param({}, "currency", "EUR", id="currency comes from meta.json"),
        pytest.param({}, "description", "Soft & easy", id="text of the HTML"),
        pytest.param({}, "available", True, id="available in any variant"),
        pytest.param({}, "images", ["https://cdn.example/x.jpg"], id="address without a scheme"),
        pytest.param({"variants": []}, "price", None, id="no variant, no price"),
        pytest.param(
            {"variants": [{"price": ["5"]}]},
            "price",
            5.0,
            id="a price in a list",
        ),
        pytest.param({"variants": [7, {"price": "5"}]}, "price", 5.0, id="a variant that is none"),
        pytest.param(
            {"images": [{"src": "http://["}, {"src": "/a.jpg"}]},
            "images",
            ["https://shop.example/a.jpg"],
            id="a broken address",
        ),
    ],
)
def test_a_shopify_product_is_read(change, field, value):
    text = json.dumps({"products": [{**SHOPIFY, **change}]})
    (found,) = pages.read_shopify(text, "https://shop.example/products.json", "EUR")
    assert getattr(found, field) == value


def test_the_last_shopify_page_is_empty():
    assert pages.read_shopify('{"products": []}', URL) == []


WOO = {
    "id": 3, "name": "Kleid &#8217;26", "permalink": "https://shop.example/kleid",
    "prices": {"price": "1999", "currency_code": "EUR", "currency_minor_unit": 2, "price_range": None},
    "images": [{"src": "https://shop.example/k.jpg"}], "categories": [{"name": "Tops &amp; more"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        pytest.param({}, "price", 19.99, id="two minor digits"),
        pytest.param(
            {"prices": {"price": "1999", "currency_minor_unit": 3}},
            "price",
            1.999,
            id="three minor digits",
        ),
        pytest.param({"prices": None}, "price", None, id="no prices"),
        pytest.param(
            {"prices": {"price": "1999", "currency_minor_unit": 10**9}},
            "price",
            None,
            id="absurd number of decimals",
        ),
        pytest.param(
            {"prices": {"price": ["1999"]}},
            "price",
            19.99,
            id="a price in a list",
        ),
        pytest.param({"permalink": None}, "url", None, id="no address"),
        pytest.param({}, "title", "Kleid ’26", id="entities in the name"),
        pytest.param({}, "category", "Tops & more", id="entities in the category"),
    ],
)
def test_a_woocommerce_product_is_read(change, field, value):
    (found,) = pages.read_woocommerce(json.dumps([{**WOO, **change}]), URL)
    assert getattr(found, field) == value


@pytest.mark.parametrize("text", ["<html>no</html>", '{"error": 1}', "[" * 100_000, ""])
@pytest.mark.parametrize("reader", [pages.read_shopify, pages.read_woocommerce])
def test_a_page_of_another_kind_is_refused_with_what_to_check(reader, text):
    with pytest.raises(DataError, match="kind"):
        reader(text, URL)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("38.15", 38.15), ("38,15", 38.15), ("2.449", 2449.0), ("1.299,00", 1299.0), ("1,299.00", 1299.0),
        ("€ 12", 12.0), ("1.234.567", 1234567.0), (20, 20.0), ("free", None), (True, None), ([1], 1.0), ({}, None),
        ("19€99", 19.99), ("₹1,29,999", 129999.0), ("-20% 39,99 €", 39.99), ("49,- €", 49.0), ("US$1,200", 1200.0),
        ("0.125", 0.125), ("1'299.00", 1299.0), ("", None), (float("nan"), None), (10**400, None), ("9" * 400, None),
    ],
)  # fmt: skip
def test_a_price_is_a_number_whatever_the_country(text, price):
    assert pages.to_price(text) == price


@pytest.mark.parametrize(
    ("text", "challenge"),
    [
        ("<title>Just a moment...</title>", True),
        ("<script>window._cf_chl_opt={cvId: '3'}</script>", True),
        ("<title>Attention Required! | Cloudflare</title>", True),
        ('<div id="px-captcha"></div>', True),
        ('<div id="sec-if-cpt-container"></div>', True),
        ("Request unsuccessful. Incapsula incident ID: 12-34", True),
        ('<title>Tee</title><script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js">', False),
        ('<title>Tee</title><script src="/_Incapsula_Resource?SWJIYLWA=1">', False),
        ('{"products": [{"body_html": "<title>Just a moment...</title>"}]}', False),
        ("<title>Access Denied</title>", True),
        ("<title>Moments: a dress</title>", False),
    ],
)
def test_a_challenge_page_is_recognised_even_with_status_200(text, challenge):
    assert pages.is_challenge(text) is challenge


def test_a_sitemap_tells_pages_with_their_change_and_further_sitemaps():
    text = """<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
      <url><loc> https://s.example/p/1 </loc><lastmod>2026-11-01</lastmod></url>
      <url><loc>https://s.example/p/2</loc></url></urlset>"""
    assert pages.read_sitemap(text)[0] == [
        ("https://s.example/p/1", "2026-11-01"),
        ("https://s.example/p/2", None),
    ]
    index = "<sitemapindex><sitemap><loc>https://s.example/a.xml</loc></sitemap></sitemapindex>"
    assert pages.read_sitemap(index)[1] == ["https://s.example/a.xml"]
