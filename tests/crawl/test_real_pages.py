# ruff: noqa: E501 - tables of what shops write, one case a line
"""The kinds of pages that real shops have, each with the value that is right, and its siblings."""

import json

import pytest

from fashiontrend.crawl import pages

URL = "https://shop.example/p/1"
SHOP = "https://shop.example"


def page(*blocks, head="", body=""):
    scripts = "".join(
        f'<script type="application/ld+json">{json.dumps(b)}</script>' for b in blocks
    )
    return f"<html><head>{scripts}{head}</head><body>{body}</body></html>"


def product(**more):
    return {"@type": "Product", "name": "Coat", "sku": "C1", "image": "/a.jpg", **more}


def offer(**more):
    return product(offers={"@type": "Offer", "price": "20", "priceCurrency": "EUR", **more})


def microdata(inner, head=""):
    return page(
        head=head,
        body=f'<div itemscope itemtype="https://schema.org/Product"><span itemprop="name">Coat</span>{inner}</div>',
    )


OG = '<meta property="og:{}" content="{}">'
GROUP = {"@type": "ProductGroup", "name": "Dress", "productGroupID": "G1", "url": URL}


def variant(colour, **more):
    return {
        "@type": "Product",
        "name": f"Dress {colour}",
        "sku": colour[0],
        "color": colour,
        "image": f"/{colour}.png",
        "url": f"{URL}?color={colour}",
        **more,
    }


RED, BLUE = variant("red"), variant("blue")

