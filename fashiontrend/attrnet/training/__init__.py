"""Training the network: batches, augmentation, losses and the epoch loop."""
