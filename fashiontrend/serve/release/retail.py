"""The retail table of a release over HTTP: how the products of values are sold."""

from typing import Any

import pandas as pd
import pyarrow as pa

from fashiontrend.serve.release.rows import (
    KEY,
    ValueFilter,
    ValueKey,
    between,
    check_points,
    days_of,
    filter_values,
    group_values,
    round_numbers,
)
from fashiontrend.serve.release.tables import Tables
from fashiontrend.serve.schemas.retail import RetailResponse, RetailRow
from fashiontrend.storage import schemas


def retail(
    found: Tables, wanted: ValueFilter, start: str | None = None, end: str | None = None
) -> RetailResponse:
    """Return how the products of values are sold over days, in columns.

    Args:
        found: of the release.
        wanted: which values.
        start: first day, YYYY-MM-DD.
        end: last day, YYYY-MM-DD.

    Raises:
        Problem: 400 if the response would have too many points, 404 if there is no table yet.
    """
    as_of, table = found.retail()
    chosen = between(filter_values(table, wanted), start, end)
    check_points(chosen)
    window = table["window_days"][-1].as_py() if table.num_rows else 0
    rows = [_retail_row(key, group) for key, group in group_values(chosen)]
    return RetailResponse(
        release=found.release.release_id, as_of=as_of, window_days=window, retail=rows
    )


def _retail_row(key: ValueKey, group: pd.DataFrame) -> RetailRow:
    columns: dict[str, Any] = {}
    for name in schemas.RETAIL.names:
        kind = schemas.RETAIL.field(name).type
        if name in RetailRow.model_fields and name not in KEY:
            columns[name] = (
                round_numbers(group[name]) if kind == pa.float64() else group[name].tolist()
            )
    return RetailRow(**key._asdict(), days=days_of(group), **columns)
