"""Check features and options once, without copying them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.address import is_address
from hscore_fast._inputs.arrays import as_numpy, is_narrow, is_real
from hscore_fast._inputs.column_doubts import Suspect, listed
from hscore_fast._inputs.columns import EVERY_COLUMN, ColumnRequest, refuse_request
from hscore_fast._inputs.frames import Column, columns_of, frame_of, side_by_side
from hscore_fast._variants import core

__all__ = [
    "Features",
    "as_features",
    "as_weights",
]


@dataclass(frozen=True, slots=True)
class Features:
    """A matrix as the core takes it."""

    array: NDArray[Any] | core.Columns | core.KeptRows
    bfloat16: bool = False  # the array then holds the bits as uint16
    names: list[object] | None = None  # of the columns, where they have names
    left_out: Mapping[str, str] = field(default_factory=dict)  # the table's others, and why
    suspects: Sequence[Suspect] = ()  # columns that may number the rows or the classes
    columns: Sequence[Column] = ()  # what `array` sees side by side, where it does
    whole: NDArray[Any] | core.Columns | None = None  # what `array` has some of the rows of
    rows: NDArray[np.intp] | None = None  # which of them
    first_row: int | None = None  # of a block, among all rows, where that is not told otherwise

    def __len__(self) -> int:
        return self.n_samples

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.array.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.array.shape[1])

    @property
    def narrow(self) -> bool:
        """Whether every value is of a floating-point type of 32 bits or fewer."""
        array = self.array if self.whole is None else self.whole
        if isinstance(array, np.ndarray):
            return self.bfloat16 or is_narrow(array.dtype)
        return False  # columns of several types

    def keep(self, rows: NDArray[np.intp]) -> Features:
        """See some of the rows only, in ascending order; nothing is copied."""
        assert not isinstance(self.array, core.KeptRows)
        return replace(self, array=core.KeptRows(self.array, rows), whole=self.array, rows=rows)

    def piece(self, column: Column) -> NDArray[Any]:
        """Give a column of `columns` as one matrix."""
        pieces = [piece.reshape(len(piece), -1) for piece in column.pieces]
        if any(piece.dtype.kind == "V" for piece in pieces):  # the bits of a bfloat16
            pieces = [
                (p.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
                if p.dtype.kind == "V"
                else p
                for p in pieces
            ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def as_columns(self) -> list[Column]:
        """See the matrix as columns, to which others can be added."""
        if isinstance(self.array, np.ndarray):
            # The core takes two bytes without a meaning for a bfloat16.
            return [Column("features", [self.array.view("V2") if self.bfloat16 else self.array])]
        assert self.rows is None  # of some of the rows there are no columns
        return list(self.columns)

    def column(self, index: int) -> str:
        """Name a column in a message."""
        name = "" if self.names is None else f" ({self.names[index]!r})"
        return f"column {index}{name}"


def as_features(features: Any, request: ColumnRequest = EVERY_COLUMN) -> Features:
    """See features as a real matrix; one column if they are one-dimensional.

    Parameters
    ----------
    features : array_like
        In memory.
    request : ColumnRequest
        Which columns of a table to take; refused where there is no table.
    """
    if isinstance(features, Features):
        return features
    found = None if isinstance(features, np.ndarray) else columns_of(features, request)
    if found is not None:
        array = side_by_side(found.columns)
        names = None
        if len(found.columns) == array.shape[1]:
            names = [column.name for column in found.columns]
        suspects = [
            Suspect(known, partial(_values, column.pieces)) for known, column in found.suspects
        ]
        return _with_columns(Features(array, False, names, found.left_out, suspects, found.columns))
    if request.given:
        refuse_request(request, f"an array ({type(features).__name__})")
    batches = _batches(features)
    if batches is not None:
        return _with_columns(batches)
    array, bfloat16 = _as_matrix(features)
    _refuse_inexact_integers(array)
    return _with_columns(Features(array, bfloat16))


def _refuse_inexact_integers(array: NDArray[Any]) -> None:
    """Raise for 8-byte integers that float64 cannot hold, which would be rounded."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8 or array.size == 0:
        return
    # Values that lie in one place are looked at once: there may be no end of them.
    seen = array[tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)]
    if int(seen.min()) >= -(2**53) and int(seen.max()) <= 2**53:
        return
    rows = 1024  # at a time, so that no copy of all is made
    for first in range(0, len(seen), rows):
        part = seen[first : first + rows]
        nearest = part.astype(np.float64)
        # The nearest float of the largest integers is no integer of the type.
        inside = nearest < 2.0 ** (64 if array.dtype.kind == "u" else 63)
        back = np.where(inside, nearest, 0).astype(array.dtype)
        changed = np.argwhere(back != part)
        if len(changed):
            row, column = changed[0]
            raise ValueError(
                f"features row {first + row}, column {column} is {part[row, column]}, an integer "
                "beyond 2^53 that float64 cannot hold: subtract a constant from the column, which "
                "leaves the score unchanged, or convert it to float64 if its last digits mean "
                "nothing"
            )


