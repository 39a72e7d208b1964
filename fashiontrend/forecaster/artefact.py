"""The released trend model: safetensors beside a card in JSON. Nothing is unpickled."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from fashiontrend.config import ForecasterConfig
from fashiontrend.documents import check
from fashiontrend.errors import DataError
from fashiontrend.forecaster.model import TrendModel
from fashiontrend.forecaster.predict import Calibration

WEIGHTS, CARD = "model.safetensors", "card.json"
_SCHEMA = "trend-model/1"


@dataclass(frozen=True)
class Artefact:
    """A trend model that can forecast, and what is known of it."""

    model: TrendModel
    cfg: ForecasterConfig
    calibration: Calibration
    attributes: dict[str, tuple[str, ...]]  # attribute -> value ids it was trained on
    taxonomy_digest: str
    metrics: dict[str, Any]  # `PerplexityReport.to_dict()`


def dump(artefact: Artefact) -> dict[str, bytes]:
    """The files of an artefact, by name; the card holds the digest of the weights."""
    state = {k: v.detach().cpu().contiguous() for k, v in artefact.model.state_dict().items()}
    weights = save_tensors(state)
    card = {
        "schema": _SCHEMA,
        "config": artefact.cfg.model_dump(mode="json"),
        "attributes": {a: list(v) for a, v in artefact.attributes.items()},
        "taxonomy_digest": artefact.taxonomy_digest,
        "calibration": asdict(artefact.calibration),
        "metrics": artefact.metrics,
        "digest": hashlib.sha256(weights).hexdigest(),
    }
    text = json.dumps(card, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return {WEIGHTS: weights, CARD: text.encode()}


def load(files: dict[str, bytes]) -> Artefact:
    """Read what `dump` gave; the model is in evaluation mode.

    Raises:
        DataError: a file is missing or damaged, or the weights are not those of the card.
    """
    try:
        weights, card = files[WEIGHTS], json.loads(files[CARD])
        if card["schema"] != _SCHEMA:
            raise DataError(
                f"trend model: card is {card['schema']!r}, expected {_SCHEMA!r}. Train again."
            )
        digest = hashlib.sha256(weights).hexdigest()
        if digest != card["digest"]:
            raise DataError(
                f"trend model: weights are {digest[:12]}, the card says {card['digest'][:12]}. "
                "Copy both files of one version."
            )
        cfg = check(ForecasterConfig, card["config"], CARD)
        model = TrendModel(cfg)
        model.load_state_dict(load_tensors(weights))
        halves = {k: tuple(v) for k, v in card["calibration"].items()}
        attributes = {a: tuple(v) for a, v in card["attributes"].items()}
    except (KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise DataError(f"trend model: cannot be read: {error!r}. Train again.") from error
    model.eval()
    return Artefact(
        model, cfg, Calibration(**halves), attributes, card["taxonomy_digest"], card["metrics"]
    )
