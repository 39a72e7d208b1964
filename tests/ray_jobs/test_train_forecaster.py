"""What the training of the trend model leaves for people."""

import io
from types import SimpleNamespace

import pandas as pd
import pytest

from fashiontrend import gates
from fashiontrend.config import StoreConfig
from fashiontrend.loop import Move, Step
from fashiontrend.outcomes import TrendFinding, Verdict
from fashiontrend.storage.object_store import open_store
from ray_jobs import train_forecaster

BLAMED = TrendFinding(reason="recogniser", remedy="Label more.", contribution=0.4)
FITS = TrendFinding(reason="", remedy="", contribution=0.1)


@pytest.mark.parametrize("colour", [BLAMED, FITS], ids=["somebody is blamed", "nobody is"])
def test_the_labelling_request_is_a_table_with_a_header_whoever_is_blamed(tmp_path, colour):
    verdict = Verdict("perplexity", False, (), per_attribute={"colour": colour, "kind": FITS})
    context = SimpleNamespace(
        run=SimpleNamespace(run_id="r"),
        move=Move(Step.TRAIN_FORECASTER, 2),
        store=open_store(StoreConfig(url=str(tmp_path))),
    )
    key = train_forecaster._request_labels(context, gates.labelling_request(verdict))
    found = pd.read_csv(io.BytesIO(context.store.read(key)))
    assert tuple(found.columns) == gates.REQUEST_COLUMNS
    assert list(found["attribute"]) == (["colour"] if colour is BLAMED else [])
