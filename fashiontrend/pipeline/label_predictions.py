"""Predictions for people to correct: the recogniser's, or the values that titles name before there is one."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fashiontrend.config import Config
from fashiontrend.labels import title_rules, titles
from fashiontrend.labels.annotations import Box
from fashiontrend.pipeline import inputs
from fashiontrend.pipeline.catalogue import Catalogue, concatenate
from fashiontrend.pipeline.label import TEXTS
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store
from fashiontrend.taxonomy import Taxonomy

#: Pictures that a recogniser looks at as one batch.
_BATCH = 64


@dataclass(frozen=True)
class PicturePrediction:
    """What is known of a picture before people label it.

    Attributes:
        probabilities: attribute -> (V + 1,), "not visible" last; attributes without a prediction are absent.
        box: of the garment as fractions of the picture; None without one.
        box_score: its probability.
    """

    probabilities: Mapping[str, NDArray[np.float64]]
    box: Box | None = None
    box_score: float = 0.0


def from_titles(
    catalogue: Catalogue, config: Config, taxonomy: Taxonomy, store: Store
) -> dict[str, PicturePrediction]:
    """Predictions by picture id; a value that a title states has `labels.title_confidence`."""
    cfg = config.labels
    user = (inputs.read_text(cfg.rules, store), cfg.rules) if cfg.rules else ()
    rules = title_rules.compile_rules(taxonomy, cfg.title_confidence, *user)
    listings = concatenate(catalogue.listings(TEXTS), schemas.LISTING)
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    for row in titles.read_titles(listings, taxonomy, rules).to_pylist():
        if row["value"] is None:
            continue
        attribute = taxonomy.attribute(row["attribute"])
        size = len(attribute.values) + 1
        probabilities = np.full(size, (1.0 - cfg.title_confidence) / (size - 1))
        probabilities[attribute.index(row["value"])] = cfg.title_confidence
        found.setdefault(row["picture_id"], {})[attribute.id] = probabilities
    return {i: PicturePrediction(p) for i, p in found.items()}


def stored(catalogue: Catalogue, recogniser: str, wanted: pa.ChunkedArray) -> pa.Table | None:
    """The recogniser's stored predictions for pictures; None if it predicted none of them."""
    done = catalogue.predictions(recogniser)
    tables = [
        t.filter(pc.is_in(t["picture_id"], wanted.combine_chunks()))
        for _, t in done.tables(list(done), "")
    ]
    found = pa.concat_tables(tables) if tables else None
    return found if found is not None and found.num_rows else None


def look(
    store: Store, recogniser: str, taxonomy: Taxonomy, images: Mapping[str, bytes]
) -> pa.Table | None:
    """Have a recogniser predict encoded pictures by their ids; None if its model is missing or there are none."""
    from fashiontrend.attrnet.inference import loop, predict

    partition = layout.model("attrnet", recogniser)
    if store.manifest(partition) is None or not images:
        return None
    with tempfile.TemporaryDirectory() as folder:
        store.download(partition, Path(folder))
        columns = loop.predict_all(
            predict.Recogniser(folder), loop.pair(images, images.values()), device="cpu",
            batch_size=_BATCH, unreadable=loop.Unreadable.SKIP,
        )  # fmt: skip
    return predict.to_table(columns, taxonomy.num_values)


def by_picture(table: pa.Table, taxonomy: Taxonomy) -> dict[str, PicturePrediction]:
    """Rows of `schemas.prediction_schema` by picture id."""
    probabilities = {
        a: np.array(table[f"probs_{a}"].to_pylist(), dtype=np.float64) for a in taxonomy.ids
    }
    boxes, scores = table["box"].to_pylist(), table["box_score"].to_pylist()
    return {
        i: PicturePrediction(
            {a: np.nan_to_num(p[n]) for a, p in probabilities.items()},
            _usable(boxes[n]),
            float(scores[n] or 0),
        )
        for n, i in enumerate(table["picture_id"].to_pylist())
    }


def _usable(box: list[float] | None) -> Box | None:
    """A predicted box, if it has an area."""
    if not box or not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
        return None
    return [float(v) for v in box]
