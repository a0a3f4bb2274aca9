"""``.npy``: a header and an array behind it, which is mapped."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np

from hscore_fast._files.formats.members import refuse_member
from hscore_fast._files.mapping import map_values
from hscore_fast._files.source import AnyArray, Mapped, Source

__all__ = ["Header", "map_array", "open_source", "read_header", "read_header_at"]


def open_source(path: Path, member: str | None) -> Source:
    """Map the array; nothing of it is read."""
    refuse_member(path, member)
    what = repr(str(path))
    return _Npy(what, map_array(path, read_header_at(path, 0, what), path.stat().st_size))


class _Npy(Mapped):
    """A file that ``open_memmap`` may have made in its full length, to be filled."""

    def last_rows(self, n_rows: int) -> AnyArray | None:
        """Give the last rows."""
        rows: AnyArray = self.mapped[-n_rows:]
        return rows


class Header(NamedTuple):
    """Contents of a .npy header, and the position in the stream where the data begin."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    data_start: int
    what: str  # the address, for error messages

    @property
    def data_size(self) -> int:
        """Bytes of the array."""
        size = self.dtype.itemsize
        for length in self.shape:  # Python's integers: a forged shape cannot overflow
            size *= length
        return size


def read_header_at(path: Path, start: int, what: str) -> Header:
    """Read the header that begins at a byte of a file."""
    with path.open("rb") as file:
        file.seek(start)
        header = read_header(file, what)
        return header._replace(data_start=file.tell())


def read_header(stream: IO[bytes], what: str) -> Header:
    """Read a header and refuse what no array can have."""
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
        else:  # 3.0 is written for tables with named columns alone
            raise ValueError(f"unsupported version {version[0]}.{version[1]}")  # noqa: TRY301
    except Exception as error:  # NumPy hands the header to Python's own parser
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{what} is truncated or is no .npy array ({reason}); write it again with numpy.save"
        ) from error
    if dtype.hasobject:
        raise ValueError(
            f"{what} holds pickled Python objects (dtype {dtype}), which are not opened because "
            "unpickling runs code; save numbers, or text with array.astype(str)"
        )
    if dtype.itemsize == 0:
        raise ValueError(
            f"{what} has values of no bytes (dtype {dtype}), of which any number would fit in a "
            "file; write it again with numpy.save"
        )
    if any(length < 0 for length in shape):
        raise ValueError(f"{what} has the impossible shape {shape}; write it again with numpy.save")
    return Header(shape, fortran_order, dtype, 0, what)


def map_array(path: Path, header: Header, end: int) -> AnyArray:
    """Map the array behind a header; ``end`` is the first byte that is not the array's."""
    there = max(0, min(end, path.stat().st_size) - header.data_start)
    if there < header.data_size:
        raise ValueError(
            f"{header.what} is truncated: shape {header.shape} of {header.dtype} needs "
            f"{header.data_size} bytes, {there} are there; write it again with numpy.save"
        )
    order: Literal["F", "C"] = "F" if header.fortran_order else "C"
    if header.data_size == 0:  # the system maps no empty range
        empty: AnyArray = np.empty(header.shape, header.dtype, order)
        empty.setflags(write=False)
        return empty
    return map_values(path, header.dtype, header.shape, header.data_start, order)
