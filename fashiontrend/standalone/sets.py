"""Reads labelled sets, and scenes that are made of their pictures, into tables of examples.

Files are read as `fashiontrend import` reads them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fashiontrend import console, images
from fashiontrend.config import digest
from fashiontrend.errors import DataError, PictureError
from fashiontrend.labelled_sets import columns, folders, importing
from fashiontrend.taxonomy import UNLABELLED, Taxonomy

SIZE = ("width", "height")
#: The box of a picture that is known to hold no garment.
EMPTY = (0.0, 0.0, 0.0, 0.0)
#: Values of an attribute that must be labelled, or it can neither be learnt nor evaluated.
LEAST_VALUES = 2
#: Most ids that an error names.
NAMED = 5
#: Part of the scenes without a garment that is held out to choose the threshold for boxes.
VACANT = 1 / 3
#: x0, y0, x1, y1 as fractions of a picture; None if it is unknown.
Box: TypeAlias = list[float] | None


@dataclass(frozen=True)
class Sets:
    """The pictures on which a recogniser is fitted and evaluated; tables have `dataset.COLUMNS`, `source` and `text`.

    Attributes:
        taxonomy: derived from the columns.
        train: pictures to fit on, including scenes.
        val: held-out pictures of the natural distribution.
        scenes: held-out scenes; the pictures of which they are made are not in `train`.
        vacant: held-out scenes without a garment that choose the threshold for boxes. Empty pictures in
            `train` could not, because the network has learnt to be sure of them.
    """

    taxonomy: Taxonomy
    train: pa.Table
    val: pa.Table
    scenes: pa.Table
    vacant: pa.Table


def read_sets(
    data: Sequence[Path],
    scenes: Path | None,
    *,
    attributes: Sequence[str] = (),
    hold_out: float = 0.2,
    seed: int = 0,
    splits: Sequence[str] = ("train",),
) -> Sets:
    """Read a labelled set and scenes that are made of its pictures, and split them.

    Args:
        data: Parquet files with `id`, `image`, `split` (val or one of `splits`) and attributes; corners
            in pixels if they are known. Each row is a source of its own.
        scenes: folder with one CSV (`id`, `source`, corners in pixels, which are empty or all 0 if there
            is no garment) and Parquet files with the pictures. Corners refer to a picture of `width` and
            `height`, or to the picture itself if the columns are missing.
        attributes: columns; they are guessed if none is named.
        hold_out: part of the scenes' sources that is held out, from 0 to 1.
        seed: of that choice.
        splits: values of `split` whose rows are fitted on. Rows with other values than these and val are
            left out, and so are scenes that are made of rows on which nothing is fitted; a message
            reports their number.

    Raises:
        DataError: a set is not readable or has no labels, an attribute has a single value, an id is both
            to be fitted on and in val, or scenes have no corners, or corners that make no box.
    """
    rows = importing.with_split(importing.read_rows(data, folders.name_of(attributes)))
    chosen = tuple(attributes) or columns.guess_columns(rows)
    name = digest([str(p.name) for p in data])[:8]
    taxonomy = columns.derive_taxonomy(rows, chosen, f"set-{name}")
    # A column `source` of the labelled set itself has another meaning, such as the name of a shop.
    labelled = _to_examples(rows, chosen, taxonomy, rows["id"].to_pylist(), _boxes(rows))
    named = rows["split"].to_pylist() if "split" in rows.column_names else []
    if not {*splits, "val"} <= set(named):
        raise DataError(
            f"{data[0]}: column 'split' holds {sorted({str(s) for s in named})} in the given files, "
            f"expected {', '.join(map(repr, splits))} and 'val'. Name the files of all of them."
        )
    if "val" in splits:
        raise DataError(
            "split 'val' evaluates the recogniser, so it cannot be fitted on. Name other splits."
        )
    fit = labelled.filter(pa.array([s in splits for s in named]))
    val = labelled.filter(pa.array([s == "val" for s in named]))
    _check_apart(fit, val, splits)
    apart = vacant = labelled.slice(0, 0)
    if scenes is not None:
        drawn = importing.read_rows([scenes])
        shown = _to_examples(drawn, chosen, taxonomy, _sources(drawn), _scene_boxes(drawn, scenes))
        known, apart = _part_scenes(shown, hold_out, seed)
        known, vacant = _part_vacant(known, seed)
        known = _leave_out(known, {*_names(labelled)} - {*_names(fit)})
        sources = pa.array(sorted({s for s in apart["source"].to_pylist() if s}), pa.string())
        fit = fit.filter(pc.invert(pc.is_in(fit["picture_id"], sources)))
        fit = _fill_texts(pa.concat_tables([fit, known]))
    _check(fit, taxonomy)
    return Sets(taxonomy, fit, val, apart, vacant)


def _to_examples(
    rows: pa.Table,
    chosen: Sequence[str],
    taxonomy: Taxonomy,
    sources: Sequence[str | None],
    boxes: Sequence[Box],
) -> pa.Table:
    """Turn rows of a set into `dataset.COLUMNS`, `source` and `text`; every label weighs 1."""
    labels = np.full((rows.num_rows, len(chosen)), UNLABELLED, dtype=np.int64)
    for n, (column, attribute) in enumerate(zip(chosen, taxonomy.attributes, strict=True)):
        if column not in rows.column_names:
            continue
        cells = columns.value_ids(rows, column, attribute)
        labels[:, n] = [UNLABELLED if c is None else attribute.index(c) for c in cells]
    return pa.table(
        {
            "picture_id": rows["id"].cast(pa.string()),
            "source": pa.array(sources, pa.string()),
            "annotated": pa.array([True] * rows.num_rows),
            "labels": pa.array(labels.tolist(), pa.list_(pa.int64())),
            "confidences": pa.array([[1.0] * len(chosen)] * rows.num_rows),
            "box": pa.array(boxes, pa.list_(pa.float64())),
            "repeat": pa.array([1] * rows.num_rows),
            "text": pa.array(columns.listing_texts(rows), pa.string()),
            "image": rows["image"],
        }
    )


def _fill_texts(examples: pa.Table) -> pa.Table:
    """Give scenes without a text the text of the picture of which they are made."""
    names, texts = examples["picture_id"].to_pylist(), examples["text"].to_pylist()
    text_of = dict(zip(names, texts, strict=True))
    filled = [
        t or text_of.get(s, "") for s, t in zip(examples["source"].to_pylist(), texts, strict=True)
    ]
    place = examples.column_names.index("text")
    return examples.set_column(place, "text", pa.array(filled, pa.string()))


def _sources(scenes: pa.Table) -> list[str | None]:
    """Ids of the pictures of which scenes are made; None if a scene names none."""
    if "source" not in scenes.column_names:
        return [None] * scenes.num_rows
    return [_name(s) for s in scenes["source"].to_pylist()]


def _name(cell: Any) -> str | None:
    """An id as text; a whole number that a table reader turned into a float is a whole number again."""
    text = "" if cell is None else str(cell).removesuffix(".0")
    return text or None


def _boxes(rows: pa.Table) -> list[Box]:
    """Boxes of a labelled set in fractions; None if none was drawn, so that the place is unknown."""
    corners = importing.read_corners(rows)
    if corners is None:
        return [None] * rows.num_rows
    return [importing.to_box(*pair) for pair in zip(corners, _sizes(rows, corners), strict=True)]


def _scene_boxes(rows: pa.Table, folder: Path) -> list[Box]:
    """Boxes of scenes in fractions; `EMPTY` if a scene has no corners and so no garment."""
    corners = importing.read_corners(rows)
    if corners is None:
        raise DataError(
            f"{folder}: columns {', '.join(importing.CORNERS)} are needed, seen "
            f"{', '.join(rows.column_names)}. Give the garments' corners in pixels, empty cells if "
            "a scene shows no garment, or leave --scenes out."
        )
    boxes = _boxes(rows)
    for n, (given, box) in enumerate(zip(corners, boxes, strict=True)):
        if box is not None:
            continue
        if np.nan_to_num(given).any() and _measure(rows["image"][n].as_py()) is not None:
            raise DataError(
                f"{folder}: scene {rows['id'][n]}: corners {given.tolist()} make no box in it. Expected "
                "x0 < x1 and y0 < y1 in pixels of the picture, or four empty cells for no garment."
            )
        boxes[n] = list(EMPTY)
    return boxes


def _sizes(rows: pa.Table, corners: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Width and height to which corners refer: the stated ones, else the picture's; NaN if it is unreadable."""
    stated = np.full((rows.num_rows, 2), np.nan)
    if set(SIZE) <= set(rows.column_names):
        stated = importing.read_numbers(rows, SIZE).copy()
    unknown = ~(stated > 0).all(1) & ~np.isnan(corners).any(1)
    for n in np.flatnonzero(unknown):
        stated[n] = _measure(rows["image"][int(n)].as_py()) or np.nan
    return [(width, height) for width, height in stated.tolist()]


