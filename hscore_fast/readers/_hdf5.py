"""``.h5`` and ``.hdf5``: datasets, by h5py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hscore_fast.readers._members import choose_member
from hscore_fast.readers._source import AnyArray, Source

__all__ = ["open_source"]


def open_source(path: Path, member: str | None, without: str | None) -> Source:
    """Look at a dataset; nothing of it is read."""
    with _opened(path) as file:
        names = _dataset_names(file)
        # h5py takes "layer4" and "/layer4" for the same dataset, and so do we.
        wanted = member if member is None or member.startswith("/") else f"/{member}"
        return _Dataset(path, file[choose_member(path, names, wanted, "dataset")])


class _Dataset(Source):
    def __init__(self, path: Path, dataset: Any) -> None:
        what = repr(f"{path}:{dataset.name}")
        self._text = h5py.check_string_dtype(dataset.dtype) is not None
        dtype = np.dtype(object) if self._text else dataset.dtype
        if dataset.shape is None or (dtype.kind not in "fiub" and not self._text):
            raise ValueError(
                f"{what} holds {dataset.dtype}, which are neither numbers nor text: write one "
                "dataset of numbers"
            )
        super().__init__(what, dataset.shape, dtype)
        self._path, self._name = path, dataset.name
        if dataset.chunks is not None:
            self.rows_together = dataset.chunks[0]

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Read slices."""
        with _opened(self._path) as file:
            dataset = file[self._name]
            stored = dataset.asstr() if self._text else dataset
            for start in range(0, self.shape[0], n_rows):
                yield stored[start : start + n_rows]


def _dataset_names(file: Any) -> list[str]:
    names: list[str] = []

    def visit(name: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset):
            names.append(f"/{name}")

    file.visititems(visit)
    return names


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        if type(error) is not OSError or error.errno is not None:
            raise  # a lock, a permission: what the system says is clear
        raise ValueError(
            f"{str(path)!r} is truncated, damaged or no HDF5 file ({error}); write it again"
        ) from error
