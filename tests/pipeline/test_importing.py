"""Labelled sets in a store: what stands under a name or on a day is never told as something else."""

import io
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fashiontrend.config import Config
from fashiontrend.errors import DataError
from fashiontrend.pipeline import importing
from fashiontrend.pipeline.importing import import_labelled, replay_set
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import open_store

LAST = date(2026, 11, 23)


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


PICTURES = [picture(n) for n in range(60)]


@pytest.fixture
def config(tmp_path):
    shops = [{"name": "north", "kind": "replay"}]
    return Config.model_validate(
        {"store": {"url": str(tmp_path / "store")}, "crawl": {"platforms": shops}}
    )


@pytest.fixture
def labelled(tmp_path):
    """Writes a set of so many rows that are red and blue in turn, or the other way round."""

    def write(rows: int, colours=("red", "blue")) -> Path:
        path = tmp_path / f"{rows}-{colours[0]}.parquet"
        columns = {
            "id": [str(n) for n in range(rows)],
            "split": ["val" if n % 5 == 0 else "train" for n in range(rows)],
            "colour": [colours[n % 2] for n in range(rows)],
            "image": pa.array(PICTURES[:rows], pa.binary()),
        }
        pq.write_table(pa.table(columns), path)
        return path

    return write


def test_the_same_set_imported_again_is_told_as_it_stands(config, labelled):
    first = import_labelled(config, [labelled(40)], "mine", ["colour"])
    assert import_labelled(config, [labelled(40)], "mine", ["colour"]) == first
    assert (first[1]["rows"], first[1]["splits"]) == (40, {"val": 8, "train": 32})


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param((40, ("blue", "red")), id="corrected labels"),
        pytest.param((60, ("red", "blue")), id="more rows"),
    ],
)
def test_another_set_of_the_same_taxonomy_needs_another_name(config, labelled, changed):
    uri, _ = import_labelled(config, [labelled(40)], "mine", ["colour"])
    store = open_store(config.store)
    before = store.keys(f"{layout.annotation_set('mine')}/")
    with pytest.raises(DataError, match=r"another set has the name 'mine'.*another --name"):
        import_labelled(config, [labelled(*changed)], "mine", ["colour"])
    assert store.keys(f"{layout.annotation_set('mine')}/") == before
    assert import_labelled(config, [labelled(*changed)], "mine-2", ["colour"])[0] != uri


def test_a_set_that_was_imported_before_contents_were_noted_is_compared_too(
    config, labelled, monkeypatch
):
    monkeypatch.setattr(importing, "CONTENT", "not_noted_yet")
    import_labelled(config, [labelled(40)], "mine", ["colour"])
    monkeypatch.undo()
    assert import_labelled(config, [labelled(40)], "mine", ["colour"])[1]["rows"] == 40
    with pytest.raises(DataError, match="another set has the name"):
        import_labelled(config, [labelled(40, ("blue", "red"))], "mine", ["colour"])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A set that can be replayed; its pictures are only named, for nothing decodes them here."""
    rng, rows = np.random.default_rng(0), 2000
    path = tmp_path_factory.mktemp("set") / "rows.parquet"
    columns = {
        "id": [str(n) for n in range(rows)],
        "title": [f"Thing {n}" for n in range(rows)],
        "garment_type": rng.choice(["dress", "skirt", "coat", "shorts", "blazer"], rows).tolist(),
        "colour": rng.choice(["black", "white", "red", "blue", "green"], rows).tolist(),
        "image": pa.array([f"bytes {n}".encode() for n in range(rows)], pa.binary()),
    }
    pq.write_table(pa.table(columns), path)
    return path


def products(config, day: date) -> set[str]:
    listed = open_store(config.store).read_partition(layout.raw_day(day, "north"), "listings")
    return set(listed["product_id"].to_pylist())


def on_sale(truth: Path, day: date) -> set[str]:
    told = pd.read_parquet(truth / "truth.parquet")
    return set(told[(told["first_day"] <= day) & (told["last_day"] >= day)]["product_id"])


def test_a_replay_goes_on_where_it_was_stopped(config, source, tmp_path):
    replay_set(config, [source], tmp_path / "truth", LAST, 6)
    store = open_store(config.store)
    store.delete_folder(layout.raw_day(LAST, "north"))
    replay_set(config, [source], tmp_path / "truth", LAST, 6)
    assert products(config, LAST) == on_sale(tmp_path / "truth", LAST)


@pytest.mark.parametrize(
    ("seed", "last", "days"),
    [
        pytest.param(1, LAST, 6, id="another seed"),
        pytest.param(0, LAST, 12, id="earlier days too"),
        pytest.param(0, LAST.replace(day=25), 8, id="later days too"),
        pytest.param(0, LAST, 4, id="fewer days"),
        pytest.param(0, LAST.replace(day=29), 6, id="other days"),
    ],
)
def test_a_replay_that_does_not_fit_the_days_in_the_store_is_refused_before_its_truth_is_written(
    config, source, tmp_path, seed, last, days
):
    truth = tmp_path / "truth"
    replay_set(config, [source], truth, LAST, 6)
    told = (truth / "truth.parquet").read_bytes()
    other = config.model_copy(update={"seed": seed})
    with pytest.raises(DataError, match=r"north.*empty store"):
        replay_set(other, [source], truth, last, days)
    assert (truth / "truth.parquet").read_bytes() == told
    assert products(config, LAST) == on_sale(truth, LAST)
