"""Measure the peak memory of one ingest task against the number and size of its pictures.

    python -m bench.packing

Pictures are JPEGs of noise in a local store. Every row of the output has its own process.
"""

import argparse
import hashlib
import io
import resource
import subprocess
import sys
import tempfile
from datetime import date

import numpy as np
from PIL import Image

from fashiontrend.config import IngestConfig, StoreConfig
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store, open_store
from ray_jobs import ingest

#: Sides in pixels and how many pictures: 21 kB, 458 kB and 3.6 MB each.
CASES = ((160, 180, 3_355), (900, 700, 300), (900, 700, 1_000), (2_200, 2_250, 60))


def main() -> None:
    """Print a line for each case; or pack one case in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", type=int, nargs=3, help=argparse.SUPPRESS)
    case = parser.parse_args().case
    if case:
        print(measure(*case))
        return
    for case in CASES:
        subprocess.run(
            [sys.executable, "-m", "bench.packing", "--case", *map(str, case)], check=True
        )


def measure(height: int, width: int, count: int) -> str:
    """Pack some pictures, and print by how much the resident memory rose."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(StoreConfig(url=folder))
        row, weight = fill(store, height, width, count)
        before = _peak_mb()
        packed = ingest.pack_shard(row, store, IngestConfig())
        return (
            f"{count} pictures of {weight // count // 1000} kB, {weight / 1e6:.0f} MB: "
            f"{len(packed['keys'])} files, peak {_peak_mb():.0f} MB, {before:.0f} before"
        )


def fill(store: Store, height: int, width: int, count: int) -> tuple[dict, int]:
    """Store pictures as the crawler does; return the task's row and their total size."""
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=83)
    pictures, weight = [], 0
    for n in range(count):
        data = out.getvalue() + str(n).encode()  # what follows a JPEG's end is not looked at
        picture_id = hashlib.sha256(data).hexdigest()
        store.write(layout.raw_image(picture_id), data, durable=False)
        pictures.append(
            {"picture_id": picture_id, "platform": "s", "product_id": str(n),
             "day": date(2026, 11, 1), "position": 0, "url": "u"}
        )  # fmt: skip
        weight += len(data)
    return {"partition": "catalogue/bench", "number": 0, "pictures": pictures}, weight


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
