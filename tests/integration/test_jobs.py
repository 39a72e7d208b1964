"""Each job does with Ray what its function does without, on four days of a small drawn world."""

from datetime import date

import numpy as np
import pytest

from fashiontrend.attrnet.inference import loop
from fashiontrend.attrnet.inference.predict import Recogniser
from fashiontrend.commands.demo_run import LAST_DAY, prepare
from fashiontrend.config import Config
from fashiontrend.demo import shops
from fashiontrend.demo.world import World
from fashiontrend.loop import Step
from fashiontrend.outcomes import IngestFacts, LabelFacts, RecogniseFacts, TrainAttrnetFacts
from fashiontrend.pipeline import drive
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import open_store
from ray_jobs.run import run_step

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(500),
    pytest.mark.filterwarnings("default"),  # what Ray and its dependencies deprecate is theirs
]

WORLD = World(
    3, LAST_DAY, num_days=4, first_live=25, born_daily=3, outage_offsets=(2,), annotated=(40, 30)
)
SETTINGS = {
    "attrnet": {"epochs": 2, "batch_size": 16, "input_px": 48},
    "accuracy_gate": {"threshold": 0.0, "floor": 0.0, "min_support": 10},
    "ray": {"num_cpus": 2, "train_workers": 2, "cpus_per_worker": 0.5},
}


@pytest.fixture(scope="module")
def ran(local_ray, tmp_path_factory):
    """(config, run) of the steps from crawl to shares."""
    folder = tmp_path_factory.mktemp("jobs")
    ports = shops.find_ports(8941)
    attrnet = {**SETTINGS["attrnet"], "plain_share": 0.5}  # both networks of a recogniser
    config = prepare(folder, WORLD, {**SETTINGS, "attrnet": attrnet}, ports)
    with shops.serve(WORLD, ports):
        for step in list(Step)[: list(Step).index(Step.SHARES) + 1]:
            state = run_step(step, config, LAST_DAY)
    return config, state


def test_ingest_packs_every_picture_once_and_withholds_the_outage(ran):
    config, state = ran
    store = open_store(config.store)
    ids = []
    for partition in store.committed("catalogue/"):
        ids += store.read_partition(partition, "pictures", ["picture_id"]).column(0).to_pylist()
    assert len(ids) == len(set(ids)) == len(WORLD.products)
    withheld = state.facts(IngestFacts).withheld
    assert [(w.platform, w.day) for w in withheld] == [("shop-b", WORLD.days[2])]
    assert "503" in withheld[0].reason


def test_two_ddp_workers_leave_one_artifact_that_passes_its_self_test(ran, tmp_path):
    config, state = ran
    store = open_store(config.store)
    version = state.facts(TrainAttrnetFacts).version
    store.download(layout.model("attrnet", version), tmp_path)
    assert Recogniser(tmp_path).card.dataset.endswith(state.facts(LabelFacts).version)
    assert store.keys("training/") == []


def test_recognition_on_ray_gives_the_numbers_of_the_plain_recogniser(ran, tmp_path):
    config, state = ran
    store = open_store(config.store)
    version = state.facts(RecogniseFacts).attrnet
    day, platform = WORLD.days[0], "shop-a"
    pictures = store.read_partition(layout.catalogue_day(day, platform), "pictures")
    mine = store.read_partition(layout.predictions_day(version, day, platform)).to_pandas()
    store.download(layout.model("attrnet", version), tmp_path)
    plain = loop.predict_all(
        Recogniser(tmp_path), loop.read_pictures(pictures), device="cpu", batch_size=64
    )
    order = mine.set_index("picture_id").loc[list(plain["picture_id"])]
    np.testing.assert_allclose(np.stack(order["probs_colour"]), plain["probs_colour"], atol=1e-5)


def test_shares_sum_to_one_over_the_values_of_an_attribute(ran):
    config, state = ran
    table = (
        open_store(config.store)
        .read_partition(state.latest(Step.SHARES).output, "shares")
        .to_pandas()
    )
    good = table[~table["withheld"]]
    totals = good.groupby(["platform", "attribute", "day"])["share"].sum()
    np.testing.assert_allclose(totals, 1.0, atol=1e-9)
    assert (good["low"] <= good["share"] + 1e-9).all()


def test_a_step_that_was_taken_is_not_taken_again(ran):
    config, state = ran
    assert run_step(Step.LABEL, config, LAST_DAY).entries == state.entries


def test_a_step_before_its_turn_is_refused_with_what_to_run_first(ran):
    config, _ = ran
    with pytest.raises(Exception, match="train-forecaster"):
        run_step(Step.PUBLISH, config, LAST_DAY)


def test_another_day_is_another_run(ran):
    config, state = ran
    assert isinstance(config, Config)
    assert drive.begin(config, date(2026, 11, 22)).run_id != state.run_id
