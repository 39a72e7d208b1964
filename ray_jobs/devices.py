"""The torch device that Ray assigned to the actor that asks; a training's worker asks `ray.train.torch.get_device`."""

import ray


def assigned_to_actor() -> str:
    """Name the torch device that Ray assigned to the calling actor.

    Ray itself is asked, not the configuration that the actor was requested with: what was
    reserved is what is used. Ray hides all other GPUs from the actor, so "cuda" is the first of its own.

    Returns:
        "cuda" if Ray assigned a GPU or a part of one; "cpu" if it did not, or if the caller is not
        connected to Ray.
    """
    return "cuda" if ray.is_initialized() and ray.get_gpu_ids() else "cpu"
