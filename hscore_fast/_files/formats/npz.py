"""``.npz``: an archive of ``.npy`` arrays, mapped if they are stored, streamed if compressed."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from hscore_fast._files import limits
from hscore_fast._files.errors import clear_damage
from hscore_fast._files.formats.members import choose_member
from hscore_fast._files.formats.npy import Header, map_array, read_header, read_header_at
from hscore_fast._files.inflate import DamagedError, Inflated
from hscore_fast._files.source import AnyArray, Mapped, Source

__all__ = ["open_source"]

_ENCRYPTED = 0x1
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature; the lengths of the name and of the extras


def open_source(path: Path, member: str | None) -> Source:
    """Map a stored member; read a compressed one as it is asked for."""
    with _clear_errors(path), zipfile.ZipFile(path) as archive:
        entries = {
            entry.filename.removesuffix(".npy"): entry
            for entry in archive.infolist()
            if entry.filename.endswith(".npy")
        }
        name = choose_member(path, list(entries), member)
        entry = entries[name]
        what = repr(f"{path}:{name}")
        if entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & _ENCRYPTED:
            start = _data_start(path, entry)
            header = read_header_at(path, start, what)
            return Mapped(what, map_array(path, header, start + entry.file_size))
        with _unpacked(path, archive, entry) as stream:
            header = read_header(stream, what)
        if header.fortran_order and len(header.shape) > 1:  # no row is complete before the end
            with _unpacked(path, archive, entry) as stream:
                array: AnyArray = np.lib.format.read_array(stream, allow_pickle=False)
            array.setflags(write=False)
            return Mapped(what, array)
    return _Compressed(path, entry.filename, header)


class _Compressed(Source):
    """A compressed member, unpacked block by block."""

    def __init__(self, path: Path, entry: str, header: Header) -> None:
        super().__init__(header.what, header.shape, header.dtype)
        self._path, self._entry = path, entry

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Unpack from the beginning."""
        with (
            _clear_errors(self._path),
            zipfile.ZipFile(self._path) as archive,
            _unpacked(self._path, archive, archive.getinfo(self._entry)) as stream,
        ):
            read_header(stream, self.what)
            for start in range(0, self.shape[0], n_rows):
                rows = min(n_rows, self.shape[0] - start)
                block = np.empty((rows, *self.shape[1:]), self.dtype)
                _fill(block, stream, self)
                yield block
            stream.read(1)  # so that the checksum is looked at, even of a member without rows

    def read(self) -> AnyArray:
        """Unpack all of it."""
        if self.shape:
            return super().read()
        with (
            _clear_errors(self._path),
            zipfile.ZipFile(self._path) as archive,
            _unpacked(self._path, archive, archive.getinfo(self._entry)) as stream,
        ):
            array: AnyArray = np.lib.format.read_array(stream, allow_pickle=False)
        array.setflags(write=False)
        return array


@contextmanager
def _unpacked(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """Open a member; the usual kind goes around zipfile, which takes twice the time."""
    if entry.compress_type != zipfile.ZIP_DEFLATED or entry.flag_bits & _ENCRYPTED:
        with archive.open(entry) as stream:
            yield stream
        return
    with path.open("rb") as file:
        file.seek(_data_start(path, entry))
        yield io.BufferedReader(Inflated(file, entry.compress_size, entry.CRC))


def _fill(block: AnyArray, stream: IO[bytes], source: Source) -> None:
    if not block.nbytes:
        return
    rest = memoryview(block.reshape(-1).view(np.uint8).data)
    while rest:
        # In pieces: both ways gather what is asked for before they copy it.
        count = stream.readinto(rest[: limits.INFLATE_BYTES])  # type: ignore[attr-defined]
        if not count:
            raise EOFError(f"shape {source.shape} of {source.dtype} needs more bytes")
        rest = rest[count:]


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    with clear_damage(path):
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, DamagedError, EOFError) as error:
            raise ValueError(
                f"{str(path)!r} is truncated or is no .npz archive ({error}); write it again with "
                "numpy.savez"
            ) from error
        except (NotImplementedError, RuntimeError) as error:  # an unknown compression, a password
            raise ValueError(
                f"cannot unpack {str(path)!r} ({error}); write it again with numpy.savez"
            ) from error


def _data_start(path: Path, entry: zipfile.ZipInfo) -> int:
    """Find the first byte of a stored entry; only its local header knows its own length."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        fields = file.read(_LOCAL_HEADER.size)
    if len(fields) < _LOCAL_HEADER.size or not fields.startswith(b"PK\x03\x04"):
        raise zipfile.BadZipFile("bad local header")
    _, name_length, extra_length = _LOCAL_HEADER.unpack(fields)
    return int(entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length)
