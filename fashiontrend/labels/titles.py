"""Read weak labels from listings: title, then category, colour and tags, then description."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

from fashiontrend.labels.garments import is_garment
from fashiontrend.labels.terms import normalise
from fashiontrend.labels.title_rules import TitleRule, TitleRules, find_rules
from fashiontrend.labels.words import DEFAULT, guess_language
from fashiontrend.outcomes import ReadTexts
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import GARMENT_TYPE, Taxonomy

#: The language of a platform is guessed from so many of its products.
GUESSED_FROM = 2000
#: LABEL rows with the term of the rule that made them, so that an audit can count its agreements.
TITLE_LABEL = schemas.LABEL.append(pa.field("rule", pa.string()))
#: The texts of a listing in normal form, in the order in which they decide.
Texts: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class ListedProduct:
    """What labelling needs of a product, as it was last listed."""

    product_key: str
    platform: str
    category: str  # in normal form
    texts: Texts
    picture_ids: tuple[str, ...]  # each once


class TitleLabels(NamedTuple):
    """The labels of texts, and what each platform's texts gave."""

    table: pa.Table  # TITLE_LABEL rows
    texts: tuple[ReadTexts, ...]


def read_titles(listings: pa.Table, taxonomy: Taxonomy, rules: TitleRules) -> pa.Table:
    """Read labels from the texts of listings; see `read_texts_of`."""
    return read_texts_of(listings, taxonomy, rules).table


def read_texts_of(listings: pa.Table, taxonomy: Taxonomy, rules: TitleRules) -> TitleLabels:
    """Read labels from the texts of listings, and count the products without any.

    Each product is read once, as it was last listed. The first text with a term of the attribute
    decides, and makes no label if its terms state different values (`title_rules.find_rules`
    defines which terms count). An attribute is left out if the garment type that the texts state
    cannot have it. Products that are no garments (`garments.is_garment`) have no labels. Each platform is read
    in the language that its texts are written in.

    Args:
        listings: LISTING rows of any number of days.
        taxonomy: the attributes to read.
        rules: as `title_rules.compile_rules` returns them.

    Returns:
        TITLE_LABEL rows (LABEL and `rule`), one per picture of the product and attribute, and the counts.
    """
    rows: list[dict[str, object]] = []
    texts: list[ReadTexts] = []
    for platform, found in groupby(_products(listings), key=lambda product: product.platform):
        products = list(found)
        language = guess_language(text for p in products[:GUESSED_FROM] for text in p.texts)
        read = _Reader(taxonomy, rules, language)
        texts.append(_count(platform, products, read))
        for product in products:
            rows += _label_rows(product, read(product), rules.confidence)
    return TitleLabels(pa.Table.from_pylist(rows, TITLE_LABEL), tuple(texts))


def _count(platform: str, products: Sequence[ListedProduct], read: "_Reader") -> ReadTexts:
    labelled = sum(bool(read(product)) for product in products)
    others = sum(read.is_other(product) for product in products)
    return ReadTexts(
        platform, read.language, len(products), labelled, others, len(products) - labelled - others
    )


def mark_garments(listings: pa.Table, rules: TitleRules) -> pa.Table:
    """Write into LISTING rows whether each is a garment, by category and title; `is_garment` says how.

    Args:
        listings: LISTING rows of a platform. The language is guessed from their texts.
        rules: as `title_rules.compile_rules` returns them.
    """
    rows = listings.select(["title", "category", "colour", "tags", "description"]).to_pylist()
    language = guess_language(text for row in rows[:GUESSED_FROM] for text in _texts(row))
    marks = [
        is_garment(normalise(r["category"] or ""), normalise(r["title"] or ""), rules, language)
        for r in rows
    ]
    place = listings.schema.get_field_index("garment")
    return listings.set_column(place, schemas.LISTING.field("garment"), pa.array(marks, pa.bool_()))


class _Reader:
    """Reads products of one language; products with the same texts are read once."""

    def __init__(self, taxonomy: Taxonomy, rules: TitleRules, language: str) -> None:
        self.taxonomy, self.rules, self.language = taxonomy, rules, language
        self._read: dict[tuple[str, Texts], list[TitleRule] | None] = {}  # None: no garment

    def __call__(self, product: ListedProduct) -> list[TitleRule]:
        return self._labels(product) or []

    def is_other(self, product: ListedProduct) -> bool:
        """Whether a product is no garment."""
        return self._labels(product) is None

    def _labels(self, product: ListedProduct) -> list[TitleRule] | None:
        key = (product.category, product.texts)
        if key not in self._read:
            title = product.texts[0] if product.texts else ""
            garment = is_garment(product.category, title, self.rules, self.language)
            found = read_texts(product.texts, self.taxonomy, self.rules, self.language)
            self._read[key] = found if garment else None
        return self._read[key]


def read_texts(
    texts: Sequence[str], taxonomy: Taxonomy, rules: TitleRules, language: str = DEFAULT
) -> list[TitleRule]:
    """Return the rule that decides each attribute.

    Args:
        texts: in normal form, in the order in which they decide.
        taxonomy: the attributes to read.
        rules: as `title_rules.compile_rules` returns them.
        language: that the texts are written in.
    """
    known = rules.patterns(language)
    chosen = (_decide(texts, rules, a, language) for a in taxonomy.ids if a in known)
    return _applicable([rule for rule in chosen if rule is not None], taxonomy)


def _decide(
    texts: Sequence[str], rules: TitleRules, attribute: str, language: str
) -> TitleRule | None:
    for text in texts:
        found = find_rules(text, rules, attribute, language)
        if found:
            return found[0] if len({rule.value for rule in found}) == 1 else None
    return None


def _applicable(found: list[TitleRule], taxonomy: Taxonomy) -> list[TitleRule]:
    kind = next((rule.value for rule in found if rule.attribute == GARMENT_TYPE), None)
    return [r for r in found if kind is None or taxonomy.applies(r.attribute, kind)]


def _products(listings: pa.Table) -> Iterator[ListedProduct]:
    """Yield each product as it was last listed."""
    keys = listings.select(["platform", "product_id", "day"]).to_pandas()
    keys["row"] = range(len(keys))
    last = keys.sort_values(["day", "row"]).drop_duplicates(["platform", "product_id"], keep="last")
    columns = [
        "platform", "product_id", "title", "category", "colour", "tags", "description", "images",
    ]  # fmt: skip
    ordered = last.sort_values(["platform", "product_id"])["row"].to_numpy()
    for row in listings.select(columns).take(pa.array(ordered, pa.int64())).to_pylist():
        pictures = (image["picture_id"] for image in row["images"] or ())
        yield ListedProduct(
            f"{row['platform']}/{row['product_id']}",
            row["platform"],
            normalise(row["category"] or ""),
            _texts(row),
            tuple(dict.fromkeys(picture_id for picture_id in pictures if picture_id)),
        )


def _texts(row: Mapping[str, Any]) -> Texts:
    stated = [row["category"], row["colour"], *(row["tags"] or ())]
    between = " | ".join(s for s in stated if s)
    texts = (row["title"], between, row["description"])
    return tuple(normalise(t) for t in texts if t)


def _label_rows(
    product: ListedProduct, found: list[TitleRule], confidence: float
) -> Iterator[dict[str, object]]:
    for picture_id in product.picture_ids:
        for rule in found:
            yield {
                "picture_id": picture_id,
                "product_key": product.product_key,
                "attribute": rule.attribute,
                "status": "present",
                "value": rule.value,
                "source": "title",
                "confidence": confidence,
                "rule": rule.term,
            }
