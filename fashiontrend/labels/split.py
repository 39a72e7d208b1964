"""Split products, never single pictures, into training and validation."""

import hashlib
from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

TRAIN, VAL = "train", "val"


def split_of(product_key: str, val_fraction: float = 0.3) -> str:
    """Return the split of a product by a hash of its key, for annotations that name no split."""
    digest = hashlib.sha256(product_key.encode()).digest()
    return VAL if int.from_bytes(digest[:8]) / 2**64 < val_fraction else TRAIN


def held_out(links: pa.Table, val_pictures: Iterable[str], val_products: Iterable[str]) -> set[str]:
    """Return the ids of the pictures that training must not see.

    Args:
        links: columns picture_id and product_key, one row per product that shows a picture.
        val_pictures: ids of the pictures that are annotated for validation.
        val_products: keys of their products.

    Returns:
        All pictures of validation products, all pictures of products that share one of those
        (the same garment on another platform), and the validation pictures themselves.
    """
    frame = pd.DataFrame(links.select(["picture_id", "product_key"]).to_pydict())
    pictures, products = set(val_pictures), set(val_products)
    for _ in range(2):  # validation's own products first, then those that share a picture with them
        products |= set(frame.loc[frame["picture_id"].isin(pictures), "product_key"])
        pictures |= set(frame.loc[frame["product_key"].isin(products), "picture_id"])
    return pictures
