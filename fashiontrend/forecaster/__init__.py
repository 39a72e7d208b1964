"""The trend model (A8, C): windows, a two-layer LSTM, its training, its judging, its forecasts."""
