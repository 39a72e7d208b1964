"""Pictures of a labelled set that cannot be read: put aside and told before anything is fitted."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from fashiontrend import console, images
from fashiontrend.config import IngestConfig
from fashiontrend.errors import DataError, PictureError
from fashiontrend.standalone import Sets

LIMITS = IngestConfig(min_side_px=1)
#: More than this part of a set unreadable is a mistake in the set, not in single pictures.
MOST = 0.05
ERRORS = "errors.csv"


def put_aside(sets: Sets, errors: Path) -> Sets:
    """The sets without the pictures that do not decode.

    Args:
        sets: as `labelled.read_sets` gives them.
        errors: CSV that gets `id,set,reason,detail` of each such picture; not written if all are
            good.

    Raises:
        DataError: more than `MOST` of all pictures are unreadable.
    """
    parts = {"train": sets.train, "val": sets.val, "scenes": sets.scenes, "vacant": sets.vacant}
    total = sum(t.num_rows for t in parts.values())
    bad: list[tuple[str, str, str, str]] = []
    kept = {}
    with console.bar("look at pictures", total) as advance:
        for name, table in parts.items():
            problems = [_problem(image.as_py()) for image in table["image"]]
            kept[name] = table.filter(pa.array([p is None for p in problems], pa.bool_()))
            ids = table["picture_id"].to_pylist()
            bad += [
                (i, name, p.reason, str(p).partition(": ")[2])
                for i, p in zip(ids, problems, strict=True)
                if p is not None
            ]
            advance(table.num_rows, "")
    if not bad:
        return sets
    errors.parent.mkdir(parents=True, exist_ok=True)
    with errors.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "set", "reason", "detail"), *bad])
    told = ", ".join(f"{n} {reason}" for reason, n in Counter(b[2] for b in bad).most_common())
    if len(bad) > MOST * total:
        raise DataError(
            f"{len(bad)} of {total} pictures cannot be read ({told}), at most {MOST:.0%} may be; "
            f"{errors} names them. Check the column `image`."
        )
    console.stderr.print(f"  {len(bad)} of {total} pictures put aside ({told}): {errors}")
    return replace(sets, **kept)


def _problem(data: bytes | None) -> PictureError | None:
    try:
        images.inspect(data or b"", LIMITS)
    except PictureError as error:
        return error
    return None
