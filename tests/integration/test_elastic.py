"""AttrNet's training goes on with fewer workers when a node is lost, and with more when one has come."""

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ray import cloudpickle
from ray.cluster_utils import Cluster

from bench import drawn
from fashiontrend.config import AttrNetConfig, Config, RayConfig
from ray_jobs import train_attrnet, training
from ray_jobs.runtime import disconnect
from tests.integration.conftest import leave_ray

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default"),  # what Ray and its dependencies deprecate is theirs
]

PICTURES, EPOCHS, PAUSE_S = 192, 28, 2.0
#: Room for one worker and for reading: Ray counts how many workers of two cores three cores hold.
NODE = {"num_cpus": 3, "object_store_memory": 150 << 20}


@pytest.fixture
def cluster():
    leave_ray()  # from the Ray that other tests share
    # Nodes that come later come from a thread, where Ray cannot set its handlers of signals.
    made = Cluster(
        initialize_head=True, shutdown_at_exit=False,
        head_node_args={**NODE, "include_dashboard": False},
    )  # fmt: skip
    yield made
    disconnect()
    made.shutdown()


class NotedTraining(NamedTuple):
    training: train_attrnet.AttrNetTraining
    log: Path


def noted(settings: NotedTraining) -> None:
    """The real worker; notes epoch and number of workers, and takes its time over each epoch."""
    import ray.train

    from ray_jobs import train_attrnet, training

    report = training.report

    def slowly(metrics: dict[str, Any], name: str, save: Any) -> None:
        report(metrics, name, save)
        context = ray.train.get_context()
        if context.get_world_rank() == 0:
            with settings.log.open("a") as file:
                file.write(json.dumps([name, context.get_world_size()]) + "\n")
        time.sleep(PAUSE_S)

    training.report = slowly
    train_attrnet.worker(settings.training)


def read(log: Path) -> list[tuple[str, int]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [(name, size) for name, size in map(json.loads, lines)]


def when(seen: Callable[[], bool], do: Callable[[], Any]) -> None:
    def wait() -> None:
        while not seen():
            time.sleep(0.5)
        do()

    threading.Thread(target=wait, daemon=True).start()


def test_a_training_goes_on_with_the_workers_there_are(cluster, tmp_path):
    config = Config(
        attrnet=AttrNetConfig(batch_size=32, input_px=48),
        ray=RayConfig(
            address=cluster.address, train_workers=2, min_train_workers=1, cpus_per_worker=2,
            resize_check_s=5, max_failures=4,
        ),
    )  # fmt: skip
    lost = cluster.add_node(**NODE)
    context = drawn.fill(tmp_path, PICTURES, config)
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    log = tmp_path / "epochs"

    def lose() -> None:
        cluster.remove_node(lost, allow_graceful=False)

    when(lambda: len(read(log)) >= 3, lose)
    when(lambda: any(size == 1 for _, size in read(log)[3:]), lambda: cluster.add_node(**NODE))
    manifest = training.train_once(
        config, context.store, "attrnet", log.name, noted,
        NotedTraining(drawn.settings(context, drawn.DATASET, PICTURES, EPOCHS), log),
        epochs=EPOCHS,
        datasets=lambda: {"train": train_attrnet.compressed_examples(context, drawn.DATASET)},
        shares=train_attrnet.WholeBlocks(),
    )  # fmt: skip
    sizes = [size for _, size in read(log)]
    assert [size for size, _ in itertools.groupby(sizes)] == [2, 1, 2]
    finished = [name for name, _ in read(log)]
    assert len(set(finished)) == EPOCHS + 1  # and the artifact
    assert len(finished) - len(set(finished)) <= 2  # one epoch again for each change
    assert manifest.facts["report"]["pictures"] == drawn.VAL_ROWS