def _measure(image: bytes | None) -> tuple[int, int] | None:
    """Width and height of a picture; None if it does not open, in which case it is put aside later."""
    try:
        return images.upright_size(image or b"")
    except PictureError:
        return None


def _names(examples: pa.Table) -> list[str]:
    return list(examples["picture_id"].to_pylist())


def _check_apart(fit: pa.Table, val: pa.Table, splits: Sequence[str]) -> None:
    both = sorted({*_names(fit)} & {*_names(val)})
    if both:
        raise DataError(
            f"{len(both)} ids stand both in split 'val' and in {', '.join(map(repr, splits))}: "
            f"{', '.join(both[:NAMED])}. A recogniser cannot be evaluated on what it was fitted on: keep "
            "each id in one split."
        )


def _leave_out(scenes: pa.Table, sources: Collection[str]) -> pa.Table:
    """Leave out scenes that are made of a picture that is not fitted on, or it would be learnt through them."""
    fitted = [s not in sources for s in scenes["source"].to_pylist()]
    taught = scenes.filter(pa.array(fitted, pa.bool_()))
    if taught.num_rows < scenes.num_rows:
        console.stderr.print(
            f"  {scenes.num_rows - taught.num_rows} scenes left out of what is fitted on: the "
            "pictures that they are made of are not fitted on"
        )
    return taught


