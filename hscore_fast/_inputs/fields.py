"""Decide by type what the columns of frames and Arrow tables may be used for.

No library is imported here.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Hashable
from functools import cache
from typing import Any

import numpy as np

from hscore_fast._inputs.arrays import is_instance_of, is_real
from hscore_fast._inputs.column_doubts import Field, Kind

__all__ = [
    "ARROW_REMEDY",
    "PANDAS_REMEDY",
    "POLARS_REMEDY",
    "arrow_dtype",
    "arrow_field",
    "index_of",
    "is_missing",
    "is_vector",
    "pandas_field",
    "polars_field",
]

PANDAS_REMEDY = "convert it with pandas.to_numeric or .astype(float)"
POLARS_REMEDY = "convert it with .cast(polars.Float64)"
ARROW_REMEDY = "convert it with .cast"

_KINDS: dict[str, Kind] = {"f": "float", "i": "integer", "u": "integer", "b": "boolean"}
_MOST_OBJECTS = 1000  # values of a column of objects that are looked at to tell what it holds


def pandas_field(name: Hashable, column: Any) -> Field:
    """Say what a column of pandas may be used for."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind == "O":
            return _object_field(name, column)
        return _numpy_field(name, dtype, str(dtype))
    if is_instance_of(dtype, "pandas", "ArrowDtype"):
        return arrow_field(name, dtype.pyarrow_dtype)
    if is_instance_of(dtype, "pandas", "SparseDtype"):  # the conversion says what to do
        return _numpy_field(name, np.dtype(dtype.subtype), str(dtype))
    plain = getattr(dtype, "numpy_dtype", None)  # the nullable integers, floats and booleans
    if plain is not None:
        return _numpy_field(name, np.dtype(plain), str(dtype))
    others = ("StringDtype", "CategoricalDtype", "DatetimeTZDtype", "PeriodDtype")
    if is_instance_of(dtype, "pandas", *others):
        return Field(name, "other", str(dtype))
    return Field(name, "refused", str(dtype), PANDAS_REMEDY)


def _numpy_field(name: Hashable, dtype: np.dtype[Any], shown: str) -> Field:
    if dtype.kind in "SUMm":
        return Field(name, "other", shown)
    if not is_real(dtype):
        return Field(name, "refused", shown, PANDAS_REMEDY)
    return Field(name, _KINDS[dtype.kind], shown)


def _object_field(name: Hashable, column: Any) -> Field:
    """Look at the first values of a column of objects, which may be anything."""
    values = column.to_numpy()
    known = [value for value in values[:_MOST_OBJECTS] if not is_missing(value)]
    if known and all(is_vector(value) for value in known[:1]):
        return Field(name, "vectors", "object")
    if known and all(isinstance(value, (str, bytes, datetime.date)) for value in known):
        return Field(name, "other", "object")
    return Field(name, "refused", "object", PANDAS_REMEDY)


def is_vector(value: Any) -> bool:
    """Whether a value of a column of objects is a vector."""
    return isinstance(value, (list, tuple, np.ndarray)) or hasattr(value, "__dlpack__")


def is_missing(value: Any) -> bool:
    """Whether a value of a column of objects is missing."""
    pandas = sys.modules.get("pandas")
    if value is None or (pandas is not None and (value is pandas.NA or value is pandas.NaT)):
        return True
    return isinstance(value, float) and value != value


def polars_field(column: Any) -> Field:
    """Say what a column of polars may be used for."""
    shown = str(column.dtype)
    base, nested = column.dtype, False
    while is_instance_of(base, "polars", "Array", "List"):
        base, nested = base.inner, True
    kind = _polars_kind(str(base))
    if kind in _KINDS.values() and nested:
        return Field(column.name, "vectors", shown)
    return Field(column.name, kind, shown, POLARS_REMEDY if kind == "refused" else "")


def _polars_kind(shown: str) -> Kind:
    if shown == "Boolean":
        return "boolean"
    if shown.startswith(("Int", "UInt")):
        return "integer"
    if shown.startswith("Float"):
        return "float"
    return "refused" if shown.startswith(("Decimal", "Null", "Object", "Unknown")) else "other"


def arrow_field(name: Hashable, kind: Any) -> Field:
    """Say what a column of an Arrow type may be used for."""
    types = sys.modules["pyarrow"].types
    shown = str(kind)
    if hasattr(kind, "storage_type"):  # an extension type, such as the fixed-shape tensor
        kind = kind.storage_type
    dtype = arrow_dtype(kind)
    if dtype is not None:
        return Field(name, _KINDS[dtype.kind], shown)
    if types.is_boolean(kind):
        return Field(name, "boolean", shown)
    if types.is_decimal(kind) or types.is_null(kind):
        return Field(name, "refused", shown, ARROW_REMEDY)
    base = kind
    while types.is_fixed_size_list(base) or types.is_list(base) or types.is_large_list(base):
        base = base.value_type
    if base is not kind and (arrow_dtype(base) is not None or types.is_boolean(base)):
        return Field(name, "vectors", shown)
    return Field(name, "other", shown)


def index_of(schema: Any) -> frozenset[Hashable]:
    """Name the columns that pandas wrote its index to, as an Arrow schema's metadata says."""
    try:
        described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        names = described.get("index_columns", [])
    except (ValueError, AttributeError):  # somebody else's, or damaged
        return frozenset()
    # A default index is not a column but a description of its range.
    return frozenset(name for name in names if isinstance(name, str))


def arrow_dtype(kind: Any) -> np.dtype[Any] | None:
    """Give the dtype of Arrow's integers and floats; None for anything else."""
    return _arrow_dtypes().get(kind.id)


@cache
def _arrow_dtypes() -> dict[int, np.dtype[Any]]:
    pyarrow = sys.modules["pyarrow"]  # it has made what is looked at, so it is there
    floats = ("float16", "float32", "float64")
    integers = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    return {getattr(pyarrow, name)().id: np.dtype(name) for name in (*floats, *integers)}
