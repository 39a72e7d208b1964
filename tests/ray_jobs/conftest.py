"""One worker of Ray Train without Ray, on the CPU or on the stand-in device, and something to train on."""

import json
import tempfile
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
from ray.train import Checkpoint
from torch import nn

from bench import drawn
from fashiontrend.attrnet.inference import predict as recognition
from fashiontrend.config import AttrNetConfig, Config, ForecasterConfig
from ray_jobs import training
from ray_jobs.train_forecaster import ForecasterTraining
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
        kept: files of the newest checkpoint that an earlier start left; None if there is none.
        scratch: folder in which checkpoints are unpacked.
        reported: name -> the files of its checkpoint; None where it reported without one.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    batches: Iterable[dict[str, Any]] = ()
    from_first: Any = None
    kept: dict[str, bytes] | None = None
    scratch: Path = Path()
    reported: dict[str, dict[str, bytes] | None] = field(default_factory=dict)

    def get_context(self) -> Any:
        return SimpleNamespace(get_world_rank=lambda: self.rank, get_world_size=lambda: self.size)

    def get_dataset_shard(self, name: str) -> Any:
        return SimpleNamespace(
            materialize=lambda: SimpleNamespace(iter_batches=lambda **_: iter(self.batches))
        )

    def report(self, metrics: Any, checkpoint: Any, checkpoint_dir_name: str) -> None:
        files = None
        if checkpoint is not None:
            folder = Path(checkpoint.path)
            kept = [p for p in folder.rglob("*") if p.is_file()]
            files = {str(p.relative_to(folder)): p.read_bytes() for p in kept}
        self.reported[checkpoint_dir_name] = files

    def broadcast_from_rank_zero(self, data: Any) -> Any:
        return data if self.rank == 0 else self.from_first

    def get_checkpoint(self) -> Any:
        if self.kept is None:
            return None
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        for name, data in self.kept.items():
            (folder / name).write_bytes(data)
        return Checkpoint.from_directory(str(folder))

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
def run_worker(monkeypatch, tmp_path) -> Iterator[Callable[..., TrainWorker]]:
    """run_worker(function, settings, **fields of TrainWorker) -> what it reported."""

    def run(function: Callable[[Any], None], settings: Any, **fields: Any) -> TrainWorker:
        worker = TrainWorker(scratch=tmp_path, **fields)
        for name in ("get_context", "get_dataset_shard", "get_checkpoint", "report"):
            monkeypatch.setattr(ray.train, name, getattr(worker, name))
        monkeypatch.setattr(
            ray.train.collective, "broadcast_from_rank_zero", worker.broadcast_from_rank_zero
        )
        monkeypatch.setattr(ray.train.torch, "get_device", lambda: torch.device(worker.device))
        monkeypatch.setattr(ray.train.torch, "prepare_model", worker.prepare_model)
        with StandInDevice() if worker.device == DEVICE else nullcontext():
            training.unless_finished(function)({training.SETTINGS: settings})
        return worker

    threads = torch.get_num_threads()
    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def forecaster_settings(store):
    store.commit_tables("shares", {"shares": make_shares(days=80, platforms=("a", "*"))}, {})
    cfg = ForecasterConfig(epochs=1, hidden_size=4, origins=2)
    return ForecasterTraining(store, "shares", cfg, taxonomy_digest="t", seed=1)


@pytest.fixture
def attrnet_settings(tmp_path):
    cfg = AttrNetConfig(input_px=32, embedding_dim=16, batch_size=4, threads=1)
    context = drawn.fill(tmp_path, 8, Config(attrnet=cfg))
    return drawn.settings(context, drawn.DATASET, pictures=8, epochs=1)


@pytest.fixture
def shard_tables(attrnet_settings):
    """What one pass over the training shard yields."""
    table = attrnet_settings.store.read_partition(attrnet_settings.dataset, "train")
    return [table.slice(0, 4), table.slice(4)]


@pytest.fixture
def predicted_on(monkeypatch):
    """The device of every recogniser that predicts, as its network says."""
    seen = {}
    predict = recognition.Recogniser.predict_decoded

    def noting(self, *args):
        seen.setdefault(id(self), (self, str(self.model.mean.device)))
        return predict(self, *args)

    monkeypatch.setattr(recognition.Recogniser, "predict_decoded", noting)
    return lambda: [device for _, device in seen.values()]
