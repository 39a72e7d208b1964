"""Files of a released trend model: weights as safetensors, and a card in JSON; no pickle.

The card's schema distinguishes two kinds: the share model of the loop, and the forecaster of
series that are no shares.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import lightgbm
from lightgbm.basic import LightGBMError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from fashiontrend.config import ForecasterConfig, UnivariateConfig, drop_removed
from fashiontrend.errors import DataError
from fashiontrend.forecaster.any_series.ensemble import SeriesForecaster
from fashiontrend.forecaster.any_series.univariate import SeriesModel
from fashiontrend.forecaster.shares.model import TrendModel
from fashiontrend.forecaster.shares.predict import IntervalCalibration
from fashiontrend.typed_yaml import check

WEIGHTS, CARD = "model.safetensors", "card.json"
_SHARES, _SERIES = "trend-model/1", "series-forecaster/2"
_UNIVARIATE = "forecaster.univariate"


@dataclass(frozen=True)
class Artifact:
    """A trained share model with everything that forecasting needs, and its evaluation."""

    model: TrendModel
    cfg: ForecasterConfig
    calibration: IntervalCalibration
    attributes: dict[str, tuple[str, ...]]  # attribute -> value ids of training
    taxonomy_digest: str
    metrics: dict[str, Any]  # `TrendReport.to_dict()`


def dump(artifact: Artifact | SeriesForecaster) -> dict[str, bytes]:
    """Return the files of an artifact by name; the card holds the digest of the weights."""
    if isinstance(artifact, SeriesForecaster):
        state = {
            f"{i}/{name}": tensor
            for i, model in enumerate(artifact.models)
            for name, tensor in model.state_dict().items()
        }
        return _dump(_SERIES, state, _describe(artifact))
    facts = {
        "config": artifact.cfg.model_dump(mode="json"),
        "attributes": {a: list(v) for a, v in artifact.attributes.items()},
        "taxonomy_digest": artifact.taxonomy_digest,
        "calibration": asdict(artifact.calibration),
        "metrics": artifact.metrics,
    }
    return _dump(_SHARES, artifact.model.state_dict(), facts)


def _describe(forecaster: SeriesForecaster) -> dict[str, object]:
    return {
        "config": forecaster.cfg.model_dump(mode="json"),
        "members": len(forecaster.models),
        "trees": forecaster.trees.model_to_string() if forecaster.trees is not None else None,
        "season": forecaster.season,
        "horizon": forecaster.horizon,
        "factors": list(forecaster.factors),
        "calibration": forecaster.calibration,
        "frequency": forecaster.frequency,
    }


def _dump(
    schema: str, state: Mapping[str, Tensor], facts: Mapping[str, object]
) -> dict[str, bytes]:
    weights = save_tensors({k: v.detach().cpu().contiguous() for k, v in state.items()})
    card = {"schema": schema, **facts, "digest": hashlib.sha256(weights).hexdigest()}
    text = json.dumps(card, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return {WEIGHTS: weights, CARD: text.encode()}


def load(files: Mapping[str, bytes]) -> Artifact:
    """Read a share model from the files of `dump`, in evaluation mode.

    Raises:
        DataError: a file is missing or damaged, the weights do not match the card, or the card
            describes another kind of model.
    """
    try:
        state, card = _open(files, _SHARES)
        cfg = check(ForecasterConfig, drop_removed(card["config"], "forecaster"), CARD)
        model = TrendModel(cfg)
        model.load_state_dict(state)
        halves = {k: tuple(v) for k, v in card["calibration"].items()}
        attributes = {a: tuple(v) for a, v in card["attributes"].items()}
        described = (card["taxonomy_digest"], card["metrics"])
    except (KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise DataError(f"trend model: cannot be read: {error!r}. Train again.") from error
    model.eval()
    return Artifact(model, cfg, IntervalCalibration(**halves), attributes, *described)


def load_series(files: Mapping[str, bytes]) -> SeriesForecaster:
    """Read a forecaster of any series from the files of `dump`; raises the errors of `load`."""
    try:
        state, card = _open(files, _SERIES)
        cfg = check(UnivariateConfig, drop_removed(card["config"], _UNIVARIATE), CARD)
        models = []
        for number in range(card["members"]):
            model = SeriesModel(cfg, card["horizon"])
            prefix = f"{number}/"
            member = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            model.load_state_dict(member)
            models.append(model.eval())
        low, high = (float(f) for f in card["factors"])
        described = (card["calibration"], card["frequency"])
        text = card["trees"]
        trees = lightgbm.Booster(model_str=text) if text is not None else None
        season, horizon = int(card["season"]), int(card["horizon"])
    except (KeyError, ValueError, TypeError, RuntimeError, SafetensorError, LightGBMError) as error:
        raise DataError(f"trend model: cannot be read: {error!r}. Fit again.") from error
    return SeriesForecaster(tuple(models), trees, cfg, season, horizon, (low, high), *described)


def load_any(files: Mapping[str, bytes]) -> Artifact | SeriesForecaster:
    """Read an artifact of either kind; raises the errors of `load`."""
    try:
        schema = json.loads(files[CARD])["schema"]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"trend model: {CARD} is missing or damaged: {error!r}. Train again."
        ) from error
    return load_series(files) if schema == _SERIES else load(files)


def _open(files: Mapping[str, bytes], schema: str) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    """Return weights and card, after checking the schema and the digest."""
    weights, card = files[WEIGHTS], json.loads(files[CARD])
    if card["schema"] != schema:
        raise DataError(
            f"trend model: card is {card['schema']!r}, expected {schema!r}. Train again."
        )
    digest = hashlib.sha256(weights).hexdigest()
    if digest != card["digest"]:
        raise DataError(
            f"trend model: weights are {digest[:12]}, the card says {card['digest'][:12]}. "
            "Copy both files of one version."
        )
    return load_tensors(weights), card
