"""``.pt``: tensors that torch saved, loaded as weights only and mapped."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from hscore_fast._files.formats.members import choose_member, refuse_member
from hscore_fast._files.mapping import guarded
from hscore_fast._files.source import AnyArray, Bfloat16, Mapped, Source

__all__ = ["open_source"]


_MOST_TENSORS = 100_000
_MOST_LEVELS = 16  # of containers in containers


def open_source(path: Path, member: str | None) -> Source:
    """Map a tensor, or one of a dictionary or list of them, nested ones as ``outer.inner``."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{str(path)!r} holds more than tensors, which is not loaded because unpickling runs "
            "code; save the tensor alone with torch.save(features, ...)"
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a place behind the end
            raise
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{str(path)!r} is truncated or is no file of torch.save in its present format "
            f"({reason}); write it again"
        ) from error
    if isinstance(saved, torch.Tensor):
        refuse_member(path, member)
        return _of_tensor(path, repr(str(path)), saved)
    tensors = dict(islice(_tensors(saved, "", frozenset()), _MOST_TENSORS + 1))
    if len(tensors) > _MOST_TENSORS:
        raise ValueError(
            f"{str(path)!r} holds more than {_MOST_TENSORS} tensors: save the features alone with "
            "torch.save(features, ...)"
        )
    name = choose_member(path, list(tensors), member, "tensor")
    return _of_tensor(path, repr(f"{path}:{name}"), tensors[name])


def _tensors(saved: Any, prefix: str, within: frozenset[int]) -> Iterator[tuple[str, Any]]:
    """Give the tensors of containers, which may hold each other: `within` are those around."""
    if isinstance(saved, torch.Tensor):
        yield prefix, saved
        return
    if isinstance(saved, dict):
        items: Any = saved.items()
    elif isinstance(saved, (list, tuple)):
        items = enumerate(saved)
    else:
        return
    if id(saved) in within or len(within) >= _MOST_LEVELS:
        return
    within |= {id(saved)}
    for name, thing in items:
        yield from _tensors(thing, f"{prefix}.{name}" if prefix else str(name), within)


def _of_tensor(path: Path, what: str, tensor: Any) -> Source:
    tensor = tensor.detach()
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise ValueError(f"{what} is a sparse or quantized tensor: save a dense one")
    if tensor.dtype == torch.bfloat16:
        return Bfloat16(what, _guarded(path, tensor.view(torch.uint16).numpy()))
    try:
        array = tensor.numpy()
    except TypeError as error:
        raise ValueError(
            f"{what} holds {tensor.dtype}, which NumPy does not know: save it as float32"
        ) from error
    array = _guarded(path, array)
    array.flags.writeable = False
    return Mapped(what, array)


def _guarded(path: Path, array: AnyArray) -> AnyArray:
    # The guard wants one piece; a transposed tensor is one, too.
    if array.size and (array.flags.c_contiguous or array.flags.f_contiguous):
        return guarded(array, path, path.stat().st_size)
    return array
