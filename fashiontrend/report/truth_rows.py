"""The report against the truth, as rows of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from fashiontrend.keywords.published import KeywordRecord
from fashiontrend.report import keyword_rows, scorecard, wording
from fashiontrend.taxonomy import Taxonomy

#: Change that counts as a move if the run's configuration does not say.
MIN_CHANGE = 0.005


@dataclass(frozen=True)
class ErrorRow:
    """Mean absolute error of the measured shares of an attribute, corrected and as counted."""

    names: tuple[str, str]
    corrected: float
    raw: float
    rows: int | None


@dataclass(frozen=True)
class DirectionRow:
    """A keyword's direction beside the true change, a fraction."""

    title: keyword_rows.ValueTitle
    shown: wording.Direction
    change: float
    right: bool


@dataclass(frozen=True)
class TruthRows:
    """Errors per attribute, their mean, and every direction.

    Attributes:
        ahead: whether the days ahead are known, so that directions are compared with them.
    """

    errors: tuple[ErrorRow, ...]
    total: ErrorRow | None
    directions: tuple[DirectionRow, ...]
    ahead: bool

    @property
    def right(self) -> int:
        """Number of directions that were right."""
        return sum(d.right for d in self.directions)


def compare(
    config: Mapping[str, Any],
    shares: pa.Table | None,
    truth: pd.DataFrame | None,
    keywords: Sequence[KeywordRecord],
    taxonomy: Taxonomy,
) -> TruthRows | None:
    """The shares and the keywords beside the truth; None if no truth is known.

    Args:
        config: of the run; `keywords.min_change` is read.
        shares: rows of schemas.SHARE.
        truth: as scorecard.true_shares returns.
        keywords: the records that the page lists.
        taxonomy: gives the names.
    """
    if truth is None or shares is None:
        return None
    least = float((config.get("keywords") or {}).get("min_change") or MIN_CHANGE)
    errors = scorecard.share_errors(shares, truth)
    directions = scorecard.check_directions(keywords, truth, least)
    mean = errors[["mae_corrected", "mae_raw"]].mean()
    total = ErrorRow(("", ""), float(mean["mae_corrected"]), float(mean["mae_raw"]), None)
    return TruthRows(
        errors=tuple(
            ErrorRow(
                wording.attribute_names(taxonomy, e["attribute"]),
                float(e["mae_corrected"]),
                float(e["mae_raw"]),
                int(e["rows"]),
            )
            for e in errors.to_dict("records")
        ),
        total=total if len(errors) else None,
        directions=tuple(
            DirectionRow(
                keyword_rows.title_of(taxonomy, d["attribute"], d["value"]),
                wording.direction(d["direction"]),
                float(d["change"]),
                bool(d["right"]),
            )
            for d in directions.to_dict("records")
        ),
        ahead=bool((directions["basis"] == "ahead").any()),
    )
