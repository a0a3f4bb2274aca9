"""``.h5`` and ``.hdf5``: datasets, by h5py.

Those in one piece or in plain chunks are mapped; chunks packed by gzip are unpacked side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from hscore_fast._files import limits
from hscore_fast._files.errors import clear_damage
from hscore_fast._files.formats.hdf5_sources import check_sources, dataset_of
from hscore_fast._files.formats.members import choose_member
from hscore_fast._files.inflate import DamagedError, inflate
from hscore_fast._files.mapping import map_file, map_values
from hscore_fast._files.read_ahead import n_decoders
from hscore_fast._files.scratch import run_all
from hscore_fast._files.source import AnyArray, Mapped, Source, slices
from hscore_fast._inputs.features import Features, as_features
from hscore_fast._variants import core

__all__ = ["open_source"]

_SHUFFLE, _DEFLATE = h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE


def open_source(path: Path, member: str | None, *, anywhere: bool = False) -> Source:
    """Look at a dataset; nothing of it is read."""
    with _opened(path) as file:
        names = _dataset_names(file)
        # h5py takes "layer4" and "/layer4" for the same dataset, and so do we.
        wanted = member if member is None or member.startswith("/") else f"/{member}"
        dataset = dataset_of(file, choose_member(path, names, wanted, "dataset"))
        check_sources(path, dataset, anywhere)
        _check_filters(path, dataset)
        _check_written(path, dataset)
        array = _mapped(path, dataset)
        if array is not None:
            return _Whole(_name(path, dataset), array)
        return _chunks(path, dataset) or _Dataset(path, dataset)


def _mapped(path: Path, dataset: Any) -> AnyArray | None:
    """See a dataset where it lies in the file; None if it is in pieces or not plain numbers."""
    written = dataset.id.get_storage_size() == (dataset.size or 0) * dataset.dtype.itemsize
    if not _is_plain(dataset) or dataset.chunks is not None or not written:
        return None
    place = dataset.id.get_offset()
    return map_values(path, dataset.dtype, dataset.shape, place)


def _is_plain(dataset: Any) -> bool:
    """Whether the numbers lie in this file as memory has them."""
    if not dataset.shape or not dataset.size or dataset.dtype.kind not in "fiu":
        return False
    elsewhere = dataset.is_virtual or dataset.external is not None
    return not elsewhere and dataset.id.get_type() == h5py.h5t.py_create(dataset.dtype)


class _Whole(Mapped):
    """A dataset in one piece."""

    def last_rows(self, n_rows: int) -> AnyArray | None:
        """Give the last rows."""
        rows: AnyArray = self.mapped[-n_rows:]
        return rows


class _Places(NamedTuple):
    """Positions of the chunks of a matrix in the file, a row for each band of rows."""

    begin: NDArray[np.int64]
    size: NDArray[np.int64]


def _places(path: Path, dataset: Any, filters: list[int]) -> _Places | None:
    """Find every chunk; None if they are not all there, through these filters."""
    chunks = dataset.chunks
    counts = [-(-length // chunk) for length, chunk in zip(dataset.shape, chunks, strict=True)]
    if counts[0] * counts[1] > limits.MOST_CHUNKS:
        return None
    begin = np.full(counts, -1, np.int64)
    size = np.zeros(counts, np.int64)
    end = path.stat().st_size

    def place(stored: Any) -> None:
        band, column = (at // step for at, step in zip(stored.chunk_offset, chunks, strict=True))
        there = stored.byte_offset is not None and stored.size <= end - stored.byte_offset
        if there and stored.filter_mask == 0:  # else it went through some of the filters
            begin[band, column], size[band, column] = stored.byte_offset, stored.size

    dataset.id.chunk_iter(place)
    plain = math.prod(chunks) * dataset.dtype.itemsize
    missing = (begin < 0) if filters else (size != plain)
    return None if missing.any() else _Places(begin, size)


def _chunks(path: Path, dataset: Any) -> _Chunks | None:
    """See a matrix in chunks of plain numbers, packed by gzip or not; None for any other."""
    if dataset.chunks is None or len(dataset.shape) != 2 or not _is_plain(dataset):
        return None
    if dataset.file.userblock_size or not hasattr(dataset.id, "chunk_iter"):
        return None
    pipeline = dataset.id.get_create_plist()
    filters = [pipeline.get_filter(k)[0] for k in range(pipeline.get_nfilters())]
    if filters not in ([], [_DEFLATE], [_SHUFFLE, _DEFLATE]):
        return None
    if filters and math.prod(dataset.chunks) * dataset.dtype.itemsize < limits.LEAST_PACKED_BYTES:
        return None
    places = _places(path, dataset, filters)
    if places is None:
        return None
    if filters:
        return _PackedChunks(path, dataset, places, shuffled=_SHUFFLE in filters)
    source = _Chunks(path, dataset, places)
    if places.begin.shape[1] > 1 and places.begin.size <= limits.MOST_PIECES:
        source.mapped = source.table(_whole(path), range(len(places.begin)))
    return source


def _whole(path: Path) -> AnyArray:
    """Map all bytes of a file."""
    return np.frombuffer(map_file(path), np.uint8)


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
            dataset = dataset_of(file, self._name)
            stored = dataset.asstr() if self._text else dataset
            for start in range(0, self.shape[0], n_rows):
                yield stored[start : start + n_rows]

    def last_rows(self, n_rows: int) -> AnyArray | None:
        """Read the last rows."""
        if self._text:
            return None
        with _opened(self._path) as file:
            rows: AnyArray = dataset_of(file, self._name)[-n_rows:]
            return rows


class _Chunks(_Dataset):
    """A matrix whose chunks lie in the file as they do in memory: they are not read but seen there.

    Each band of rows is given as arrays side by side, so that no block is put together.
    """

    def __init__(self, path: Path, dataset: Any, places: _Places) -> None:
        super().__init__(path, dataset)
        self._chunk, self._places = dataset.chunks, places

    def matrices(self, n_rows: int) -> Iterator[Features]:
        """Give the chunks side by side, and one below the other up to the number of rows."""
        whole = _whole(self._path)
        pieces = self.pieces(whole)
        for piece in pieces:
            yield from map(as_features, slices(piece, n_rows))
        if pieces:
            return
        for bands in self._together(n_rows):
            yield self.table(whole, bands)

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Put chunks together, where one array is asked for."""
        whole = _whole(self._path)
        for bands in self._together(n_rows):
            segments = self._segments(whole, bands)
            block = segments[0][0] if len(segments) == len(segments[0]) == 1 else np.block(segments)
            del segments
            core.refuse_shortened(whole)
            yield from slices(block, n_rows)
            del block  # before the next one is unpacked

    def _together(self, n_rows: int) -> Iterator[range]:
        """Give the bands in groups of so many rows, or of one band that has more."""
        n_bands, step = len(self._places.begin), max(n_rows // self._chunk[0], 1)
        for first in range(0, n_bands, step):
            yield range(first, min(first + step, n_bands))

    def pieces(self, whole: AnyArray) -> list[AnyArray]:
        """See the rows in pieces as long as chunks follow each other in the file.

        Nothing if rows are in several chunks or the pieces would be small.
        """
        height, width = self._chunk
        n_bands, n_chunks = self._places.begin.shape
        size = height * width * self.dtype.itemsize
        gaps = np.flatnonzero(np.diff(self._places.begin[:, 0]) != size) + 1
        bounds = [0, *gaps.tolist(), n_bands]
        if n_chunks > 1 or size * n_bands < limits.LARGE_PIECE_BYTES * (len(bounds) - 1):
            return []
        found = []
        for first, end in pairwise(bounds):
            rows = min(end * height, self.shape[0]) - first * height
            start = int(self._places.begin[first, 0])
            values = np.frombuffer(whole, self.dtype, rows * width, start)
            found.append(values.reshape(rows, width)[:, : self.shape[1]])
        return found

    def table(self, whole: AnyArray, bands: range) -> Features:
        """See some bands, each as its chunks side by side."""
        segments = self._segments(whole, bands)
        if len(segments) == len(segments[0]) == 1:
            return as_features(segments[0][0])
        return Features(core.Columns(segments, self.shape[1]))

    def _segments(self, whole: AnyArray, bands: range) -> list[list[AnyArray]]:
        """Give the chunks of some bands, without what is beyond the last row and column."""
        height, width = self._chunk
        return [
            [
                chunk[: self.shape[0] - band * height, : self.shape[1] - k * width]
                for k, chunk in enumerate(chunks)
            ]
            for band, chunks in zip(bands, self._of_bands(whole, bands), strict=True)
        ]

    def _of_bands(self, whole: AnyArray, bands: range) -> list[list[AnyArray]]:
        """Give the chunks of some bands, whole ones at the edges as well."""
        return [[self._array(whole, place) for place in self._places.begin[band]] for band in bands]

    def _array(self, values: Any, start: int = 0) -> AnyArray:
        count = math.prod(self._chunk)
        return np.frombuffer(values, self.dtype, count, start).reshape(self._chunk)


class _PackedChunks(_Chunks):
    """A matrix whose chunks are packed by gzip: they are unpacked by threads of their own.

    HDF5 unpacks one at a time, and nothing else of it runs meanwhile.
    """

    def __init__(self, path: Path, dataset: Any, places: _Places, *, shuffled: bool) -> None:
        super().__init__(path, dataset, places)
        self._shuffled = shuffled

    def pieces(self, whole: AnyArray) -> list[AnyArray]:
        """See nothing."""
        return []

    def _of_bands(self, whole: AnyArray, bands: range) -> list[list[AnyArray]]:
        begin, size = (places[bands.start : bands.stop].ravel() for places in self._places)
        found: list[AnyArray] = [np.empty(0)] * len(begin)

        def unpack(k: int) -> None:
            found[k] = self._unpacked(whole[begin[k] : begin[k] + size[k]])

        run_all([partial(unpack, k) for k in range(len(found))], n_decoders())
        n_chunks = len(found) // len(bands)
        return [found[k : k + n_chunks] for k in range(0, len(found), n_chunks)]

    def _unpacked(self, packed: AnyArray) -> AnyArray:
        n_bytes = math.prod(self._chunk) * self.dtype.itemsize
        try:
            values = inflate(packed, n_bytes)
        except DamagedError as error:
            raise ValueError(
                f"{self.what} is truncated or damaged ({error}); write it again"
            ) from error
        if not self._shuffled:
            return self._array(values)
        # The first bytes of all numbers, the second ones of all numbers, and so on.
        bytes_of = np.frombuffer(values, np.uint8).reshape(self.dtype.itemsize, -1)
        return self._array(np.ascontiguousarray(bytes_of.T))


def _dataset_names(file: Any) -> list[str]:
    names: list[str] = []

    def visit(name: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset):
            names.append(f"/{name}")

    file.visititems(visit)
    return names


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with clear_damage(path):
        try:
            with h5py.File(path, "r") as file:
                yield file
        except OSError as error:
            if type(error) is not OSError or error.errno is not None:
                raise  # a lock, a permission: what the system says is clear
            raise ValueError(
                f"{str(path)!r} is truncated, damaged or no HDF5 file ({error}); write it again"
            ) from error


def _check_filters(path: Path, dataset: Any) -> None:
    """Refuse a dataset whose compression HDF5 cannot undo here."""
    pipeline = dataset.id.get_create_plist()
    for k in range(pipeline.get_nfilters()):
        code, _, _, name = pipeline.get_filter(k)
        if not h5py.h5z.filter_avail(code):
            called = name.decode(errors="replace") or "without a name"
            raise ValueError(
                f"{_name(path, dataset)} is packed by the filter {code} ({called}), which this "
                "HDF5 does not have: import hdf5plugin first (pip install hdf5plugin brings Blosc, "
                "LZ4, Zstandard and others), or write it again with compression='gzip'"
            )


def _check_written(path: Path, dataset: Any) -> None:
    """Refuse a dataset of which parts were never written, which HDF5 reads as its fill value."""
    if not dataset.shape or not dataset.size or dataset.is_virtual or dataset.external is not None:
        return
    pipeline = dataset.id.get_create_plist()
    if pipeline.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
        return  # who chose what stands for the rest may have meant it
    if pipeline.get_layout() == h5py.h5d.CHUNKED:
        counts = (-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True))
        expected, there = math.prod(counts), dataset.id.get_num_chunks()
        trouble = f"{expected - there} of its {expected} chunks were never written"
    else:
        expected, there = 1, int(dataset.id.get_storage_size() > 0)
        trouble = "nothing of it was ever written"
    if there < expected:
        raise ValueError(
            f"{_name(path, dataset)} is incomplete: {trouble}, and would be read as zeros; write "
            "it again, or, if zeros are meant, create it with fillvalue=0"
        )
