"""A small taxonomy and small tables, as the other stages hand them over."""

from datetime import date

import pyarrow as pa
import pytest

from fashiontrend import taxonomy
from fashiontrend.storage import schemas

TEXT = """
version: "small"
attributes:
  - id: neckline
    en: Neckline
    zh: 领口
    values:
      - {id: crew, en: Crew neck, zh: 圆领}
      - {id: v_neck, en: V-neck, zh: V领}
      - {id: deep_v, en: Deep V, zh: 深V领}
  - id: colour
    en: Colour
    zh: 颜色
    values:
      - {id: red, en: Red, zh: 红}
      - {id: blue, en: Blue, zh: 蓝}
"""


@pytest.fixture(scope="session")
def small():
    return taxonomy.parse(TEXT, "small")


@pytest.fixture(scope="session")
def shipped():
    return taxonomy.load()


@pytest.fixture(scope="session")
def make_listings():
    def make(*rows):
        found = []
        for n, row in enumerate(rows):
            pictures = row.pop("pictures", [f"p{n}"])
            images = [{"url": "", "picture_id": p, "position": k} for k, p in enumerate(pictures)]
            base = {
                "platform": "a",
                "day": date(2026, 1, 1),
                "product_id": str(n),
                "images": images,
            }
            found.append({**base, **row})
        return pa.Table.from_pylist(found, schemas.LISTING)

    return make


@pytest.fixture(scope="session")
def make_pictures():
    def make(*rows):
        """(picture_id, product_id) or (picture_id, product_id, platform)."""
        found = [
            {
                "picture_id": row[0],
                "product_id": row[1],
                "platform": row[2] if len(row) > 2 else "a",
                "day": date(2026, 1, 1),
                "position": 0,
                "width": 200,
                "height": 100,
                "format": "JPEG",
                "image": row[0].encode(),
            }
            for row in rows
        ]
        return pa.Table.from_pylist(found, schemas.PICTURE)

    return make


@pytest.fixture(scope="session")
def make_annotations():
    def make(*rows):
        """(picture_id, product_key, split, labels) and optionally bytes and a box."""
        names = ("picture_id", "product_key", "split", "labels", "image", "box")
        found = [dict(zip(names, (*r, None, None)[:6], strict=True)) for r in rows]
        return pa.Table.from_pylist(
            [{**f, "labels": list(f["labels"].items())} for f in found], schemas.ANNOTATION
        )

    return make
