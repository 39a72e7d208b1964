"""When a day's predictions are committed, and what a stopped job leaves. Needs no Ray."""

from datetime import date

import pyarrow as pa
import pytest

from fashiontrend.config import Config
from fashiontrend.errors import DataError
from fashiontrend.loop import Move, Step
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context
from fashiontrend.storage import layout, ledger, schemas
from fashiontrend.storage.object_store import open_store
from fashiontrend.taxonomy import Attribute, Taxonomy, Value
from ray_jobs import recognise

FIRST, SECOND, EMPTY = ((date(2026, 11, d), "shop") for d in (1, 2, 3))
WORDS = Taxonomy(
    version="t",
    attributes=(Attribute(id="a", en="a", zh="a", values=(Value(id="v", en="v", zh="v"),)),),
)
SCHEMA = schemas.prediction_schema(WORDS.num_values)


@pytest.fixture
def context(tmp_path, monkeypatch):
    config = Config.model_validate({"store": {"url": str(tmp_path)}})
    store = open_store(config.store)
    for key, ids in ((FIRST, ["p1", "p2"]), (SECOND, ["p3"]), (EMPTY, [])):
        table = pa.table({"picture_id": pa.array(ids, pa.string())})
        store.commit_tables(layout.catalogue_day(*key), {"pictures-0": table}, {})
    monkeypatch.setattr(recognise, "connect", lambda config: None)
    run = ledger.Run("r", FIRST[0], "", {}, "", "", "", None)
    catalogue = Catalogue.of_run(store, config, FIRST[0])
    return Context(config, catalogue, WORDS, run, Move(Step.RECOGNISE, 1, 1))


def predicted(*ids):
    rows = [
        {"picture_id": i, "box": [0.0] * 4, "box_score": 1.0, "probs_a": [1.0, 0.0]} for i in ids
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def take(context, monkeypatch, batches):
    """Run the job over predictions that come as given; what was committed when each was asked for."""
    seen = []

    def predict_files(*_):
        for batch in batches:
            seen.append(committed(context))
            yield batch
        seen.append(committed(context))

    monkeypatch.setattr(recognise, "predict_files", predict_files)
    pending = {key: layout.catalogue_day(*key) for key in (FIRST, SECOND, EMPTY)}
    return seen, recognise._recognise(context, "v", pending)


def committed(context):
    keys = {k: layout.predictions_day("v", *k) for k in (FIRST, SECOND, EMPTY)}
    return [k[0].day for k, p in keys.items() if context.store.manifest(p)]


def test_a_day_is_committed_with_its_last_picture_and_an_empty_one_at_once(context, monkeypatch):
    batches = [predicted("p1", "p3"), predicted("p2")]
    seen, pictures = take(context, monkeypatch, batches)
    assert seen == [[3], [2, 3], [1, 2, 3]]
    assert pictures == 3
    rows = context.store.read_partition(layout.predictions_day("v", *FIRST))
    assert rows["picture_id"].to_pylist() == ["p1", "p2"]
    assert rows.schema.equals(SCHEMA)


def test_a_day_without_all_its_answers_is_not_committed_and_the_others_stay(context, monkeypatch):
    with pytest.raises(DataError, match="1 pictures of 1 days came back without a prediction"):
        take(context, monkeypatch, [predicted("p1", "p3")])
    assert committed(context) == [2, 3]
