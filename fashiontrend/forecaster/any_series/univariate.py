"""The trend model for series that are no shares: a two-layer LSTM corrects a seasonal base.

H1[t] = LSTM(X[t], H1[t-1]), H2[t] = LSTM(H1[t], H2[t-1]), H1[0] = H2[0] = 0, as in
`shares.model`; all horizons are computed from H2[T]. The forecast is base * exp(r) with
base = level * shape (`seasonal.decompose`). The correction r depends on H2[T], on the shape of the
forecast date, on the errors of the base on that date of earlier seasons, and on the horizon. Every
window is divided by its own level, so that series of any size share one set of weights.

Shapes: S series, T dates, B windows, C context_length, H horizons.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fashiontrend.config import MemberConfig, UnivariateConfig
from fashiontrend.forecaster.any_series import seasonal

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Number of features of a past date: log ratio to the base, log shape, measured or not.
_FEATURES = 3
#: Number of features of a forecast date, see `PathBatch.ahead`.
_AHEAD = 3
#: Mean ratios to the base over this many newest dates bypass the LSTM.
_SPANS = (2, 4, 8, 13, 26, 52)
#: The base is estimated from this many seasons, and from at least this many dates.
_SEASONS, _MIN_HISTORY = 4, 104
#: This fraction of the level is added to both sides of the ratio, so that a zero has a finite log.
_FLOOR = 0.1
#: Number of layers of the LSTM, as in the method.
LAYERS = 2
#: Number of cosines that encode the position of a date in the horizon for the decoder.
CURVES = 6
_MIN_SHAPE = 0.05
_MAX_LOG_RATIO, _MAX_CORRECTION = 3.0, 2.0
_CHUNK = 4096


class PathBatch(NamedTuple):
    """Windows as the network takes them."""

    path: Tensor  # (B, C, 3)
    base: Tensor  # (B, H) level * shape
    ahead: (
        Tensor  # (B, H, 3) of each forecast date: log shape, log ratio one and two seasons before
    )
    unit: Tensor  # (B, H) typical distance of the window from its base, in units of the values
    target: Tensor  # (B, H)
    weight: Tensor  # (B, H) 0 where unknown


@dataclass(frozen=True)
class SeriesPanel:
    """Series of values of at least 0, with a mask of measured dates and weights of errors."""

    values: Array  # (S, T); 0 where not measured
    observed: Array  # (S, T) 1.0 where measured
    weight: Array  # (S,) 1 / scale of the series' errors
    season: int

    def reverse(self) -> "SeriesPanel":
        """Return the series with time reversed: new curves of the same size and noise."""
        values, observed = self.values[:, ::-1].copy(), self.observed[:, ::-1].copy()
        return SeriesPanel(values, observed, self.weight, self.season)


def cut_paths(
    panel: SeriesPanel, series: Index, origins: Index, member: MemberConfig, horizon: int
) -> PathBatch:
    """Cut windows that read only dates before their origin.

    Args:
        panel: the series.
        series: (B,) row of each window.
        origins: (B,) index of the first date to forecast, at most T.
        member: context length and half life of the level.
        horizon: H; targets from T on have weight 0.
    """
    starts = range(0, len(series), _CHUNK)
    parts = [
        _cut(panel, series[i : i + _CHUNK], origins[i : i + _CHUNK], member, horizon)
        for i in starts
    ]
    return PathBatch(*(torch.cat(p) for p in zip(*parts, strict=True)))


def _cut(
    panel: SeriesPanel, series: Index, origins: Index, member: MemberConfig, horizon: int
) -> PathBatch:
    season, context, rows = panel.season, member.context_length, series[:, None]
    length = season * max(_SEASONS, math.ceil(max(_MIN_HISTORY, context) / season))
    back = origins[:, None] + np.arange(-length, 0)
    inside = np.maximum(back, 0)
    observed = panel.observed[rows, inside] * (back >= 0)
    history = panel.values[rows, inside] * observed
    level, shape = seasonal.decompose(history, observed, season, member.half_life)
    past = np.tile(shape, (1, length // season))[:, -context:]
    future = seasonal.extend(shape, horizon)
    whole = np.tile(shape, (1, length // season))
    ratio = np.log((history / (level[:, None] + 1e-12) + _FLOOR) / (whole + _FLOOR)) * observed
    ratio = ratio.clip(-_MAX_LOG_RATIO, _MAX_LOG_RATIO)
    seen, recent, size = observed[:, -context:], history[:, -context:], level[:, None] + 1e-12
    path = np.stack([ratio[:, -context:], _log(past), seen], axis=2)
    before = [ratio[:, length - k * season :][:, :season] for k in (1, 2)]
    features = [_log(future), *(seasonal.extend(r, horizon) for r in before)]
    distance = (np.abs(recent / size - past) / np.sqrt(past + _FLOOR) * seen).sum(axis=1)
    spread = np.clip(distance / np.maximum(seen.sum(axis=1), 1.0), 0.02, 2.0)
    unit = level[:, None] * spread[:, None] * np.sqrt(future + _FLOOR)
    steps = origins[:, None] + np.arange(horizon)
    known = np.minimum(steps, panel.values.shape[1] - 1)
    weight = panel.observed[rows, known] * (steps < panel.values.shape[1]) * panel.weight[rows]
    arrays = (
        path,
        level[:, None] * future,
        np.stack(features, axis=2),
        unit,
        panel.values[rows, known],
        weight,
    )
    return PathBatch(*(torch.tensor(a, dtype=torch.float32) for a in arrays))


def _log(shape: Array) -> Array:
    return np.log(np.maximum(shape, _MIN_SHAPE))


class SeriesModel(nn.Module):
    """A two-layer LSTM over one series' path, with a small decoder for each horizon."""

    curves: Tensor

    def __init__(self, cfg: UnivariateConfig, horizon: int) -> None:
        """Draw weights from torch's global generator; the correction starts at zero."""
        super().__init__()
        self.lstm = nn.LSTM(
            _FEATURES, cfg.hidden_size, LAYERS, batch_first=True, dropout=cfg.dropout
        )
        self.drop = nn.Dropout(cfg.dropout)
        self.from_state = nn.Linear(cfg.hidden_size + len(_SPANS), cfg.hidden_size)
        self.from_date = nn.Linear(_AHEAD + CURVES, cfg.hidden_size, bias=False)
        self.residual = nn.Linear(cfg.hidden_size, 1)
        self.scale = nn.Linear(cfg.hidden_size, 2)
        for head in (self.residual, self.scale):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        steps = (torch.arange(horizon) + 0.5) / horizon
        cosines = [torch.cos(math.pi * k * steps) for k in range(CURVES)]
        self.register_buffer("curves", torch.stack(cosines, dim=1), persistent=False)

    def forward(
        self, path: Tensor, base: Tensor, ahead: Tensor, unit: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Forecast the windows of a `PathBatch`.

        Returns:
            Median (B, H), and how far the 10 % and the 90 % quantile lie from it, both (B, H) > 0.
        """
        state = self.drop(self.lstm(path)[0][:, -1])
        recent = [path[:, -span:, 0].mean(dim=1) for span in _SPANS]
        state = torch.cat([state, torch.stack(recent, dim=1)], dim=1)
        along = self.curves.expand(len(path), -1, -1)
        date = self.from_date(torch.cat([ahead, along], dim=2))
        hidden = self.drop(torch.relu(self.from_state(state)[:, None] + date))
        correction = self.residual(hidden)[:, :, 0]
        median = base * correction.clamp(-_MAX_CORRECTION, _MAX_CORRECTION).exp()
        # Detached, so that learning the width does not change the median.
        widths = unit[:, :, None] * self.scale(hidden.detach()).clamp(-3, 3).exp()
        return median, widths[:, :, 0], widths[:, :, 1]


def pinball_losses(model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Return the weighted absolute error of the median, and the pinball loss of the quantiles.

    The weights are 1 / scale of the seasonal naive forecast, so that the first is a mean of MASE.
    """
    path, base, ahead, unit, target, weight = batch
    median, below, above = model(path, base, ahead, unit)
    total = (weight > 0).sum().clamp_min(1)
    error, centre = target - median, median.detach()
    low, high = target - (centre - below), target - (centre + above)
    quantiles = torch.maximum(0.1 * low, -0.9 * low) + torch.maximum(0.9 * high, -0.1 * high)
    return {
        "error": (error.abs() * weight).sum() / total,
        "interval": (quantiles * weight).sum() / total,
    }
