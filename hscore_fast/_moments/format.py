"""Moments as bytes, in the layout that docs/moments-format.md describes."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import Moments as CoreMoments

__all__ = ["MAGIC", "VERSION", "pack", "unpack"]

Bytes = NDArray[np.uint8]

MAGIC = b"\x89HSM\r\n\x1a\n"
VERSION = 1

# Magic, version, flags, length in all, features, classes, rows, rows when last centred, unit and
# sum of fourth powers of the norm moments, length of the labels.
_HEADER = struct.Struct("<8sIIQQQQQddQ")
_CHECKSUM = struct.Struct("<I")
_HAS_NORMS, _HAS_CANCELLED, _HAS_LABELS = 1, 2, 4
_INT64 = range(-(2**63), 2**63)


def pack(statistics: CoreMoments | None, labels: list[Any] | None) -> Bytes:
    """Write the statistics, and the classes' labels unless they are None."""
    names = b"" if labels is None else b"".join(map(_pack_label, labels))
    flags = 0 if labels is None else _HAS_LABELS
    rows = centred = classes = features = 0
    unit = fourth = 0.0
    parts: list[NDArray[np.float64]] = []
    if statistics is not None:
        rows, centred, shift, scatter, counts, sums, cancelled, unit, fourth, cubes = (
            statistics.state()
        )
        features, classes = len(shift), len(counts)
        flags |= _HAS_NORMS if len(cubes) else 0
        flags |= _HAS_CANCELLED if len(cancelled) else 0
        parts = [shift, scatter, counts, sums, cancelled, cubes]
    length = _HEADER.size + 8 * sum(map(len, parts)) + len(names) + _CHECKSUM.size
    data = np.empty(length, np.uint8)
    _HEADER.pack_into(
        data.data,
        0,
        *(MAGIC, VERSION, flags, length, features, classes, rows, centred),
        *(unit, fourth, len(names)),
    )
    at = _HEADER.size
    for part in parts:
        data[at : at + 8 * len(part)].view("<f8")[:] = part
        at += 8 * len(part)
    data[at : at + len(names)] = np.frombuffer(names, np.uint8)
    _CHECKSUM.pack_into(
        data.data, length - _CHECKSUM.size, zlib.crc32(data[: -_CHECKSUM.size].data)
    )
    return data


def unpack(data: Any) -> tuple[CoreMoments | None, list[Any] | None]:
    """Read what :func:`pack` wrote.

    Raises
    ------
    ValueError
        If it is something else, damaged, cut off or of a newer version.
    TypeError
        If it is not bytes.
    """
    try:
        raw = np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError, AttributeError):
        if isinstance(data, (bytes, bytearray)):  # of no length
            raw = np.empty(0, np.uint8)
        else:
            raise TypeError(
                f"data must be bytes that Moments.to_bytes wrote, got {type(data).__name__}"
            ) from None
    if len(raw) < _HEADER.size + _CHECKSUM.size or raw[:8].tobytes() != MAGIC:
        raise ValueError(
            f"these {len(raw)} bytes are not a Moments, or its beginning is lost: pass what "
            "Moments.to_bytes wrote"
        )
    (_, version, flags, length, features, classes, rows, centred, unit, fourth, n_names) = (
        _HEADER.unpack_from(raw.data)
    )
    if version > VERSION:
        raise ValueError(
            f"this Moments was written in format {version}, and this version of hscore_fast reads "
            f"up to format {VERSION}: upgrade hscore_fast"
        )
    if length != len(raw):
        raise ValueError(
            f"this Moments is damaged: {len(raw)} bytes where {length} were written; copy it again"
        )
    (checksum,) = _CHECKSUM.unpack_from(raw.data, length - _CHECKSUM.size)
    if zlib.crc32(raw[: -_CHECKSUM.size].data) != checksum:
        raise ValueError("this Moments is damaged: its checksum differs; copy it again")
    # The checksum finds accidents, not a writer's mistakes.
    n_cancelled = features if flags & _HAS_CANCELLED else 0
    n_cubes = features if flags & _HAS_NORMS else 0
    sizes = [
        *(features, features * (features + 1) // 2, classes, classes * features),
        *(n_cancelled, n_cubes),
    ]
    if version < 1 or flags > 7 or _HEADER.size + 8 * sum(sizes) + n_names + 4 != length:
        raise _inconsistent("its lengths do not add up")
    if n_names and not flags & _HAS_LABELS:
        raise _inconsistent("it has labels and says that it has none")
    ends = _HEADER.size + 8 * np.cumsum(sizes)
    shift, scatter, counts, sums, cancelled, cubes = (
        raw[end - 8 * size : end].view("<f8").astype(np.float64)
        for end, size in zip(ends, sizes, strict=True)
    )
    names = raw[length - 4 - n_names : length - 4].tobytes()
    labels = _unpack_labels(names, classes) if flags & _HAS_LABELS else None
    if features == 0:
        if classes or rows:
            raise _inconsistent("it has rows but no features")
        return None, labels
    if max(rows, centred) >= 2**63 or ((rows > 0) != bool((counts > 0).any())):
        raise _inconsistent("its numbers of rows are impossible")
    try:
        statistics = core.Moments.from_state(
            *(rows, centred, shift, scatter, counts, sums, cancelled, unit, fourth, cubes)
        )
    except ValueError as error:
        raise _inconsistent(str(error)) from None
    return statistics, labels


def _inconsistent(why: str) -> ValueError:
    return ValueError(f"this Moments was not written as docs/moments-format.md says: {why}")


def _pack_label(label: Any) -> bytes:
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, bool):
        return struct.pack("<cB", b"b", label)
    if isinstance(label, int):
        if label in _INT64:
            return struct.pack("<cq", b"i", label)
        return _pack_text(b"I", str(label).encode())
    if isinstance(label, float):
        return struct.pack("<cd", b"f", label)
    if isinstance(label, str):
        return _pack_text(b"s", label.encode("utf-8", "surrogatepass"))
    if isinstance(label, bytes):
        return _pack_text(b"y", label)
    raise TypeError(
        f"labels must be integers, booleans, floats, strings or bytes to be written, got {label!r} "
        f"of type {type(label).__name__}: pickle the Moments instead"
    )


def _pack_text(kind: bytes, text: bytes) -> bytes:
    return struct.pack("<cI", kind, len(text)) + text


def _unpack_labels(names: bytes, classes: int) -> list[Any]:
    labels: list[Any] = []
    at = 0
    try:
        while at < len(names):
            kind = names[at : at + 1]
            at += 1
            if kind in b"bif":
                form = {b"b": "<?", b"i": "<q", b"f": "<d"}[kind]
                labels.append(struct.unpack_from(form, names, at)[0])
                at += struct.calcsize(form)
                continue
            (size,) = struct.unpack_from("<I", names, at)
            text = names[at + 4 : at + 4 + size]
            if len(text) != size:
                raise ValueError("a label is cut off")  # noqa: TRY301
            at += 4 + size
            if kind == b"s":
                labels.append(text.decode("utf-8", "surrogatepass"))
            elif kind == b"I":
                labels.append(int(text))
            elif kind == b"y":
                labels.append(text)
            else:
                raise ValueError(f"a label is of the unknown kind {kind!r}")  # noqa: TRY301
    except (struct.error, ValueError) as error:
        raise _inconsistent(str(error)) from None
    if len(labels) != classes or len(set(labels)) != classes:
        raise _inconsistent(f"{len(set(labels))} different labels for {classes} classes")
    return labels
