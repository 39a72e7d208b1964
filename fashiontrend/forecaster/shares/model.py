"""The trend model: a two-layer LSTM over each value's path, a softmax over the values.

H1[t] = LSTM(X[t], H1[t-1]), H2[t] = LSTM(H1[t], H2[t-1]), H1[0] = H2[0] = 0; the forecasts of
all horizons are computed from H2[T]. All values of all attributes share one set of weights, so
that renaming or reordering values changes nothing.

The LSTM corrects a base: a learnt mixture of exponentially weighted means of the log shares, which
can express persistence, smoothing and a damped trend, and needs little data to beat naive
forecasts. Shapes as in `windows`.
"""

import torch
from torch import Tensor, nn

from fashiontrend.config import ForecasterConfig
from fashiontrend.forecaster.shares.windows import SMALLEST_SHARE

#: Spans of the base's means in days, besides the last day; their differences express trends.
_SPANS = (4.0, 8.0, 16.0, 28.0)
#: Number of features of a day in a value's path.
_FEATURES = 4
#: Logit of a padded value; finite, so that 0 * log q stays 0.
_PADDED_LOGIT = -1e4
#: Number of layers of the LSTM, as in the method.
LAYERS = 2


def sampling_noise(shares: Tensor, support: Tensor) -> Tensor:
    """Return the standard deviation of the logit of (B, ..., V) shares counted from (B,) products."""
    count = support.reshape(-1, *[1] * (shares.ndim - 1))
    return torch.rsqrt(count * shares * (1 - shares) + 0.5)


class TrendModel(nn.Module):
    """A two-layer LSTM that corrects a learnt smoothing base."""

    decay: Tensor
    steps: Tensor

    def __init__(self, cfg: ForecasterConfig) -> None:
        """Draw weights from torch's global generator; the heads start at zero."""
        super().__init__()
        hidden, horizon = cfg.hidden_size, cfg.prediction_length
        self.lstm = nn.LSTM(_FEATURES, hidden, LAYERS, batch_first=True, dropout=cfg.dropout)
        self.residual = nn.Linear(hidden, horizon)
        self.scale = nn.Linear(hidden, horizon)
        for head in (self.residual, self.scale):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self.mix = nn.Parameter(torch.tensor([0.5] + [0.0] * (len(_SPANS) - 1)))
        self.guide_mix = nn.Parameter(torch.zeros(len(_SPANS)))
        self.guide_tilt = nn.Parameter(torch.zeros(len(_SPANS)))
        self.tilt = nn.Parameter(torch.zeros(len(_SPANS)))
        age = torch.arange(cfg.context_length - 1, -1, -1, dtype=torch.float32)
        weights = torch.stack([(1 - 2 / (span + 1)) ** age for span in _SPANS])
        self.register_buffer("decay", weights / weights.sum(dim=1, keepdim=True), persistent=False)
        steps = torch.arange(1, horizon + 1, dtype=torch.float32) / horizon
        self.register_buffer("steps", steps, persistent=False)

    def forward(
        self, context: Tensor, guide: Tensor, observed: Tensor, support: Tensor, has_value: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Forecast the shares of all horizons.

        Args:
            context: (B, C, V) shares; padded values are 0.
            guide: (B, C, V) shares of the same attribute pooled over platforms; `context` itself
                if there are none. They show a trend with less noise.
            observed: (B, C) 1.0 if the day was measured, 0.0 if its shares are carried.
            support: (B,) products behind the last share.
            has_value: (B, V) bool.

        Returns:
            Log shares (B, H, V), whose exp sums to 1 over the values and is about 0 for padded ones;
            and the log scale (B, H, V) of the logit's error, in units of sampling noise.
        """
        logs, guides = _logs(context), _logs(guide)  # (B, V, C)
        means, guide_means = logs @ self.decay.T, guides @ self.decay.T  # (B, V, J)
        noise = sampling_noise(means[:, :, 1:2].exp().clamp(max=0.999), support)  # (B, V, 1)
        own, other = (logs - means[:, :, 1:2]) / noise, (guides - guide_means[:, :, 1:2]) / noise
        state = self._read(own, other, observed, has_value)
        base = logs[:, :, -1:] + self._extrapolate(means - logs[:, :, -1:], self.mix, self.tilt)
        trend = self._extrapolate(guide_means - guides[:, :, -1:], self.guide_mix, self.guide_tilt)
        logits = base + trend + noise * self.residual(state)
        logits = logits.masked_fill(~has_value[:, :, None], _PADDED_LOGIT)
        # Detached, so that learning the scale does not change the forecast.
        log_scale = self.scale(state.detach())
        return torch.log_softmax(logits, dim=1).transpose(1, 2), log_scale.transpose(1, 2)

    def _extrapolate(self, distance: Tensor, mix: Tensor, tilt: Tensor) -> Tensor:
        """Return (B, V, H) sums over j of weight[h, j] * distance[j], for (B, V, J) distances."""
        return distance @ (mix + tilt * self.steps[:, None]).T

    def _read(self, own: Tensor, guide: Tensor, observed: Tensor, has_value: Tensor) -> Tensor:
        """Run the LSTM over the path of every value and return its last state, (B, V, hidden).

        Paths are in units of sampling noise, without their level. The same curve at another share
        is thus the same input, which reduces overfitting to the few curves of a short history.
        """
        slope = torch.diff(own, dim=2, prepend=own[:, :, :1])
        scaled = [x.clamp(-8, 8) for x in (own / 2, guide / 2, slope)]
        path = torch.stack([*scaled, observed[:, None, :].expand_as(own)], dim=3)[has_value]
        hidden, _ = self.lstm(path)
        state = torch.zeros(*has_value.shape, hidden.shape[2], device=hidden.device)
        state[has_value] = hidden[:, -1]
        return state


def _logs(shares: Tensor) -> Tensor:
    return shares.clamp_min(SMALLEST_SHARE).log().transpose(1, 2)
