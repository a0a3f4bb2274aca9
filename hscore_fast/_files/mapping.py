"""Map files, guarded against getting shorter while they are in use.

A page of a mapped file that is no longer there ends the process by SIGBUS. In a range that the core
guards it becomes zeros, and the call that has read them raises a ValueError.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hscore_fast._variants import core

__all__ = ["GuardedMap", "guarded", "map_file", "map_values", "refuse_short"]


class GuardedMap(mmap.mmap):
    """A mapped file with its guard, which is gone before the mapping is."""

    guard: core.GuardedRange


def map_file(path: Path, size: int | None = None, start: int = 0) -> GuardedMap:
    """Map a file from a byte on, a multiple of the system's granularity; by default to its end."""
    with path.open("rb") as file:
        if size is None:
            size = os.fstat(file.fileno()).st_size - start
        if size <= 0:
            raise ValueError(f"{str(path)!r} is truncated: it is empty; write it again")
        mapped = GuardedMap(file.fileno(), size, access=mmap.ACCESS_READ, offset=start)
    mapped.guard = core.GuardedRange(mapped, os.fsencode(path), start + size)
    return mapped


def map_values(
    path: Path,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    place: int = 0,
    order: Literal["C", "F"] = "C",
) -> NDArray[Any]:
    """Map an array of at least one byte that begins at a byte of a file; it is read-only."""
    size = dtype.itemsize
    for length in shape:
        size *= length
    start = place - place % mmap.ALLOCATIONGRANULARITY
    mapped = map_file(path, place - start + size, start)
    array: NDArray[Any] = np.ndarray.__new__(
        np.memmap, shape, dtype, buffer=mapped, offset=place - start, order=order
    )
    return array


class _Guarded:
    """Another library's mapping; its guard comes first, and so is gone before the mapping is."""

    def __init__(self, array: NDArray[Any], path: Path, needed: int) -> None:
        self.guard = core.GuardedRange(array, os.fsencode(path), needed)
        self.__array_interface__ = array.__array_interface__
        self.array = array


def guarded(array: NDArray[Any], path: Path, needed: int) -> NDArray[Any]:
    """Guard an array that another library has mapped, contiguous and with at least one value."""
    return np.asarray(_Guarded(array, path, needed))


def refuse_short(path: Path, mapped: GuardedMap) -> None:
    """Raise a ValueError if a mapped file got shorter, so that zeros may have been read."""
    if mapped.guard.is_short:
        raise ValueError(
            f"{str(path)!r} is truncated: it got shorter while it was read; write files that may "
            "be in use under another name and rename them (os.replace)"
        )