CASES = [
    # pictures
    ("og:image where the product has none", page({"@type": "Product", "name": "Coat", "sku": "C1"}, head=OG.format("image", "/og.jpg")), "images", [f"{SHOP}/og.jpg"]),
    ("twitter:image where nothing else is", page({"@type": "Product", "name": "Coat"}, head='<meta name="twitter:image" content="/t.jpg">'), "images", [f"{SHOP}/t.jpg"]),
    ("the product's own picture before og:image", page(product(), head=OG.format("image", "/og.jpg")), "images", [f"{SHOP}/a.jpg"]),
    ("a picture by its id", page({"@graph": [product(image={"@id": "#i"}), {"@id": "#i", "@type": "ImageObject", "url": "/b.jpg"}]}), "images", [f"{SHOP}/b.jpg"]),
    ("a picture by its id in another script", page(product(image=[{"@id": f"{URL}#i"}]), {"@id": "#i", "contentUrl": "/b.jpg"}), "images", [f"{SHOP}/b.jpg"]),
    ("offers by their id", page({"@graph": [product(offers=[{"@id": "#o"}]), {"@id": "#o", "@type": "Offer", "price": "19.99", "priceCurrency": "EUR"}]}), "price", 19.99),
    ("a brand by its id", page({"@graph": [product(brand={"@id": "#b"}), {"@id": "#b", "@type": "Brand", "name": "Acme"}]}), "brand", "Acme"),
    ("variants by their id", page({"@graph": [{**GROUP, "hasVariant": [{"@id": "#r"}, {"@id": "#u"}]}, {**RED, "@id": "#r"}, {**BLUE, "@id": "#u"}]}), "images", [f"{SHOP}/red.png", f"{SHOP}/blue.png"]),
    ("an id that refers to itself", page({**product(), "@id": "#p", "brand": {"@id": "#p"}}), "title", "Coat"),
    ("a lazy picture", microdata('<img itemprop="image" data-src="/l.jpg">'), "images", [f"{SHOP}/l.jpg"]),
    ("a lazy picture behind a drawn one", microdata('<img itemprop="image" src="data:image/gif;base64,R0" data-src="/l.jpg">'), "images", [f"{SHOP}/l.jpg"]),
    ("the largest of a srcset", microdata('<img itemprop="image" srcset="/s.jpg 300w, /l.jpg 900w">'), "images", [f"{SHOP}/l.jpg"]),
    ("a base address", microdata('<img itemprop="image" src="l.jpg">', head='<base href="/img/">'), "images", [f"{SHOP}/img/l.jpg"]),
    ("a base address and JSON-LD", page(product(image="l.jpg"), head='<base href="/img/">'), "images", [f"{SHOP}/img/l.jpg"]),
    ("pictures of all colours", page({**GROUP, "hasVariant": [RED, BLUE]}), "images", [f"{SHOP}/red.png", f"{SHOP}/blue.png"]),
    ("a group of colours has none for all", page({**GROUP, "hasVariant": [RED, BLUE]}), "colour", None),
    # odd fields
    ("a description as list", page(product(description=["Warm", "Wool"])), "description", "Warm"),
    ("an empty object as price", page(offer(price={})), "price", None),
    ("a blank number", page(product(sku=" ")), "product_id", URL),
    ("a name in a list", page(product(name=["Wool coat"])), "title", "Wool coat"),
    ("a number as name", page(product(name=501)), "title", "501"),
    ("a number as sku", page(product(sku=12)), "product_id", "12"),
    ("a sku that is none", page(product(sku="N/A")), "product_id", URL),
    ("a sku that is null, written out", page(product(sku="null")), "product_id", URL),
    ("a category as objects", page(product(category=[{"name": "Coats"}, "Women"])), "category", "Coats | Women"),
    # availability
    ("out of stock and in stock", page(product(offers=[{"availability": "OutOfStock"}, {"availability": "InStock"}])), "available", True),
    ("a list as availability", page(offer(availability=["https://schema.org/OutOfStock", "https://schema.org/InStock"])), "available", True),
    ("a slash at the end", page(offer(availability="https://schema.org/InStock/")), "available", True),
    ("an object as availability", page(offer(availability={"@id": "https://schema.org/InStock"})), "availability", None),
    ("a pre-order in its own word", page(offer(availability="PreOrder")), "availability", "pre_order"),
    ("a back order in its own word", page(offer(availability="http://schema.org/BackOrder")), "availability", "back_order"),
    ("words with a space", page(offer(availability="Out of stock")), "available", False),
    ("a word that is not known", page(offer(availability="maybe")), "available", None),
    # numbers
    ("a price written twice", page(offer(price="499€499€")), "price", 499.0),
    ("a price with its tax", page(offer(price="29,99 € inkl. 19% MwSt.")), "price", 29.99),
    ("a price behind a word", page(offer(price="ab 1.299,00 €")), "price", 1299.0),
    ("a price with a thin space", page(offer(price="1\u202f299,00 €")), "price", 1299.0),
    ("two lower prices of an aggregate", page(product(offers={"@type": "AggregateOffer", "lowPrice": "10", "highPrice": "30"})), "price", 10.0),
    # currencies and two prices
    ("a sign as currency", page(offer(priceCurrency="€")), "currency", "EUR"),
    ("a currency in lower case", page(offer(priceCurrency="pln")), "currency", "PLN"),
    ("a currency within the price", page(product(offers={"price": "20 zł"})), "currency", "PLN"),
    ("a list price before the sale price", page(product(offers={"priceCurrency": "EUR", "priceSpecification": [{"priceType": "https://schema.org/ListPrice", "price": 100}, {"priceType": "https://schema.org/SalePrice", "price": 60}]})), "price", 60.0),
    ("the list price beside the sale price", page(product(offers={"price": 60, "priceSpecification": [{"priceType": "https://schema.org/StrikethroughPrice", "price": 100}]})), "list_price", 100.0),
    ("two prices of microdata", microdata('<img itemprop="image" src="/a.jpg"><div itemprop="offers" itemscope itemtype="https://schema.org/Offer"><del itemprop="price">99,00 €</del><span itemprop="price">59,00 €</span></div>'), "price", 59.0),
    # stated, unread
    ("a trail of breadcrumbs", page(product(), {"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "position": p, "name": n} for p, n in ((1, "Home"), (2, "Women"), (3, "Coats"), (4, "Coat"))]}), "category", "Women > Coats"),
    ("the gender of a trail", page(product(), {"@type": "BreadcrumbList", "itemListElement": [{"position": 1, "item": {"@id": "/w", "name": "Women"}}]}), "gender", "women"),
    ("a trail that is only shown", page(product(), body='<nav class="breadcrumb"><a href="/">Home</a> &gt; <a href="/h">Herren</a> &gt; <span>Coat</span></nav>'), "gender", "men"),
    ("the gender of an audience", page(product(audience={"suggestedGender": "Female"})), "gender", "women"),
    ("an additional property as colour", page(product(additionalProperty=[{"name": "Farbe", "value": "Rot"}])), "colour", "Rot"),
    ("an additional property as brand", page(product(additionalProperty={"name": "Marke", "value": "Acme"})), "brand", "Acme"),
    # rare forms
    ("JSON-LD with entities", f'<script type="application/ld+json">{json.dumps(product()).replace(chr(34), "&quot;")}</script>', "product_id", "C1"),
    ("two objects in one script", f'<script type="application/ld+json">{json.dumps({"@type": "WebSite"})}\n{json.dumps(product())}</script>', "product_id", "C1"),
    ("an IndividualProduct", page(product(**{"@type": "IndividualProduct"})), "product_id", "C1"),
    ("OpenGraph alone", page(head=OG.format("type", "product") + OG.format("title", "Coat") + OG.format("image", "/o.jpg") + '<meta property="product:price:amount" content="20.00"><meta property="product:price:currency" content="EUR">'), "price", 20.0),
    ("RDFa", page(body='<div vocab="http://schema.org/" typeof="Product"><span property="name">Coat</span><img property="image" src="/a.jpg"><div property="offers" typeof="Offer"><meta property="price" content="20"><meta property="priceCurrency" content="EUR"></div></div>'), "price", 20.0),
    ("a number of few signs", page(product(sku="X0")), "product_id", "X0"),
    ("a number of noughts", page(product(sku="0000")), "product_id", URL),
    ("the number of a group", page({**GROUP, "hasVariant": [RED, BLUE]}), "sku", "G1"),
    # one product
    ("a card without address beside the product", page(product(), body='<div itemscope itemtype="http://schema.org/Product"><a href="/p/2"><img itemprop="image" src="/t.png"><span itemprop="name">Dress 2</span></a></div>'), "product_id", "C1"),
    ("cards before the product", page(product(name="Tee", sku="T"), product(name="Coat", sku="C1"), body="<h1>Coat</h1>"), "product_id", "C1"),
    ("addresses of others, none of its own", page(*[product(name=f"X{n}", sku=f"X{n}", url=f"/p/x{n}") for n in range(4)], product()), "product_id", "C1"),
    ("an address with www.", page(product(url="https://www.shop.example/p/1"), product(name="X", sku="X", url="/p/2")), "product_id", "C1"),
    ("sizes as products", page(*[product(sku=f"C-{s}", url=f"/p/1?size={s}") for s in "SML"]), "product_id", URL),
    ("the one size that is left", page(product(sku="C-M", url="/p/1?size=M")), "product_id", URL),
    ("the two sizes that are left", page(*[product(sku=f"C-{s}", url=f"/p/1?size={s}") for s in "SM"]), "product_id", URL),
    ("a page of two languages", page(product(sku=""), head=f'<link rel="alternate" hreflang="de" href="{URL}"><link rel="alternate" hreflang="en" href="{SHOP}/en/p/1">'), "product_id", f"{SHOP}/en/p/1"),
    ("a canonical address", page(product(sku=""), head=f'<link rel="canonical" href="{SHOP}/p/coat">'), "product_id", f"{SHOP}/p/coat"),
    ("a canonical address that is the start page", page(product(sku=""), head=f'<link rel="canonical" href="{SHOP}/">'), "product_id", URL),
    ("a list beside the product", page(product(), {"@type": "ItemList", "itemListElement": [{"position": 1, "item": product(name="X", sku="X", url="/p/2")}]}), "product_id", "C1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "field", "value"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_a_page_of_a_real_shop_is_read_as_the_shop_meant_it(text, field, value):
    (found,) = pages.read_schema_org(text, URL)
    assert getattr(found, field) == value


def test_a_group_keeps_the_pictures_of_each_colour():
    (found,) = pages.read_schema_org(page({**GROUP, "hasVariant": [RED, BLUE]}), URL)
    assert {v.colour: v.images for v in found.variants} == {
        "red": (f"{SHOP}/red.png",),
        "blue": (f"{SHOP}/blue.png",),
    }


def test_sizes_are_variants_with_what_they_cost():
    sizes = [
        {
            "@type": "Offer",
            "sku": f"C-{s}",
            "size": s,
            "price": p,
            "priceCurrency": "EUR",
            "availability": a,
        }
        for s, p, a in (("S", 20, "OutOfStock"), ("M", 25, "InStock"))
    ]
    (found,) = pages.read_schema_org(page(product(offers=sizes)), URL)
    assert [(v.size, v.price, v.available) for v in found.variants] == [
        ("S", 20.0, False),
        ("M", 25.0, True),
    ]
    assert (found.price, found.available) == (25.0, True)


def test_the_colours_with_pages_of_their_own_share_a_parent():
    red, blue = ({**variant(c), "url": f"/p/{c}"} for c in ("red", "blue"))
    (found,) = pages.read_schema_org(page({**GROUP, "hasVariant": [red, blue]}), f"{SHOP}/p/blue")
    assert (found.product_id, found.parent_id, found.colour) == ("b", "G1", "blue")


def test_a_list_tells_the_places_of_its_products():
    parts = [
        {
            "@type": "ListItem",
            "position": n,
            "item": product(name=f"X{n}", sku=f"X{n}", url=f"/p/x{n}"),
        }
        for n in (1, 2, 3)
    ]
    found = pages.read_schema_org(
        page({"@type": "ItemList", "itemListElement": parts}), f"{SHOP}/new"
    )
    assert [(f.product_id, f.list_position) for f in found] == [("X1", 1), ("X2", 2), ("X3", 3)]


@pytest.mark.parametrize("text", [
    page(head=OG.format("type", "website") + OG.format("title", "Shop") + OG.format("image", "/o.jpg")),
    page(head=OG.format("type", "product.group") + '<meta property="product:price:amount" content="20">'),
    page({"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "url": "/p/1"}]}),
    page({"@type": "Product", "@id": "#p"}),
    "",
])  # fmt: skip
def test_a_page_without_a_product_states_none(text):
    assert pages.read_schema_org(text, URL) == []


SHOPIFY = {
    "id": 7, "title": "Women's Tee", "handle": "tee", "product_type": "Shirts", "tags": [], "images": [{"src": "/x.jpg", "variant_ids": [1]}, {"src": "/y.jpg", "variant_ids": [2]}],
    "options": [{"name": "Color", "position": 1, "values": ["Black"]}, {"name": "Size", "position": 2, "values": ["S", "M"]}],
    "variants": [{"id": 1, "option1": "Black", "option2": "S", "price": "10.00", "compare_at_price": "20.00", "available": False}, {"id": 2, "option1": "Black", "option2": "M", "price": "12.00", "compare_at_price": "20.00", "available": True}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        pytest.param({}, "colour", "Black", id="colour of the options"),
        pytest.param(
            {"variants": []}, "colour", "Black", id="colour of the options without variants"
        ),
        pytest.param({}, "gender", "women", id="gender of the title"),
        pytest.param({"tags": "Men, New"}, "gender", "men", id="gender of the tags first"),
        pytest.param({}, "price", 12.0, id="price of what is to be had"),
        pytest.param({}, "list_price", 20.0, id="price before the markdown"),
        pytest.param({"vendor": ["Acme"]}, "brand", "Acme", id="an odd vendor"),
        pytest.param(
            {"options": ["Size"], "variants": [{"option1": "S"}]},
            "colour",
            None,
            id="options as texts",
        ),
    ],
)
def test_a_shopify_product_tells_its_colour_gender_and_markdown(change, field, value):
    (found,) = pages.read_shopify(json.dumps({"products": [{**SHOPIFY, **change}]}), SHOP, "eur")
    assert getattr(found, field) == value
    assert found.currency == "EUR"


def test_shopify_variants_have_their_size_price_and_picture():
    (found,) = pages.read_shopify(json.dumps({"products": [SHOPIFY]}), SHOP, "EUR", 250)
    assert [(v.size, v.price, v.list_price, v.available, v.images) for v in found.variants] == [
        ("S", 10.0, 20.0, False, (f"{SHOP}/x.jpg",)), ("M", 12.0, 20.0, True, (f"{SHOP}/y.jpg",)),
    ]  # fmt: skip
    assert found.list_position == 251


def test_a_shopify_product_by_itself_is_read_in_its_two_forms():
    cents = [{**v, "price": 1200, "compare_at_price": None} for v in SHOPIFY["variants"]]
    forms = {"product": SHOPIFY}, {**SHOPIFY, "variants": cents, "type": "Shirts"}
    found = [pages.read_shopify(json.dumps(form), SHOP)[0] for form in forms]
    assert [(f.price, f.category) for f in found] == [(12.0, "Shirts")] * 2


WOO = {
    "id": 3, "name": "Kleid", "permalink": f"{SHOP}/kleid", "images": [{"src": "/k.jpg"}],
    "prices": {"price": "1999", "regular_price": "2999", "currency_code": "EUR", "currency_minor_unit": 2},
    "categories": [{"name": "Damen"}, {"name": "Kleider"}], "brands": [{"name": "Acme"}],
    "attributes": [{"name": "Farbe", "taxonomy": "pa_farbe", "terms": [{"name": "Rot"}]}],
    "variations": [{"id": 31, "attributes": [{"name": "Farbe", "value": "rot"}, {"name": "Size", "value": "S"}]}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        pytest.param({}, "colour", "Rot", id="colour of the attributes"),
        pytest.param({}, "brand", "Acme", id="brand of the brands"),
        pytest.param({}, "category", "Damen | Kleider", id="all categories"),
        pytest.param({}, "gender", "women", id="gender of a category"),
        pytest.param({}, "list_price", 29.99, id="price before the markdown"),
        pytest.param({"attributes": {"x": 1}, "brands": None}, "brand", None, id="odd attributes"),
        pytest.param({"categories": ["Dresses"]}, "category", "Dresses", id="categories as texts"),
    ],
)
def test_a_woocommerce_product_tells_what_its_shop_states(change, field, value):
    (found,) = pages.read_woocommerce(json.dumps([{**WOO, **change}]), SHOP)
    assert getattr(found, field) == value


def test_woocommerce_variations_are_variants():
    (found,) = pages.read_woocommerce(json.dumps([WOO]), SHOP)
    assert [(v.variant_id, v.size, v.colour) for v in found.variants] == [("31", "S", "Rot")]


ODD = (None, "", " ", 0, -1, True, [], {}, [None], [[]], {"@id": 1}, {"@id": "#p"}, {"name": {}}, ["a", {}], 1e400, "http://[", "\ud800", [[{"@id": "#p"}]])  # fmt: skip
FIELDS = ("@type", "@id", "name", "sku", "url", "image", "description", "brand", "category", "color", "offers", "hasVariant", "isVariantOf", "audience", "additionalProperty", "productGroupID")  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_no_odd_value_of_a_field_costs_the_product(field):
    for value in ODD:
        block = {**offer(), "@id": "#p", field: value}
        found = pages.read_schema_org(page(block), URL)
        assert len(found) == (0 if field == "@type" else 1), value


@pytest.mark.parametrize(
    "field",
    [
        "price",
        "priceCurrency",
        "availability",
        "priceSpecification",
        "offers",
        "url",
        "sku",
        "itemOffered",
    ],
)
def test_no_odd_value_of_an_offer_costs_the_product(field):
    for value in ODD:
        block = product(
            offers=[{"price": "20", "priceCurrency": "EUR", field: value}, {"price": 30}]
        )
        assert [f.product_id for f in pages.read_schema_org(page(block), URL)] in (
            [["C1"], [URL]]
        ), value


@pytest.mark.parametrize("field", sorted(SHOPIFY))
def test_no_odd_value_of_a_shopify_field_stops_the_page(field):
    for value in ODD:
        text = json.dumps({"products": [{**SHOPIFY, field: value}, SHOPIFY]})
        assert len(pages.read_shopify(text, SHOP, "EUR")) == 2, value


@pytest.mark.parametrize("field", sorted(WOO))
def test_no_odd_value_of_a_woocommerce_field_stops_the_page(field):
    for value in ODD:
        assert len(pages.read_woocommerce(json.dumps([{**WOO, field: value}, WOO]), SHOP)) == 2, (
            value
        )
