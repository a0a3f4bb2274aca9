"""A matrix that is decoded a few columns at a time: written to a temporary file, read in blocks.

Formats that store column by column decompress so many rows of each column at once that a wide
table does not fit into memory that way. Pages of a file do: the system writes them out and drops
them as it needs to, and they are not counted as the process's own.
"""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from mmap import mmap
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hscore_fast._files import limits
from hscore_fast._files.read_ahead import check_wanted
from hscore_fast._files.threads import side_by_side

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Scratch", "run_all"]

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Scratch:
    """Space for matrices in files without a name, which are gone with the last array in them.

    To be closed when all is written.

    Parameters
    ----------
    what : str
        The address that is read, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._spaces: list[_Space] = []
        self._files = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files; what is mapped stays."""
        self._files.close()

    def write(self, target: NDArray[Any], values: NDArray[Any]) -> None:
        """Set a part of a column of the blocks that were made last."""
        space = self._spaces[-1]
        values = np.ascontiguousarray(values, target.dtype)
        written = 0
        if hasattr(os, "pwrite"):  # where a page is new, half as dear as through the mapping
            written = os.pwrite(space.file.fileno(), values.data, _address(target) - space.address)
        if written < values.nbytes:
            target[...] = values

    def blocks(
        self, n_rows: int, n_columns: int, n_block: int, dtype: np.dtype[Any]
    ) -> list[NDArray[Any]]:
        """Make a matrix, in blocks of rows, whose entries are not set.

        Parameters
        ----------
        n_rows, n_columns : int
            Of the matrix.
        n_block : int
            Rows of a block; the last one may have fewer.
        dtype : dtype
            Of an entry; it may itself be an array.

        Returns
        -------
        list of arrays of shape (n_columns, rows)
            To be set by `write`, by any thread. In each block a column is in one piece, and a cache
            line lies between two of them: columns a power of two apart would compete for the same
            few places in it.

        Raises
        ------
        OSError
            If there is no room for it, with the room that it takes.
        """
        padding = -(-limits.CACHE_LINE // dtype.itemsize)
        rows = [min(n_block, n_rows - first) for first in range(0, n_rows, n_block)]
        sizes = [n_columns * (count + padding) * dtype.itemsize for count in rows]
        if not sum(sizes):
            return []
        space = self._space(sum(sizes))
        blocks, start = [], 0
        for count, size in zip(rows, sizes, strict=True):
            shape = (n_columns, count + padding, *dtype.shape)
            values = space[start : start + size].view(dtype.base).reshape(shape)
            blocks.append(values[:, :count])
            start += size
        return blocks

    def _space(self, n_bytes: int) -> NDArray[np.uint8]:
        """Take space that no array is in any more: its pages are there. Else make a file."""
        fitting, in_use = None, []
        for space in self._spaces:
            if space.user() is not None:
                in_use.append(space)
            elif fitting is None and len(space.memory) >= n_bytes:
                fitting = space
            else:
                space.file.close()
        file, memory = fitting[:2] if fitting else self._mapped(n_bytes)
        array = np.frombuffer(memory, np.uint8)  # every array in it refers to this one
        self._spaces = [*in_use, _Space(file, memory, _address(array), weakref.ref(array))]
        return array

    def _mapped(self, n_bytes: int) -> tuple[IO[bytes], mmap]:
        file = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115, it is closed
        try:
            _reserve(file, n_bytes)
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            raise OSError(
                error.errno,
                f"{self._what} takes {n_bytes / 1e9:.3g} GB of disk space while it is decoded, "
                f"more than there is in {tempfile.gettempdir()!r}: free some, or set TMPDIR to "
                "a folder on another disk",
            ) from error
        return file, mmap(file.fileno(), n_bytes)


class _Space(NamedTuple):
    file: IO[bytes]
    memory: mmap
    address: int
    user: weakref.ref[NDArray[np.uint8]]


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def _reserve(file: IO[bytes], n_bytes: int) -> None:
    """Take the space now: in a file with holes a full disk would end the process later on."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise
        else:
            return
    zeros = bytes(min(n_bytes, limits.ZERO_BYTES))
    for first in range(0, n_bytes, limits.ZERO_BYTES):
        file.write(zeros[: n_bytes - first])
    file.flush()


def run_all(tasks: Sequence[Callable[[], None]], n_threads: int) -> None:
    """Run tasks on threads; the first error, or the end of the reading, spares those not begun."""
    running = side_by_side(tasks, n_threads, "hscore_fast decoder")
    try:
        for _ in running:
            check_wanted()
    finally:
        running.close()
