"""Build one immutable, versioned dataset of titles, annotations and pictures.

Shapes: N pictures, A attributes of the taxonomy, V values of an attribute.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fashiontrend.config import LabelsConfig, ResampleConfig
from fashiontrend.errors import DataError
from fashiontrend.labels import resample
from fashiontrend.labels.encode import EncodedLabels, check_labels, encode, override
from fashiontrend.labels.resample import Balance
from fashiontrend.labels.split import TRAIN, VAL, held_out
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import Taxonomy

#: Values with fewer training pictures are reported by name.
MIN_VALUE_SUPPORT = 20
#: Columns of labels in long form.
LONG_COLUMNS = ["picture_id", "attribute", "value", "confidence"]


@dataclass(frozen=True)
class DatasetFacts:
    """What the ledger and the dataset's manifest say of a dataset."""

    version: str
    pictures: dict[str, int]  # train, val, annotated_train, titles, drawn (repeats counted)
    support: dict[str, dict[str, int]]  # split -> attribute -> pictures that show it
    priors: dict[str, list[float]]  # attribute -> V + 1 proportions, the last of "not visible"
    thin_values: list[str]  # attribute.value with fewer pictures than MIN_VALUE_SUPPORT
    balance: Balance
    held_out: int  # pictures left out of training because they are close to a validation picture
    annotated_without_picture: int
    ignored_attributes: list[str]  # of annotations, not in the taxonomy

    def to_json(self) -> dict[str, object]:
        """Return the facts as a JSON object."""
        return {**vars(self), "balance": self.balance.to_json()}


@dataclass(frozen=True)
class Dataset:
    """EXAMPLE rows of both splits, sorted by picture id."""

    version: str  # digest of the content
    train: pa.Table
    val: pa.Table
    facts: DatasetFacts


@dataclass(frozen=True)
class SplitPart:
    """The N pictures of one split with their encoded labels."""

    split: str
    encoded: EncodedLabels
    annotated: NDArray[np.bool_]  # (N,) people labelled the picture, not only titles
    repeats: NDArray[np.int16]  # (N,) how often the resampled set holds it


def build(
    pictures: pa.Table,
    titles: pa.Table,
    annotations: pa.Table,
    taxonomy: Taxonomy,
    labels_cfg: LabelsConfig,
    resample_cfg: ResampleConfig,
    seed: int,
) -> Dataset:
    """Join all labels and resample the training split.

    The order of the rows does not matter: the same content and seed make the same version.

    Args:
        pictures: PICTURE rows; without the column `image` the examples' images are null.
        titles: LABEL or TITLE_LABEL rows.
        annotations: ANNOTATION rows. Their labels override titles; attributes that the taxonomy
            lacks are ignored and reported.
        taxonomy: what to train; label arrays have its order.
        labels_cfg: `titles` and `max_titled_pictures`.
        resample_cfg: how far rare values are repeated.
        seed: seed of the draw of titled pictures and of the random rounding of repeats.

    Raises:
        DataError: a label is not in the taxonomy, or there is nothing to train on.
    """
    long = _LongLabels(
        _long_titles(titles if labels_cfg.titles else titles.slice(0, 0)),
        _long_annotations(annotations),
    )
    ignored = check_labels(long.annotations, taxonomy, "annotations")
    check_labels(long.titles, taxonomy, "titles")
    annotated = _merge_annotations(annotations)
    available = _available_pictures(pictures, annotated)
    val_ids = sorted(annotated.index[(annotated["split"] == VAL) & annotated.index.isin(available)])
    excluded = held_out(
        _links(pictures, titles, annotations), val_ids, annotated.loc[val_ids, "product_key"]
    )
    rng = np.random.default_rng([seed, 3])
    train = _train_part(
        long, annotated, available - excluded, taxonomy, labels_cfg.max_titled_pictures, seed
    )
    factors = resample.repeat_factors(train.encoded.labels, taxonomy, resample_cfg)
    train = SplitPart(TRAIN, train.encoded, train.annotated, resample.draw_repeats(factors, rng))
    encoded = encode(long.annotations, val_ids, taxonomy)
    val = SplitPart(VAL, encoded, np.ones(len(val_ids), bool), np.ones(len(val_ids), np.int16))
    source = _ExampleSource(pictures, annotations, annotated, titles)
    tables = {part.split: source.examples(part) for part in (train, val)}
    version = _version([train, val], tables, taxonomy)
    balance = resample.measure_balance(train.encoded.labels, train.repeats, taxonomy)
    facts = DatasetFacts(
        version=version,
        pictures=_count_pictures(train, val),
        support={part.split: _support(part, taxonomy) for part in (train, val)},
        priors=_priors(train, taxonomy),
        thin_values=_thin_values(balance),
        balance=balance,
        held_out=len(excluded - set(val_ids)),
        annotated_without_picture=len(annotated) - int(annotated.index.isin(available).sum()),
        ignored_attributes=ignored,
    )
    return Dataset(version, tables[TRAIN], tables[VAL], facts)


