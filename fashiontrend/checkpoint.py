"""Save and load the state of an unfinished training: tensors as safetensors, the rest as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn, optim

from fashiontrend.errors import DataError

TENSORS_FILE, FACTS_FILE = "state.safetensors", "state.json"
FORMAT = "training/1"

Metrics = dict[str, float]


@dataclass(frozen=True)
class TrainState:
    """The state of a training between two epochs.

    Attributes:
        epoch: number of finished epochs.
        model: weights and buffers by name, without the prefix of DDP.
        optimizer: moments by parameter number, with AdamW's step.
        history: metrics of every finished epoch.
        average: running average of the weights by name; empty if none is kept.
    """

    epoch: int
    model: Mapping[str, Tensor]
    optimizer: Mapping[int, Mapping[str, Tensor]]
    history: tuple[Metrics, ...] = field(default=())
    average: Mapping[str, Tensor] = field(default_factory=dict)


def save(folder: str | Path, state: TrainState) -> None:
    """Write a training's state into a folder, which is created if it is missing."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    tensors = {f"model/{name}": tensor for name, tensor in state.model.items()}
    tensors |= {f"average/{name}": tensor for name, tensor in state.average.items()}
    for number, moments in state.optimizer.items():
        tensors |= {f"optimizer/{number}/{name}": tensor for name, tensor in moments.items()}
    save_file({k: t.detach().cpu().contiguous() for k, t in tensors.items()}, target / TENSORS_FILE)
    facts = {"format": FORMAT, "epoch": state.epoch, "history": list(state.history)}
    (target / FACTS_FILE).write_text(json.dumps(facts, indent=1), "utf-8")


def restore(model: nn.Module, optimizer: optim.Optimizer, start: TrainState) -> None:
    """Restore a state into a network (without its DDP wrapper) and its optimiser.

    Raises:
        DataError: the state belongs to another network.
    """
    try:
        model.load_state_dict(dict(start.model))
        groups = optimizer.state_dict()["param_groups"]
        moments = {number: dict(kept) for number, kept in start.optimizer.items()}
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
    except (RuntimeError, ValueError) as error:
        raise DataError(
            f"training: the state after epoch {start.epoch} is of another network: {error}. "
            "Start anew, or with the configuration it was made with."
        ) from error


def load(folder: str | Path) -> TrainState:
    """Read a state that `save` wrote.

    Raises:
        DataError: the folder holds no state, or the state is damaged.
    """
    source = Path(folder)
    try:
        facts = json.loads((source / FACTS_FILE).read_text("utf-8"))
        tensors = load_file(source / TENSORS_FILE)
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(
            f"checkpoint {source}: {error}. Expected {FACTS_FILE} and {TENSORS_FILE}; "
            "take an earlier one or start anew."
        ) from error
    if facts.get("format") != FORMAT:
        raise DataError(
            f"checkpoint {source}: format {facts.get('format')!r}, expected {FORMAT!r}. "
            "Start the training anew."
        )
    named: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}}
    optimizer: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        if kind in named:
            named[kind][name] = tensor
        else:
            number, _, moment = name.partition("/")
            optimizer.setdefault(int(number), {})[moment] = tensor
    return TrainState(
        facts["epoch"], named["model"], optimizer, tuple(facts["history"]), named["average"]
    )
