"""Forecast shares and other series: windows, two-layer LSTM models, training and evaluation."""
