"""The columns of data frames and Arrow tables, seen where they lie.

Such columns are separate arrays, often in several pieces. The core reads them side by side, so
that no matrix is assembled. No library is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from dataclasses import replace
from itertools import accumulate, chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs.arrays import is_from, is_instance_of, is_real
from hscore_fast._inputs.column_doubts import Field
from hscore_fast._inputs.columns import (
    EVERY_COLUMN,
    ColumnRequest,
    choose,
    nothing_left,
    refuse_request,
)
from hscore_fast._inputs.fields import (
    ARROW_REMEDY,
    PANDAS_REMEDY,
    POLARS_REMEDY,
    arrow_dtype,
    arrow_field,
    index_of,
    is_missing,
    is_vector,
    pandas_field,
    polars_field,
)
from hscore_fast._variants import core

__all__ = [
    "Column",
    "FeatureColumns",
    "arrow_values",
    "columns_of",
    "labels_request",
    "side_by_side",
]

Piece = NDArray[Any]


class Column(NamedTuple):
    """Consecutive pieces of rows, one- or two-dimensional: a column may hold rows of a matrix."""

    name: object
    pieces: list[Piece]


class Frame(NamedTuple):
    """A table in memory: what its columns are, and how to see one of them.

    `index_names` are those of the columns that the table's metadata calls its index.
    """

    fields: list[Field]
    index_names: frozenset[Hashable]
    column: Callable[[int], Column]


class FeatureColumns(NamedTuple):
    """The columns of a table, or the series, that are features.

    Attributes
    ----------
    columns : list of Column
        Each in place.
    left_out : dict of str to str
        Other columns' names, and why they are left out.
    suspects : list of (Field, Column)
        Those of `columns` whose names or values may tell that they are no features.
    """

    columns: list[Column]
    left_out: dict[str, str]
    suspects: list[tuple[Field, Column]]


def columns_of(table: Any, request: ColumnRequest = EVERY_COLUMN) -> FeatureColumns | None:
    """Take a frame, table or series of pandas, polars or Arrow apart; None for anything else.

    Raises
    ------
    TypeError
        If a column that is a feature does not hold real numbers; the message names it.
    ValueError
        If a column has missing values, with its name and the first row; if a name is unknown, or
        no column is left.
    """
    frame = frame_of(table)
    if frame is None:
        series = series_of(table)
        if series is None:
            return None
        if request.given:
            refuse_request(request, f"a {type(table).__name__}")
        return FeatureColumns([series], {}, [])
    if not frame.fields:
        if request.given:
            refuse_request(request, "a table without columns")
        return FeatureColumns([], {}, [])
    choice = choose(frame.fields, _with_numbered(request, table, frame), index=frame.index_names)
    if not choice.taken:
        raise nothing_left(choice, "features", _remedy(table))
    columns = {place: frame.column(place) for place in choice.taken}
    suspects = [(frame.fields[place], columns[place]) for place in choice.suspects]
    return FeatureColumns(list(columns.values()), choice.left_out, suspects)


def _with_numbered(request: ColumnRequest, table: Any, frame: Frame) -> ColumnRequest:
    """Add labels' columns that are called by a number, if they do hold the labels.

    A name such as 0 is what pandas gives a column without a name, so that it alone says nothing.
    """
    names = {field.name for field in frame.fields} if request.numbered else ()
    for name, labels in request.numbered:
        if name in names and np.array_equal(np.asarray(table[name]), np.asarray(labels)):
            request = request.without([name])
    return request


def _remedy(table: Any) -> str:
    if is_from(table, "pandas"):
        return PANDAS_REMEDY
    return POLARS_REMEDY if is_from(table, "polars") else ARROW_REMEDY


def labels_request(request: ColumnRequest, labels: Any) -> ColumnRequest:
    """Add the names that labels in memory have: of a series, or of a table's columns."""
    if isinstance(labels, (np.ndarray, list, tuple)):  # almost always, and they have none
        return request
    names: list[Hashable] = []
    if is_from(labels, "pandas") or is_from(labels, "polars"):
        columns = getattr(labels, "columns", None)
        names = list(columns) if columns is not None else [getattr(labels, "name", None)]
    elif is_from(labels, "pyarrow"):
        names = list(getattr(labels, "column_names", ()))
    numbered = [
        (name, labels[name] if hasattr(labels, "columns") else labels)
        for name in names
        if isinstance(name, (int, np.integer))
    ]
    if numbered:
        request = replace(request, numbered=(*request.numbered, *numbered))
    return request.without(name for name in names if isinstance(name, (str, tuple)) and name)


def frame_of(table: Any) -> Frame | None:
    """Describe a frame or table of pandas, polars or Arrow; None for anything else.

    Raises
    ------
    TypeError
        For a polars LazyFrame, whose values are not computed yet.
    """
    if is_from(table, "pandas"):
        if hasattr(table, "columns"):
            named = list(table.items())
            fields = [pandas_field(name, column) for name, column in named]
            return Frame(fields, frozenset(), lambda place: _from_pandas(*named[place]))
    elif is_from(table, "polars"):
        if hasattr(table, "collect") and not hasattr(table, "to_numpy"):
            raise TypeError("features is a polars LazyFrame, not yet computed: call .collect()")
        if hasattr(table, "iter_columns"):
            columns = list(table.iter_columns())
            fields = [polars_field(column) for column in columns]
            return Frame(fields, frozenset(), lambda place: _from_polars(columns[place]))
    elif is_from(table, "pyarrow") and hasattr(table, "column_names"):
        return Frame(
            [
                arrow_field(name, kind)
                for name, kind in zip(table.column_names, table.schema.types, strict=True)
            ],
            index_of(table.schema),
            lambda place: _from_arrow(table.column_names[place], table.column(place)),
        )
    return None


