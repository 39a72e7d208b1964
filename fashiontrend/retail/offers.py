"""Read what a shop offers on a day from its listings: price, markdown, availability of the sizes, age."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

#: Columns of LISTING that an offer is read from.
COLUMNS = (
    "platform", "product_id", "day", "first_seen", "price", "list_price", "currency", "available", "variants",
)  # fmt: skip


def read_offers(listings: pa.Table) -> pd.DataFrame:
    """Read one offer of each listing.

    Args:
        listings: LISTING rows with `COLUMNS`, each product once on a platform and day.

    Returns:
        Columns platform, product_id, day, first_seen and currency as listed, and

        - `price`: of the listing; of its cheapest variant where the listing states none.
        - `list_price`: before a markdown, of the listing or of that variant.
        - `out_of_stock`: part of the variants with a known state that are sold out; 0 or 1 by the
          listing's own state where no variant has one. NaN if nothing is stated.
    """
    table = listings.select([c for c in COLUMNS if c != "variants"])
    rows = table.to_pandas().reset_index(drop=True)
    variants = _variants(listings["variants"])
    cheapest = variants.dropna(subset=["price"]).sort_values("price", kind="stable")
    cheapest = cheapest.drop_duplicates("row").set_index("row").reindex(rows.index)
    own = rows["price"].notna()
    stated = rows["available"].astype("boolean").astype("Float64").astype(float)
    known = variants.dropna(subset=["available"])
    sold_out = 1.0 - known.groupby("row")["available"].mean().reindex(rows.index)
    offers: pd.DataFrame = rows.drop(columns="available").assign(
        price=rows["price"].where(own, cheapest["price"]),
        list_price=rows["list_price"].where(own, cheapest["list_price"]),
        out_of_stock=sold_out.fillna(1.0 - stated),
    )
    return offers


def _variants(column: pa.ChunkedArray) -> pd.DataFrame:
    """One row per variant: `row` of its listing, price, list_price, and available as 0, 1 or NaN."""
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):  # a column without chunks stays one
        lists = pa.array([], column.type)
    flat = pc.list_flatten(lists)
    frame = pd.DataFrame({"row": pc.list_parent_indices(lists).to_numpy()})
    for name in ("price", "list_price", "available"):
        values = pc.cast(pc.struct_field(flat, name), pa.float64())
        frame[name] = values.to_numpy(zero_copy_only=False)
    return frame
