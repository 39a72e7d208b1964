"""The forecaster of any table of series: reading, seasonal base, ensemble, intervals and backtest."""