def _with_columns(x: Features) -> Features:
    if x.array.shape[1] == 0:
        raise ValueError(f"features must have at least one column, got shape {x.array.shape}")
    return x


def _values(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _batches(features: Any) -> Features | None:
    """See a list of matrices as one below the other; None if it is no such list."""
    if not isinstance(features, (list, tuple)) or not features:
        return None
    tables = [batch for batch in features if frame_of(batch) is not None]
    if tables:
        raise TypeError(
            f"features is a list of tables ({type(tables[0]).__name__}): make one of them, with "
            "pandas.concat, polars.concat or pyarrow.concat_tables, which match columns by name"
        )
    if any(getattr(batch, "ndim", 0) != 2 for batch in features):
        return None
    seen = [as_numpy(batch, f"features[{number}]") for number, batch in enumerate(features)]
    for number, (batch, bfloat16) in enumerate(seen):
        if not (bfloat16 or is_real(batch.dtype)):
            raise _not_real(f"features[{number}]", batch.dtype)
        if batch.shape[1] != seen[0][0].shape[1]:
            raise ValueError(
                f"features is a list of matrices of different widths: features[0] has shape "
                f"{seen[0][0].shape}, features[{number}] has {batch.shape}"
            )
    if len(seen) == 1:
        return Features(*seen[0])
    # The core takes two bytes without a meaning for a bfloat16.
    pieces = [batch.view("V2") if bfloat16 else batch for batch, bfloat16 in seen]
    columns = [Column("", pieces)]
    return Features(side_by_side(columns), columns=columns)


def _as_matrix(features: Any) -> tuple[NDArray[Any], bool]:
    if isinstance(features, Mapping):
        raise _is_mapping(features)
    if is_address(features):
        raise TypeError(
            f"features must be in memory here, got the address {features!r}: load it with "
            "hscore_fast.readers.open_array"
        )
    array, bfloat16 = as_numpy(features, "features")
    if not (bfloat16 or is_real(array.dtype)):
        raise _not_real("features", array.dtype)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise ValueError(
            f"features must have shape (n_samples, n_features), got {array.ndim} dimensions "
            f"{array.shape}: reshape or pool them to one row per sample"
        )
    return array, bfloat16


def _not_real(what: str, dtype: np.dtype[Any]) -> TypeError:
    return TypeError(
        f"{what} must be real numbers (float16, bfloat16, float32, float64, integers or "
        f"booleans), got dtype {dtype}: convert them, for example with .astype(numpy.float64)"
    )


def _is_mapping(features: Mapping[Any, Any]) -> TypeError:
    names = list(features)
    one = names[0] if names else "name"
    return TypeError(
        f"features is a {type(features).__name__} of {len(names)} arrays ({listed(names)}), and "
        f"one matrix is needed: pass one of them, as in features[{one!r}]; rank_sources and "
        "transfer_matrix score each of a mapping, and pandas.DataFrame makes a table of columns"
    )


def as_weights(weights: ArrayLike | None, n_rows: int) -> NDArray[np.float64] | None:
    """Copy weights as float64, one per row; the core checks their values.

    A copy, because another thread may change the caller's after the check.
    """
    if weights is None:
        return None
    array = np.asarray(weights)
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise TypeError(
            f"weights must be real numbers, got dtype {array.dtype}: convert them, for example "
            "with .astype(numpy.float64)"
        )
    if array.shape != (n_rows,):
        raise ValueError(
            f"weights must have one entry per row of features, shape ({n_rows},), got shape "
            f"{array.shape}"
        )
    return np.array(array, dtype=np.float64, order="C")
