"""The training loop of both trend models; it does not depend on Ray."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from fashiontrend import checkpoint
from fashiontrend.checkpoint import Metrics, TrainState
from fashiontrend.config import ForecasterConfig
from fashiontrend.errors import DataError
from fashiontrend.forecaster.shares.model import TrendModel, sampling_noise
from fashiontrend.forecaster.shares.windows import Windows

#: Of a share model: context, guide, observed, support, has_value, target, weight.
Batch = tuple[Tensor, ...]
Losses = Callable[[nn.Module, Batch], dict[str, Tensor]]

#: Augmentation of log shares: standard deviation of a line's slope per day, standard deviation of a
#: wave's amplitude, and the range of a wave's period in days.
_DRIFT = 0.03
_WAVE = 0.3
_PERIODS = (50.0, 160.0)
_CLIP_NORM = 1.0
#: Factor of the learning rate of the base, which has few weights and explains most of the target.
_BASE_RATE = 3.0


def build(cfg: ForecasterConfig, seed: int) -> TrendModel:
    """Return a model with random initial weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TrendModel(cfg)


def fit(
    model: nn.Module,
    windows: Windows,
    cfg: ForecasterConfig,
    *,
    seed: int,
    start: TrainState | None = None,
    on_epoch_end: Callable[[TrainState], None] | None = None,
    device: str = "cpu",
) -> TrainState:
    """Train a share model up to `cfg.epochs` finished epochs.

    Args:
        model: a `TrendModel` on `device`, possibly wrapped by DistributedDataParallel; each worker
            gets all windows and takes its own part of every batch.
        windows: training windows, see `windows.cut_windows`.
        cfg: branch `forecaster`; `batch_size` windows per step over all workers together.
        seed: seed of the order of windows and of dropout.
        start: state to resume from; in one process the result is bit-equal to an uninterrupted run.
        on_epoch_end: called with the state, whose tensors change afterwards: save or copy them.
        device: torch device of the model and the tensors.

    Returns:
        The state after the last epoch.

    Raises:
        DataError: there is no measured target, the loss is not finite, or `start` has other shapes.
    """
    tensors = _to_tensors(windows, device)
    plan = TrainingPlan(cfg.epochs, cfg.batch_size, cfg.learning_rate, cfg.weight_decay)
    return optimise(
        model, tensors, share_losses, plan, seed=seed, start=start, on_epoch_end=on_epoch_end
    )


@dataclass(frozen=True)
class TrainingPlan:
    """Length and rate of a training; without `max_steps`, an epoch takes every window once."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    max_steps: int | None = None


def optimise(
    model: nn.Module,
    tensors: Batch,
    losses: Losses,
    plan: TrainingPlan,
    *,
    seed: int,
    start: TrainState | None = None,
    on_epoch_end: Callable[[TrainState], None] | None = None,
) -> TrainState:
    """Minimise the sum of `losses(model, batch)`.

    Args:
        model: on the device of the tensors, possibly wrapped by DistributedDataParallel.
        tensors: all windows; every tensor has the window as its first dimension.
        losses: returns the named losses of a batch; their sum is minimised.
        plan: epochs, batch size and rates.
        seed: see `fit`.
        start: see `fit`.
        on_epoch_end: see `fit`.

    Raises:
        DataError: the loss is not finite, or `start` has other shapes.
    """
    inner = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
    rates = [plan.learning_rate, plan.learning_rate * _BASE_RATE]
    optimizer = torch.optim.AdamW(
        [
            {
                "params": [p for p in inner.parameters() if p.ndim > 1],
                "weight_decay": plan.weight_decay,
            },
            {"params": [p for p in inner.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
    )
    state = start or TrainState(0, {}, {})
    if start is not None:
        checkpoint.restore(inner, optimizer, start)
    steps = max(1, -(-len(tensors[0]) // plan.batch_size))
    steps = min(steps, plan.max_steps or steps)
    for epoch in range(state.epoch, plan.epochs):
        # With a linear decay to zero, the last epochs settle instead of oscillating.
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (1 - epoch / plan.epochs)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 1_000_003 + epoch * 1_009 + _rank())
            order = np.random.default_rng([seed, epoch]).permutation(len(tensors[0]))
            order = order[: steps * plan.batch_size]
            metrics = _run_epoch(
                model, optimizer, losses, _worker_batches(tensors, order, steps), epoch
            )
        history = (*state.history, {"epoch": float(epoch + 1), **metrics})
        state = TrainState(epoch + 1, inner.state_dict(), optimizer.state_dict()["state"], history)
        if on_epoch_end:
            on_epoch_end(state)
    inner.eval()
    return state


def _to_tensors(windows: Windows, device: str) -> Batch:
    used = windows.weight.sum(axis=1) > 0
    if not used.any():
        raise DataError(
            "training: no window has a measured target day before the held-out days. "
            "Wait for more days, or lower forecaster.origins or prediction_length."
        )
    floats = (windows.context, windows.guide, windows.observed, windows.support)
    tensors = [torch.tensor(a[used], dtype=torch.float32) for a in floats]
    tensors.append(torch.tensor(windows.has_value[used]))
    tensors += [
        torch.tensor(a[used], dtype=torch.float32) for a in (windows.target, windows.weight)
    ]
    return tuple(t.to(device) for t in tensors)


def _worker_batches(tensors: Batch, order: NDArray[np.int64], steps: int) -> Iterator[Batch]:
    """Yield this worker's part of every batch; all workers get equally many windows."""
    world, rank = _world(), _rank()
    for part in np.array_split(order, steps):
        padded = np.resize(part, -(-len(part) // world) * world)
        index = torch.from_numpy(padded[rank::world].copy()).to(tensors[0].device)
        yield tuple(t[index] for t in tensors)


def _run_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    losses: Losses,
    batches: Iterator[Batch],
    epoch: int,
) -> Metrics:
    model.train()
    sums: Metrics = {}
    count = 0
    for batch in batches:
        parts = losses(model, batch)
        total = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(total):
            raise DataError(
                f"training: the loss is {total.item()} in epoch {epoch + 1}. "
                "Lower forecaster.learning_rate or look at the series."
            )
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), _CLIP_NORM)
        optimizer.step()
        sums = {name: sums.get(name, 0.0) + part.item() for name, part in parts.items()}
        count += 1
    return {name: total / count for name, total in sums.items()}


