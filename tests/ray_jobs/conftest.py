"""One worker of Ray Train without Ray, on the CPU or on the stand-in device, and something to train on."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray.train
import ray.train.collective
import ray.train.torch
import torch
from torch import nn

from bench import drawn
from fashiontrend.attrnet.inference import predict as recognition
from fashiontrend.attrnet.training import dataset
from fashiontrend.config import AttrNetConfig, Config, ForecasterConfig
from ray_jobs import training
from tests.forecaster.conftest import make_shares
from tests.stand_in_device import DEVICE, StandInDevice


@dataclass
class TrainWorker:
    """What Ray Train gives the function of a worker, and what that function reported.

    Attributes:
        rank: of this worker in the world.
        size: workers of the world; the others exist in name only.
        device: what Ray gives it.
        batches: what its shard of the training data yields.
        from_first: what `broadcast_from_rank_zero` brings to a worker that is not the first.
        reported: name -> the files of its checkpoint; None where it reported without one.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    batches: Iterable[dict[str, Any]] = ()
    from_first: Any = None
    reported: dict[str, dict[str, bytes] | None] = field(default_factory=dict)

    def get_context(self) -> Any:
        return SimpleNamespace(get_world_rank=lambda: self.rank, get_world_size=lambda: self.size)

    def get_dataset_shard(self, name: str) -> Any:
        return SimpleNamespace(iter_batches=lambda **_: iter(self.batches))

    def report(self, metrics: Any, checkpoint: Any, checkpoint_dir_name: str) -> None:
        files = None
        if checkpoint is not None:
            folder = Path(checkpoint.path)
            kept = [p for p in folder.rglob("*") if p.is_file()]
            files = {str(p.relative_to(folder)): p.read_bytes() for p in kept}
        self.reported[checkpoint_dir_name] = files

    def broadcast_from_rank_zero(self, data: Any) -> Any:
        return data if self.rank == 0 else self.from_first

    def prepare_model(self, net: nn.Module) -> nn.Module:
        return net.to(self.device)

    @property
    def facts(self) -> dict[str, Any]:
        """What the artifact's manifest would hold."""
        final = self.reported["final"]
        assert final is not None
        found: dict[str, Any] = json.loads(final[training.REPORT])
        return found


@pytest.fixture
def run_worker(monkeypatch) -> Iterator[Callable[..., TrainWorker]]:
    """run_worker(function, settings, **fields of TrainWorker) -> what it reported."""

    def run(function: Callable[..., None], settings: dict[str, Any], **fields: Any) -> TrainWorker:
        worker = TrainWorker(**fields)
        for name in ("get_context", "get_dataset_shard", "report"):
            monkeypatch.setattr(ray.train, name, getattr(worker, name))
        monkeypatch.setattr(ray.train, "get_checkpoint", lambda: None)
        monkeypatch.setattr(
            ray.train.collective, "broadcast_from_rank_zero", worker.broadcast_from_rank_zero
        )
        monkeypatch.setattr(ray.train.torch, "get_device", lambda: torch.device(worker.device))
        monkeypatch.setattr(ray.train.torch, "prepare_model", worker.prepare_model)
        with StandInDevice() if worker.device == DEVICE else nullcontext():
            function(settings)
        return worker

    threads = torch.get_num_threads()
    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def forecaster_settings(store):
    store.commit_tables("shares", {"shares": make_shares(days=80, platforms=("a", "*"))}, {})
    cfg = ForecasterConfig(epochs=1, hidden_size=4, origins=2)
    return {
        "store": store, "shares": "shares", "forecaster": cfg.model_dump(), "seed": 1,
        "taxonomy_digest": "t",
    }  # fmt: skip


@pytest.fixture
def attrnet_settings(tmp_path):
    cfg = AttrNetConfig(input_px=32, embedding_dim=16, batch_size=4, threads=1)
    context = drawn.fill(tmp_path, 8, Config(attrnet=cfg))
    told = drawn.settings(context, drawn.DATASET, pictures=8, epochs=1, log=tmp_path / "log")
    return {**told, "store": context.store}


@pytest.fixture
def decoded(attrnet_settings):
    """What the training shard yields."""
    table = attrnet_settings["store"].read_partition(attrnet_settings["dataset"], "train")
    rows = dataset.decode_rows(table, AttrNetConfig(**attrnet_settings["attrnet"]))
    return [{name: part[n : n + 4] for name, part in rows.items()} for n in (0, 4)]


@pytest.fixture
def recognised_on(monkeypatch):
    """The device of every recogniser that is loaded."""
    seen = []

    class Noting(recognition.Recogniser):
        def __init__(self, folder, threads=1, device="cpu"):
            super().__init__(folder, threads, device)
            seen.append(str(self.model.mean.device))

    monkeypatch.setattr(recognition, "Recogniser", Noting)
    return seen
