"""The rows that stages hand to one another: one Arrow schema per table.

Days are UTC dates and partition keys. Fractions are in [0, 1]. Boxes are fractions of the
picture, `[x0, y0, x1, y1]`, origin at the top left. `picture_id` is the SHA-256 of the
picture's bytes in hex; a product is `platform` + `product_id`.
"""

import pyarrow as pa

BOX = pa.list_(pa.float32())

#: A picture of a listing: where it was, and its content hash (null when it could not be fetched).
LISTING_IMAGE = pa.struct(
    [("url", pa.string()), ("picture_id", pa.string()), ("position", pa.int32())]
)

#: A size or colour of a listing, as the shop sells it on the day.
LISTING_VARIANT = pa.struct(
    [
        ("variant_id", pa.string()),
        ("size", pa.string()),
        ("colour", pa.string()),
        ("price", pa.float64()),
        ("list_price", pa.float64()),  # the price before a markdown; null without one
        ("available", pa.bool_()),
        ("availability", pa.string()),
        ("images", pa.list_(pa.string())),  # addresses of the pictures that show this variant
    ]
)

#: A product on sale on a platform on a day, as the shop states it.
LISTING = pa.schema(
    [
        ("platform", pa.string()),
        ("day", pa.date32()),
        ("product_id", pa.string()),
        ("url", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("brand", pa.string()),
        ("category", pa.string()),
        ("gender", pa.string()),
        ("colour", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("price", pa.float64()),
        ("currency", pa.string()),
        ("available", pa.bool_()),
        ("images", pa.list_(LISTING_IMAGE)),
        ("updated_at", pa.string()),
        ("first_seen", pa.date32()),
        ("source", pa.string()),  # shopify | woocommerce | schema_org | replay
        ("raw_digest", pa.string()),
        ("list_price", pa.float64()),  # the price before a markdown; null without one
        ("availability", pa.string()),  # in_stock | out_of_stock | pre_order | back_order | ...
        ("sku", pa.string()),  # the shop's own number, where it states one
        ("parent_id", pa.string()),  # what the colours of one garment have in common
        ("list_position", pa.int32()),  # from 1, where a list of the shop has the product
        ("variants", pa.list_(LISTING_VARIANT)),
        ("garment", pa.bool_()),  # ingest writes it; false: shoes, gift cards, insurance
    ]
)
#: Columns that the store's older tables lack; whoever reads them reads nulls there.
ADDED_LATER = {
    name: LISTING.field(name).type for name in ("garment", "list_price", "parent_id", "variants")
}

#: A picture that passed the checks of ingest, on the day it was first seen.
PICTURE = pa.schema(
    [
        ("picture_id", pa.string()),
        ("platform", pa.string()),
        ("product_id", pa.string()),
        ("day", pa.date32()),
        ("position", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("format", pa.string()),
        ("image", pa.binary()),
    ]
)

#: Something put aside, with its reason; nothing is dropped in silence.
REJECT = pa.schema(
    [
        ("platform", pa.string()),
        ("day", pa.date32()),
        ("product_id", pa.string()),
        ("url", pa.string()),
        ("picture_id", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)

#: What a source says of a picture's value for an attribute.
LABEL = pa.schema(
    [
        ("picture_id", pa.string()),
        ("product_key", pa.string()),  # platform/product_id, or set/id for an imported set
        ("attribute", pa.string()),
        ("status", pa.string()),  # present | not_visible
        ("value", pa.string()),  # null when not visible
        ("source", pa.string()),  # title | annotation
        ("confidence", pa.float32()),
    ]
)

#: A picture that people annotated, with its own bytes; `split` train or val.
ANNOTATION = pa.schema(
    [
        ("picture_id", pa.string()),
        ("product_key", pa.string()),
        ("split", pa.string()),
        (
            "labels",
            pa.map_(pa.string(), pa.string()),
        ),  # attribute -> value or "not_visible"; no key = no label
        ("box", BOX),  # null when not drawn
        ("image", pa.binary()),  # null when the catalogue holds the picture
    ]
)

#: A file that a labelling tool wrote, without its timestamps, as a set of annotations keeps it.
TOOL_FILE = pa.schema(
    [
        ("name", pa.string()),
        ("tool", pa.string()),  # label-studio | cvat | coco | csv
        ("text", pa.large_string()),
    ]
)

#: One training or validation picture; label arrays follow the order of the taxonomy's attributes.
EXAMPLE = pa.schema(
    [
        ("picture_id", pa.string()),
        ("product_key", pa.string()),
        ("split", pa.string()),  # train | val
        ("annotated", pa.bool_()),
        (
            "labels",
            pa.list_(pa.int16()),
        ),  # (A,) index of the value; V = not visible; -1 = unlabelled
        ("confidences", pa.list_(pa.float32())),  # (A,) in [0, 1]
        ("box", BOX),
        ("repeat", pa.int16()),  # how often the resampled set holds it; 1 in val
        ("image", pa.binary()),
    ]
)

#: Shares of a window; they sum to 1 over the values of an attribute. One row per value.
SHARE = pa.schema(
    [
        ("platform", pa.string()),  # "*" = pooled with fixed platform weights
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("day", pa.date32()),  # last day of the window
        ("window_days", pa.int32()),
        ("basis", pa.string()),  # live | new_in
        ("support", pa.int64()),  # distinct products in the window that have the attribute
        ("share_raw", pa.float64()),  # counted from the recogniser's top-1
        ("share", pa.float64()),  # corrected for the resampled prior and the recogniser's errors
        ("low", pa.float64()),  # 80 % interval, products and validation set bootstrapped
        ("high", pa.float64()),
        ("withheld", pa.bool_()),  # the day failed data health: it is neither trained on nor scored
    ]
)

#: How the products that show a value are sold on a platform on a day. Fractions are of the products behind them.
RETAIL = pa.schema(
    [
        ("platform", pa.string()),
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("day", pa.date32()),
        ("support", pa.int64()),  # products on sale that show the value
        (
            "out_of_stock",
            pa.float64(),
        ),  # mean over products of the part of their sizes that are sold out
        ("out_of_stock_support", pa.int64()),
        ("markdown", pa.float64()),  # part whose price is below its list price
        ("markdown_support", pa.int64()),
        ("markdown_depth", pa.float64()),  # of those, mean of 1 - price / list price
        ("markdown_depth_support", pa.int64()),
        ("new_in", pa.float64()),  # part that was first seen within window_days
        ("new_in_support", pa.int64()),
        ("window_days", pa.int32()),
        ("price_q25", pa.float64()),  # in `currency`
        ("price_median", pa.float64()),
        ("price_q75", pa.float64()),
        ("price_support", pa.int64()),
        ("currency", pa.string()),  # the day's commonest; null without prices
        ("withheld", pa.bool_()),
    ]
)

#: A forecast share with its quantiles.
FORECAST = pa.schema(
    [
        ("platform", pa.string()),
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("as_of", pa.date32()),
        ("day", pa.date32()),
        ("horizon", pa.int32()),
        ("share", pa.float64()),
        ("q025", pa.float64()),
        ("q10", pa.float64()),
        ("q90", pa.float64()),
        ("q975", pa.float64()),
    ]
)

#: A keyword as one flat row, of the nested record in keywords.json.
KEYWORD = pa.schema(
    [
        ("id", pa.string()),
        ("as_of", pa.string()),
        ("horizon_days", pa.int32()),
        ("target_date", pa.string()),
        ("platform", pa.string()),
        ("gender", pa.string()),  # of the segment; null = all products
        ("garment_type", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float64()),
        ("direction", pa.string()),  # rising | stable | falling
        ("stage", pa.string()),
        ("trajectory", pa.string()),
        ("seasonal_index", pa.float64()),  # null if season and trend cannot be separated
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("en", pa.string()),
        ("zh", pa.string()),
        ("share_now", pa.float64()),
        ("share_forecast", pa.float64()),
        ("low80", pa.float64()),
        ("high80", pa.float64()),
        ("low95", pa.float64()),
        ("high95", pa.float64()),
        ("basis", pa.string()),
        ("growth_points", pa.float64()),
        ("growth_relative", pa.float64()),
        ("growth_wow", pa.float64()),
        ("growth_mom", pa.float64()),
        ("growth_yoy", pa.float64()),
        ("growth_deseasonalised_points", pa.float64()),
        ("growth_slope_week", pa.float64()),
        ("growth_slope_week_se", pa.float64()),
        ("p_direction", pa.float64()),
        ("least_change", pa.float64()),  # the change below which there is none
        ("support_n", pa.int64()),
        ("days_observed", pa.int32()),
        ("backtest_skill_vs_persistence", pa.float64()),
        ("platform_agreement", pa.float64()),  # null if no platform has a direction of its own
        ("grade", pa.string()),
        ("platforms_rising", pa.string()),
        ("platforms_stable", pa.string()),
        ("platforms_falling", pa.string()),
        ("leader", pa.string()),
        ("lead_days", pa.int32()),
        ("caveats", pa.string()),
        ("line_en", pa.string()),
        ("line_zh", pa.string()),
    ]
)

#: What became of a keyword when its target day had come.
SCORE = pa.schema(
    [
        ("id", pa.string()),
        ("release", pa.string()),
        ("as_of", pa.date32()),
        ("target_date", pa.date32()),
        ("horizon_days", pa.int32()),
        ("platform", pa.string()),
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("gender", pa.string()),
        ("garment_type", pa.string()),
        ("grade", pa.string()),
        ("direction", pa.string()),
        ("p_direction", pa.float64()),
        ("least_change", pa.float64()),
        ("share_forecast", pa.float64()),
        ("low80", pa.float64()),
        ("high80", pa.float64()),
        ("low95", pa.float64()),
        ("high95", pa.float64()),
        ("start", pa.float64()),  # share on the as-of day, as the same series measures it
        ("observed", pa.float64()),  # share on the target day; null if it was not measured
        ("outcome", pa.string()),  # hit | miss | unscored
        ("covered80", pa.bool_()),
        ("covered95", pa.bool_()),
        ("reason", pa.string()),  # why it is not scored
    ]
)


def prediction_schema(num_values: dict[str, int]) -> pa.Schema:
    """Rows of the recogniser: the box, its score, and `probs_<attribute>` of V + 1 entries.

    The last entry is "not visible". Probabilities are calibrated, under the prior of the
    resampled training set, which the model's card holds.
    """
    probs = [(f"probs_{a}", pa.list_(pa.float32(), v + 1)) for a, v in num_values.items()]
    return pa.schema(
        [("picture_id", pa.string()), ("box", BOX), ("box_score", pa.float32()), *probs]
    )
