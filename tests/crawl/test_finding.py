"""Shops whose sitemaps lie elsewhere, are broken, or never end, crawled as they are crawled every day."""

import gzip
import json
import threading
from datetime import date, timedelta

import pytest

from fashiontrend.storage import layout

DAYS = (date(2026, 11, 23), date(2026, 11, 24))
PICTURE = b"\xff\xd8\xff\xe0 a picture"
HERE = "http://HERE"
GONE = (404, {}, b"gone")


def ok(body, **headers):
    return 200, headers, body.encode() if isinstance(body, str) else body


def stated(path):
    data = {"@type": "Product", "sku": path, "name": "Coat", "image": "/a.jpg"}
    return ok(f'<script type="application/ld+json">{json.dumps(data)}</script>')


def urls(*paths, lastmod=True):
    when = "<lastmod>2026-11-01</lastmod>" if lastmod else ""
    rows = "".join(f"<url><loc>{HERE}{path}</loc>{when}</url>" for path in paths)
    return ok(f"<urlset>{rows}</urlset>")


def index(*paths):
    rows = "".join(f"<sitemap><loc>{HERE}{path}</loc></sitemap>" for path in paths)
    return ok(f"<sitemapindex>{rows}</sitemapindex>")


def robots(*lines):
    return ok("\n".join(("User-agent: *", "Disallow: /private/", *lines)))


def shop(answers, page=stated):
    """A shop that answers these paths as told, and every `/p/` with a product."""

    def answer(path):
        if path in answers:
            found = answers[path]
            return found(path) if callable(found) else found
        if path.endswith(".jpg"):
            return ok(PICTURE)
        return page(path) if path.startswith("/p/") else GONE

    return answer


class Changing:
    """Answers one thing on the first day and another on the second."""

    day = 0

    def __init__(self, *answers):
        self.answers = answers

    def __call__(self, path):
        return self.answers[Changing.day]


CHILD = urls("/p/1", "/p/2")
TWO = index("/a.xml", "/b.xml")
BOMB = gzip.compress(b"\0" * (40 << 20))
REDIRECT = (302, {"Location": "/p/1"}, b"")


def cookie_wall(settles):
    """A page that redirects to itself until its cookie comes back, or for ever."""
    asked = []

    def page(path):
        asked.append(path)
        if settles and len(asked) > 1:
            return stated(path)
        return 302, {"Location": path, "Set-Cookie": "seen=1; Path=/"}, b""

    return page


def endless(path):
    number = int(path.rsplit("/", 1)[1].removesuffix(".xml") or 0)
    return index(*(f"/more/{number * 3 + n}.xml" for n in range(1, 4)))


#: Set when the tests are over, so that the threads of the silent shop end with it.
OVER = threading.Event()


def silent(path):
    """An answer that never comes while somebody waits for it."""
    OVER.wait(200)
    return stated(path)


