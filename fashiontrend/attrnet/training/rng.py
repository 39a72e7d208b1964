"""Chance drawn on the CPU and used where the pictures are: a seed means the same on every device."""

import torch
from torch import Tensor


def uniform(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Numbers in [0, 1) of a CPU generator, float32, on the device of `like`."""
    return torch.rand(shape, generator=generator).to(like.device)
