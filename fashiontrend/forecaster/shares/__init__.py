"""The trend model for shares of an attribute: windows, network, forecasts and their evaluation."""
