"""Forecast the shares of windows, with calibrated intervals.

The model gives log shares and the scale of their error. Conformal calibration (Vovk et al. 2005)
on windows before the held-out days finds how many scales cover 80 % and 95 % of the errors of
the logit, for each horizon. Shapes as in `windows`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from torch import nn

from fashiontrend.forecaster.shares.model import sampling_noise
from fashiontrend.forecaster.shares.windows import SMALLEST_SHARE, Windows

Array = NDArray[np.float64]
#: Forecast quantiles in the order of every (4, B, H, V) array: 2.5, 10, 90 and 97.5 %.
QUANTILES = ("q025", "q10", "q90", "q975")
_LEVELS = (0.80, 0.95)
#: The model was trained on the windows of calibration, so their errors are a little too small: on
#: held-out days of three simulated worlds, uncorrected half widths covered 77 % instead of 80 %.
_OPTIMISM = 1.08
_SMOOTHING = 3
_BATCH = 256


@dataclass(frozen=True)
class Prediction:
    """Forecast shares and the scale of their logit's error; both (B, H, V), 0 for padded values."""

    shares: Array
    spread: Array


@dataclass(frozen=True)
class IntervalCalibration:
    """Half widths of the 80 % and 95 % intervals, in scales; one number per horizon."""

    half80: tuple[float, ...]
    half95: tuple[float, ...]


def predict(model: nn.Module, windows: Windows) -> Prediction:
    """Forecast every window, without dropout."""
    parts = [
        _predict(model, windows, slice(i, i + _BATCH))
        for i in range(0, len(windows.context), _BATCH)
    ]
    shares, spread = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Prediction(shares, spread)


@torch.no_grad()
def _predict(model: nn.Module, windows: Windows, part: slice) -> tuple[Array, Array]:
    inner = model.eval()
    device = next(inner.parameters()).device
    arrays = (windows.context, windows.guide, windows.observed, windows.support)
    inputs = [torch.tensor(a[part], dtype=torch.float32, device=device) for a in arrays]
    has_value = torch.tensor(windows.has_value[part], device=device)
    log_shares, log_scale = inner(*inputs, has_value)
    shares = log_shares.exp()
    noise = sampling_noise(shares.clamp(SMALLEST_SHARE, 1 - SMALLEST_SHARE), inputs[3])
    spread = (noise * log_scale.exp()).masked_fill(~has_value[:, None], 0.0)
    return shares.double().cpu().numpy(), spread.double().cpu().numpy()


def calibrate(model: nn.Module, windows: Windows) -> IntervalCalibration:
    """Find the half widths of the intervals on windows before the held-out days."""
    prediction = predict(model, windows)
    error = np.abs(_logit(windows.target) - _logit(prediction.shares))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = error / prediction.spread
    used = (windows.weight[:, :, None] > 0) & windows.has_value[:, None, :]
    halves = []
    for level in _LEVELS:
        by_horizon = [
            float(np.quantile(scaled[:, h][used[:, h]], level)) if used[:, h].any() else np.nan
            for h in range(scaled.shape[1])
        ]
        halves.append(_smooth(np.array(by_horizon) * _OPTIMISM))
    return IntervalCalibration(*halves)


def _smooth(values: Array) -> tuple[float, ...]:
    """Return the moving mean over horizons; unmeasured horizons are interpolated first."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return (float("inf"),) * len(values)
    filled = np.interp(np.arange(len(values)), known, values[known])
    padded = np.pad(filled, _SMOOTHING // 2, mode="edge")
    return tuple(
        float(v) for v in np.convolve(padded, np.full(_SMOOTHING, 1 / _SMOOTHING), "valid")
    )


def find_quantiles(prediction: Prediction, calibration: IntervalCalibration) -> Array:
    """Return the (4, B, H, V) quantiles of `QUANTILES`."""
    centre = _logit(prediction.shares)
    half80, half95 = (np.array(h)[:, None] for h in (calibration.half80, calibration.half95))
    halves = (-half95, -half80, half80, half95)
    return np.stack([expit(centre + half * prediction.spread) for half in halves])


def _logit(shares: Array) -> Array:
    return np.asarray(logit(np.clip(shares, SMALLEST_SHARE, 1 - SMALLEST_SHARE)))
