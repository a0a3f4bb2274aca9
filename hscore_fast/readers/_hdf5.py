"""``.h5`` and ``.hdf5``: datasets, by h5py; those in one piece, or in plain chunks, are mapped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs import Features, as_features
from hscore_fast._variants import core
from hscore_fast.readers._members import choose_member
from hscore_fast.readers._source import AnyArray, Mapped, Source

__all__ = ["open_source"]

_MOST_CHUNKS = 1_000_000  # whose places are worth remembering
_LARGE_BAND = 1 << 20  # bytes; worth a block of their own


def open_source(path: Path, member: str | None, without: str | None) -> Source:
    """Look at a dataset; nothing of it is read."""
    with _opened(path) as file:
        names = _dataset_names(file)
        # h5py takes "layer4" and "/layer4" for the same dataset, and so do we.
        wanted = member if member is None or member.startswith("/") else f"/{member}"
        dataset = file[choose_member(path, names, wanted, "dataset")]
        array = _mapped(path, dataset)
        if array is not None:
            return Mapped(_name(path, dataset), array)
        bands = _bands(path, dataset)
        return _Dataset(path, dataset) if bands is None else _Chunks(path, dataset, bands)


def _mapped(path: Path, dataset: Any) -> AnyArray | None:
    """See a dataset where it lies in the file; None if it is in pieces or not plain numbers."""
    written = dataset.id.get_storage_size() == (dataset.size or 0) * dataset.dtype.itemsize
    if not _is_plain(dataset) or dataset.chunks is not None or not written:
        return None
    place = dataset.id.get_offset()
    return np.memmap(path, dataset.dtype, "r", offset=place, shape=dataset.shape)


def _is_plain(dataset: Any) -> bool:
    """Whether the numbers lie in this file as memory has them."""
    if not dataset.shape or not dataset.size or dataset.dtype.kind not in "fiu":
        return False
    elsewhere = dataset.is_virtual or dataset.external is not None
    return not elsewhere and dataset.id.get_type() == h5py.h5t.py_create(dataset.dtype)


def _bands(path: Path, dataset: Any) -> NDArray[np.int64] | None:
    """Find where each chunk of a matrix begins in the file, a row for each band of rows.

    None if they are not all there as memory has them.
    """
    chunks = dataset.chunks
    if chunks is None or len(dataset.shape) != 2 or not _is_plain(dataset):
        return None
    filtered = dataset.id.get_create_plist().get_nfilters() > 0
    if filtered or dataset.file.userblock_size or not hasattr(dataset.id, "chunk_iter"):
        return None
    counts = [-(-length // chunk) for length, chunk in zip(dataset.shape, chunks, strict=True)]
    if counts[0] * counts[1] > _MOST_CHUNKS:
        return None
    places = np.full(counts, -1, np.int64)
    size = math.prod(chunks) * dataset.dtype.itemsize
    end = path.stat().st_size

    def place(stored: Any) -> None:
        band, column = (at // step for at, step in zip(stored.chunk_offset, chunks, strict=True))
        if stored.byte_offset is not None and stored.size == size <= end - stored.byte_offset:
            places[band, column] = stored.byte_offset

    dataset.id.chunk_iter(place)
    return None if (places < 0).any() else places


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


class _Chunks(_Dataset):
    """A matrix whose chunks lie in the file as they do in memory: they are not read but seen there.

    Attributes
    ----------
    bands : ndarray of int64, shape (n_bands, n_chunks)
        The first byte of every chunk.
    """

    def __init__(self, path: Path, dataset: Any, bands: NDArray[np.int64]) -> None:
        super().__init__(path, dataset)
        self._chunk, self._bands = dataset.chunks, bands

    def matrices(self, n_rows: int) -> Iterator[Features]:
        """See the chunks side by side, and one below the other up to the number of rows."""
        whole = np.memmap(self._path, np.uint8, "r")
        height, width = self._chunk
        whole_rows = self._bands.shape[1] == 1
        large = height * width * self.dtype.itemsize >= _LARGE_BAND
        together = 1 if whole_rows and large else max(n_rows // height, 1)
        for first in range(0, len(self._bands), together):
            segments = []
            for band in range(first, min(first + together, len(self._bands))):
                rows = min(height, self.shape[0] - band * height)
                segments.append(
                    [
                        self._seen(whole, place)[:rows, : self.shape[1] - k * width]
                        for k, place in enumerate(self._bands[band])
                    ]
                )
            if len(segments) == len(segments[0]) == 1:
                yield as_features(segments[0][0])
            else:
                yield Features(core.Columns(segments, self.shape[1]))

    def _seen(self, whole: AnyArray, place: int) -> AnyArray:
        count = math.prod(self._chunk)
        return np.frombuffer(whole, self.dtype, count, place).reshape(self._chunk)


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
