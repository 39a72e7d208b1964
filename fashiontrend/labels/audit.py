"""Measure how often title rules agree with annotations, and drop those that do not.

A closed perplexity gate starts this. Only annotations of the split `train` count, so that no
decision about training depends on validation pictures.
"""

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

from fashiontrend.config import LabelsConfig
from fashiontrend.labels.split import TRAIN
from fashiontrend.labels.title_rules import TitleRule, TitleRules

#: A rule with fewer annotated pictures is not dropped: it could agree or disagree by chance.
MIN_RULE_SUPPORT = 5
PRECISION_COLUMNS = ["attribute", "value", "rule", "support", "agreements", "precision"]
DROPPED_RULES_SCHEMA = pa.schema(
    [
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("rule", pa.string()),
        ("support", pa.int64()),
        ("precision", pa.float64()),
        ("reason", pa.string()),
    ]
)


def measure_precision(titles: pa.Table, annotations: pa.Table) -> pd.DataFrame:
    """Measure how often each rule agrees with the annotations of the pictures that it labelled.

    Args:
        titles: TITLE_LABEL rows.
        annotations: ANNOTATION rows; a picture annotated "not visible" contradicts the rule.

    Returns:
        Columns attribute, value, rule (its term), support (annotated pictures), agreements and
        precision (agreements / support), the least precise rule first.
    """
    pairs = _pair(titles, annotations)
    grouped = pairs.groupby(["attribute", "value", "rule"])["agrees"]
    counted = grouped.agg(support="size", agreements="sum").reset_index()
    counted["precision"] = counted["agreements"] / counted["support"]
    order = counted.sort_values(
        ["precision", "support", "attribute", "rule"], ascending=[True, False, True, True]
    )
    return order[PRECISION_COLUMNS].reset_index(drop=True)


def drop_rules(
    rules: TitleRules, precision: pd.DataFrame, attributes: Iterable[str], cfg: LabelsConfig
) -> tuple[TitleRules, pa.Table]:
    """Drop the rules that annotations contradict.

    Args:
        rules: all rules.
        precision: the frame that `measure_precision` returns.
        attributes: those that the closed gate names; rules of other attributes stay.
        cfg: `audit` switches the audit on; `min_rule_precision` decides.

    Returns:
        The rules that stay, and the dropped ones as rows of `DROPPED_RULES_SCHEMA`.
    """
    named = precision["attribute"].isin(list(attributes)) & cfg.audit
    enough = precision["support"] >= MIN_RULE_SUPPORT
    bad = precision[named & enough & (precision["precision"] < cfg.min_rule_precision)]
    rows = [
        {
            **{k: row[k] for k in DROPPED_RULES_SCHEMA.names if k != "reason"},
            "reason": f"agrees with {row['agreements']} of {row['support']} annotated pictures, "
            f"{cfg.min_rule_precision:.0%} are needed",
        }
        for row in bad.to_dict("records")
    ]
    kept = rules.without(TitleRule(r["attribute"], r["value"], r["rule"]) for r in rows)
    return kept, pa.Table.from_pylist(rows, DROPPED_RULES_SCHEMA)


def _pair(titles: pa.Table, annotations: pa.Table) -> pd.DataFrame:
    """Join title labels with the annotations of the same picture and attribute."""
    annotated = [
        (row["picture_id"], attribute, value)
        for row in annotations.select(["picture_id", "split", "labels"]).to_pylist()
        if row["split"] == TRAIN
        for attribute, value in row["labels"]
    ]
    people = pd.DataFrame(
        annotated, columns=["picture_id", "attribute", "annotated"], dtype="object"
    )
    columns = ["picture_id", "attribute", "value", "rule"]
    stated = pd.DataFrame(titles.select(columns).to_pydict(), columns=columns, dtype="object")
    pairs = stated.drop_duplicates().merge(people, on=["picture_id", "attribute"])
    return pairs.assign(agrees=(pairs["value"] == pairs["annotated"]).astype(int))
