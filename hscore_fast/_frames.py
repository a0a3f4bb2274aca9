"""The columns of data frames and Arrow tables, seen where they lie.

Such columns are separate arrays, often in several pieces. The core reads them side by side, so
that no matrix is assembled. No library is imported here.
"""

from __future__ import annotations

import sys
from functools import cache
from itertools import accumulate, chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hscore_fast._arrays import is_from, is_real
from hscore_fast._variants import core

__all__ = ["Column", "arrow_dtype", "arrow_values", "columns_of", "side_by_side"]

Piece = NDArray[Any]


class Column(NamedTuple):
    """Consecutive pieces of rows, one- or two-dimensional: a column may hold rows of a matrix."""

    name: object
    pieces: list[Piece]


def columns_of(table: Any) -> list[Column] | None:
    """Take a frame, table or series of pandas, polars or Arrow apart; None for anything else.

    Raises
    ------
    TypeError
        If a column does not hold real numbers; the message names it.
    ValueError
        If a column has missing values; the message names it and the first row.
    """
    if is_from(table, "pandas"):
        if hasattr(table, "columns"):
            return [_from_pandas(name, column) for name, column in table.items()]
        if hasattr(table, "array") and hasattr(table, "isna"):
            return [_from_pandas(table.name, table)]
    elif is_from(table, "polars"):
        if hasattr(table, "collect") and not hasattr(table, "to_numpy"):
            raise TypeError("features is a polars LazyFrame, not yet computed: call .collect()")
        if hasattr(table, "iter_columns"):
            return [_from_polars(column) for column in table.iter_columns()]
        if hasattr(table, "get_chunks"):
            return [_from_polars(table)]
    elif is_from(table, "pyarrow"):
        if hasattr(table, "column_names"):
            return [
                _from_arrow(name, column)
                for name, column in zip(table.column_names, table.columns, strict=True)
            ]
        if hasattr(table, "null_count"):
            return [_from_arrow("", table)]
    return None


def side_by_side(columns: list[Column]) -> Piece | core.Columns:
    """See columns as one matrix, cut into segments of rows where any of them is cut."""
    columns = [
        Column(name, [p[:, np.newaxis] if p.ndim == 1 else p for p in pieces if len(p)])
        for name, pieces in columns
    ]
    n_samples = sum(map(len, columns[0].pieces)) if columns else 0
    n_features = sum(pieces[0].shape[1] if pieces else 1 for _, pieces in columns)
    if n_samples == 0 or n_features == 0:
        return np.empty((n_samples, n_features))
    if len(columns) == 1 and len(columns[0].pieces) == 1:
        return columns[0].pieces[0]
    ends = [list(accumulate(map(len, pieces))) for _, pieces in columns]
    cuts = sorted(set(chain.from_iterable(ends)))
    segments: list[list[Piece]] = [[] for _ in cuts]
    for (_, pieces), piece_ends in zip(columns, ends, strict=True):
        segment, start = 0, 0
        for piece, end in zip(pieces, piece_ends, strict=True):
            first = start
            while start < end:
                stop = cuts[segment]
                segments[segment].append(piece[start - first : stop - first])
                segment, start = segment + 1, stop
    return core.Columns(segments, n_features)


def _from_pandas(name: object, column: Any) -> Column:
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        if not is_real(dtype):
            raise _not_real(name, dtype, "pandas.to_numeric or .astype(float)")
        return Column(name, [column.to_numpy()])
    kind = type(dtype).__name__
    if kind == "ArrowDtype":
        return _from_arrow(name, column.array.__arrow_array__())
    if kind == "SparseDtype":
        raise TypeError(
            f"features has the sparse column {name!r}, and centring would fill it: densify it with "
            ".sparse.to_dense()"
        )
    plain = getattr(dtype, "numpy_dtype", None)  # the nullable integers, floats and booleans
    if plain is None or not is_real(plain):
        raise _not_real(name, dtype, "pandas.to_numeric or .astype(float)")
    missing = np.asarray(column.isna(), dtype=bool)
    if missing.any():
        raise _missing(name, missing)
    return Column(name, [column.to_numpy(dtype=plain)])


