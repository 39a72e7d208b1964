"""When AttrNet is not trained at all. Needs no Ray."""

from datetime import date
from types import SimpleNamespace

import pyarrow as pa
import pytest

from fashiontrend.config import Config, LabelsConfig, ResampleConfig
from fashiontrend.errors import AccuracyGateClosed
from fashiontrend.labels import dataset
from fashiontrend.loop import Step
from fashiontrend.outcomes import LabelFacts
from fashiontrend.storage import ledger, schemas
from fashiontrend.taxonomy import Taxonomy
from ray_jobs import train_attrnet


def named(name):
    return {"id": name, "en": name, "zh": name}


TAXONOMY = Taxonomy.model_validate(
    {
        "version": "t",
        "attributes": [{**named("colour"), "values": [named("red"), named("blue")]}],
    }
)


def labelled_by_titles():
    """The dataset of a shop whose pictures nobody has annotated yet."""
    picture = {"picture_id": "p", "product_id": "1", "platform": "shop", "image": b"p"}
    title = {
        "picture_id": "p",
        "product_key": "shop/1",
        "attribute": "colour",
        "value": "red",
        "confidence": 0.8,
    }
    return dataset.build(
        pa.Table.from_pylist([picture], schemas.PICTURE),
        pa.Table.from_pylist([title], schemas.LABEL),
        schemas.ANNOTATION.empty_table(),
        TAXONOMY,
        LabelsConfig(),
        ResampleConfig(),
        0,
    )


def test_without_annotated_validation_pictures_nothing_is_trained_and_the_gate_stays_closed():
    """Seen: the first run of a new shop trained all its epochs, then ended with an IndexError."""
    facts = LabelFacts.from_json(labelled_by_titles().facts.to_json())
    label = ledger.Entry(Step.LABEL, 1, 1, "", 0.0, "datasets/x", facts)
    run = ledger.Run("r", date(2026, 11, 23), "", {}, "", "", "", None, (label,))
    context = SimpleNamespace(run=run, config=Config())
    with pytest.raises(AccuracyGateClosed, match=r"labels\.annotations"):
        train_attrnet.train(context)
