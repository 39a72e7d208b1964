"""Reports as their producers make them.

A fixture written by hand can agree with a reader's mistake; one that the producer made cannot.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from fashiontrend.attrnet.evaluation import accuracy as evaluate
from fashiontrend.config import ForecasterConfig
from fashiontrend.forecaster import training
from fashiontrend.forecaster.shares import evaluate as forecaster_evaluation
from fashiontrend.forecaster.shares import predict, windows
from fashiontrend.outcomes import EvalReport, TrendReport
from fashiontrend.taxonomy import Taxonomy

#: Values of each attribute of the toy taxonomy.
VALUES = 10
BOX = (0.1, 0.1, 0.9, 0.9)


def evaluated(majority: float = 0.4, pictures: int = 300, **accuracy: float) -> EvalReport:
    """The evaluation report of a recogniser with known accuracies.

    Args:
        majority: share of the most frequent value, at least 1 / VALUES.
        pictures: annotated validation pictures, every one of which shows every attribute.
        accuracy: the part of the pictures that is recognised correctly, by attribute.
    """
    taxonomy = _taxonomy(accuracy)
    common = round(majority * pictures)
    labels = np.concatenate(
        [np.zeros(common, int), 1 + np.arange(pictures - common) % (VALUES - 1)]
    )
    boxes = np.tile(BOX, (pictures, 1))
    predictions = evaluate.Predictions(
        {name: _probabilities(labels, part) for name, part in accuracy.items()},
        boxes,
        np.full(pictures, 0.9),
    )
    truth = evaluate.Truth(np.tile(labels[:, None], (1, len(accuracy))), boxes)
    return evaluate.evaluate(predictions, truth, taxonomy)


def _probabilities(labels: np.ndarray, accuracy: float) -> np.ndarray:
    """(N, VALUES + 1): 0.9 for the right value in a part of the rows, for another one elsewhere."""
    wrong = np.arange(len(labels)) >= round(accuracy * len(labels))
    order = np.random.default_rng(0).permutation(len(labels))
    predicted = np.where(wrong[order], (labels + 1) % VALUES, labels)
    probabilities = np.full((len(labels), VALUES + 1), 0.1 / VALUES)
    probabilities[np.arange(len(labels)), predicted] = 0.9
    return probabilities


def _taxonomy(attributes: Iterable[str]) -> Taxonomy:
    def named(name: str) -> dict[str, str]:
        return {"id": name, "en": name, "zh": name}

    values = [named(f"v{n}") for n in range(VALUES)]
    return Taxonomy.model_validate(
        {"version": "toy", "attributes": [{**named(a), "values": values} for a in attributes]}
    )


def backtested(shares: pa.Table) -> TrendReport:
    """The backtest's report of a forecaster that was never trained.

    Args:
        shares: SHARE rows of some eighty days.
    """
    cfg = ForecasterConfig(hidden_size=4)
    series = windows.read_series(shares)
    split = windows.split_days(len(series.days), cfg)
    network = training.build(cfg, 0).eval()
    seen = windows.cut_windows(series, windows.training_origins(split), cfg, split.first_held_out)
    calibration = predict.calibrate(network, seen)
    return forecaster_evaluation.backtest(network, calibration, series, split, cfg)
