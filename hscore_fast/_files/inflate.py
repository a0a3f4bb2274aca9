"""Unpack deflated data, by isal if it is installed, else by zlib.

isal takes about half the time for float32 features.
"""

from __future__ import annotations

import importlib
import io
from typing import IO, Any

from hscore_fast._files import limits

zlib: Any  # either has the same names
try:
    zlib = importlib.import_module("isal.isal_zlib")
except ImportError:
    zlib = importlib.import_module("zlib")

__all__ = ["DamagedError", "Inflated", "inflate"]

_NO_HEADER = -zlib.MAX_WBITS


class DamagedError(ValueError):
    """The stream is damaged, or holds something else than was expected."""


def inflate(data: Any, n_bytes: int) -> bytes:
    """Unpack a whole stream with zlib's header, which must hold exactly so many bytes.

    Raises
    ------
    DamagedError
        If it holds fewer or more, or is damaged.
    """
    stream = zlib.decompressobj()
    try:
        unpacked: bytes = stream.decompress(data, n_bytes + 1)
    except zlib.error as error:
        raise DamagedError(str(error)) from error
    if len(unpacked) != n_bytes or not stream.eof:
        raise DamagedError(f"{n_bytes} bytes were packed, others are there")
    return unpacked


class Inflated(io.RawIOBase):
    """The bytes behind a stream without a header, such as a member of a zip archive.

    Parameters
    ----------
    file : file object
        At the first byte of the stream.
    n_packed : int
        Bytes of the stream.
    checksum : int
        CRC-32 of what comes out, looked at when all has.

    Raises
    ------
    DamagedError
        While it is read, if it is damaged or ends early.
    """

    def __init__(self, file: IO[bytes], n_packed: int, checksum: int) -> None:
        self._file, self._left, self._expected = file, n_packed, checksum
        self._stream = zlib.decompressobj(_NO_HEADER)
        self._checksum = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, target: Any) -> int:
        """Unpack as much as has room, or as the next piece of the stream holds."""
        piece = b""
        while not piece and len(target) and not self._stream.eof:
            packed = self._stream.unconsumed_tail
            if not packed:
                packed = self._file.read(min(self._left, limits.INFLATE_BYTES))
                self._left -= len(packed)
            try:
                piece = self._stream.decompress(packed, len(target))
            except zlib.error as error:
                raise DamagedError(str(error)) from error
            # The input may be exhausted while output is still pending.
            if not packed and not piece and not self._stream.eof:
                raise DamagedError("the packed bytes end early")
        self._checksum = zlib.crc32(piece, self._checksum)
        if self._stream.eof and self._checksum != self._expected:
            raise DamagedError("the checksum is another one")
        target[: len(piece)] = piece
        return len(piece)
