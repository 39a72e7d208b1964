"""The epoch loop (A5). It knows batches, a model and a callback; Ray wraps all from outside."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, distributed, nn

from fashiontrend import checkpoint
from fashiontrend.attrnet import augment, loss
from fashiontrend.attrnet.batches import Batch
from fashiontrend.attrnet.model import Output
from fashiontrend.checkpoint import Metrics, TrainState
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import DataError


def fit(
    model: nn.Module,
    batches: Callable[[int], Iterable[Batch]],
    cfg: AttrNetConfig,
    *,
    epochs: int,
    steps_per_epoch: int,
    seed: int,
    start: TrainState | None = None,
    on_epoch_end: Callable[[TrainState], None] | None = None,
    device: str = "cpu",
) -> TrainState:
    """Train up to `epochs` finished epochs.

    Args:
        model: an AttrNet, or one wrapped by DistributedDataParallel, on `device`.
        batches: epoch number (from 0) -> its batches, `steps_per_epoch` of which are taken;
            under DDP every worker must have as many.
        cfg: branch `attrnet`.
        epochs: to finish, counted from the very beginning; also the schedule's length.
        steps_per_epoch: of this worker; the schedule's unit.
        seed: of augmentation, together with epoch and rank.
        start: go on from here; in one process the result is bit-equal to not having stopped.
        on_epoch_end: called with the state; tensors in it change afterwards, so save or copy.
        device: where batches go.

    Returns:
        The state after the last epoch.

    Raises:
        DataError: the loss is not finite, an epoch has no batch, or `start` does not fit.
    """
    inner = _unwrap(model)
    optimizer = _make_optimizer(inner, cfg)
    hooks = [p.register_hook(_restride) for p in inner.parameters() if p.shape[2:] == (1, 1)]
    state = start or TrainState(0, {}, {})
    if start is not None:
        checkpoint.restore(inner, optimizer, start)
    for epoch in range(state.epoch, epochs):
        generator = torch.Generator().manual_seed(_mix(seed, epoch, _rank()))
        schedule = _schedule(cfg, epoch * steps_per_epoch, epochs * steps_per_epoch)
        taken = islice(batches(epoch), steps_per_epoch)
        metrics = _run_epoch(
            model, _prepare(taken, cfg, generator, device), optimizer, schedule, epoch
        )
        history = (*state.history, {"epoch": float(epoch + 1), **metrics})
        moments = dict(optimizer.state_dict()["state"])
        state = TrainState(epoch + 1, inner.state_dict(), moments, history)
        if on_epoch_end:
            on_epoch_end(state)
    for hook in hooks:
        hook.remove()
    return state


def limit_epochs(cfg: AttrNetConfig, pictures: int, factor: float = 1.0) -> int:
    """Epochs to train: `cfg.epochs * factor`, fewer where `cfg.max_passes` forbids; at least 1."""
    wanted = math.ceil(cfg.epochs * factor)
    if cfg.max_passes is not None:
        wanted = min(wanted, int(cfg.max_passes * factor) // max(pictures, 1))
    return max(wanted, 1)


def _prepare(
    batches: Iterable[Batch], cfg: AttrNetConfig, generator: torch.Generator, device: str
) -> Iterator[tuple[Batch, Tensor]]:
    """Batches on the device, varied, each with the jittered boxes that regions are cut from."""
    for batch in batches:
        moved = batch.to(device)
        ready = augment.vary(moved, generator) if cfg.augment else moved
        yield ready, augment.jitter(ready.box, generator)


def _run_epoch(
    model: nn.Module,
    batches: Iterable[tuple[Batch, Tensor]],
    optimizer: torch.optim.Optimizer,
    schedule: Iterator[float],
    epoch: int,
) -> Metrics:
    cfg = _unwrap(model).cfg
    model.train()
    sums: Metrics = {}
    for number, (batch, box) in enumerate(batches):
        rate = next(schedule)
        for group in optimizer.param_groups:
            group["lr"] = rate
        output: Output = model(batch.image, box)
        parts = loss.measure(output, batch, cfg)
        if not torch.isfinite(parts.total):
            raise DataError(
                f"training: the loss is {parts.total.item()} in epoch {epoch + 1}, "
                f"batch {number + 1} (labels {parts.labels.item()}, box {parts.box.item()}). "
                "Lower attrnet.learning_rate or look at that batch's pictures."
            )
        optimizer.zero_grad(set_to_none=True)
        parts.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), cfg.clip_norm)
        optimizer.step()
        _add(sums, _measure(parts, output, batch))
    if not sums:
        raise DataError(f"training: epoch {epoch + 1} has no batch. Give it at least one picture.")
    return _average(sums, rate)


@torch.no_grad()
def _measure(parts: loss.Loss, output: Output, batch: Batch) -> Metrics:
    known = batch.labels >= 0
    answers = torch.stack([scores.argmax(1) for scores in output.logits], 1)
    return {
        "batches": 1.0,
        "pictures": float(len(batch.image)),
        "loss": float(parts.total),
        "loss_labels": float(parts.labels),
        "loss_box": float(parts.box),
        "right": float(((answers == batch.labels) & known).sum()),
        "known": float(known.sum()),
    }


def _add(sums: Metrics, more: Metrics) -> None:
    for name, value in more.items():
        sums[name] = sums.get(name, 0.0) + value


def _average(sums: Metrics, rate: float) -> Metrics:
    losses = {k: sums[k] / sums["batches"] for k in ("loss", "loss_labels", "loss_box")}
    agreement = sums["right"] / sums["known"] if sums["known"] else math.nan
    return {
        **losses,
        "label_agreement": agreement,
        "pictures": sums["pictures"],
        "learning_rate": rate,
    }


def _schedule(cfg: AttrNetConfig, step: int, steps: int) -> Iterator[float]:
    """Learning rates from a step on: linear warm-up, then half a cosine down to 0."""
    warm = max(round(cfg.warmup_fraction * steps), 1)
    while True:
        if step < warm:
            yield cfg.learning_rate * (step + 1) / warm
        else:
            done = min((step - warm) / max(steps - warm, 1), 1.0)
            yield cfg.learning_rate * (1 + math.cos(math.pi * done)) / 2
        step += 1


def _make_optimizer(model: nn.Module, cfg: AttrNetConfig) -> torch.optim.AdamW:
    """AdamW; norms and biases are not decayed."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": cfg.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=cfg.learning_rate, fused=True)


def _restride(gradient: Tensor) -> Tensor:
    """Lay a 1 x 1 convolution's gradient out as its weights are.

    Channels-last kernels return other strides for sides of 1, and DDP warns and copies.
    """
    return gradient.flatten(1)[..., None, None]


def _unwrap(model: Any) -> Any:
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model


def _rank() -> int:
    ready = distributed.is_available() and distributed.is_initialized()
    return distributed.get_rank() if ready else 0


def _mix(*parts: int) -> int:
    """One seed from several, far apart for neighbours (splitmix64)."""
    mixed = 0
    for part in parts:
        mixed = (mixed + part + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 31
    return mixed & 0x7FFFFFFFFFFFFFFF
