"""Weak labels from what shops write: title, then category, colour and tags, then description."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from fashiontrend.labels.words import Rule, Rules, find, normalise
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import GARMENT_TYPE, Taxonomy

#: LABEL rows that know the word that made them, so that an audit can judge it.
TITLE_LABEL = schemas.LABEL.append(pa.field("rule", pa.string()))
Texts: TypeAlias = tuple[str, ...]


def read_titles(listings: pa.Table, taxonomy: Taxonomy, rules: Rules) -> pa.Table:
    """Read labels from the texts of listings.

    Each product is read once, as it was last listed. The first text with a word of the attribute
    decides, and makes no label if its words state different values (`words.find` says which words
    count). An attribute is left out where the garment type that the texts state cannot have it.

    Args:
        listings: LISTING rows of any number of days.
        taxonomy: the attributes to read.
        rules: words, from `words.compile_rules`.

    Returns:
        TITLE_LABEL rows (LABEL and `rule`), one per picture of the product and attribute.
    """
    read: dict[Texts, list[Rule]] = {}
    rows: list[dict[str, Any]] = []
    for product in _products(listings):
        texts = _texts(product)
        if texts not in read:
            read[texts] = read_texts(texts, taxonomy, rules)
        rows += _label_rows(product, read[texts], rules.confidence)
    return pa.Table.from_pylist(rows, TITLE_LABEL)


def read_texts(texts: Sequence[str], taxonomy: Taxonomy, rules: Rules) -> list[Rule]:
    """The word that decides for each attribute; texts in normal form, the most telling first."""
    chosen = (_decide(texts, rules, a) for a in taxonomy.ids if a in rules.patterns)
    return _applicable([rule for rule in chosen if rule is not None], taxonomy)


def _decide(texts: Sequence[str], rules: Rules, attribute: str) -> Rule | None:
    for text in texts:
        found = find(text, rules, attribute)
        if found:
            return found[0] if len({rule.value for rule in found}) == 1 else None
    return None


def _applicable(found: list[Rule], taxonomy: Taxonomy) -> list[Rule]:
    kind = next((rule.value for rule in found if rule.attribute == GARMENT_TYPE), None)
    return [r for r in found if kind is None or taxonomy.applies(r.attribute, kind)]


def _products(listings: pa.Table) -> Iterator[dict[str, Any]]:
    """Each product as it was last listed."""
    keys = listings.select(["platform", "product_id", "day"]).to_pandas()
    keys["row"] = range(len(keys))
    last = keys.sort_values(["day", "row"]).drop_duplicates(["platform", "product_id"], keep="last")
    columns = [
        "platform",
        "product_id",
        "title",
        "category",
        "colour",
        "tags",
        "description",
        "images",
    ]
    ordered = last.sort_values(["platform", "product_id"])["row"].to_numpy()
    yield from listings.select(columns).take(pa.array(ordered, pa.int64())).to_pylist()


def _texts(product: dict[str, Any]) -> Texts:
    stated = [product["category"], product["colour"], *(product["tags"] or ())]
    between = " | ".join(s for s in stated if s)
    texts = (product["title"], between, product["description"])
    return tuple(normalise(t) for t in texts if t)


def _label_rows(
    product: dict[str, Any], found: list[Rule], confidence: float
) -> Iterator[dict[str, Any]]:
    pictures = dict.fromkeys(i["picture_id"] for i in product["images"] or () if i["picture_id"])
    for picture_id in pictures:
        for rule in found:
            yield {
                "picture_id": picture_id,
                "product_key": f"{product['platform']}/{product['product_id']}",
                "attribute": rule.attribute,
                "status": "present",
                "value": rule.value,
                "source": "title",
                "confidence": confidence,
                "rule": rule.word,
            }