@dataclass(frozen=True)
class _LongLabels:
    """Labels in long form, with `LONG_COLUMNS`: at most one row per picture and attribute."""

    titles: pd.DataFrame
    annotations: pd.DataFrame


def _long_annotations(annotations: pa.Table) -> pd.DataFrame:
    """Return one row per annotated label, without labels that contradict each other."""
    rows = annotations.select(["picture_id", "labels"]).to_pylist()
    flat = [(r["picture_id"], a, v, 1.0) for r in rows for a, v in r["labels"] or ()]
    return _agreed(pd.DataFrame(flat, columns=LONG_COLUMNS))


def _long_titles(titles: pa.Table) -> pd.DataFrame:
    """Return one row per title label, without those that two products of a picture contradict."""
    frame = pd.DataFrame(titles.select(LONG_COLUMNS).to_pydict(), columns=LONG_COLUMNS)
    return _agreed(frame[frame["value"].notna()])


def _agreed(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the labels of a picture's attribute if there are several different ones."""
    keys = ["picture_id", "attribute"]
    distinct = frame.drop_duplicates([*keys, "value"])
    return distinct[~distinct.duplicated(keys, keep=False)]


def _merge_annotations(annotations: pa.Table) -> pd.DataFrame:
    """Return product_key, split, has_image and box of each annotated picture, indexed by its id."""
    frame = pd.DataFrame(
        {n: annotations[n].to_pylist() for n in ("picture_id", "product_key", "split", "box")},
        columns=["picture_id", "product_key", "split", "box"],
    )
    frame["has_image"] = annotations["image"].is_valid().to_pylist()
    # `val` and rows with a box come first, so that the order of the rows does not matter.
    frame["rank"] = (frame["split"] != VAL) * 2 + frame["box"].isna()
    frame = frame.sort_values(["picture_id", "rank", "product_key"])
    first = frame.groupby("picture_id", sort=True).agg(
        product_key=("product_key", "first"),
        split=("split", "first"),
        has_image=("has_image", "any"),
    )
    first["box"] = (
        frame[frame["box"].notna()].drop_duplicates("picture_id").set_index("picture_id")["box"]
    )
    return first


def _available_pictures(pictures: pa.Table, annotated: pd.DataFrame) -> set[str]:
    """Return the ids of all pictures that the catalogue or an annotation holds."""
    with_image = annotated.index[annotated["has_image"].astype(bool)]
    return {*pictures["picture_id"].to_pylist(), *with_image}


def _links(pictures: pa.Table, titles: pa.Table, annotations: pa.Table) -> pa.Table:
    """Return picture_id and product_key of every product that shows a picture."""
    keys = pc.binary_join_element_wise(pictures["platform"], pictures["product_id"], "/")
    shown = pa.table({"picture_id": pictures["picture_id"], "product_key": keys})
    pair = ["picture_id", "product_key"]
    return pa.concat_tables([shown, titles.select(pair), annotations.select(pair)])


def _train_part(
    long: _LongLabels,
    annotated: pd.DataFrame,
    allowed: set[str],
    taxonomy: Taxonomy,
    most_titled: int,
    seed: int,
) -> SplitPart:
    by_people = set(annotated.index[annotated["split"] == TRAIN]) & allowed
    titled = sorted((set(long.titles["picture_id"]) & allowed) - by_people)
    titled = draw_titled(titled, long.titles, most_titled, np.random.default_rng([seed, 4]))
    ids = sorted([*by_people, *titled])
    if not ids:
        raise DataError(
            "no picture of the split `train` has a label: neither a title nor an annotation gives one. "
            "Name annotations in labels.annotations, add terms in labels.rules, or crawl more days."
        )
    encoded = override(encode(long.titles, ids, taxonomy), encode(long.annotations, ids, taxonomy))
    return SplitPart(
        TRAIN, encoded, np.array([i in by_people for i in ids]), np.ones(len(ids), np.int16)
    )


def draw_titled(
    picture_ids: list[str], titles: pd.DataFrame, most: int, rng: np.random.Generator
) -> list[str]:
    """Draw pictures that only titles label, without replacement, so that rare values stay.

    A picture's weight is 1 / sqrt(n), where n is the number of pictures with its rarest value, as repeats
    with the exponent 0.5 would weigh it.

    Args:
        picture_ids: (N,) to draw from.
        titles: columns `LONG_COLUMNS`; every picture has a row.
        most: so many are drawn; all are returned if N is smaller.
        rng: of the draw.

    Returns:
        The drawn ids, in their order.
    """
    if len(picture_ids) <= most:
        return picture_ids
    frame = titles[titles["picture_id"].isin(set(picture_ids))]
    counts = frame.groupby(["attribute", "value"])["picture_id"].transform("size")
    rarest = counts.groupby(frame["picture_id"]).min()
    weights = 1.0 / np.sqrt(rarest.reindex(picture_ids).to_numpy(np.float64))
    places = rng.choice(len(picture_ids), most, replace=False, p=weights / weights.sum())
    return [picture_ids[n] for n in np.sort(places)]


@dataclass(frozen=True)
class _ExampleSource:
    """The tables that the other columns of an example come from."""

    pictures: pa.Table
    annotations: pa.Table
    annotated: pd.DataFrame
    titles: pa.Table

    def examples(self, part: SplitPart) -> pa.Table:
        ids = part.encoded.picture_ids
        annotated = self.annotated.reindex(ids)
        boxes = [b if isinstance(b, list) else None for b in annotated["box"]]
        columns = {
            "picture_id": pa.array(ids, pa.string()),
            "product_key": pa.array(self._product_keys(ids, annotated), pa.string()),
            "split": pa.array([part.split] * len(ids), pa.string()),
            "annotated": pa.array(part.annotated, pa.bool_()),
            "labels": pa.array(list(part.encoded.labels), pa.list_(pa.int16())),
            "confidences": pa.array(list(part.encoded.confidences), pa.list_(pa.float32())),
            "box": pa.array(boxes, schemas.BOX),
            "repeat": pa.array(part.repeats, pa.int16()),
            "image": self._images(ids),
        }
        return pa.table(columns, schema=schemas.EXAMPLE)

    def _product_keys(self, ids: tuple[str, ...], annotated: pd.DataFrame) -> list[str]:
        """Return the annotation's product, or the first product that shows the picture."""
        links = _links(self.pictures, self.titles, self.annotations.slice(0, 0)).to_pydict()
        pairs = sorted(zip(links["picture_id"], links["product_key"], strict=True), reverse=True)
        known = dict(pairs)
        stated = zip(ids, annotated["product_key"], strict=True)
        return [key if isinstance(key, str) else known[i] for i, key in stated]

    def _images(self, ids: tuple[str, ...]) -> pa.ChunkedArray:
        """Return the catalogue's bytes, or those of the annotation if the catalogue has none."""
        wanted = pa.array(ids, pa.string())
        found = [pa.nulls(len(ids), pa.binary())]
        for table in (self.pictures, self.annotations):
            if "image" in table.column_names:
                held = table.filter(table["image"].is_valid())
                rows = pc.index_in(wanted, held["picture_id"].combine_chunks())
                found.append(held["image"].take(rows))
        return pc.coalesce(*found[1:], found[0])


def _count_pictures(train: SplitPart, val: SplitPart) -> dict[str, int]:
    return {
        TRAIN: len(train.annotated),
        VAL: len(val.annotated),
        "annotated_train": int(train.annotated.sum()),
        "titles": int((~train.annotated).sum()),
        "drawn": int(train.repeats.sum()),
    }


def _thin_values(balance: Balance) -> list[str]:
    thin = balance.table[balance.table["count_before"] < MIN_VALUE_SUPPORT]
    return [f"{row['attribute']}.{row['value']}" for row in thin.to_dict("records")]


def _support(part: SplitPart, taxonomy: Taxonomy) -> dict[str, int]:
    """Count the pictures that show each attribute, without those labelled "not visible"."""
    labels = part.encoded.labels
    return {
        a.id: int(((labels[:, n] >= 0) & (labels[:, n] < len(a.values))).sum())
        for n, a in enumerate(taxonomy.attributes)
    }


def _priors(part: SplitPart, taxonomy: Taxonomy) -> dict[str, list[float]]:
    """Return the training proportions of the V values and of "not visible".

    A picture weighs its repeats times the confidence of its label.
    """
    priors: dict[str, list[float]] = {}
    for column, attribute in enumerate(taxonomy.attributes):
        size = len(attribute.values) + 1
        known = part.encoded.labels[:, column] >= 0
        weights = part.repeats[known] * part.encoded.confidences[known, column].astype(float)
        mass = np.bincount(part.encoded.labels[known, column], weights=weights, minlength=size)
        total = float(mass.sum())
        priors[attribute.id] = [float(m) / total for m in mass] if total else [1.0 / size] * size
    return priors


def _version(parts: list[SplitPart], tables: dict[str, pa.Table], taxonomy: Taxonomy) -> str:
    """Return a digest of the content; the ids stand for the bytes of the pictures."""
    digest = hashlib.sha256(taxonomy.digest.encode())
    for part in parts:
        digest.update(f"{part.split}:{','.join(part.encoded.picture_ids)}".encode())
        for array in (part.encoded.labels, part.encoded.confidences, part.repeats, part.annotated):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(repr(tables[part.split]["box"].to_pylist()).encode())
    return digest.hexdigest()[:16]
