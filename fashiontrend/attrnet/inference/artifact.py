"""A trained AttrNet in a folder: `model.safetensors`, and `card.json` that says what it is.

A card travels with its weights: taxonomy, order of classes, channel mean, priors and
temperatures. Loading checks the weights' hash and asks the model a question with a known
answer, so a damaged or mixed-up model is refused instead of answering nonsense.
"""

import copy
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fashiontrend.attrnet.inference.probabilities import calibrate
from fashiontrend.attrnet.network.model import AttrNet
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.taxonomy import Taxonomy
from fashiontrend.typed_yaml import Section

WEIGHTS, CARD = "model.safetensors", "card.json"
#: Kernels of other machines round differently; another model is further away than this.
SELF_TEST_TOLERANCE = 2e-3


class Card(Section):
    """Everything that must be known to use the weights."""

    format: str = "attrnet/1"
    taxonomy: dict[str, Any]
    taxonomy_digest: str
    config: AttrNetConfig
    channel_mean: tuple[float, float, float]
    train_priors: dict[str, tuple[float, ...]] = pydantic.Field(
        description="V + 1 proportions per attribute of the resampled training set."
    )
    natural_priors: dict[str, tuple[float, ...]] = pydantic.Field(
        default={}, description="V + 1 proportions per attribute before resampling, if known."
    )
    temperatures: dict[str, float]
    box_threshold: float = pydantic.Field(
        default=0.5, description="A garment scored lower was not found."
    )
    metrics: dict[str, Any] = pydantic.Field(default={}, description="Of the held-out report.")
    dataset: str = ""
    pictures: int | None = pydantic.Field(
        default=None, description="Rows that a fit on a labelled set was given, scenes among them."
    )
    pictures_digest: str = pydantic.Field(default="", description="Of the ids of those rows.")
    core_seconds: float | None = pydantic.Field(
        default=None, description="User and system CPU time of the fit, all threads together."
    )
    seed: int = 0
    weights_sha256: str = ""
    self_test: dict[str, tuple[float, ...]] = pydantic.Field(
        default={}, description="Probabilities and box for `draw_self_test`."
    )

    def read_taxonomy(self) -> Taxonomy:
        """The taxonomy that the classes follow."""
        return Taxonomy.model_validate(self.taxonomy)


def make_card(
    taxonomy: Taxonomy,
    model: AttrNet,
    train_counts: Mapping[str, Any],
    temperatures: Mapping[str, float],
    **facts: Any,
) -> Card:
    """Fill in a card.

    Args:
        taxonomy: the subset that the classifiers follow.
        model: gives configuration and channel mean.
        train_counts: (V + 1,) counts or proportions per attribute of the resampled set.
        temperatures: per attribute.
        **facts: other fields of the card, such as `metrics`, `dataset`, `seed`.
    """
    priors = {}
    for attribute, counts in train_counts.items():
        share = np.asarray(counts, dtype=np.float64)
        priors[attribute] = tuple((share / max(share.sum(), 1e-12)).tolist())
    red, green, blue = model.mean.flatten().tolist()
    return Card(
        taxonomy=taxonomy.model_dump(mode="json"),
        taxonomy_digest=taxonomy.digest,
        config=model.lasting,
        channel_mean=(red, green, blue),
        train_priors=priors,
        temperatures=dict(temperatures),
        **facts,
    )