def _part_scenes(scenes: pa.Table, hold_out: float, seed: int) -> tuple[pa.Table, pa.Table]:
    """Hold out the scenes of a seeded part of the sources; each scene without a source is its own."""
    keys = [
        s or f"empty {i}"
        for s, i in zip(scenes["source"].to_pylist(), scenes["picture_id"].to_pylist(), strict=True)
    ]
    return _part(scenes, keys, hold_out, seed)


def _part_vacant(scenes: pa.Table, seed: int) -> tuple[pa.Table, pa.Table]:
    """Hold out a seeded part of the scenes without a garment; return the others and that part."""
    held = scenes.filter(
        pa.array([b == list(EMPTY) for b in scenes["box"].to_pylist()], pa.bool_())
    )
    _, apart = _part(held, held["picture_id"].to_pylist(), VACANT, seed)
    taken = pc.is_in(scenes["picture_id"], apart["picture_id"].combine_chunks())
    return scenes.filter(pc.invert(taken)), apart


def _part(
    rows: pa.Table, keys: Sequence[str], fraction: float, seed: int
) -> tuple[pa.Table, pa.Table]:
    """Split rows by a seeded fraction of the keys; return those without and those with it."""
    names = sorted(set(keys))
    order = np.random.default_rng(seed).permutation(len(names))
    apart = {names[n] for n in order[: round(fraction * len(names))]}
    held = pa.array([k in apart for k in keys], pa.bool_())
    return rows.filter(pc.invert(held)), rows.filter(held)


def _check(fit: pa.Table, taxonomy: Taxonomy) -> None:
    labels = np.array(fit["labels"].to_pylist(), dtype=np.int64).reshape(-1, len(taxonomy.ids))
    for n, attribute in enumerate(taxonomy.attributes):
        seen = np.unique(labels[labels[:, n] >= 0, n])
        if len(seen) < LEAST_VALUES:
            raise DataError(
                f"attribute {attribute.id!r}: {len(seen)} of its values are labelled in the "
                f"pictures to fit on, at least {LEAST_VALUES} are needed. Leave it out of "
                "--attributes, or label more."
            )
