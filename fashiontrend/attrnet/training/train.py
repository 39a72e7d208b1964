"""The training loop of epochs (A5). The loop knows batches, a model and a callback; `ray_jobs` adds Ray."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from fashiontrend import checkpoint, malloc
from fashiontrend.attrnet.network.model import AttrNetOutput
from fashiontrend.attrnet.training import augment, clutter, loss
from fashiontrend.attrnet.training.batches import Batch
from fashiontrend.checkpoint import Metrics, TrainState
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import DataError

#: Number of drawn backgrounds; pictures get parts of them, turned and recoloured.
BACKGROUNDS = 800
MOMENTUM = 0.9
#: Name under which the number of averaged steps stands beside the averaged weights.
STEPS = "steps of the average"


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
    attributes: Sequence[str] = (),
) -> TrainState:
    """Train up to `epochs` finished epochs.

    Args:
        model: an AttrNet, or one wrapped by DistributedDataParallel, on `device`.
        batches: epoch number (from 0) -> its batches, `steps_per_epoch` of which are taken;
            under DDP every worker must have as many.
        cfg: branch `attrnet`.
        epochs: to finish, counted from the very beginning; also the schedule's length.
        steps_per_epoch: of this worker; the schedule counts in them.
        seed: of augmentation, together with epoch and rank.
        start: resume from this state; in one process the result is bit-equal to that of an
            uninterrupted training.
        on_epoch_end: called with the state after each epoch; its tensors change afterwards, so save
            or copy them.
        device: torch device to which batches are moved.
        attributes: their ids, the keys of `cfg.plain_weights`.

    Returns:
        The state after the last epoch. The model itself ends with the averaged weights if
        `cfg.ema_decay` is above 0.

    Raises:
        DataError: the loss is not finite, an epoch has no batch, or `start` does not fit.
    """
    malloc.keep_freed()
    inner = _unwrap(model)
    if cfg.compile:  # in place, so that the names of tensors stay
        inner.backbone.compile(dynamic=False)
    optimizer = _make_optimizer(inner, cfg)
    average = _WeightAverage(inner, cfg.ema_decay)
    scene = _make_scene(cfg, seed, device)
    hooks = [p.register_hook(_restride) for p in inner.parameters() if p.shape[2:] == (1, 1)]
    state = start or TrainState(0, {}, {})
    if start is not None:
        checkpoint.restore(inner, optimizer, start)
        average.restore(start.average)
    for epoch in range(state.epoch, epochs):
        generator = torch.Generator().manual_seed(_mix(seed, epoch, _rank()))
        schedule = _schedule(cfg, epoch * steps_per_epoch, epochs * steps_per_epoch)
        taken = islice(batches(epoch), steps_per_epoch)
        sized = scene._replace(size_px=_size(cfg, epoch, epochs))
        ready = _prepare(taken, cfg, sized, generator, device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mix(seed, epoch, _rank(), 1))
            metrics = _run_epoch(model, ready, optimizer, schedule, epoch, average, attributes)
        history = (*state.history, {"epoch": float(epoch + 1), **metrics})
        moments = dict(optimizer.state_dict()["state"])
        state = TrainState(epoch + 1, inner.state_dict(), moments, history, average.weights)
        if on_epoch_end:
            on_epoch_end(state)
    for hook in hooks:
        hook.remove()
    average.put(inner)
    return state


def limit_epochs(cfg: AttrNetConfig, pictures: int, factor: float = 1.0) -> int:
    """Count the epochs to train: `cfg.epochs * factor`, or fewer by `cfg.max_passes`; at least 1.

    Args:
        cfg: branch `attrnet`.
        pictures: of an epoch.
        factor: by which this round trains longer than the configuration says.
    """
    wanted = math.ceil(cfg.epochs * factor)
    if cfg.max_passes is not None:
        wanted = min(wanted, int(cfg.max_passes * factor) // max(pictures, 1))
    return max(wanted, 1)


class _WeightAverage:
    """Exponential moving average of weights and buffers; empty if the decay is 0.

    At step n the decay is at most (n + 1) / (n + 10), or the random start would stay in the average.
    `torch.optim.swa_utils.AveragedModel` cannot take its place with equal numbers: it starts from the
    first update instead of the initial weights, and names its tensors and its step count otherwise, so
    checkpoints of unfinished trainings could not be resumed.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = self._floats(model) if decay else {}
        self.weights = {k: t.detach().clone() for k, t in self.weights.items()}
        if decay:
            self.weights[STEPS] = torch.zeros(())

    def update(self, model: nn.Module) -> None:
        if not self.decay:
            return
        self.weights[STEPS] += 1
        steps = float(self.weights[STEPS])
        new = self._floats(model)
        keep = 1 - min(self.decay, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(
            [self.weights[k] for k in new], [t.detach() for t in new.values()], keep
        )

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        for name, tensor in self.weights.items():
            if name in weights:
                tensor.copy_(weights[name])

    def put(self, model: nn.Module) -> None:
        if self.decay:
            model.load_state_dict({k: t for k, t in self.weights.items() if k != STEPS}, False)

    @staticmethod
    def _floats(model: nn.Module) -> dict[str, Tensor]:
        return {k: t for k, t in model.state_dict().items() if t.is_floating_point()}


def _make_scene(cfg: AttrNetConfig, seed: int, device: str) -> augment.Scene:
    """Draw the backgrounds on which pictures are varied; they depend on the seed alone."""
    bank = None
    if cfg.clutter and cfg.augment:
        side = cfg.train_px or cfg.input_px
        bank = clutter.draw_bank(BACKGROUNDS, side, np.random.default_rng([seed, 7])).to(device)
    return augment.Scene(cfg.input_px, bank, cfg.clutter, cfg.second_look)


def _size(cfg: AttrNetConfig, epoch: int, epochs: int) -> int:
    """Side in pixels of an epoch's pictures: early epochs may be of smaller pictures, which is faster.

    After the progressive learning of EfficientNetV2 (Tan and Le 2021, arXiv:2104.00298), with two sizes.
    """
    early = epoch < round(cfg.early_fraction * epochs)
    return (cfg.early_px if early else None) or cfg.input_px


def _prepare(
    batches: Iterable[Batch],
    cfg: AttrNetConfig,
    scene: augment.Scene,
    generator: torch.Generator,
    device: str,
) -> Iterator[tuple[Batch, Tensor]]:
    """Move batches to the device and vary them; each comes with the jittered boxes of its regions."""
    for batch in batches:
        ready = batch.to(device)
        if cfg.augment:
            ready = augment.vary(ready, generator, scene)
        ready = ready._replace(image=ready.image[:, :3])
        box = augment.jitter(ready.box, generator)
        if cfg.augment and ready.plain is not None:
            ready = ready._replace(plain=augment.move(ready.plain, generator))
        yield ready, box


def _run_epoch(
    model: nn.Module,
    batches: Iterable[tuple[Batch, Tensor]],
    optimizer: torch.optim.Optimizer,
    schedule: Iterator[float],
    epoch: int,
    average: _WeightAverage,
    attributes: Sequence[str],
) -> Metrics:
    cfg = _unwrap(model).cfg
    model.train()
    sums: Metrics = {}
    optimizer.zero_grad(set_to_none=True)
    for number, (batch, box) in enumerate(batches):
        rate = next(schedule)
        for group in optimizer.param_groups:
            group["lr"] = rate
        last = (number + 1) % cfg.accumulate == 0
        # Workers exchange gradients once a step, not once a batch; DDP decides that in the forward pass.
        with nullcontext() if last else _without_exchange(model):
            output: AttrNetOutput = model(batch.image, box, batch.plain)
        parts = loss.measure(output, batch, cfg, attributes)
        if not torch.isfinite(parts.total):
            kept = "; the last epoch's checkpoint is kept" if epoch else ""
            raise DataError(
                f"training: the loss is {parts.total.item()} in epoch {epoch + 1}, "
                f"batch {number + 1} (labels {parts.labels.item()}, box {parts.box.item()}), "
                f"pictures {', '.join(batch.names) or 'without names'}. "
                f"Lower attrnet.learning_rate or look at those pictures{kept}."
            )
        (parts.total / cfg.accumulate).backward()
        if last:
            nn.utils.clip_grad_norm_(model.parameters(), cfg.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update(_unwrap(model))
        _add(sums, _measure(parts, output, batch))
    if not sums:
        raise DataError(f"training: epoch {epoch + 1} has no batch. Give it at least one picture.")
    return _mean_metrics(sums, rate)


@torch.no_grad()
def _measure(parts: loss.Loss, output: AttrNetOutput, batch: Batch) -> Metrics:
    known = batch.labels >= 0
    predicted = torch.stack([scores.argmax(1) for scores in output.logits], 1)
    return {
        "batches": 1.0,
        "pictures": float(len(batch.image)),
        "loss": float(parts.total),
        "loss_labels": float(parts.labels),
        "loss_box": float(parts.box),
        "right": float(((predicted == batch.labels) & known).sum()),
        "known": float(known.sum()),
    }


def _add(sums: Metrics, more: Metrics) -> None:
    for name, value in more.items():
        sums[name] = sums.get(name, 0.0) + value


def _mean_metrics(sums: Metrics, rate: float) -> Metrics:
    losses = {k: sums[k] / sums["batches"] for k in ("loss", "loss_labels", "loss_box")}
    agreement = sums["right"] / sums["known"] if sums["known"] else math.nan
    return {
        **losses,
        "label_agreement": agreement,
        "pictures": sums["pictures"],
        "learning_rate": rate,
    }


def _schedule(cfg: AttrNetConfig, step: int, steps: int) -> Iterator[float]:
    """Yield learning rates from a step on: a linear warm-up, a plateau if any, half a cosine down to 0.

    It is computed from the step alone. A scheduler of `torch.optim.lr_scheduler` has a state of its own,
    which checkpoints of unfinished trainings do not hold.
    """
    warm = max(round(cfg.warmup_fraction * steps), 1)
    falls = max(warm, round((1 - cfg.decay_fraction) * steps))
    while True:
        if step < warm:
            yield cfg.learning_rate * (step + 1) / warm
        else:
            done = min(max(step - falls, 0) / max(steps - falls, 1), 1.0)
            yield cfg.learning_rate * (1 + math.cos(math.pi * done)) / 2
        step += 1


def _make_optimizer(model: nn.Module, cfg: AttrNetConfig) -> torch.optim.Optimizer:
    """Make AdamW, or SGD with Nesterov momentum; norms and biases have no weight decay."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": cfg.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if cfg.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=cfg.learning_rate, momentum=MOMENTUM, nesterov=True, fused=True
        )
    return torch.optim.AdamW(groups, lr=cfg.learning_rate, fused=True)


def _restride(gradient: Tensor) -> Tensor:
    """Give a 1 x 1 convolution's gradient the strides of its weights.

    Channels-last kernels return other strides for sides of 1, with which DDP warns and copies.
    """
    return gradient.flatten(1)[..., None, None]


def _without_exchange(model: Any) -> AbstractContextManager[Any]:
    """A context in which batches add to this worker's own gradients only."""
    if isinstance(model, nn.parallel.DistributedDataParallel):
        context: AbstractContextManager[Any] = model.no_sync()
        return context
    return nullcontext()


def _unwrap(model: Any) -> Any:
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model


def _rank() -> int:
    ready = distributed.is_available() and distributed.is_initialized()
    return distributed.get_rank() if ready else 0


def _mix(*parts: int) -> int:
    """Mix integers into one seed; neighbouring ones give distant seeds (splitmix64, Steele et al. 2014).

    `numpy.random.SeedSequence` would do, but its seeds are others: a resumed training would go on with
    other variations than it began with.
    """
    mixed = 0
    for part in parts:
        mixed = (mixed + part + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 31
    return mixed & 0x7FFFFFFFFFFFFFFF