def _from_polars(column: Any) -> Column:
    kind = str(column.dtype)
    base = column.dtype
    while type(base).__name__ == "Array":
        base = base.inner
    is_bool = str(base) == "Boolean"
    if not is_bool and not str(base).startswith(("Int", "UInt", "Float")):
        raise _not_real(column.name, kind, ".cast(polars.Float64)")
    if column.null_count():
        raise _missing(column.name, np.asarray(column.is_null(), dtype=bool))
    chunks = column.get_chunks() if column.n_chunks() > 1 else [column]
    try:
        # Booleans are packed to bits: that column alone is unpacked, to a byte each.
        pieces = [np.asarray(chunk.to_numpy(allow_copy=is_bool)) for chunk in chunks]
    except RuntimeError:
        raise TypeError(
            f"features has the column {column.name!r} of type {kind}, whose values are missing in "
            "part or cannot be read in place: fill them or cast it"
        ) from None
    return _checked(Column(column.name, pieces), kind)


def _from_arrow(name: object, column: Any) -> Column:
    if column.null_count:
        raise _missing(name, np.asarray(column.is_null(), dtype=bool))
    kind = column.type
    chunks = getattr(column, "chunks", None)
    if chunks is None:
        chunks = [column]
    if arrow_dtype(kind) is not None:
        return Column(name, list(map(arrow_values, chunks)))
    return _checked(Column(name, [_arrow_piece(name, chunk) for chunk in chunks]), kind)


def _arrow_piece(name: object, chunk: Any) -> Piece:
    types = sys.modules["pyarrow"].types  # it has made the array, so it is there
    if hasattr(chunk, "storage"):  # an extension type, such as the fixed-shape tensor
        chunk = chunk.storage
    kind = chunk.type
    if types.is_fixed_size_list(kind):
        values = chunk.flatten()
        if values.null_count:
            raise _missing(name, np.asarray(values.is_null(), dtype=bool), kind.list_size)
        return _arrow_piece(name, values).reshape(len(chunk), -1)
    if arrow_dtype(kind) is not None or types.is_boolean(kind):
        return arrow_values(chunk)
    raise _not_real(name, kind, ".cast, embeddings to a list of fixed size")


def arrow_dtype(kind: Any) -> np.dtype[Any] | None:
    """Give the dtype of Arrow's integers and floats; None for anything else."""
    return _arrow_dtypes().get(kind.id)


@cache
def _arrow_dtypes() -> dict[int, np.dtype[Any]]:
    pyarrow = sys.modules["pyarrow"]  # it has made what is looked at, so it is there
    floats = ("float16", "float32", "float64")
    integers = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    return {getattr(pyarrow, name)().id: np.dtype(name) for name in (*floats, *integers)}


def arrow_values(array: Any) -> Piece:
    """See an Arrow array of integers or floats where it lies; anything else is converted.

    The array's own ``to_numpy`` imports pandas, if there is one, which takes as long as scoring
    300 MB.
    """
    dtype = arrow_dtype(array.type)
    if dtype is None or array.null_count:
        # Booleans are packed to bits: that column alone is unpacked, to a byte each.
        converted: Piece = array.to_numpy(zero_copy_only=False)
        return converted
    if not len(array):
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def _checked(column: Column, kind: object) -> Column:
    for piece in column.pieces:
        if piece.ndim > 2 or not is_real(piece.dtype):
            raise _not_real(column.name, kind, ".cast")
    return column


def _not_real(name: object, kind: object, remedy: str) -> TypeError:
    where = f"the column {name!r}" if name not in (None, "") else "values"
    return TypeError(
        f"features has {where} of type {kind}, which are no real numbers: convert them with "
        f"{remedy}, or leave them out"
    )


def _missing(name: object, missing: NDArray[np.bool_], width: int = 1) -> ValueError:
    count = int(missing.sum())
    where = f" in column {name!r}" if name not in (None, "") else ""
    return ValueError(
        f"features has {count} missing value{'s' if count > 1 else ''} (null or NA){where}, the "
        f"first in row {int(np.argmax(missing)) // width}: drop those rows or fill them"
    )
