"""Documents that were cut, emptied or changed, and flipped bits: an error of ours, or no harm; never a traceback."""

import json
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.errors import FashiontrendError
from fashiontrend.exporter.state import Reader
from fashiontrend.serve.release import tables
from fashiontrend.storage import ledger, releases
from fashiontrend.storage.object_store import open_store
from tests import drills
from tests.serve.conftest import publish, save_forecaster, save_recogniser, write_run

#: Flipped bits of each table in CI.
FLIPS = drills.choose(200, 25)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    store = open_store(StoreConfig(url=str(folder / "store")))
    save_recogniser(store, folder / "a1", "a1")
    save_forecaster(store, "f1")
    publish(store, "r1")
    write_run(store)
    return folder / "store"


@pytest.fixture
def store(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "store")
    return open_store(StoreConfig(url=str(tmp_path / "store")))


def use(store):
    """What status, exporter and server read of a store."""
    released = releases.current(store)
    for run in ledger.runs(store):
        ledger.load(store, run)
    Reader(store).read()
    if released is not None:
        tables.load(store, tables.find(store))


def mutations(text):
    """Cut at several places, of another type, with fields missing or of another type."""
    yield from (text[:n] for n in (0, 1, len(text) // 2, len(text) - 2))
    yield from (
        "null",
        "[]",
        "{}",
        '"text"',
        "1e999",
        "[" * 5000,
        '{"a":' * 2000,
        "\x00",
        "\ufeff" + text,
    )
    body = json.loads(text)
    for name in body:
        for other in (None, 7, "x", [], {}, [[1]], {"a": "b"}):
            yield json.dumps({**body, name: other})
        yield json.dumps({k: v for k, v in body.items() if k != name})


def files(folder, ending):
    return sorted(p for p in Path(folder).rglob(f"*{ending}") if p.is_file())


def test_the_whole_store_can_be_read(store):
    use(store)


@pytest.mark.parametrize("place", range(10))
def test_no_changed_document_ends_in_a_traceback(store, place):
    """Seen: one in nine ended so, and an empty pointer passed for "no release"."""
    documents = [p for p in files(store.config.url, ".json") if p.name != "keywords.json"]
    for path in documents[place::10]:
        text = path.read_text()
        for changed in mutations(text):
            path.write_bytes(changed.encode("utf-8", "surrogatepass"))
            try:
                use(store)
            except FashiontrendError as error:
                named = (path.name, path.parent.name, "there is no release")
                assert any(n in str(error) for n in named), changed[:80]  # noqa: PT017
        path.write_text(text)


def test_an_empty_pointer_is_no_missing_one(store):
    path = Path(store.config.url, "releases/current.json")
    path.write_bytes(b"")
    with pytest.raises(FashiontrendError, match=r"current\.json: is no whole JSON"):
        releases.current(store)


@pytest.mark.drill
def test_a_flipped_bit_in_a_table_is_refused_or_changes_nothing(store):
    rng = random.Random(drills.seed())
    key = next(k for k in store.keys("shares/") if k.endswith(".parquet"))
    rows = store.read_table(key)
    path = Path(store.path(key))
    data = path.read_bytes()
    believed = []
    for _ in range(FLIPS):
        place = rng.randrange(8 * len(data))
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            read = store.read_table(key)
            same = read.equals(rows)
        except (FashiontrendError, pa.ArrowException):
            continue
        believed += [] if same else [place // 8]
    # Pages have checksums; the file's own description of them, its footer, has none.
    assert len(believed) <= 0.04 * FLIPS, believed
