"""From anybody's array to a NumPy array over the same memory.

No library is imported here: whose array it is shows in its class, or it follows a protocol.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_numpy", "is_from", "is_instance_of", "is_narrow", "is_real"]

# DLPack's device types whose memory the CPU can read: CPU, pinned for CUDA or ROCm, managed CUDA.
_READABLE_DEVICES = (1, 3, 11, 13)
_DEVICES = {2: "CUDA", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm", 14: "oneAPI", 15: "WebGPU"}


def is_from(value: object, library: str) -> bool:
    """Whether a library made the value's class or one it derives from."""
    return any(base.__module__.partition(".")[0] == library for base in type(value).__mro__)


def is_instance_of(value: object, library: str, *classes: str) -> bool:
    """Whether a value is an instance of a class of a library, which has been imported if it is."""
    module = sys.modules.get(library)
    found = [getattr(module, name) for name in classes if hasattr(module, name)]
    return isinstance(value, tuple(found))


def is_narrow(dtype: np.dtype[Any]) -> bool:
    """Whether an element type is a floating-point type of 32 bits or fewer."""
    return dtype.kind == "f" and dtype.itemsize <= 4


def is_real(dtype: np.dtype[Any]) -> bool:
    """Whether the core can read this element type; other libraries' 8-bit floats it cannot."""
    return dtype.kind in "fiub" and dtype.itemsize <= 8 and dtype.type.__module__ == "numpy"


def as_numpy(value: Any, name: str) -> tuple[NDArray[Any], bool]:
    """See an array of any library in place; lists and the like are converted.

    Parameters
    ----------
    value
        A NumPy array, a torch or JAX array, anything with ``__array__``, ``__array_interface__``,
        a buffer or ``__dlpack__``, or nested lists.
    name : str
        The argument's name, for messages.

    Returns
    -------
    array : ndarray
        Of any shape and dtype.
    bfloat16 : bool
        Whether the elements are bfloat16; the array then holds their bits as uint16.

    Raises
    ------
    TypeError
        If the array is masked, sparse, on another device or cannot be seen as a NumPy array.
    ValueError
        If nested lists are ragged.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose masked values would be scored: drop those rows or "
            "fill them, for example with .filled(0)"
        )
    if isinstance(value, np.ndarray):
        array: NDArray[Any] = np.asarray(value)
    elif is_from(value, "torch") and hasattr(value, "detach"):
        return _from_torch(value, name)
    else:
        _refuse_sparse(value, name)
        _refuse_other_devices(value, name)
        array = _convert(value, name)
    # NumPy has no bfloat16 of its own: that of ml_dtypes, which JAX uses, is known by its name.
    if array.dtype.itemsize == 2 and array.dtype.name == "bfloat16":
        return array.view(np.uint16), True
    return array, False


def _convert(value: Any, name: str) -> NDArray[Any]:
    try:
        if hasattr(value, "__dlpack__") and not (
            hasattr(value, "__array__") or hasattr(value, "__array_interface__")
        ):
            array: NDArray[Any] = np.from_dlpack(value)
            return array
        return np.asarray(value)
    except ValueError as error:  # ragged lists
        raise ValueError(f"{name} must have rows of one length: {_one_line(error)}") from None
    except MemoryError:
        raise
    except Exception as error:
        raise TypeError(
            f"{name} of type {type(value).__name__} cannot be seen as a NumPy array "
            f"({_one_line(error)}): convert it to one"
        ) from error


def _from_torch(tensor: Any, name: str) -> tuple[NDArray[Any], bool]:
    kind = str(tensor.dtype).removeprefix("torch.")
    if str(tensor.layout) != "torch.strided":
        raise TypeError(
            f"{name} is a sparse torch tensor (layout {tensor.layout}): densify it with .to_dense()"
        )
    if tensor.device.type == "meta":
        raise TypeError(
            f"{name} is a torch tensor on device 'meta', which holds no values: compute the values "
            "and bring them to the CPU with .cpu()"
        )
    if tensor.device.type != "cpu":
        raise TypeError(
            f"{name} is a torch tensor on device '{tensor.device}', and scores are computed on the "
            "CPU: copy it there with .cpu()"
        )
    tensor = tensor.detach()
    # Resolving them would be a full copy that nobody asked for.
    if tensor.is_neg() or tensor.is_conj():
        raise TypeError(
            f"{name} is a torch tensor that waits to be negated or conjugated: apply "
            ".resolve_conj().resolve_neg()"
        )
    try:
        if kind == "bfloat16":
            bits: NDArray[Any] = tensor.view(sys.modules["torch"].int16).numpy()
            return bits.view(np.uint16), True
        array: NDArray[Any] = tensor.numpy()
    except (TypeError, RuntimeError) as error:
        raise TypeError(
            f"{name} is a torch tensor of dtype {kind} that NumPy cannot see ({_one_line(error)}): "
            "convert it, for example with .float()"
        ) from error
    return array, False


def _refuse_sparse(value: Any, name: str) -> None:
    # scipy.sparse, PyData sparse, JAX's BCOO: what can become dense is not.
    for method in ("toarray", "todense"):
        if callable(getattr(value, method, None)) and hasattr(value, "shape"):
            raise TypeError(
                f"{name} is a sparse matrix ({type(value).__name__}), and centring would fill it: "
                f"densify it with .{method}()"
            )


def _refuse_other_devices(value: Any, name: str) -> None:
    ask = getattr(value, "__dlpack_device__", None)
    if ask is None or isinstance(value, type):
        return
    try:
        device = int(ask()[0])
    except Exception:  # whoever has no answer may still convert
        return
    if device not in _READABLE_DEVICES:
        where = _DEVICES.get(device, f"DLPack's number {device}")
        raise TypeError(
            f"{name} of type {type(value).__name__} is on a device ({where}), and scores are "
            "computed on the CPU: copy it there, for example with .cpu() or jax.device_get"
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
