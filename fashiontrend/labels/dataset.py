"""Titles, annotations and pictures to one immutable, versioned dataset.

Shapes: N pictures, A attributes of the taxonomy, V values of an attribute.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fashiontrend.config import LabelsConfig, ResampleConfig
from fashiontrend.errors import DataError
from fashiontrend.labels import resample
from fashiontrend.labels.encode import Encoded, encode, override, refuse_foreign
from fashiontrend.labels.split import TRAIN, VAL, held_out
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import Taxonomy

LONG = ["picture_id", "attribute", "value", "confidence"]
#: Values with fewer training pictures are reported by name.
MIN_VALUE_SUPPORT = 20


@dataclass(frozen=True)
class Dataset:
    """EXAMPLE rows of both splits, sorted by picture; facts are plain and go into the ledger."""

    version: str
    train: pa.Table
    val: pa.Table
    facts: dict[str, Any]


@dataclass(frozen=True)
class Part:
    """The pictures of one split with their encoded labels."""

    split: str
    encoded: Encoded
    annotated: NDArray[np.bool_]  # (N,)
    repeats: NDArray[np.int16]  # (N,)


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

    The order of rows given does not matter: the same content and seed make the same version.

    Args:
        pictures: PICTURE rows; without the column `image` the examples' images are null.
        titles: LABEL or TITLE_LABEL rows.
        annotations: ANNOTATION rows. Their labels override titles; attributes that the taxonomy
            lacks are ignored and reported.
        taxonomy: what to train; its order is that of the label arrays.
        labels_cfg: `titles`.
        resample_cfg: how far rare values are repeated.
        seed: of the rounding of repeats.

    Raises:
        DataError: a label is not in the taxonomy, or there is nothing to train on.
    """
    spoken = _long_annotations(annotations)
    ignored = refuse_foreign(spoken, taxonomy, "annotations")
    said = _long_titles(titles if labels_cfg.titles else titles.slice(0, 0))
    refuse_foreign(said, taxonomy, "titles")
    people = _merge_annotations(annotations)
    stock = _stock(pictures, people)
    val_ids = sorted(people.index[(people["split"] == VAL) & people.index.isin(stock)])
    banned = held_out(
        _links(pictures, titles, annotations), val_ids, people.loc[val_ids, "product_key"]
    )
    rng = np.random.default_rng([seed, 3])
    train = _train_part(said, spoken, people, stock - banned, taxonomy)
    factors = resample.repeat_factors(train.encoded.labels, taxonomy, resample_cfg)
    train = Part(TRAIN, train.encoded, train.annotated, resample.draw_repeats(factors, rng))
    encoded = encode(spoken, val_ids, taxonomy)
    val = Part(VAL, encoded, np.ones(len(val_ids), bool), np.ones(len(val_ids), np.int16))
    source = _Source(pictures, annotations, people, titles)
    tables = {part.split: source.examples(part) for part in (train, val)}
    facts = {
        **_describe(train, val, taxonomy),
        "held_out": len(banned - set(val_ids)),
        "annotated_without_picture": len(people) - int(people.index.isin(stock).sum()),
        "ignored_attributes": ignored,
    }
    version = _version([train, val], tables, taxonomy)
    return Dataset(version, tables[TRAIN], tables[VAL], {"version": version, **facts})


def _long_annotations(annotations: pa.Table) -> pd.DataFrame:
    """One row per label that people gave; those that contradict each other are left out."""
    rows = annotations.select(["picture_id", "labels"]).to_pylist()
    flat = [(r["picture_id"], a, v, 1.0) for r in rows for a, v in r["labels"] or ()]
    return _agreed(pd.DataFrame(flat, columns=LONG))


def _long_titles(titles: pa.Table) -> pd.DataFrame:
    """One row per title label; a picture of two products that state different values has none."""
    frame = pd.DataFrame(titles.select(LONG).to_pydict(), columns=LONG)
    return _agreed(frame[frame["value"].notna()])


def _agreed(frame: pd.DataFrame) -> pd.DataFrame:
    keys = ["picture_id", "attribute"]
    one = frame.drop_duplicates([*keys, "value"])
    return one[~one.duplicated(keys, keep=False)]


def _merge_annotations(annotations: pa.Table) -> pd.DataFrame:
    """One row per annotated picture, indexed by its id: product_key, split, has_image, box."""
    frame = pd.DataFrame(
        {n: annotations[n].to_pylist() for n in ("picture_id", "product_key", "split", "box")},
        columns=["picture_id", "product_key", "split", "box"],
    )
    frame["has_image"] = annotations["image"].is_valid().to_pylist()
    # `val` and rows with a box come first, whatever the order given.
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


def _stock(pictures: pa.Table, people: pd.DataFrame) -> set[str]:
    """Ids of all pictures whose bytes are at hand."""
    return {*pictures["picture_id"].to_pylist(), *people.index[people["has_image"].astype(bool)]}


def _links(pictures: pa.Table, titles: pa.Table, annotations: pa.Table) -> pa.Table:
    """Which product shows which picture, from all three tables."""
    keys = pc.binary_join_element_wise(pictures["platform"], pictures["product_id"], "/")
    shown = pa.table({"picture_id": pictures["picture_id"], "product_key": keys})
    pair = ["picture_id", "product_key"]
    return pa.concat_tables([shown, titles.select(pair), annotations.select(pair)])


