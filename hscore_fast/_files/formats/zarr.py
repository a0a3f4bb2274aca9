"""``.zarr``: arrays in a folder of chunks, by zarr.

A chunk that holds the fill value alone is not written, so a chunk that was lost reads as zeros:
nothing in the format tells the two apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from hscore_fast._files.errors import clear_damage
from hscore_fast._files.formats.members import choose_member, refuse_member
from hscore_fast._files.source import AnyArray, Source

__all__ = ["open_source"]


def open_source(path: Path, member: str | None, *, anywhere: bool = False) -> Source:
    """Look at an array; nothing of it is read."""
    if not anywhere:
        _check_files(path, str(path) if member is None else f"{path}:{member}")
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


def _check_files(path: Path, address: str) -> None:
    """Refuse links, which may lead anywhere, and pipes, at which reading would wait for ever."""
    folders = [os.fspath(path)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif not entry.is_file(follow_symlinks=False):
                    kind = "a symbolic link" if entry.is_symlink() else "no regular file"
                    raise ValueError(
                        f"{entry.path!r} is {kind}, and a store from elsewhere could lead to any "
                        "file of this machine: copy the store with its links replaced by files "
                        "(cp -rL), or, if you trust it, pass "
                        f"hscore_fast.readers.allow_external({address!r})"
                    )


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
    with clear_damage(path):
        try:
            yield
        except FileNotFoundError as error:  # zarr's "no such node" as well
            raise ValueError(f"{str(path)!r} is no zarr store ({error}); write it again") from error
