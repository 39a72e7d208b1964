"""The torch device that Ray assigned to an actor. Workers of a training call `ray.train.torch.get_device` instead."""

import ray


def assigned_to_actor() -> str:
    """Name the torch device that Ray assigned to the calling actor.

    The device comes from Ray itself and not from the configuration with which the actor was
    requested, so a reserved device is also the used one. Ray hides all other GPUs from the actor:
    "cuda" is the first of its own.

    Returns:
        "cuda" if Ray assigned a GPU or a part of one; "cpu" if it did not, or if the caller is not
        connected to Ray.
    """
    return "cuda" if ray.is_initialized() and ray.get_gpu_ids() else "cpu"
