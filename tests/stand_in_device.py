"""A device for tests that exists on every machine and refuses to mix with the CPU, as a GPU does.

Its tensors say that they are on `DEVICE` and hold numbers that the CPU computes, so a whole training
or recognition runs on it and must give what the CPU gives. A tensor of the CPU beside one of the device
raises, as does reading numbers out without `.cpu()`. The one name in torch's list of devices that needs
no driver, can be named on every machine and has fused optimisers is borrowed from Apple's GPUs.

What it does not know: kernels of their own, other rounding, asynchronous copies, DDP.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

DEVICE = "mps:0"
_aten = torch.ops.aten
#: What may see tensors of both sides: copies, and indices, which a GPU takes from the CPU too.
_MIXING = {
    _aten._to_copy.default,
    _aten.copy_.default,
    _aten.index.Tensor,
    _aten.index_put_.default,
    _aten.index_put.default,  # the gradient of an index, into zeros that autograd makes by itself
}

#: Where their first argument is, whatever device is named: autograd, which runs in C++, names the CPU.
_AS_THE_FIRST = {
    _aten.copy_.default,
    _aten.index_put_.default,
    _aten.new_empty_strided.default,
}


class DeviceTensor(torch.Tensor):
    """A tensor of the stand-in; `held` are its numbers, on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "DeviceTensor":
        with torch.inference_mode(False):  # else views of tensors that were made before fail
            made = torch.Tensor._make_wrapper_subclass(
                cls, held.size(), held.stride(), held.storage_offset(), dtype=held.dtype
            )
        made.held = held
        return made

    @property
    def device(self) -> torch.device:
        return torch.device(DEVICE)

    def cpu(self, *_: Any, **__: Any) -> torch.Tensor:
        return self.to("cpu")

    def to(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        target, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
        moved = super().to(dtype=dtype or self.dtype, memory_format=layout or torch.preserve_format)
        return _Leave.apply(moved) if target is not None and target.type == "cpu" else moved

    def new_tensor(self, data: Any, **_: Any) -> torch.Tensor:
        return torch.tensor(data, dtype=self.dtype, device=DEVICE)

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"numbers on {DEVICE} are read by .cpu() first")

    def tolist(self) -> Any:
        return self.held.tolist()

    def __repr__(self, **_: Any) -> str:
        return f"{self.held!r} on {DEVICE}"

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Leave(torch.autograd.Function):
    """From the device to the CPU; gradients go the other way."""

    @staticmethod
    def forward(ctx: Any, tensor: DeviceTensor) -> torch.Tensor:
        return tensor.held.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return DeviceTensor(gradient)


class StandInDevice(TorchDispatchMode):
    """While it is entered, `DEVICE` can be named wherever torch takes a device."""

    def __enter__(self) -> "StandInDevice":
        torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device=) asks the mode too
        torch.__future__.set_overwrite_module_params_on_conversion(
            True
        )  # modules take ours as they are
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        torch.__future__.set_overwrite_module_params_on_conversion(False)
        torch._C._set_only_lift_cpu_tensors(False)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute on the CPU what the device was asked to compute."""
    tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor)]
    ours = [t for t in tensors if isinstance(t, DeviceTensor)]
    strange = [t for t in tensors if not isinstance(t, DeviceTensor) and t.ndim]
    if ours and strange and func not in _MIXING:
        raise RuntimeError(f"{func}: tensors on {DEVICE} and on the CPU at once")
    target = kwargs.get("device")
    if target is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    held = tree_map_only(DeviceTensor, lambda t: t.held, (args, kwargs))
    found = func(*held[0], **held[1])
    here = bool(ours) if target is None else torch.device(target).type != "cpu"
    if func in _AS_THE_FIRST:
        here = isinstance(args[0], DeviceTensor)
    if not here:
        return found
    given = {id(t.held): t for t in ours}  # what is changed in place stays the tensor it is
    return tree_map_only(
        torch.Tensor, lambda t: given[id(t)] if id(t) in given else DeviceTensor(t), found
    )
