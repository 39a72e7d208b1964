"""One worker of Ray Train without Ray, on the CPU or on the stand-in device."""

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

from ray_jobs import training
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
