"""The network: backbones, regions of several sizes, and the model that joins them."""