def save(folder: str | Path, model: AttrNet, card: Card) -> Card:
    """Write weights and card into a folder; return the card with hash and self-test filled in."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    weights = {k: t.detach().cpu().contiguous() for k, t in model.lasting_weights().items()}
    save_file(weights, target / WEIGHTS)
    complete = card.model_copy(
        update={
            "weights_sha256": _hash(target / WEIGHTS),
            "self_test": _answer(_on_cpu(model), card),
        }
    )
    (target / CARD).write_text(complete.model_dump_json(indent=1), "utf-8")
    return complete


def load(folder: str | Path, expected: Taxonomy | None = None) -> tuple[AttrNet, Card]:
    """Read a model, ready to answer (evaluation mode, on the CPU).

    Args:
        folder: where `save` wrote.
        expected: the caller's taxonomy, if it has one of its own.

    Raises:
        DataError: something is missing, was changed, or answers differently than when saved;
            or the model was trained for another taxonomy than `expected`.
    """
    source = Path(folder)
    card = read_card(source)
    if expected is not None:
        check_taxonomy(card, expected)
    try:
        seen = _hash(source / WEIGHTS)
        if seen != card.weights_sha256:
            raise DataError(
                f"model {source}: {WEIGHTS} has SHA-256 {seen[:12]}..., the card says "
                f"{card.weights_sha256[:12]}.... The files do not belong together or are damaged; "
                "fetch them again."
            )
        taxonomy = card.read_taxonomy()
        # Older cards name the file that a training began with; it may be gone, and says nothing now.
        cfg = card.config.model_copy(update={"weights": None})
        model = AttrNet(cfg, list(taxonomy.num_values.values()), card.channel_mean)
        model.load_state_dict(load_file(source / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError, ConfigError) as error:
        raise DataError(f"model {source}: {error}. Fetch it again or train a new one.") from error
    model.eval()
    _check_answer(source, card, _answer(model, card))
    return model, card


def read_card(folder: str | Path) -> Card:
    """Read and check the card alone.

    Raises:
        DataError: it is missing, is not a card, or its taxonomy was changed.
    """
    path = Path(folder) / CARD
    try:
        card = Card.model_validate_json(path.read_text("utf-8"))
        digest = card.read_taxonomy().digest
    except (OSError, ValueError) as error:
        raise DataError(
            f"model card {path}: {error}. Fetch the model again or train a new one."
        ) from error
    if digest != card.taxonomy_digest:
        raise DataError(
            f"model card {path}: its taxonomy has digest {digest[:12]}..., expected "
            f"{card.taxonomy_digest[:12]}.... The card was edited; fetch the model again."
        )
    return card


def check_taxonomy(card: Card, expected: Taxonomy) -> None:
    """Refuse a model whose classes are not the caller's.

    Raises:
        DataError: names the attributes that differ.
    """
    if card.taxonomy_digest == expected.digest:
        return
    own, other = ({a.id: a for a in t.attributes} for t in (card.read_taxonomy(), expected))
    apart = [
        *(f"{a} only in the model" for a in own if a not in other),
        *(f"{a} not in the model" for a in other if a not in own),
        *(f"{a} defined differently" for a in own if a in other and own[a] != other[a]),
    ]
    raise DataError(
        f"model of taxonomy {card.taxonomy['version']}, expected {expected.version} "
        f"({'; '.join(apart) or 'same attributes, other order, groups or version'}). "
        "Use the taxonomy the model was trained with, or train a new model."
    )


def draw_self_test(size_px: int) -> torch.Tensor:
    """The picture with a known answer, a striped blue square on grey: uint8 (1, 3, S, S)."""
    slope = np.linspace(90, 230, size_px)[None, :, None] * np.ones((size_px, 1, 3))
    a, b = size_px // 4, size_px - size_px // 4
    slope[a:b, a:b] = (40, 80, 190)
    slope[a : b : max(size_px // 10, 2), a:b] = (235, 235, 230)
    return torch.from_numpy(slope.astype(np.uint8).transpose(2, 0, 1)[None].copy())


def _on_cpu(model: AttrNet) -> AttrNet:
    """The model, or a copy of it if it is on another device, where it stays.

    `load` repeats the self-test on the CPU; bfloat16 and TF32 of a GPU round more coarsely than
    `SELF_TEST_TOLERANCE` allows.
    """
    return model if model.mean.device.type == "cpu" else copy.deepcopy(model).cpu()


def _answer(model: AttrNet, card: Card) -> dict[str, tuple[float, ...]]:
    """The self-test's probabilities per attribute, and its box."""
    training = model.training
    model.eval()
    height, width = card.config.plain_size
    plain = draw_self_test(max(height, width))[..., :height, :width]
    with torch.inference_mode():
        output = model(
            draw_self_test(card.config.input_px).to(model.mean.device),
            plain=plain.to(model.mean.device),
        )
    model.train(training)
    attributes = [a["id"] for a in card.taxonomy["attributes"]]
    probs = calibrate(output, attributes, card.temperatures)
    answer = {a: tuple(p[0].tolist()) for a, p in probs.items()}
    return answer | {"box": tuple(output.location.box[0].tolist())}


def _check_answer(source: Path, card: Card, answer: Mapping[str, tuple[float, ...]]) -> None:
    for name, wanted in card.self_test.items():
        seen = answer.get(name, ())
        if len(seen) != len(wanted) or not np.allclose(seen, wanted, atol=SELF_TEST_TOLERANCE):
            raise DataError(
                f"model {source}: self-test of {name!r} answers {np.round(seen, 4).tolist()}, "
                f"the card says {np.round(wanted, 4).tolist()}. Weights, code and card do not fit; "
                "fetch the model again or train a new one."
            )
    if not card.self_test:
        raise DataError(
            f"model {source}: the card has no self-test, so `save` did not write it. Save it again."
        )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
