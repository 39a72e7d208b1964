"""The training loop of the trend model (A8). It knows windows, a model and a callback, not Ray."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from fashiontrend import checkpoint
from fashiontrend.checkpoint import Metrics, TrainState
from fashiontrend.config import ForecasterConfig
from fashiontrend.errors import DataError
from fashiontrend.forecaster.shares.model import TrendModel, sampling_noise
from fashiontrend.forecaster.shares.windows import Windows

Batch = tuple[Tensor, ...]  # context, guide, observed, support, has_value, target, weight
Losses = Callable[[nn.Module, Batch], dict[str, Tensor]]

#: What augmentation adds to log shares: standard deviation of a line's slope a day, of a wave's
#: height, and the range of a wave's period in days.
_DRIFT = 0.03
_WAVE = 0.3
_PERIODS = (50.0, 160.0)
_CLIP_NORM = 1.0
#: The base has few weights and tells most; it learns faster than the LSTM.
_BASE_RATE = 3.0


def build(cfg: ForecasterConfig, seed: int) -> TrendModel:
    """A model with random initial weights drawn from `seed`."""
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
        model: a `TrendModel`, or one wrapped by DistributedDataParallel, on `device`; each worker
            gets all windows and takes its own part of every batch.
        windows: training windows, see `windows.cut_windows`.
        cfg: branch `forecaster`; `batch_size` windows a step over all workers together.
        seed: of the order of windows and of dropout.
        start: go on from here; in one process the result is bit-equal to not having stopped.
        on_epoch_end: called with the state; tensors in it change afterwards, so save or copy.
        device: where tensors go.

    Returns:
        The state after the last epoch.

    Raises:
        DataError: there is no measured target, the loss is not finite, or `start` does not fit.
    """
    tensors = _to_tensors(windows, device)
    plan = Plan(cfg.epochs, cfg.batch_size, cfg.learning_rate, cfg.weight_decay)
    return optimise(
        model, tensors, share_losses, plan, seed=seed, start=start, on_epoch_end=on_epoch_end
    )


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train; without `max_steps` an epoch takes every window once."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    max_steps: int | None = None


def optimise(
    model: nn.Module,
    tensors: Batch,
    losses: Losses,
    plan: Plan,
    *,
    seed: int,
    start: TrainState | None = None,
    on_epoch_end: Callable[[TrainState], None] | None = None,
) -> TrainState:
    """Minimise the sum of `losses(model, batch)`; the loop of both models, see `fit`."""
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
        # Linear decay to zero: the last epochs average instead of wandering.
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (1 - epoch / plan.epochs)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 1_000_003 + epoch * 1_009 + _rank())
            order = np.random.default_rng([seed, epoch]).permutation(len(tensors[0]))
            order = order[: steps * plan.batch_size]
            metrics = _run_epoch(model, optimizer, losses, _take(tensors, order, steps), epoch)
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


def _take(tensors: Batch, order: Any, steps: int) -> Iterator[Batch]:
    """This worker's part of every batch; all workers take equally many, never none."""
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
    """What a share model minimises, on an augmented batch; the divergence in hundredths of a nat."""
    bent = vary(batch)
    divergence, likelihood = measure(model(*bent[:5]), bent)
    return {"divergence": 100.0 * divergence, "scale_loss": likelihood}


def vary(batch: Batch) -> Batch:
    """Augment: bend the values of three windows in four by random lines or waves in log shares.

    A few weeks of history hold few trends and fewer turns; the noise and the overlap of windows
    stay those of the data. Draws from torch's global generator.
    """
    context, guide, observed, support, has_value, target, weight = batch
    days = torch.arange(1 - context.shape[1], target.shape[1] + 1, device=context.device)
    bend = draw_bends(len(context), context.shape[2], days.float()).exp()
    past, ahead = bend[:, : context.shape[1]], bend[:, context.shape[1] :]
    moved = [_renormalise(s * b) for s, b in ((context, past), (guide, past), (target, ahead))]
    return moved[0], moved[1], observed, support, has_value, moved[2], weight


def draw_bends(count: int, values: int, days: Tensor) -> Tensor:
    """Random paths of log shares over `days`, 0 at day 0: nothing, a line or a wave; (B, D, V)."""
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


def measure(output: tuple[Tensor, Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean KL(target || forecast) in nats, and the Gaussian loss of the error's scale."""
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
