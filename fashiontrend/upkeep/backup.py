"""A copy of a store that ends in the same release, wherever it lies: a folder or S3, from a folder or S3.

What counts is copied: pictures, committed partitions, documents. A partition's manifest is written after its
files, and the pointer to the release last, so that a copy that was stopped half way is an older one and not
a broken one. Every file is compared with its digest while it is copied.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fashiontrend.errors import DataError
from fashiontrend.storage import layout, releases
from fashiontrend.storage.files import TEMPORARY, StoredFile
from fashiontrend.storage.manifest import MANIFEST
from fashiontrend.storage.object_store import Store

#: Files are copied by this many threads, each of which holds one file in memory.
THREADS = 8
#: What is written again under the same key; everything else never changes once it counts.
CHANGING = ("/claim.json", "/report.html", layout.CURRENT_RELEASE)
#: What is not copied: a training that is under way begins anew from the last committed model.
LEFT_OUT = ("training/",)


@dataclass(frozen=True)
class Copied:
    """How a copy ended: files written and their bytes, files that stood there already, the release that is served."""

    files: int
    bytes: int
    standing: int
    release: str | None


def copy(source: Store, target: Store, renew: bool = False) -> Copied:
    """Copy what counts of a store into another one.

    Args:
        source: which is only read; steps may go on meanwhile, and what they commit later is left out.
        target: where it goes. Files that only it holds stay there.
        renew: write files again that stand there with the same size, as a restore of damaged ones must.

    Raises:
        DataError: the source holds nothing, or a file of it is damaged; nothing that names it was written.
        StoreError: one of the stores cannot be reached.
    """
    served = releases.current(source)
    pointer = source.read(layout.CURRENT_RELEASE) if served else None
    listed = {f.key: f for f in source.listing("") if _counts(f.key)}
    if not listed:
        raise DataError(f"{source.uri('')}: holds no file to copy. Check the address.")
    standing = {} if renew else {f.key: f.size for f in target.listing("")}
    numbers: list[tuple[int, int]] = []
    for wave in _waves(source, listed):
        fresh = [f for f in wave if _is_due(f, standing)]
        with ThreadPoolExecutor(THREADS) as pool:
            sizes = list(pool.map(_copier(source, target), fresh))
        numbers += [(size, 1) for size in sizes] + [(0, 0)] * (len(wave) - len(fresh))
    if pointer is not None:
        target.write(layout.CURRENT_RELEASE, pointer)
    _compare(releases.current(target), served)
    written = sum(n for _, n in numbers)
    name = served.release_id if served else None
    return Copied(written, sum(s for s, _ in numbers), len(numbers) - written, name)


def _counts(key: str) -> bool:
    name = key.rpartition("/")[2]
    left_out = key.startswith(LEFT_OUT) or name.startswith(TEMPORARY)
    return not left_out and key != layout.CURRENT_RELEASE


def _waves(source: Store, listed: dict[str, StoredFile]) -> Iterator[list[StoredFile]]:
    """Files first, then the manifests and documents that name them, then releases."""
    partitions = [k.removesuffix(f"/{MANIFEST}") for k in listed if k.endswith(f"/{MANIFEST}")]
    named = {k for p in partitions for k in source.read_manifest(p).files}
    if missing := sorted(named - listed.keys()):
        raise DataError(
            f"{source.uri(missing[0])}: is missing, and so are {len(missing) - 1} more that manifests name. "
            "`fashiontrend fsck` says what to do. Nothing was copied."
        )
    alone = {k for k in listed if not layout.is_in_partition(k)}
    late = {k for k in alone if k.startswith((layout.RELEASES, layout.RUNS))}
    yield _of(listed, named | (alone - late))
    yield _of(listed, (f"{p}/{MANIFEST}" for p in partitions))
    yield _of(listed, late)


def _of(listed: dict[str, StoredFile], keys: Iterable[str]) -> list[StoredFile]:
    return [listed[k] for k in sorted(keys)]


def _is_due(file: StoredFile, standing: dict[str, int]) -> bool:
    return file.key.endswith(CHANGING) or standing.get(file.key) != file.size


def _copier(source: Store, target: Store) -> Callable[[StoredFile], int]:
    def write(file: StoredFile) -> int:
        picture = file.key.startswith("raw/images/")
        data = (
            source.read_picture(file.key.rpartition("/")[2]) if picture else source.read(file.key)
        )
        target.write(file.key, data)
        return len(data)

    return write


def _compare(found: releases.Release | None, served: releases.Release | None) -> None:
    if found != served:
        raise DataError(f"the copy serves {found}, expected {served}. Give the command again.")