def series_of(series: Any) -> Column | None:
    """See a series or array of pandas, polars or Arrow as one column; None for anything else.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If it has missing values, or vectors of different lengths.
    """
    if is_from(series, "pandas"):
        if hasattr(series, "array") and hasattr(series, "isna"):
            return _from_pandas(series.name, series)
    elif is_from(series, "polars"):
        if hasattr(series, "get_chunks"):
            return _from_polars(series)
    elif is_from(series, "pyarrow") and hasattr(series, "null_count"):
        return _from_arrow("", series)
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
        if dtype.kind == "O" and len(column) and is_vector(column.to_numpy()[0]):
            return Column(name, [_stacked(name, column.to_numpy())])
        if not is_real(dtype):
            raise _not_real(name, dtype, PANDAS_REMEDY)
        return Column(name, [column.to_numpy()])
    if is_instance_of(dtype, "pandas", "ArrowDtype"):
        return _from_arrow(name, column.array.__arrow_array__())
    if is_instance_of(dtype, "pandas", "SparseDtype"):
        raise TypeError(
            f"features has the sparse column {name!r}, and centring would fill it: densify it with "
            ".sparse.to_dense()"
        )
    plain = getattr(dtype, "numpy_dtype", None)  # the nullable integers, floats and booleans
    if plain is None or not is_real(plain):
        raise _not_real(name, dtype, PANDAS_REMEDY)
    missing = np.asarray(column.isna(), dtype=bool)
    if missing.any():
        raise _missing(name, missing)
    return Column(name, [column.to_numpy(dtype=plain)])


def _stacked(name: object, rows: NDArray[Any]) -> Piece:
    """Make a matrix of a column that holds a vector in each row, which are apart in memory."""
    where = f"the column {name!r}" if name not in (None, "") else "rows"
    vectors: list[NDArray[Any]] = []
    for number, row in enumerate(rows):
        if not is_vector(row):
            if is_missing(row):
                raise _missing(name, np.arange(len(rows)) == number)
            raise TypeError(
                f"features has {where} with a {type(row).__name__} in row {number}, where others "
                "are vectors: convert it, or leave it out"
            )
        vector = np.asarray(row)
        if vector.ndim != 1 or (vectors and len(vector) != len(vectors[0])):
            raise ValueError(
                f"features has {where} whose vectors differ in length: row 0 has shape "
                f"{np.shape(rows[0])}, row {number} has {vector.shape}"
            )
        vectors.append(vector)
    matrix = np.stack(vectors)
    if not is_real(matrix.dtype):
        raise _not_real(name, f"{matrix.dtype} in vectors", PANDAS_REMEDY)
    return matrix


def _from_polars(column: Any) -> Column:
    shown = str(column.dtype)
    if column.null_count():
        raise _missing(column.name, np.asarray(column.is_null(), dtype=bool))
    if polars_field(column).kind in ("other", "refused"):
        raise _not_real(column.name, shown, POLARS_REMEDY)
    if is_instance_of(column.dtype, "polars", "List"):
        lengths = column.list.len()
        if len(column) and lengths.min() != lengths.max():
            raise _uneven(column.name, np.asarray(lengths))
        column = column.list.to_array(int(lengths[0]) if len(column) else 1)
    chunks = column.get_chunks() if column.n_chunks() > 1 else [column]
    # Booleans are packed to bits: that column alone is unpacked, to a byte each.
    may_copy = "Boolean" in shown
    try:
        pieces = [np.asarray(chunk.to_numpy(allow_copy=may_copy)) for chunk in chunks]
    except RuntimeError:
        raise TypeError(
            f"features has the column {column.name!r} of type {shown}, whose values are missing in "
            "part or cannot be read in place: fill them or cast it"
        ) from None
    return _checked(Column(column.name, pieces), shown)


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
    uneven = types.is_list(kind) or types.is_large_list(kind)
    if uneven or types.is_fixed_size_list(kind):
        width = kind.list_size if not uneven else 0
        if uneven and len(chunk):
            lengths = chunk.value_lengths().to_numpy()
            width = int(lengths[0])
            if (lengths != width).any():
                raise _uneven(name, lengths)
        values = chunk.flatten()
        if values.null_count:
            raise _missing(name, np.asarray(values.is_null(), dtype=bool), width)
        return _arrow_piece(name, values).reshape(len(chunk), -1 if len(chunk) else width)
    if arrow_dtype(kind) is not None or types.is_boolean(kind):
        return arrow_values(chunk)
    raise _not_real(name, kind, ARROW_REMEDY)


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
            raise _not_real(column.name, kind, ARROW_REMEDY)
    return column


def _uneven(name: object, lengths: NDArray[Any]) -> ValueError:
    where = f"the column {name!r}" if name not in (None, "") else "rows"
    other = int(np.argmax(lengths != lengths[0]))
    return ValueError(
        f"features has {where} whose lists differ in length: {lengths[0]} in row 0, "
        f"{lengths[other]} in row {other}"
    )


def _not_real(name: object, kind: object, remedy: str) -> TypeError:
    where = f"the column {name!r}" if name not in (None, "") else "values"
    return TypeError(
        f"features has {where} of type {kind}, which are no real numbers: {remedy}, or leave it out"
    )


def _missing(name: object, missing: NDArray[np.bool_], width: int = 1) -> ValueError:
    count = int(missing.sum())
    where = f" in column {name!r}" if name not in (None, "") else ""
    return ValueError(
        f"features has {count} missing value{'s' if count > 1 else ''} (null or NA){where}, the "
        f"first in row {int(np.argmax(missing)) // width}: drop those rows or fill them"
    )
