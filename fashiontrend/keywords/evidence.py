"""What is known of every value on every platform: its path, its expected change, the products behind it."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.expected_change import ExpectedChange, Path, expect_change
from fashiontrend.keywords.published import Provenance
from fashiontrend.outcomes import TrendReport
from fashiontrend.taxonomy import POOLED

Key = tuple[str, str, str]  # platform, attribute, value


@dataclass(frozen=True)
class Evidence:
    """What stands behind keywords beside shares and forecasts.

    Attributes:
        products: live products: platform, product_id, picture_id and, for each attribute,
            `<attribute>` (value id, None if absent) and `<attribute>_confidence`. If present,
            url, image, box, first_seen, price and currency go into the samples, gender
            and garment_type into the segments.
        backtest: the forecaster's backtest.
        provenance: series_uri, run_id, model_digest, taxonomy_version, label_set_digest.
        history_days: `loop.history_days`, the most days that the shares can span; None if unknown.
    """

    products: pd.DataFrame
    backtest: TrendReport = field(default_factory=TrendReport)
    provenance: Provenance = field(default_factory=Provenance)
    history_days: int | None = None


@dataclass(frozen=True)
class Known:
    """Shares and forecasts, by platform, attribute and value."""

    paths: dict[Key, Path]
    expected: dict[Key, ExpectedChange]
    withheld: dict[tuple[str, str], int]  # (platform, attribute) -> days
    blocked: set[tuple[str, str]]  # the last day itself is withheld
    as_of: date
    horizon: int
    basis: str
    eligible: frozenset[Key] = frozenset()  # those with enough evidence for a keyword

    @property
    def platforms(self) -> list[str]:
        """The single platforms, sorted."""
        return sorted({p for p, _, _ in self.paths if p != POOLED})


def gather(shares: pa.Table, forecasts: pa.Table, cfg: KeywordsConfig) -> Known:
    """Arrange a share table and a forecast table; withheld days become NaN."""
    frame, ahead = shares.to_pandas(), forecasts.to_pandas()
    last = frame["day"].max()
    horizon = int(ahead["horizon"].max()) if len(ahead) else 0
    far = ahead[ahead["horizon"] == horizon].set_index(["platform", "attribute", "value"])
    days = tuple(sorted(frame["day"].unique()))
    paths: dict[Key, Path] = {}
    withheld: dict[tuple[str, str], int] = {}
    blocked = set()
    for (platform, attribute, value), group in frame.groupby(
        ["platform", "attribute", "value"], sort=True
    ):
        group = group.set_index("day").reindex(list(days))
        bad = group["withheld"].isna() | group["withheld"].eq(True) | group["share"].isna()
        path = group["share"].where(~bad).to_numpy(dtype=np.float64)
        support = group["support"][~bad]
        paths[platform, attribute, value] = Path(
            days,
            path,
            int(support.iloc[-1]) if len(support) else 0,
            int(group["window_days"].max()) if group["window_days"].notna().any() else 1,
        )
        withheld[platform, attribute] = int(bad.sum())
        if bad.iloc[-1]:
            blocked.add((platform, attribute))
    expected = {}
    for key, path in paths.items():
        if key in far.index and path.observed:
            row = far.loc[key]
            quantiles = (
                float(row["q025"]),
                float(row["q10"]),
                float(row["q90"]),
                float(row["q975"]),
            )
            expected[key] = expect_change(path, float(row["share"]), quantiles, cfg)
    return Known(paths, expected, withheld, blocked, last, horizon, str(frame["basis"].iloc[0]))
