"""``.zarr``: arrays in a folder of chunks, by zarr.

A chunk that holds the fill value alone is not written, so a chunk that was lost reads as zeros:
nothing in the format tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from hscore_fast._files.formats.members import choose_member, refuse_member
from hscore_fast._files.source import AnyArray, Source

__all__ = ["open_source"]


def open_source(path: Path, member: str | None) -> Source:
    """Look at an array; nothing of it is read."""
    with _clear_errors(path):
        store = zarr.open(str(path), mode="r")
        if isinstance(store, zarr.Array):
            refuse_member(path, member)
            return _Array(path, None, store)
        members = store.members(max_depth=None)
        names = [name for name, thing in members if isinstance(thing, zarr.Array)]
        wanted = None if member is None else member.strip("/")
        name = choose_member(path, names, wanted)
        return _Array(path, name, store[name])


class _Array(Source):
    def __init__(self, path: Path, name: str | None, array: Any) -> None:
        what = repr(str(path) if name is None else f"{path}:{name}")
        self._text = array.dtype.kind in "OTU"
        dtype = np.dtype(object) if self._text else array.dtype
        super().__init__(what, array.shape, dtype)
        self._path, self._name = path, name
        if array.shape:
            self.rows_together = (array.shards or array.chunks)[0]

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Read slices."""
        with _clear_errors(self._path):
            store = zarr.open(str(self._path), mode="r")
            array: Any = store if self._name is None else store[self._name]
            for start in range(0, self.shape[0], n_rows):
                block = np.asarray(array[start : start + n_rows])
                yield block.astype(object) if self._text else block


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if not isinstance(error, FileNotFoundError):  # also what zarr's "no such node" is
            raise
        raise ValueError(f"{str(path)!r} is no zarr store ({error}); write it again") from error
    except (RuntimeError, TypeError, KeyError, UnicodeError) as error:  # from decoding
        raise ValueError(
            f"{str(path)!r} is truncated or damaged ({error}); write it again"
        ) from error