#: name -> (what it answers, further settings of its platform)
SHOPS = {
    "robots": (shop({"/robots.txt": robots(f"Sitemap: {HERE}/maps/i.xml"),
                     "/maps/i.xml": index("/maps/a.xml.gz"),
                     "/maps/a.xml.gz": ok(gzip.compress(b"<urlset><url><loc>/p/1</loc></url></urlset>"))}),
               {}),
    "usual": (shop({"/robots.txt": GONE, "/sitemap_index.xml": urls("/a.xml"), "/a.xml": CHILD}), {}),
    "text": (shop({"/robots.txt": robots("Sitemap: /list.txt"),
                   "/list.txt": ok(f"{HERE}/p/1\n{HERE}/p/2\n")}), {}),
    "setting": (shop({"/robots.txt": robots(f"Sitemap: {HERE}/wrong.xml"), "/wrong.xml": urls("/p/9"),
                      "/mine.xml": urls("/p/1", "/p/2", "/p/1", "/blog/3", "/p/gift-card")}),
                {"sitemaps": ["/mine.xml"], "include": ["*/p/*"], "exclude": ["*gift*"]}),
    "hidden": (shop({"/robots.txt": GONE, "/sitemap.xml": urls("/map?page=1"),
                     "/map?page=1": CHILD}), {}),
    "none": (shop({"/robots.txt": robots("Sitemap: /nowhere.xml"), "/sitemap.xml": ok("<html>home")}), {}),
    **{f"child-{name}": (shop({"/robots.txt": GONE, "/sitemap.xml": TWO, "/a.xml": urls("/p/1"),
                               "/b.xml": Changing(urls("/p/2"), broken)}), {})
       for name, broken in {
           "html": ok("<!doctype html><p>sorry"), "empty": ok(""), "404": GONE,
           "cut": ok(f"<urlset><url><loc>{HERE}/p/3</loc></url><url><loc>{HERE}/p"),
       }.items()},
    "cookies": (shop({"/robots.txt": GONE, "/sitemap.xml": urls("/p/1"), "/p/1": cookie_wall(True)}), {}),
    "cookie-circle": (shop({"/robots.txt": GONE, "/sitemap.xml": urls("/p/1"),
                            "/p/1": cookie_wall(False)}), {}),
    "circle": (shop({"/robots.txt": GONE, "/sitemap.xml": urls("/p/1"), "/p/1": REDIRECT}), {}),
    "endless": (lambda path: endless(path) if "more" in path else
                (index("/more/0.xml") if path == "/sitemap.xml" else GONE), {}),
    "loop": (shop({"/robots.txt": GONE, "/sitemap.xml": index("/a.xml"),
                   "/a.xml": index("/sitemap.xml", "/a.xml", "/c.xml"), "/c.xml": urls("/p/1")}), {}),
    "bomb": (shop({"/robots.txt": GONE, "/sitemap.xml": urls("/p/1", "/p/2"),
                   "/p/2": ok(BOMB, **{"Content-Encoding": "gzip", "Content-Type": "text/html"})}), {}),
    "a-day": (shop({"/robots.txt": robots("Crawl-delay: 86400"), "/sitemap.xml": urls("/p/1")}), {}),
    "silent": (shop({"/robots.txt": GONE, "/sitemap.xml": urls(*(f"/p/{n}" for n in range(30)))}, silent), {}),
}  # fmt: skip


def at_home(answer, cell):
    """Fill in the shop's address, which is known only once it is open."""

    def filled(path):
        status, headers, body = answer(path)
        if body.startswith(b"\x1f\x8b"):
            return status, headers, body
        return status, headers, body.replace(HERE.encode(), cell[0].url.encode())

    return filled


@pytest.fixture(scope="module")
def world(tmp_path_factory, crawl, open_shop):
    """(store, what was told of each platform on the two days, the shops)."""
    shops, platforms = {}, []
    for name, (answer, more) in SHOPS.items():
        cell = []
        shops[name] = open_shop(at_home(answer, cell))
        cell.append(shops[name])
        platforms.append(
            {
                "name": name,
                "kind": "schema_org",
                "base_url": shops[name].url,
                "delay_s": 0.0,
                **more,
            }
        )
    folder, told = tmp_path_factory.mktemp("finding"), []
    settings = {"autothrottle": False, "retries": 0, "concurrency_per_host": 4}
    for Changing.day, day in enumerate(DAYS):
        asked = platforms if Changing.day == 0 else [p for p in platforms if "child" in p["name"]]
        asked = [p for p in asked if p["name"] != "silent"]
        store, lines = crawl(folder, asked, day, day, **settings)
        told.append({t["platform"]: t for t in lines})
    # By itself: a timeout this short would also hit the other shops of two busy cores.
    alone = tmp_path_factory.mktemp("silent")
    only = [p for p in platforms if p["name"] == "silent"]
    _, lines = crawl(alone, only, DAYS[0], DAYS[0], timeout_s=2.0, **settings)
    told[0] |= {t["platform"]: t for t in lines}
    yield store, told, shops
    OVER.set()


def ids(store, platform, day=DAYS[0]):
    rows = store.read_partition(layout.raw_day(day, platform), "listings").to_pylist()
    return {row["product_id"]: row["first_seen"] for row in rows}


