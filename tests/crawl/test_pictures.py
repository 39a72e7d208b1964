"""A picture that a shop replaced is noticed, one that it kept is not sent again, and one in several widths is one."""

import hashlib
import json
from datetime import date

import pytest

from fashiontrend.crawl.listing import ListingImage, ListingVariant
from fashiontrend.crawl.widths import at_kept_addresses, split_width, widest_once
from fashiontrend.storage import layout

#: The second is no sweep day, the third is one.
DAYS = (date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 29))


def picture(name):
    return b"\xff\xd8\xff\xe0 " + name.encode()


class Shop:
    """Two marked pictures and one without a mark, of products whose price and pictures may change."""

    price, drawn = "5.00", {"/a.jpg": "old", "/b.jpg": "old", "/plain.jpg": "old"}

    def __call__(self, path):
        if path == "/robots.txt":
            return 404, {}, b""
        if path in self.drawn:
            body = picture(path + self.drawn[path])
            mark = {} if path == "/plain.jpg" else {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}
            return 200, mark, body
        if path == "/meta.json":
            return 200, {}, b'{"currency": "EUR"}'
        rows = [
            {"id": n, "title": "Tee", "variants": [{"price": self.price if n == 1 else "7.00"}],
             "images": [{"src": src}]}
            for n, src in ((1, "/a.jpg"), (2, "/b.jpg"), (3, "/plain.jpg"))
        ]  # fmt: skip
        return 200, {}, json.dumps({"products": rows if path.endswith("page=1") else []}).encode()


@pytest.fixture(scope="module")
def crawled(tmp_path_factory, crawl, open_shop):
    """(store, what was told on each day, pictures that were asked for on each day)."""
    state = Shop()
    shop, folder = open_shop(state), tmp_path_factory.mktemp("pictures")
    platform = {"name": "shop", "kind": "shopify", "base_url": shop.url, "delay_s": 0.0}
    told, asked = [], []
    for number, day in enumerate(DAYS):
        if number:
            state.price = f"{number}.00"
            state.drawn = {**Shop.drawn, "/a.jpg": f"new {number}", "/plain.jpg": f"new {number}"}
        before = len(shop.asked)
        store, lines = crawl(folder, [platform], day, day, autothrottle=False)
        told += lines
        asked.append([path for _, path in shop.asked[before:] if path.endswith(".jpg")])
    return store, told, asked, shop


def shown(store, day):
    rows = store.read_partition(layout.raw_day(day, "shop"), "listings").to_pylist()
    return {row["product_id"]: row["images"][0]["picture_id"] for row in rows}


def test_a_changed_product_is_asked_whether_its_picture_changed(crawled):
    store, told, asked, _ = crawled
    assert asked[1] == ["/a.jpg"]
    assert (told[1]["fetched_images"], told[1]["replaced_images"]) == (1, 1)
    before, after = shown(store, DAYS[0]), shown(store, DAYS[1])
    assert store.read(layout.raw_image(before["1"])) == picture("/a.jpgold")
    assert store.read(layout.raw_image(after["1"])) == picture("/a.jpgnew 1")
    assert (before["2"], before["3"]) == (after["2"], after["3"])


def test_a_sweep_asks_for_every_picture_and_a_kept_one_is_not_sent(crawled):
    store, told, asked, shop = crawled
    assert sorted(asked[2]) == ["/a.jpg", "/b.jpg", "/plain.jpg"]
    assert shop.unchanged == ["/b.jpg"]
    assert (told[2]["replaced_images"], told[2]["reused_images"]) == (2, 1)
    assert shown(store, DAYS[2])["2"] == shown(store, DAYS[0])["2"]
    assert store.read(layout.raw_image(shown(store, DAYS[2])["3"])) == picture("/plain.jpgnew 2")


@pytest.mark.parametrize(
    ("addresses", "kept"),
    [
        pytest.param(["/a.jpg?w=300", "/a.jpg?w=1200", "/a.jpg?w=600"], [1], id="a parameter"),
        pytest.param(
            ["/a_300x.jpg", "/a_1024x1024.jpg", "/a.jpg", "/b_300x.jpg"], [2, 3], id="a tail"
        ),
        pytest.param(["/wp/a-150x150.jpg", "/wp/a-300x400.jpg"], [1], id="WordPress"),
        pytest.param(
            ["/w_300,c_fill/a.jpg", "/c_fill,w_900/a.jpg"], [1], id="a step of Cloudinary"
        ),
        pytest.param(["/300x400/a.jpg", "/900x1200/a.jpg"], [1], id="a folder"),
        pytest.param(["/a@2x.jpg", "/a.jpg"], [0], id="a dense screen"),
        pytest.param(["/cdn/a_small.jpg?v=1", "/cdn/a_grande.jpg?v=1"], [1], id="Shopify's names"),
        pytest.param(["/a.jpg?v=1", "/a.jpg?v=2"], [0, 1], id="versions are no widths"),
        pytest.param(["/a-1.jpg", "/a-2.jpg", "/a_3.jpg"], [0, 1, 2], id="numbers are no widths"),
        pytest.param(["/img?id=300", "/img?id=600"], [0, 1], id="ids are no widths"),
        pytest.param(["/a_small.jpg", "/a_large.jpg"], [0, 1], id="names of another shop"),
        pytest.param(["http://[", "http://[?w=3"], [0, 1], id="no addresses"),
    ],
)
def test_one_picture_in_several_widths_is_kept_once_at_its_widest(addresses, kept):
    whole = [a if a.startswith("http") else f"https://s.example{a}" for a in addresses]
    found = widest_once([ListingImage(a, None, n) for n, a in enumerate(whole)])
    assert [image.url for image in found] == [whole[n] for n in kept]
    assert [image.position for image in found] == list(range(len(kept)))


def test_a_stated_width_is_read():
    assert split_width("https://s.example/a_800x600.jpg?v=2") == ("s.example/a.jpg?v=2", 800)


def test_the_pictures_of_a_variant_are_named_as_the_listing_keeps_them():
    """Seen: a variant named its picture at another width, so that nothing said which colour the kept one shows."""
    wide, narrow = "https://s.example/red_800x.jpg", "https://s.example/red_200x.jpg"
    kept = widest_once([ListingImage(a, None, n) for n, a in enumerate((narrow, wide))])
    other = "https://s.example/blue.jpg"
    sold = ListingVariant(None, None, "Red", None, None, None, None, (narrow, wide, other))
    (variant,) = at_kept_addresses((sold,), kept)
    assert variant.images == (wide, other)
