"""Evaluating a trained network: accuracy, reliability, baselines and its hardest examples."""
