"""Predict pictures in folders, files and Parquet tables into CSV files, in bounded memory.

The predictor is an argument: `predict.Recogniser.describe` of a model in this process, which runs the
loop of `inference.loop`, or a client's `describe`, which sends the pictures to a server.
"""

import csv
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from fashiontrend import console, images
from fashiontrend.attrnet.inference.prediction import (
    AttributePrediction,
    GarmentPrediction,
    Status,
)
from fashiontrend.config import IngestConfig
from fashiontrend.errors import ConfigError, DataError, PictureError
from fashiontrend.labelled_sets import columns

log = logging.getLogger(__name__)

#: Ids and encoded bytes of pictures; None if a file could not be opened.
Named: TypeAlias = list[tuple[str, bytes | None]]
#: Encoded pictures -> their predictions, in order.
Describe: TypeAlias = Callable[[Sequence[bytes]], list[GarmentPrediction]]

#: Suffixes of the files that are found in a folder; a file that is named itself may have any.
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".parquet")
)
#: The value of an attribute that is not visible or does not apply.
NONE = "none"
ERRORS = "errors.csv"
#: Ids that a warning names.
NAMED = 5
LIMITS = IngestConfig(min_side_px=1)


@dataclass(frozen=True)
class Tally:
    """How many pictures have predictions, and how many could not be read."""

    predicted: int
    failed: int


def find(sources: Sequence[Path]) -> list[Path]:
    """List files in order: those that are named, and all pictures and Parquet files in folders at any depth.

    A warning names files that have the same id, so that their rows cannot be distinguished.

    Raises:
        ConfigError: a source does not exist, or there is no picture.
    """
    missing = [str(s) for s in sources if not s.exists()]
    if missing:
        raise ConfigError(f"--images {', '.join(missing)}: not found. Name folders or files.")
    files: list[Path] = []
    for source in sources:
        inside = sorted(p for p in source.rglob("*") if p.suffix.casefold() in SUFFIXES)
        # A broken link stays: it is reported as a picture that cannot be read.
        files += [p for p in inside if not p.is_dir()] if source.is_dir() else [source]
    if not files:
        raise ConfigError(
            f"--images {', '.join(map(str, sources))}: no picture there; looked for "
            f"{', '.join(sorted(SUFFIXES))}. Name the files themselves if they have other suffixes."
        )
    stems = Counter(f.stem for f in files if not _is_table(f))
    if twice := [f"{stem} ({n})" for stem, n in stems.most_common() if n > 1]:
        log.warning("ids that several files share: %s", ", ".join(twice[:NAMED]))
    return files


def count(files: Sequence[Path]) -> int:
    """Count the pictures in files.

    Raises:
        DataError: a Parquet file does not open.
    """
    return sum(_open(f).metadata.num_rows if _is_table(f) else 1 for f in files)


def read(files: Sequence[Path], batch_size: int) -> Iterator[Named]:
    """Read batches of at most `batch_size` pictures, (id, bytes); one batch is in memory at a time.

    The id is the file's name without its suffix, or column `id` of a Parquet file.

    Raises:
        DataError: a Parquet file lacks `id` or `image`.
    """
    waiting: Named = []
    for file in files:
        for one in _rows(file, batch_size) if _is_table(file) else _bytes(file):
            waiting.append(one)
            if len(waiting) == batch_size:
                yield waiting
                waiting = []
    if waiting:
        yield waiting


