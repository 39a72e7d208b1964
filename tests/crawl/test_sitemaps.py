"""Sitemaps in every form, whole and broken, and the order of the places where they are looked for."""

import gzip

import pytest

from fashiontrend.crawl import pages
from fashiontrend.crawl.finding import (
    MAX_DEPTH,
    MAX_SITEMAPS,
    USUAL_PATHS,
    AddressFilter,
    SitemapSearch,
    search_for,
)

P1, P2 = "https://s.example/p/1", "https://s.example/p/2"
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
ONE = f"<urlset {NAMESPACE}><url><loc>{P1}</loc><lastmod>2026-11-01</lastmod></url></urlset>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(ONE, [(P1, "2026-11-01")], id="xml"),
        pytest.param(ONE.encode("utf-16"), [(P1, "2026-11-01")], id="utf-16"),
        pytest.param(gzip.compress(ONE.encode()), [(P1, "2026-11-01")], id="gzip"),
        pytest.param(f"\ufeff\n{ONE}", [(P1, "2026-11-01")], id="a mark and a blank line before"),
        pytest.param(f"{ONE}<!-- made by -->\n", [(P1, "2026-11-01")], id="a comment after"),
        pytest.param(f"{P1}\r\n{P2}\n\n", [(P1, None), (P2, None)], id="text"),
        pytest.param(f"\ufeff{P1}", [(P1, None)], id="text with a mark"),
        pytest.param(
            f"<n:urlset xmlns:n='x'><n:url><n:loc>{P1}</n:loc></n:url></n:urlset>",
            [(P1, None)],
            id="prefixes",
        ),
        pytest.param(
            f"<urlset><url><image><loc>https://s.example/a.jpg</loc></image><loc>{P1}</loc></url></urlset>",
            [(P1, None)],
            id="a picture's address before the page's",
        ),
        pytest.param(
            f"<urlset><url><loc><![CDATA[ {P1} ]]></loc></url></urlset>", [(P1, None)], id="cdata"
        ),
        pytest.param(
            f"<urlset><url><loc>{P1}?a&b</loc></url><url><loc>{P2}</loc></url></urlset>",
            [(f"{P1}?a&b", None), (P2, None)],
            id="a bare ampersand",
        ),
        pytest.param(
            f"<rss><channel><item><link>{P1}</link></item></channel></rss>", [(P1, None)], id="rss"
        ),
        pytest.param(
            f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="{P1}"/>'
            "<updated>2026-11-02</updated></entry></feed>",
            [(P1, "2026-11-02")],
            id="atom",
        ),
    ],
)
def test_a_sitemap_of_any_form_is_read_whole(body, expected):
    found = pages.read_sitemap(body)
    assert (found.pages, found.further, found.fault) == (expected, [], "")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "<sitemapindex><sitemap><loc> {} </loc></sitemap></sitemapindex>", id="an index"
        ),
        pytest.param(
            "<urlset><url><loc>{}</loc></url></urlset>", id="a list whose pages are sitemaps"
        ),
        pytest.param("{}\n", id="a text whose lines are sitemaps"),
    ],
)
@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz", "Sitemap-2.XML", "sitemap_products.txt"])
def test_an_index_of_any_form_names_further_sitemaps(body, name):
    address = f"https://s.example/{name}"
    assert pages.read_sitemap(body.format(address)) == ([], [address], "")


@pytest.mark.parametrize(
    ("body", "fault", "number"),
    [
        pytest.param("", "empty", 0, id="no bytes"),
        pytest.param(" \n", "empty", 0, id="blanks"),
        pytest.param("<urlset/>", "no addresses", 0, id="a list of nothing"),
        pytest.param("<!doctype html><p>not found", "a web page", 0, id="a web page"),
        pytest.param("<?xml version='1.0'?><html><a/></html>", "a web page", 0, id="xhtml"),
        pytest.param("not here", "no sitemap", 0, id="words"),
        pytest.param('{"error": 1}', "no sitemap", 0, id="json"),
        pytest.param(ONE[:-9], "cut off", 1, id="without its end"),
        pytest.param(ONE[:-20], "cut off", 0, id="cut in an entry"),
        pytest.param(gzip.compress(ONE.encode() * 50)[:-20], "cut off", 1, id="cut gzip"),
        pytest.param(gzip.compress(b"\0" * (60 << 20)), "longer than 50 MB", 0, id="a bomb"),
        pytest.param(b"\x1f\x8b\x08 nothing", "damaged gzip", 0, id="no gzip"),
        pytest.param("<urlset>" + "<a>" * 100_000, "cut off", 0, id="deep"),
        pytest.param(
            "<!DOCTYPE x [<!ENTITY a '{}'><!ENTITY b '{}'>]><urlset>&b;</urlset>".format(
                "a" * 1000, "&a;" * 1000
            ),
            "no addresses", 0, id="entities",
        ),
        pytest.param(f"{P1}\n" * 100_002, "more than 100,000 addresses", 100_001, id="too many lines"),
    ],
)  # fmt: skip
def test_what_is_not_a_whole_sitemap_says_why_and_keeps_what_it_named(body, fault, number):
    found = pages.read_sitemap(body)
    assert found.fault == fault
    assert (len(found.pages) >= number) if number == 1 else (len(found.pages) == number)


