"""Random numbers from a generator on the CPU, so that a seed gives the same numbers on every device."""

import torch
from torch import Tensor


def uniform(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Draw float32 numbers in [0, 1) from a CPU generator, and move them to the device of `like`."""
    return torch.rand(shape, generator=generator).to(like.device)