def predict(
    files: Sequence[Path],
    describe: Describe,
    out: Path,
    boxes: Path | None = None,
    batch_size: int = 64,
) -> Tally:
    """Predict all pictures and write the CSV files.

    Args:
        files: of `find`.
        describe: predicts the readable pictures of a batch.
        out: gets `id,attribute,value,confidence`, a row for each picture and attribute, with the
            value's English name in the taxonomy or `none`. `errors.csv` beside it gets
            `id,reason,detail`, a row for each picture that could not be read.
        boxes: gets `id,x0,y0,x1,y1,score` in pixels of the upright picture, without a row for a
            picture in which no garment was found.
        batch_size: pictures in memory at a time.

    Raises:
        DataError: not one picture could be read.
    """
    predicted = 0
    reasons: Counter[str] = Counter()
    with ExitStack() as stack, console.bar("recognise", count(files)) as advance:
        values = _writer(stack, out, ("id", "attribute", "value", "confidence"))
        problems = _writer(stack, out.with_name(ERRORS), ("id", "reason", "detail"))
        places = _writer(stack, boxes, ("id", "x0", "y0", "x1", "y1", "score")) if boxes else None
        for batch in read(files, batch_size):
            described = _describe(batch, describe)
            for (name, _), one in zip(batch, described, strict=True):
                if one.problem is not None:
                    reason, detail = _split(one.problem)
                    reasons[reason] += 1
                    problems.writerow([name, reason, detail])
                    continue
                predicted += 1
                values.writerows(_value_rows(name, one))
                if places and one.box is not None:
                    places.writerow([name, *(f"{c:.2f}" for c in one.box), f"{one.score:.4f}"])
            advance(len(batch), "")
    if not predicted:
        counts = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
        raise DataError(
            f"none of {reasons.total()} pictures could be read ({counts}); "
            f"{out.with_name(ERRORS)} says more. Check what --images names."
        )
    return Tally(predicted, reasons.total())


def _describe(batch: Named, describe: Describe) -> list[GarmentPrediction]:
    """Predictions in order; bytes that are no picture are not passed on."""
    problems = [_problem(data) for _, data in batch]
    sent = [data for (_, data), p in zip(batch, problems, strict=True) if p is None and data]
    described = iter(describe(sent) if sent else [])
    return [GarmentPrediction(problem=p) if p is not None else next(described) for p in problems]


def _problem(data: bytes | None) -> str | None:
    try:
        images.inspect(data or b"", LIMITS)
    except PictureError as error:
        return str(error)
    return None


def _value_rows(name: str, prediction: GarmentPrediction) -> list[tuple[str, str, str, str]]:
    return [
        (name, attribute, _value(one), f"{one.confidence:.4f}")
        for attribute, one in prediction.attributes.items()
    ]


def _value(one: AttributePrediction) -> str:
    absent = one.name is None or one.status in (Status.NOT_VISIBLE, Status.NOT_APPLICABLE)
    return NONE if absent or one.name is None else one.name


def _split(problem: str) -> tuple[str, str]:
    reason, _, detail = problem.partition(": ")
    return reason, detail


def _writer(stack: ExitStack, path: Path, header: Sequence[str]) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = csv.writer(stack.enter_context(path.open("w", newline="", encoding="utf-8")))
    writer.writerow(header)
    return writer


def _is_table(file: Path) -> bool:
    return file.suffix.casefold() == ".parquet"


def _bytes(file: Path) -> Named:
    try:
        with file.open("rb") as opened:  # One byte beyond the limit is enough to refuse a file.
            return [(file.stem, opened.read(LIMITS.max_image_bytes + 1))]
    except OSError:
        return [(file.stem, None)]


def _open(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        problem = str(error).rstrip(".")
        raise DataError(f"{file}: {problem}. Name Parquet files that are whole.") from None


def _rows(file: Path, batch_size: int) -> Iterator[tuple[str, bytes | None]]:
    table = _open(file)
    names = table.schema_arrow.names
    if not {"id", "image"} <= set(names):
        raise DataError(f"{file}: columns 'id' and 'image' are needed, seen {', '.join(names)}.")
    columns.check_images(file, table.schema_arrow.field("image").type)
    for batch in table.iter_batches(batch_size, columns=["id", "image"]):
        for name, image in zip(batch["id"].to_pylist(), batch["image"].to_pylist(), strict=True):
            yield str(name), image.get("bytes") if isinstance(image, dict) else image