def _train_part(
    said: pd.DataFrame,
    spoken: pd.DataFrame,
    people: pd.DataFrame,
    allowed: set[str],
    taxonomy: Taxonomy,
) -> Part:
    annotated = set(people.index[people["split"] == TRAIN]) & allowed
    titled = sorted((set(said["picture_id"]) & allowed) - annotated)
    ids = sorted([*annotated, *titled])
    if not ids:
        raise DataError(
            "no picture of the split `train` has a label: neither a title word nor an annotation. "
            "Name annotations in labels.annotations, add words in labels.rules, or crawl more days."
        )
    encoded = override(encode(said, ids, taxonomy), encode(spoken, ids, taxonomy))
    return Part(
        TRAIN, encoded, np.array([i in annotated for i in ids]), np.ones(len(ids), np.int16)
    )


@dataclass(frozen=True)
class _Source:
    """Where the other columns of an example come from."""

    pictures: pa.Table
    annotations: pa.Table
    people: pd.DataFrame
    titles: pa.Table

    def examples(self, part: Part) -> pa.Table:
        ids = part.encoded.picture_ids
        people = self.people.reindex(ids)
        boxes = [b if isinstance(b, list) else None for b in people["box"]]
        columns = {
            "picture_id": pa.array(ids, pa.string()),
            "product_key": pa.array(self._product_keys(ids, people), pa.string()),
            "split": pa.array([part.split] * len(ids), pa.string()),
            "annotated": pa.array(part.annotated, pa.bool_()),
            "labels": pa.array(list(part.encoded.labels), pa.list_(pa.int16())),
            "confidences": pa.array(list(part.encoded.confidences), pa.list_(pa.float32())),
            "box": pa.array(boxes, schemas.BOX),
            "repeat": pa.array(part.repeats, pa.int16()),
            "image": self._images(ids),
        }
        return pa.table(columns, schema=schemas.EXAMPLE)

    def _product_keys(self, ids: tuple[str, ...], people: pd.DataFrame) -> list[str]:
        """The annotation's product; else the first that shows the picture."""
        links = _links(self.pictures, self.titles, self.annotations.slice(0, 0)).to_pydict()
        pairs = sorted(zip(links["picture_id"], links["product_key"], strict=True), reverse=True)
        known = dict(pairs)
        stated = zip(ids, people["product_key"], strict=True)
        return [key if isinstance(key, str) else known[i] for i, key in stated]

    def _images(self, ids: tuple[str, ...]) -> pa.ChunkedArray:
        """The catalogue's bytes, else those that the annotation brought."""
        wanted = pa.array(ids, pa.string())
        found = [pa.nulls(len(ids), pa.binary())]
        for table in (self.pictures, self.annotations):
            if "image" in table.column_names:
                held = table.filter(table["image"].is_valid())
                rows = pc.index_in(wanted, held["picture_id"].combine_chunks())
                found.append(held["image"].take(rows))
        return pc.coalesce(*found[1:], found[0])


def _describe(train: Part, val: Part, taxonomy: Taxonomy) -> dict[str, Any]:
    balance = resample.measure_balance(train.encoded.labels, train.repeats, taxonomy)
    counts = balance.table
    thin = counts[counts["count_before"] < MIN_VALUE_SUPPORT]
    return {
        "pictures": {
            TRAIN: len(train.annotated),
            VAL: len(val.annotated),
            "annotated_train": int(train.annotated.sum()),
            "titles": int((~train.annotated).sum()),
            "drawn": int(train.repeats.sum()),
        },
        "support": {p.split: _support(p, taxonomy) for p in (train, val)},
        "priors": _priors(train, taxonomy),
        "thin_values": [f"{r['attribute']}.{r['value']}" for r in thin.to_dict("records")],
        "balance": balance.to_dict(),
    }


def _support(part: Part, taxonomy: Taxonomy) -> dict[str, int]:
    """Pictures that show each attribute, "not visible" not counted."""
    labels = part.encoded.labels
    return {
        a.id: int(((labels[:, n] >= 0) & (labels[:, n] < len(a.values))).sum())
        for n, a in enumerate(taxonomy.attributes)
    }


def _priors(part: Part, taxonomy: Taxonomy) -> dict[str, list[float]]:
    """Proportions of the V values and "not visible" in training: repeats times confidence."""
    priors: dict[str, list[float]] = {}
    for column, attribute in enumerate(taxonomy.attributes):
        size = len(attribute.values) + 1
        known = part.encoded.labels[:, column] >= 0
        weights = part.repeats[known] * part.encoded.confidences[known, column].astype(float)
        mass = np.bincount(part.encoded.labels[known, column], weights=weights, minlength=size)
        total = float(mass.sum())
        priors[attribute.id] = [float(m) / total for m in mass] if total else [1.0 / size] * size
    return priors


def _version(parts: list[Part], tables: dict[str, pa.Table], taxonomy: Taxonomy) -> str:
    """Digest of what the dataset says; the pictures' bytes are in their ids."""
    digest = hashlib.sha256(taxonomy.digest.encode())
    for part in parts:
        digest.update(f"{part.split}:{','.join(part.encoded.picture_ids)}".encode())
        for array in (part.encoded.labels, part.encoded.confidences, part.repeats, part.annotated):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(repr(tables[part.split]["box"].to_pylist()).encode())
    return digest.hexdigest()[:16]