def test_a_sitemap_in_the_place_of_a_page_is_recognised():
    assert pages.is_sitemap(ONE.encode())
    assert pages.is_sitemap(gzip.compress(ONE.encode()))
    assert not pages.is_sitemap(b"<html><p>urlset</p></html>")


def places(search: SitemapSearch, fault: str = "404") -> list[list[str]]:
    """The groups that are asked if none of them brings anything."""
    asked = []
    group = search.next_group()
    while group:
        asked.append(group)
        looks_on = [search.note(address, fault, names_something=False) for address in group]
        group = search.next_group() if looks_on[-1] else []
    return asked


BASE = "https://s.example"
USUAL = [[f"{BASE}{path}"] for path in USUAL_PATHS]


def test_robots_goes_before_the_usual_places_and_a_setting_excludes_both():
    robots = [f"{BASE}/a.xml", "/b.xml "]
    stated = [f"{BASE}/a.xml", f"{BASE}/b.xml"]
    assert places(search_for(BASE, (), robots, False)) == [stated, *USUAL]
    assert places(search_for(BASE, ("/my.xml",), robots, False)) == [[f"{BASE}/my.xml"]]
    assert places(search_for(BASE, (), [f"{BASE}/sitemap.xml"], False))[1:] == USUAL[1:]


def test_a_shop_below_a_path_is_looked_for_there_first_and_an_archive_only_there():
    below = [[f"{BASE}/de{path}"] for path in USUAL_PATHS]
    assert places(search_for(f"{BASE}/de", (), ["/a.xml"], False)) == [*below, [f"{BASE}/a.xml"]]
    assert places(search_for(f"{BASE}/de", (), ["/a.xml"], True)) == below


@pytest.mark.parametrize("fault", ["403", "500", "unreachable"])
def test_a_shop_that_refuses_or_is_down_is_not_asked_at_other_places(fault):
    assert places(search_for(BASE, (), (), False), fault) == USUAL[:1]


def test_what_was_asked_and_what_came_is_told_briefly():
    search = search_for(BASE, (), [f"/{n}.xml" for n in range(9)], False)
    places(search)
    assert search.told().startswith(f"{BASE}/0.xml (404), {BASE}/1.xml (404)")
    assert search.told().endswith("and 9 more")


def test_loops_depth_and_number_of_sitemaps_are_bounded():
    search = search_for(BASE, (), (), False)
    search.next_group()
    assert search.admits(f"{BASE}/sitemap.xml", 1) is False
    assert search.admits(f"{BASE}/a.xml", MAX_DEPTH + 1) is None
    admitted = [search.admits(f"{BASE}/{n}.xml", 1) for n in range(MAX_SITEMAPS + 5)]
    assert admitted.count(True) == MAX_SITEMAPS - 1
    assert admitted[-1] is None


@pytest.mark.parametrize(
    ("address", "page", "sitemap"),
    [
        (f"{BASE}/products/coat", True, True),
        (f"{BASE}/blog/coat", False, True),
        (f"{BASE}/products/gift-card", False, False),
        (f"{BASE}/sitemap_blog.xml", False, True),
    ],
)
def test_patterns_take_pages_and_leave_out_pages_and_sitemaps(address, page, sitemap):
    chosen = AddressFilter.of(("*/products/*",), ("*gift-card*",))
    assert (chosen.takes(address), chosen.takes_sitemap(address)) == (page, sitemap)
    assert AddressFilter.of((), ()).takes(address)
