"""Arrays in files, addressed by one string: ``features.npy`` or ``features.npz:name``.

Arrays are memory-mapped wherever the format lets them be, so that opening costs nothing and a
file may be larger than the memory. To add a format, write an opener and enter it in ``_OPENERS``.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["open_array"]

AnyArray: TypeAlias = NDArray[Any]


def open_array(address: str | os.PathLike[str]) -> AnyArray:
    """Open the array that a file holds, read-only and without reading it where that can be.

    Parameters
    ----------
    address : str or path-like
        A ``.npy`` file, an ``.npz`` file that holds one array, or ``file.npz:name`` for one array
        of several. A path-like object is always a whole path; a string that is the path of an
        existing file is that file, even with a colon in its name.

    Returns
    -------
    ndarray
        The array, of the file's shape and dtype. ``.npy`` files and uncompressed ``.npz`` members
        (``numpy.savez``) come as a read-only `numpy.memmap`; compressed members
        (``numpy.savez_compressed``) are read into memory.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file's ending is unknown, the file is truncated or is not what its ending says,
        the member is missing or ambiguous, or the array holds Python objects: opening those
        would run code from the file, so they are never unpickled.
    OSError
        If the system cannot read the file.

    Notes
    -----
    An archive's members begin anywhere, so a mapped one may be unaligned (``flags.aligned``); this
    library and NumPy read it all the same. It is not checked against the archive's checksum, since
    that would read all of it. A mapping follows the file: do not overwrite
    a file while its array is in use.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> from hscore_fast.readers import open_array
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "layers.npz"
    >>> np.savez_compressed(path, first=np.zeros((5, 3)), last=np.ones((5, 2)))
    >>> open_array(f"{path}:last").shape
    (5, 2)
    >>> folder.cleanup()
    """
    path, member = _split(address)
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        came = f"the ending {path.suffix!r}" if path.suffix else "no ending"
        known = ", ".join(_OPENERS)
        raise ValueError(
            f"cannot tell the format of {str(path)!r} from {came}; expected one of {known}: "
            "save the array with numpy.save"
        )
    if not path.exists():
        raise FileNotFoundError(f"no such file: {str(path)!r}; check the path")
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is not a file but a folder or a device; name a file")
    return opener(path, member)


def _split(address: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """Split an address into the file's path and the member's name, if it has one."""
    path = Path(address)
    if not isinstance(address, str) or path.is_file():
        return path, None
    # A colon parts file from member only right behind a known ending: "C:\data\f.npz:a" has one
    # such colon, and a member's name may hold further ones.
    colon = address.find(":")
    while colon >= 0:
        if Path(address[:colon]).suffix.lower() in _OPENERS:
            return Path(address[:colon]), address[colon + 1 :]
        colon = address.find(":", colon + 1)
    return path, None


def _open_npy(path: Path, member: str | None) -> AnyArray:
    if member is not None:
        raise ValueError(
            f"{str(path)!r} holds one array without a name, but the member {member!r} was asked "
            f"for; drop ':{member}'"
        )
    return _map(path, _read_header_at(path, 0, repr(str(path))), path.stat().st_size)


def _open_npz(path: Path, member: str | None) -> AnyArray:
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _find_entry(path, archive, member)
            what = repr(f"{path}:{entry.filename.removesuffix('.npy')}")
            if entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & _ENCRYPTED:
                start = _data_start(path, entry)
                header = _read_header_at(path, start, what)
                return _map(path, header, start + entry.file_size)
            with archive.open(entry) as stream:
                _read_header(stream, what)  # for its errors, which are clearer than NumPy's
            with archive.open(entry) as stream:
                array: AnyArray = np.lib.format.read_array(stream, allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(
            f"{str(path)!r} is truncated or is no .npz archive ({error}); write it again with "
            "numpy.savez"
        ) from error
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, a password
        raise ValueError(
            f"cannot unpack {str(path)!r} ({error}); write it again with numpy.savez"
        ) from error
    array.setflags(write=False)
    return array


_Opener: TypeAlias = Callable[[Path, "str | None"], AnyArray]
_OPENERS: dict[str, _Opener] = {".npy": _open_npy, ".npz": _open_npz}


# --- .npz: which entry, and where its bytes lie -------------------------------------------------

_ENCRYPTED = 0x1
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature; the lengths of the name and of the extras


def _find_entry(path: Path, archive: zipfile.ZipFile, member: str | None) -> zipfile.ZipInfo:
    entries = {
        entry.filename.removesuffix(".npy"): entry
        for entry in archive.infolist()
        if entry.filename.endswith(".npy")
    }
    known = ", ".join(map(repr, entries))
    if not entries:
        raise ValueError(f"{str(path)!r} holds no arrays; write it again with numpy.savez")
    if member is None:
        if len(entries) > 1:
            raise ValueError(
                f"{str(path)!r} holds {len(entries)} arrays ({known}); say which one, as in "
                f"{f'{path.name}:{next(iter(entries))}'!r}"
            )
        return next(iter(entries.values()))
    if member not in entries:
        raise ValueError(f"{str(path)!r} has no array {member!r}; it holds {known}")
    return entries[member]


def _data_start(path: Path, entry: zipfile.ZipInfo) -> int:
    """Find the first byte of a stored entry; only its local header knows its own length."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        fields = file.read(_LOCAL_HEADER.size)
    if len(fields) < _LOCAL_HEADER.size or not fields.startswith(b"PK\x03\x04"):
        raise zipfile.BadZipFile("bad local header")
    _, name_length, extra_length = _LOCAL_HEADER.unpack(fields)
    return int(entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length)


# --- .npy: the header, and the array behind it --------------------------------------------------


class _Header(NamedTuple):
    """What a .npy header says, and where in the stream the data begin."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    data_start: int
    what: str  # the address, for error messages

    @property
    def data_size(self) -> int:
        size = self.dtype.itemsize
        for length in self.shape:  # Python's integers: a forged shape cannot overflow
            size *= length
        return size


def _read_header_at(path: Path, start: int, what: str) -> _Header:
    with path.open("rb") as file:
        file.seek(start)
        header = _read_header(file, what)
        return header._replace(data_start=file.tell())


def _read_header(stream: IO[bytes], what: str) -> _Header:
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
        else:  # 3.0 is written for tables with named columns alone
            raise ValueError(f"unsupported version {version[0]}.{version[1]}")  # noqa: TRY301
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{what} is truncated or is no .npy array ({reason}); write it again with numpy.save"
        ) from error
    if dtype.hasobject:
        raise ValueError(
            f"{what} holds pickled Python objects (dtype {dtype}), which are not opened because "
            "unpickling runs code; save numbers, or text with array.astype(str)"
        )
    if any(length < 0 for length in shape):
        raise ValueError(f"{what} has the impossible shape {shape}; write it again with numpy.save")
    return _Header(shape, fortran_order, dtype, 0, what)


def _map(path: Path, header: _Header, end: int) -> AnyArray:
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
    mapped: AnyArray = np.memmap(
        path, header.dtype, "r", offset=header.data_start, shape=header.shape, order=order
    )
    return mapped