@pytest.mark.parametrize(
    ("platform", "found"),
    [
        pytest.param("robots", ["/p/1"], id="in robots.txt, an index, a relative address, gzip"),
        pytest.param("usual", ["/p/1", "/p/2"], id="at a usual address, a list of sitemaps"),
        pytest.param("text", ["/p/1", "/p/2"], id="a text"),
        pytest.param(
            "setting", ["/p/1", "/p/2"], id="where the setting says, without what is left out"
        ),
        pytest.param("hidden", ["/p/1", "/p/2"], id="an address that does not look like a sitemap"),
        pytest.param("loop", ["/p/1"], id="indices that name one another"),
        pytest.param("cookies", ["/p/1"], id="behind a redirect that wants its cookie back"),
    ],
)
def test_pages_are_found_and_the_crawl_is_whole(world, platform, found):
    store, (told, _), _ = world
    assert sorted(ids(store, platform)) == found
    assert (told[platform]["partial"], told[platform]["errors"]) == (False, 0)


def test_a_setting_excludes_other_places_and_counts_what_it_leaves_out(world):
    _, (told, _), shops = world
    assert told["setting"]["left_out"] == 2
    assert sorted(p for p in shops["setting"].paths() if ".jpg" not in p) == [
        "/mine.xml", "/p/1", "/p/2"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["html", "empty", "404", "cut"])
def test_a_broken_part_of_an_index_makes_the_day_partial_and_resets_nothing(world, name):
    store, (first, second), _ = world
    platform = f"child-{name}"
    assert (first[platform]["partial"], second[platform]["partial"]) == (False, True)
    assert second[platform]["sitemaps_unread"] == 1
    assert ids(store, platform, DAYS[1])["/p/1"] == DAYS[0]
    (reject,) = store.read_partition(layout.raw_day(DAYS[1], platform), "rejects").to_pylist()
    assert reject["url"].endswith("/b.xml")


def test_what_a_broken_part_hid_is_no_new_product_when_it_comes_back(world, crawl, tmp_path):
    """The third day, in a process of its own, which remembers by the store only."""
    store, _, shops = world
    Changing.day = 0
    platform = {"name": "child-404", "kind": "schema_org", "base_url": shops["child-404"].url}
    folder = tmp_path
    (folder / "store").symlink_to(store.config.url)
    third = DAYS[1] + timedelta(days=1)
    _, (told,) = crawl(folder, [{**platform, "delay_s": 0.0}], third, third, autothrottle=False)
    assert told["partial"] is False
    assert ids(store, "child-404", third) == {"/p/1": DAYS[0], "/p/2": DAYS[0]}


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        pytest.param("none", ["no sitemap at", "/nowhere.xml (404)", "/sitemap.xml (a web page)",
                              "`sitemaps`"], id="no sitemap anywhere"),
        pytest.param("cookie-circle", ["circle", "cookies"], id="cookies that are never enough"),
        pytest.param("circle", ["circle"], id="a page that redirects to itself"),
        pytest.param("endless", ["without an end"], id="sitemaps without an end"),
        pytest.param("a-day", ["pause"], id="a crawl delay of a day"),
        pytest.param("silent", ["did not answer"], id="bodies that never end"),
    ],
)  # fmt: skip
def test_a_shop_that_brings_nothing_is_told_with_what_was_asked(world, platform, words):
    _, (told, _), shops = world
    assert told[platform]["committed"] is False
    for word in words:
        assert word in told[platform]["reason"]
    assert len(shops[platform].paths()) <= 130


def test_a_page_that_unpacks_without_end_costs_itself_only(world):
    store, (told, _), _ = world
    assert list(ids(store, "bomb")) == ["/p/1"]
    assert (told["bomb"]["too_large"], told["bomb"]["partial"]) == (1, True)


def test_a_silent_shop_is_left_after_ten_requests_without_an_answer(world):
    _, (told, _), shops = world
    assert told["silent"]["finish_reason"] == "unanswered"
    assert len([p for p in shops["silent"].paths() if p.startswith("/p/")]) <= 10 + 5
