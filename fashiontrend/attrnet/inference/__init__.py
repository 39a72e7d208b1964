"""Using a trained network: its artifact on disk, predictions and calibrated probabilities."""