def share_losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Return the losses of a share model on an augmented batch; divergence in hundredths of a nat."""
    augmented = augment(batch)
    divergence, scale_loss = compute_losses(model(*augmented[:5]), augmented)
    return {"divergence": 100.0 * divergence, "scale_loss": scale_loss}


def augment(batch: Batch) -> Batch:
    """Add random lines or waves to the log shares of three windows in four.

    A few weeks of history hold few trends and fewer turns. The noise and the overlap of windows
    stay those of the data. Random numbers come from torch's global generator.
    """
    context, guide, observed, support, has_value, target, weight = batch
    days = torch.arange(1 - context.shape[1], target.shape[1] + 1, device=context.device)
    bend = draw_bends(len(context), context.shape[2], days.float()).exp()
    past, ahead = bend[:, : context.shape[1]], bend[:, context.shape[1] :]
    moved = [_renormalise(s * b) for s, b in ((context, past), (guide, past), (target, ahead))]
    return moved[0], moved[1], observed, support, has_value, moved[2], weight


def draw_bends(count: int, values: int, days: Tensor) -> Tensor:
    """Draw (B, D, V) random changes of log shares over `days`, which are 0 at day 0.

    Each is a line, a wave or nothing.
    """
    shape, device, day = (count, 1, values), days.device, days[None, :, None]
    line = _DRIFT * torch.randn(shape, device=device) * day
    low, high = _PERIODS
    period = low * (high / low) ** torch.rand(shape, device=device)
    phase = 2 * math.pi * torch.rand(shape, device=device)
    height = _WAVE * torch.randn(shape, device=device)
    wave = height * (torch.sin(2 * math.pi * day / period + phase) - torch.sin(phase))
    kind = torch.rand(count, 1, 1, device=device)
    return torch.where(kind < 1 / 2, line, torch.where(kind < 3 / 4, wave, torch.zeros_like(wave)))


def _renormalise(shares: Tensor) -> Tensor:
    return shares / shares.sum(dim=2, keepdim=True).clamp_min(1e-12)


def compute_losses(output: tuple[Tensor, Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the mean KL(target || forecast) in nats, and the Gaussian loss of the error's scale."""
    (log_q, log_scale), (_, _, _, support, has_value, target, weight) = output, batch
    total = weight.sum().clamp_min(1.0)
    ratio = target.clamp_min(1e-12).log() - log_q
    divergence = ((target * ratio).sum(dim=2) * weight).sum() / total
    q = log_q.detach().exp().clamp(1e-6, 1 - 1e-6)
    error = torch.logit(target.clamp(1e-4, 1 - 1e-4)) - torch.logit(q)
    unit = error / sampling_noise(q, support)
    each = log_scale + 0.5 * (unit * torch.exp(-log_scale)) ** 2
    counted = weight[:, :, None] * has_value[:, None, :]
    return divergence, (each * counted).sum() / counted.sum().clamp_min(1.0)


def _rank() -> int:
    ready = distributed.is_available() and distributed.is_initialized()
    return distributed.get_rank() if ready else 0


def _world() -> int:
    ready = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if ready else 1
