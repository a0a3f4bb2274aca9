"""Columns of Arrow tables as one matrix; what .parquet and .arrow share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hscore_fast._inputs import Features
from hscore_fast._variants import core
from hscore_fast.readers._members import choose_member
from hscore_fast.readers._source import AnyArray, Source

__all__ = ["Table", "clear_errors"]

_LINE = 64  # bytes of a line of the processor's cache


class Table(Source):
    """Numeric columns side by side, one column, or one column of lists.

    Parameters
    ----------
    path : Path
        For messages.
    schema : pyarrow.Schema
        Of the table.
    n_rows : int
        Of the table.
    batches : callable
        ``batches(n_rows, names)`` gives record batches with these columns.
    member, without : str or None
        The column asked for; the column to leave out.
    """

    def __init__(
        self,
        path: Path,
        schema: Any,
        n_rows: int,
        batches: Callable[[int, list[str]], Iterable[Any]],
        member: str | None,
        without: str | None,
    ) -> None:
        self._batches = batches
        self._names = _chosen(path, schema, member, without)
        types = [_storage(schema.field(name).type) for name in self._names]
        self._lists = _is_list(types[0])
        what = repr(str(path) if member is None else f"{path}:{member}")
        tail: tuple[int, ...] = ()
        if self._lists:
            tail = (self._width(types[0], what),)
            types = [types[0].value_type]
        elif member is None:
            tail = (len(types),)
        super().__init__(what, (n_rows, *tail), np.result_type(*map(_dtype, types)))
        # int16 beside float32 is float32, but exact.
        self.narrow = self.narrow and all(map(pa.types.is_floating, types))

    def _width(self, column_type: Any, what: str) -> int:
        if pa.types.is_fixed_size_list(column_type):
            return int(column_type.list_size)
        for batch in self._batches(1, self._names):
            if batch.num_rows:
                first = _column(batch, 0)
                return len(first[0]) if first[0].is_valid else 0
        raise ValueError(f"{what} has no rows, so the length of its lists is unknown")

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Convert batches; a block may hold fewer rows than asked for."""
        for start, columns in self._pieces(n_rows):
            yield self._block(columns, start)
            del columns  # before the next ones are read

    def matrices(self, n_rows: int) -> Iterator[Features]:
        """See columns side by side, where they are."""
        if self._lists or len(self.shape) == 1:
            yield from super().matrices(n_rows)
            return
        for _, columns in self._pieces(n_rows):
            arrays = [column.to_numpy(zero_copy_only=False)[:, np.newaxis] for column in columns]
            yield Features(core.Columns([arrays], len(arrays)), names=list(self._names))
            del columns, arrays

    def _pieces(self, n_rows: int) -> Iterator[tuple[int, list[Any]]]:
        """Give the columns of at most `n_rows` rows, and the number of the first row."""
        start = 0
        for batch in self._batches(n_rows, self._names):
            for first in range(0, batch.num_rows, n_rows):
                piece = batch.slice(first, n_rows)
                yield start, self._columns(piece, start)
                start += piece.num_rows
                del piece
            del batch  # before the next one is read

    def in_place(self, batch: Any, places: range) -> Any:
        """Choose the columns of a batch if all are numbers as memory has them, within `places`."""
        chosen = batch.select(self._names)
        for column in chosen.columns:
            if isinstance(column, pa.FixedSizeListArray) and not column.null_count:
                column = column.flatten()
            kind = column.type
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)) or column.null_count:
                return None
            values = column.buffers()[-1]
            if len(column) and (values is None or values.address not in places):
                return None
        return chosen

    def _columns(self, batch: Any, start: int) -> list[Any]:
        columns = [_column(batch, position) for position in range(batch.num_columns)]
        for name, column in zip(self._names, columns, strict=True):
            if column.null_count:
                row = start + column.is_null().to_pylist().index(True)
                raise ValueError(
                    f"{self.what} has {column.null_count} missing values in column {name!r}, the "
                    f"first in row {row}: drop those rows or fill them"
                )
        return columns

    def _block(self, columns: list[Any], start: int) -> AnyArray:
        if self._lists:
            values = columns[0].flatten()
            lengths = set(columns[0].value_lengths().to_pylist())
            if lengths - {self.shape[1]}:
                raise ValueError(
                    f"{self.what} has lists of different lengths: {self.shape[1]} in the first "
                    f"row, {min(lengths - {self.shape[1]})} at or after row {start}"
                )
            block: AnyArray = values.to_numpy(zero_copy_only=False)
            return block.reshape(-1, self.shape[1])
        if len(self.shape) == 1:
            return np.asarray(columns[0].to_numpy(zero_copy_only=False))
        # Column by column, as the table is: each is copied in one piece. A cache line lies between
        # them, because columns a power of two apart would compete for the same few places in it.
        padding = _LINE // self.dtype.itemsize
        block = np.empty((len(columns), len(columns[0]) + padding), self.dtype)[:, :-padding].T
        for place, column in enumerate(columns):
            block[:, place] = column.to_numpy(zero_copy_only=False)
        return block


def _chosen(path: Path, schema: Any, member: str | None, without: str | None) -> list[str]:
    if member is not None:
        return [choose_member(path, schema.names, member, "column")]
    numbers, lists = [], []
    for field in schema:
        if field.name == without:
            continue
        if _is_list(_storage(field.type)):
            lists.append(field.name)
        elif _is_number(field.type):
            numbers.append(field.name)
    if len(lists) == 1 and not numbers:
        return lists
    if lists:
        raise ValueError(
            f"{str(path)!r} holds columns of lists ({', '.join(map(repr, lists))}) beside others; "
            f"say which column, as in {f'{path.name}:{lists[0]}'!r}"
        )
    if not numbers:
        known = ", ".join(map(repr, schema.names))
        raise ValueError(f"{str(path)!r} has no numeric columns; it holds {known}")
    return numbers


def _column(batch: Any, position: int) -> Any:
    column = batch.column(position)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    return column


def _storage(column_type: Any) -> Any:
    if isinstance(column_type, pa.BaseExtensionType):
        return column_type.storage_type
    return column_type


def _is_list(column_type: Any) -> bool:
    is_some_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(column_type) for test in is_some_list) and _is_number(column_type.value_type)


def _is_number(column_type: Any) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    return any(test(column_type) for test in tests)


def _dtype(column_type: Any) -> np.dtype[Any]:
    if not _is_number(column_type):
        return np.dtype(object)
    dtype: np.dtype[Any] = np.dtype(column_type.to_pandas_dtype())
    return dtype


@contextmanager
def clear_errors(path: Path, kind: str) -> Iterator[None]:
    """Say which file it is, where pyarrow says what is wrong with it."""
    try:
        yield
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{str(path)!r} is truncated, damaged or no {kind} file ({reason}); write it again"
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(
            f"{str(path)!r} is truncated, damaged or no {kind} file ({error}); write it again"
        ) from error
