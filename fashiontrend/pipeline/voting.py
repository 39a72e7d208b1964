"""Which of the listed pictures count in shares and keywords: those of garments, and no placeholders."""

import pandas as pd

#: A picture of so many garments of a platform is a placeholder.
PLACEHOLDER_GARMENTS = 6


def garments_only(shown: pd.DataFrame) -> pd.DataFrame:
    """Leave out the products whose newest mark says that they are no garments, on all days.

    A day that was packed before there were marks has none; its products have those of later days.

    Args:
        shown: SHOWING rows.
    """
    key = ["platform", "product_id"]
    marked = shown.dropna(subset=["garment"]).sort_values("day").drop_duplicates(key, keep="last")
    others = marked.loc[~marked["garment"].astype(bool), key]
    rows = shown.drop(columns="garment")
    if others.empty:
        return rows
    found = rows.merge(others, on=key, how="left", indicator="_of")
    return rows[(found["_of"] == "left_only").to_numpy()].reset_index(drop=True)


def without_placeholders(shown: pd.DataFrame) -> pd.DataFrame:
    """Leave out pictures that a platform shows of so many garments that they can be of none.

    A "picture follows" or a logo would vote once for each product. Colours of one garment count as one.

    Args:
        shown: SHOWING rows.
    """
    key = ["platform", "picture_id"]
    garments = shown["parent_id"].fillna(shown["product_id"])
    rows = shown.drop(columns="parent_id")
    pairs = rows[key].assign(garment=garments).drop_duplicates()
    counts = pairs.groupby(key, as_index=False).size()
    placeholders = counts.loc[counts["size"] >= PLACEHOLDER_GARMENTS, key]
    if placeholders.empty:
        return rows
    found = rows[key].merge(placeholders, on=key, how="left", indicator="_of")
    return rows[(found["_of"] == "left_only").to_numpy()].reset_index(drop=True)
