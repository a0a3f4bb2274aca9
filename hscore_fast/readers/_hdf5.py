"""``.h5`` and ``.hdf5``: datasets, by h5py; those that lie in the file in one piece are mapped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hscore_fast.readers._members import choose_member
from hscore_fast.readers._source import AnyArray, Mapped, Source

__all__ = ["open_source"]


def open_source(path: Path, member: str | None, without: str | None) -> Source:
    """Look at a dataset; nothing of it is read."""
    with _opened(path) as file:
        names = _dataset_names(file)
        # h5py takes "layer4" and "/layer4" for the same dataset, and so do we.
        wanted = member if member is None or member.startswith("/") else f"/{member}"
        dataset = file[choose_member(path, names, wanted, "dataset")]
        array = _mapped(path, dataset)
        return _Dataset(path, dataset) if array is None else Mapped(_name(path, dataset), array)


def _mapped(path: Path, dataset: Any) -> AnyArray | None:
    """See a dataset where it lies in the file; None if it is in pieces or not plain numbers."""
    if not dataset.shape or not dataset.size or dataset.dtype.kind not in "fiu":
        return None
    elsewhere = dataset.chunks is not None or dataset.is_virtual or dataset.external is not None
    written = dataset.id.get_storage_size() == dataset.size * dataset.dtype.itemsize
    if elsewhere or not written or dataset.id.get_type() != h5py.h5t.py_create(dataset.dtype):
        return None
    place = dataset.id.get_offset()
    return np.memmap(path, dataset.dtype, "r", offset=place, shape=dataset.shape)


def _name(path: Path, dataset: Any) -> str:
    return repr(f"{path}:{dataset.name}")


class _Dataset(Source):
    def __init__(self, path: Path, dataset: Any) -> None:
        what = _name(path, dataset)
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
