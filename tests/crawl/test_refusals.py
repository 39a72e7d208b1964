"""A host that refuses is believed: for pages and pictures, at once for all that would be asked."""

import itertools
import json
from datetime import UTC, date, datetime

import pytest

from fashiontrend.crawl.refusals import MAX_PAUSE_S, read_retry_after
from fashiontrend.storage import layout

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PICTURE = b"\xff\xd8\xff\xe0 a picture"
CHALLENGE = b"<html><title>Just a moment...</title></html>"
PRODUCTS = 30
PAUSE_S = 2
#: Hosts of pictures are on loopback too, at other ports than the shop.
LOOPBACK = ["127.0.0.0/8", "::1/128"]


def ok(body, **headers):
    return 200, headers, body if isinstance(body, bytes) else json.dumps(body).encode()


def shopify(picture, media="", robots=(404, {}, b"")):
    """A shop of PRODUCTS; `picture(n)` answers the n-th request for one at `media`."""
    asked = itertools.count()

    def answer(path):
        if path == "/robots.txt":
            return robots
        if path == "/meta.json":
            return ok({"currency": "EUR"})
        if path.startswith("/x/"):
            return picture(next(asked))
        if not path.endswith("page=1"):
            return ok({"products": []})
        return ok(
            {
                "products": [
                    {"id": n, "title": "Tee", "images": [{"src": f"{media}/x/{n}.jpg"}]}
                    for n in range(PRODUCTS)
                ]
            }
        )

    return answer


def refuse(status, **headers):
    return lambda n: (status, headers, b"no")


def first(answer):
    return lambda n: answer if n == 0 else ok(PICTURE)


OWN = {
    "own-403": shopify(refuse(403)),
    "own-429": shopify(refuse(429)),
    "own-challenge": shopify(lambda n: ok(CHALLENGE)),
    "own-hour": shopify(first((429, {"Retry-After": "3600"}, b"later"))),
    "own-now-and-then": shopify(lambda n: ok(PICTURE) if n % 5 == 4 else (403, {}, b"no")),
    "own-pause": shopify(first((429, {"Retry-After": str(PAUSE_S)}, b"later"))),
    "robots-hour": shopify(None, robots=(429, {"Retry-After": "3600"}, b"later")),
    "robots-403": shopify(lambda n: ok(PICTURE), robots=(403, {}, b"no")),
}
#: Answers of a host for pictures only: `localhost`, where shops are at 127.0.0.1.
MEDIA = {
    "media-503": refuse(503),
    "media-challenge": lambda n: ok(CHALLENGE),
    "media-hour": first((503, {"Retry-After": "3600"}, b"later")),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory, crawl, open_shop):
    """(store, what was told of each platform, the servers with what they were asked)."""
    servers = {name: open_shop(answer) for name, answer in OWN.items()}
    platforms = {name: server.url for name, server in servers.items()}
    for name, picture in MEDIA.items():
        servers[name] = open_shop(shopify(picture))
        media = servers[name].url.replace("127.0.0.1", "localhost")
        platforms[name] = open_shop(shopify(None, media)).url
    rows = [
        {"name": n, "kind": "shopify", "base_url": url, "delay_s": 0.02}
        for n, url in platforms.items()
    ]
    folder = tmp_path_factory.mktemp("refusals")
    store, told = crawl(folder, rows, DAY, DAY, autothrottle=False, allowed_networks=LOOPBACK)
    return store, {t["platform"]: t for t in told}, servers


def pictures(server):
    return [(at, path) for at, path in server.asked if path.startswith("/x/")]


@pytest.mark.parametrize(
    ("platform", "asked", "reason"),
    [
        pytest.param("own-403", 5, "refused", id="five refusals in a row"),
        pytest.param("own-429", 5, "refused", id="tries again are refusals too"),
        pytest.param("own-hour", 1, "refused", id="come back in an hour"),
        pytest.param("own-challenge", 2, "challenge", id="a challenge, with one on its way"),
    ],
)
def test_a_shop_that_refuses_its_pictures_is_left_with_what_was_found(
    world, platform, asked, reason
):
    store, told, servers = world
    facts = told[platform]
    assert 1 <= len(pictures(servers[platform])) <= asked
    assert (facts["committed"], facts["partial"], facts["finish_reason"]) == (True, True, reason)
    assert facts["blocked"] + facts["challenge"] == len(pictures(servers[platform]))
    assert facts["requests"] == len(servers[platform].asked)
    assert facts["unasked"] >= PRODUCTS - asked
    rows = store.read_partition(layout.raw_day(DAY, platform), "listings")
    assert rows.num_rows == facts["products"] == PRODUCTS


@pytest.mark.parametrize(
    ("platform", "asked"),
    [
        pytest.param("media-503", 5, id="five refusals in a row"),
        pytest.param("media-hour", 1, id="come back in an hour"),
        pytest.param("media-challenge", 2, id="a challenge, with one on its way"),
    ],
)
def test_another_host_of_pictures_is_left_and_the_shop_read_to_its_end(world, platform, asked):
    _, told, servers = world
    facts = told[platform]
    assert 1 <= len(pictures(servers[platform])) <= asked
    assert (facts["partial"], facts["finish_reason"]) == (True, "finished")
    assert facts["products"] == facts["image_failures"] == PRODUCTS
    assert facts["blocked"] + facts["challenge"] == len(pictures(servers[platform]))


def test_refusals_between_answers_are_counted_and_end_nothing(world):
    _, told, _ = world
    facts = told["own-now-and-then"]
    assert (facts["finish_reason"], facts["partial"]) == ("finished", False)
    assert (facts["blocked"], facts["fetched_images"]) == (24, 6)


def test_nothing_is_asked_of_a_host_until_the_pause_it_asked_for_is_over(world):
    _, told, servers = world
    times = [at for at, _ in pictures(servers["own-pause"])]
    assert len(times) == PRODUCTS + 1
    assert times[1] - times[0] >= PAUSE_S
    assert told["own-pause"]["fetched_images"] == PRODUCTS
    assert (told["own-pause"]["blocked"], told["own-pause"]["partial"]) == (1, False)


def test_a_robots_file_is_refused_only_if_the_shop_says_later(world):
    _, told, servers = world
    assert len(servers["robots-hour"].asked) == 1
    assert told["robots-hour"]["committed"] is False
    assert "1 x 429" in told["robots-hour"]["reason"]
    assert (told["robots-403"]["products"], told["robots-403"]["blocked"]) == (PRODUCTS, 0)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        pytest.param(b"120", 120.0, id="seconds"),
        pytest.param(b"Mon, 23 Nov 2026 12:01:30 GMT", 90.0, id="a date"),
        pytest.param(b"Mon, 23 Nov 2026 11:00:00 GMT", 0.0, id="a date that is over"),
        pytest.param(b"soon", 0.0, id="neither"),
        pytest.param(None, 0.0, id="nothing"),
    ],
)
def test_retry_after_is_seconds_or_a_date(stated, seconds):
    assert read_retry_after(stated, NOW) == seconds


def test_the_longest_pause_is_minutes():
    assert 60 <= MAX_PAUSE_S <= 600
