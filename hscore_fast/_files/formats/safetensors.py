"""``.safetensors``: tensors behind a header of JSON; safetensors checks it, and they are mapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from hscore_fast._files.formats.members import choose_member
from hscore_fast._files.mapping import map_values
from hscore_fast._files.source import AnyArray, Bfloat16, Mapped, Source

__all__ = ["open_source"]

_DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "BF16": "<u2",
    "F32": "<f4",
    "F64": "<f8",
}


def open_source(path: Path, member: str | None) -> Source:
    """Map a tensor; nothing of it is read."""
    try:
        # The library refuses a header that does not cover the file exactly.
        with safe_open(str(path), framework="numpy") as file:
            name = choose_member(path, sorted(file.keys()), member, "tensor")
    except SafetensorError as error:
        raise ValueError(
            f"{str(path)!r} is truncated or is no safetensors file ({error}); write it again"
        ) from error
    what = repr(f"{path}:{name}")
    entry, data_start = _entry(path, name)
    kind = entry["dtype"]
    if kind not in _DTYPES:
        known = ", ".join(_DTYPES)
        raise ValueError(f"{what} holds {kind}, which is not read: store one of {known}")
    shape, dtype = tuple(entry["shape"]), np.dtype(_DTYPES[kind])
    begin, end = entry["data_offsets"]
    array: AnyArray = np.empty(shape, dtype)
    if end > begin:  # the system maps no empty range
        array = map_values(path, dtype, shape, data_start + begin)
    return Bfloat16(what, array) if kind == "BF16" else Mapped(what, array)


def _entry(path: Path, name: str) -> tuple[dict[str, Any], int]:
    """Find what the header says of a tensor, and where the tensors begin.

    The format: the header's length in 8 bytes, little-endian; the header; the tensors.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return header[name], 8 + length
