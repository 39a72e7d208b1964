from datetime import date

import pyarrow as pa
import pytest

from fashiontrend.catalogue import health
from fashiontrend.storage import schemas


def listing(product_id, pictures=("p",), title="T", url="u"):
    images = [{"url": "i", "picture_id": p, "position": n} for n, p in enumerate(pictures)]
    return {
        "platform": "a",
        "day": date(2026, 1, 1),
        "product_id": product_id,
        "title": title,
        "url": url,
        "images": images,
    }


def table(*rows):
    return pa.Table.from_pylist(list(rows), schemas.LISTING)


def test_a_whole_day_scores_one_everywhere():
    found = health.measure_health(
        table(listing("1"), listing("2")), {"responses": {"200": 9}}, 2, 0
    )
    assert found.to_json() == {
        "products": 2,
        "listings": 2,
        "pictures": 2,
        "pictures_bad": 0,
        "image_success": 1.0,
        "field_coverage": 1.0,
        "blocked": 0.0,
        "duplicates": 0.0,
        "no_garments": 0,
    }


def test_listings_of_no_garments_are_counted_and_unmarked_ones_are_not():
    rows = [{**listing(str(n)), "garment": mark} for n, mark in enumerate((True, False, None))]
    assert health.measure_health(table(*rows), {}, 0, 0).no_garments == 1


@pytest.mark.parametrize(
    ("rows", "crawl", "pictures", "name", "expected"),
    [
        pytest.param(
            [listing("1", ("a", None)), listing("2", ("b", "c"))],
            {},
            (3, 0),
            "image_success",
            0.75,
            id="one never fetched",
        ),
        pytest.param(
            [listing("1", ("a", "b")), listing("2", ("c", "d"))],
            {},
            (3, 1),
            "image_success",
            0.75,
            id="one broken",
        ),
        pytest.param(
            [listing("1"), listing("2", ())], {}, (1, 0), "field_coverage", 0.5, id="no picture"
        ),
        pytest.param(
            [listing("1"), listing("2", (None,))],
            {},
            (1, 0),
            "field_coverage",
            0.5,
            id="no fetched picture",
        ),
        pytest.param(
            [listing("1"), listing("2", title=" ")],
            {},
            (1, 0),
            "field_coverage",
            0.5,
            id="blank title",
        ),
        pytest.param(
            [listing("1"), listing("2", url=None)], {}, (1, 0), "field_coverage", 0.5, id="no url"
        ),
        pytest.param(
            [listing("1")],
            {"responses": {"200": 6, "403": 2}, "blocked": 2},
            (1, 0),
            "blocked",
            0.25,
            id="blocked",
        ),
        pytest.param(
            [listing("1")],
            {"requests": 10, "blocked": 1, "challenge": 1},
            (1, 0),
            "blocked",
            0.2,
            id="challenged",
        ),
        pytest.param(
            [listing("1")],
            {"stated": 4, "duplicates": 3},
            (1, 0),
            "duplicates",
            0.75,
            id="dropped by the crawl",
        ),
        pytest.param(
            [listing("1"), listing("1")], {}, (1, 0), "duplicates", 0.5, id="left in the table"
        ),
        pytest.param(
            [listing("1"), listing("1")], {}, (1, 0), "products", 1, id="products are distinct"
        ),
    ],
)
def test_each_fault_shows_in_its_number(rows, crawl, pictures, name, expected):
    assert getattr(health.measure_health(table(*rows), crawl, *pictures), name) == expected


def test_a_day_without_listings_has_no_products_and_no_division_by_zero():
    found = health.measure_health(table(), {}, 0, 0)
    assert found.products == 0
    assert found.blocked == found.duplicates == 0.0
