"""Files that people give beside the configuration: annotations and title rules, by path or store key."""

import hashlib
import logging
from pathlib import Path

import pyarrow as pa

from fashiontrend import delimited
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError
from fashiontrend.labels import tools
from fashiontrend.labels.annotations import ReadAnnotations
from fashiontrend.labels.successors import Successors
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store
from fashiontrend.taxonomy import Taxonomy

log = logging.getLogger(__name__)


def read_text(name: str, store: Store) -> str:
    """The text of a local file, or of a key of the store; an encoding other than UTF-8 is reported.

    Raises:
        ConfigError: neither exists.
    """
    text, notes = delimited.decode(_read(name, store))
    for note in notes:
        log.warning("%s: %s", name, note)
    return text


def read_annotations(
    name: str, store: Store, taxonomy: Taxonomy, pictures: pa.Table
) -> ReadAnnotations:
    """Read what people labelled, in the format of any labelling tool; what is left out is logged.

    Raises:
        ConfigError: neither a file nor a key has this name.
        DataError: the file cannot be read; see `tools.read`.
    """
    found = tools.read(read_text(name, store), name, taxonomy, pictures)
    if found.missing:
        log.warning(
            "%s: %d rows name pictures that the catalogue does not hold", name, len(found.missing)
        )
    if found.disagreements:
        log.warning("%s: %d labels contradict each other, left out", name, found.disagreements)
    for note in found.notes:
        log.warning("%s: %s", name, note)
    return found


def read_people(config: Config, store: Store, taxonomy: Taxonomy, pictures: pa.Table) -> pa.Table:
    """All that people labelled, in files and in imported sets: ANNOTATION rows without the column `image`.

    Raises:
        ConfigError, DataError: see `read_annotations`.
    """
    columns = [n for n in schemas.ANNOTATION.names if n != "image"]
    files = [
        read_annotations(name, store, taxonomy, pictures).table
        for name in config.labels.annotations
    ]
    sets = [
        carried(store.read_partition(layout.annotation_set(name), "annotations", columns), taxonomy)
        for name in config.labels.imported_sets
    ]
    empty = schemas.ANNOTATION.empty_table()
    return pa.concat_tables([*(t.select(columns) for t in (empty, *files)), *sets])


def carried(people: pa.Table, taxonomy: Taxonomy) -> pa.Table:
    """ANNOTATION rows with labels of older values as those of the values that hold their meaning now."""
    successors = Successors(taxonomy)
    if not successors.any:
        return people
    labels = [list(successors.carry(row or ()).items()) for row in people["labels"].to_pylist()]
    place = people.column_names.index("labels")
    kind = people.schema.field("labels")
    return people.set_column(place, kind, pa.array(labels, kind.type))


def _read(name: str, store: Store) -> bytes:
    if Path(name).is_file():
        return Path(name).read_bytes()
    if store.exists(name):
        return store.read(name)
    raise ConfigError(
        f"{name}: neither a file nor a key of {store.config.url}. Correct labels.annotations or labels.rules."
    )


def digests(config: Config, store: Store) -> list[str]:
    """Content hashes of those files: a changed annotation begins a new run."""
    names = [*config.labels.annotations, *([config.labels.rules] if config.labels.rules else [])]
    return [hashlib.sha256(read_text(n, store).encode()).hexdigest() for n in names]
