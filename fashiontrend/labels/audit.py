"""Do title words agree with people? What a closed perplexity gate does about words that do not.

Only annotations of the split `train` judge: the validation pictures stay unseen.
"""

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

from fashiontrend.config import LabelsConfig
from fashiontrend.labels.split import TRAIN
from fashiontrend.labels.words import Rule, Rules

#: Annotated pictures that a rule needs before an audit may drop it: fewer agree or disagree by luck.
MIN_RULE_SUPPORT = 5
JUDGED = ["attribute", "value", "rule", "support", "agreements", "precision"]
DROPPED = pa.schema(
    [
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("rule", pa.string()),
        ("support", pa.int64()),
        ("precision", pa.float64()),
        ("reason", pa.string()),
    ]
)


def judge_rules(titles: pa.Table, annotations: pa.Table) -> pd.DataFrame:
    """Count how often each word agrees with the annotation of a picture that it labelled.

    Args:
        titles: TITLE_LABEL rows.
        annotations: ANNOTATION rows; a picture annotated "not visible" contradicts the word.

    Returns:
        Columns attribute, value, rule, support (annotated pictures), agreements, precision; the
        least precise first.
    """
    pairs = _pair(titles, annotations)
    grouped = pairs.groupby(["attribute", "value", "rule"])["agrees"]
    judged = grouped.agg(support="size", agreements="sum").reset_index()
    judged["precision"] = judged["agreements"] / judged["support"]
    order = judged.sort_values(
        ["precision", "support", "attribute", "rule"], ascending=[True, False, True, True]
    )
    return order[JUDGED].reset_index(drop=True)


def judge_attributes(titles: pa.Table, annotations: pa.Table) -> pd.DataFrame:
    """The same for all title labels of each attribute: columns attribute, support, precision."""
    grouped = _pair(titles, annotations).groupby("attribute")["agrees"]
    judged: pd.DataFrame = grouped.agg(support="size", precision="mean").reset_index()
    return judged


def drop_rules(
    rules: Rules, judged: pd.DataFrame, attributes: Iterable[str], cfg: LabelsConfig
) -> tuple[Rules, pa.Table]:
    """Leave out the words that annotations contradict.

    Args:
        rules: all words.
        judged: from `judge_rules`.
        attributes: those that the closed gate names; words of others stay.
        cfg: `audit` switches it, `min_rule_precision` decides.

    Returns:
        The rules that stay, and what was dropped and why (attribute, value, rule, support,
        precision, reason).
    """
    named = judged["attribute"].isin(list(attributes)) & cfg.audit
    enough = judged["support"] >= MIN_RULE_SUPPORT
    bad = judged[named & enough & (judged["precision"] < cfg.min_rule_precision)]
    rows = [
        {
            **{k: row[k] for k in DROPPED.names if k != "reason"},
            "reason": f"agrees with {row['agreements']} of {row['support']} annotated pictures, "
            f"{cfg.min_rule_precision:.0%} are needed",
        }
        for row in bad.to_dict("records")
    ]
    kept = rules.without(Rule(r["attribute"], r["value"], r["rule"]) for r in rows)
    return kept, pa.Table.from_pylist(rows, DROPPED)


def _pair(titles: pa.Table, annotations: pa.Table) -> pd.DataFrame:
    """Title labels beside what people said of the same picture and attribute."""
    said = [
        (row["picture_id"], attribute, value)
        for row in annotations.select(["picture_id", "split", "labels"]).to_pylist()
        if row["split"] == TRAIN
        for attribute, value in row["labels"]
    ]
    people = pd.DataFrame(said, columns=["picture_id", "attribute", "annotated"], dtype="object")
    columns = ["picture_id", "attribute", "value", "rule"]
    words = pd.DataFrame(titles.select(columns).to_pydict(), columns=columns, dtype="object")
    pairs = words.drop_duplicates().merge(people, on=["picture_id", "attribute"])
    return pairs.assign(agrees=(pairs["value"] == pairs["annotated"]).astype(int))
