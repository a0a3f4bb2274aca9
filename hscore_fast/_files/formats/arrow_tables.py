"""Columns of Arrow tables as one matrix; what .parquet and .arrow share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from hscore_fast._files import limits
from hscore_fast._files.errors import clear_damage
from hscore_fast._files.formats.members import choose_member
from hscore_fast._files.read_ahead import n_decoders
from hscore_fast._files.scratch import Scratch, run_all
from hscore_fast._files.source import AnyArray, Source
from hscore_fast._inputs.column_doubts import Field, Suspect, listed
from hscore_fast._inputs.columns import Choice, ColumnRequest, choose, nothing_left
from hscore_fast._inputs.features import Features
from hscore_fast._inputs.fields import arrow_dtype, arrow_field, index_of
from hscore_fast._inputs.frames import arrow_values
from hscore_fast._variants import core

__all__ = ["Part", "Table", "Unit", "clear_errors"]


class Part(NamedTuple):
    """Some columns of a unit, as batches of consecutive rows that are decoded when asked for."""

    first_column: int
    batches: Callable[[], Generator[Any]]


class Unit(NamedTuple):
    """Rows that the file stores together. The parts may be decoded at the same time."""

    n_rows: int
    parts: list[Part]


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
    member : str or None
        The column asked for.
    request : ColumnRequest
        Which columns are, where none is asked for.

    Attributes
    ----------
    names : list of str
        The columns that are read.
    """

    def __init__(
        self,
        path: Path,
        schema: Any,
        n_rows: int,
        batches: Callable[[int, list[str]], Iterable[Any]],
        member: str | None,
        request: ColumnRequest,
    ) -> None:
        self._batches = batches
        self._units: Callable[[], Iterable[Unit]] | None = None
        self._whole: tuple[int, tuple[AnyArray, ...]] = (0, ())  # rows of a block, and all blocks
        _refuse_duplicates(path, schema.names)
        if member is None:
            fields = [arrow_field(field.name, field.type) for field in schema]
            choice = _chosen(path, schema, fields, request)
            self.names = [schema.names[place] for place in choice.taken]
            self.left_out = choice.left_out
            self.suspects = [
                Suspect(fields[place], partial(self._column_alone, schema.names[place]))
                for place in choice.suspects
            ]
        else:
            self.names = [choose_member(path, schema.names, member, "column")]
        self.column_names = tuple(self.names)
        types = [_storage(schema.field(name).type) for name in self.names]
        self._lists = _is_list(types[0])
        what = repr(str(path) if member is None else f"{path}:{member}")
        tail: tuple[int, ...] = ()
        if self._lists:
            tail = (self._width(types[0], what),)
            types = [types[0].value_type]
        elif member is None:
            tail = (len(types),)
        super().__init__(what, (n_rows, *tail), np.result_type(*dict.fromkeys(map(_dtype, types))))
        # int16 beside float32 is float32, but exact.
        self.narrow = self.narrow and all(map(pa.types.is_floating, types))

    def _width(self, column_type: Any, what: str) -> int:
        if pa.types.is_fixed_size_list(column_type):
            return int(column_type.list_size)
        for batch in self._batches(1, self.names):
            if batch.num_rows:
                _check_lists(batch, what)
                first = _column(batch, 0)
                return len(first[0]) if first[0].is_valid else 0
        raise ValueError(f"{what} has no rows, so the length of its lists is unknown")

    def _column_alone(self, name: str) -> AnyArray:
        """Read one column; empty if values are missing, which the features' reading refuses."""
        pieces = [np.zeros(0, np.int64)]
        for batch in self._batches(limits.ROWS_OF_ONE_COLUMN, [name]):
            column = _column(batch, 0)
            if column.null_count:
                return pieces[0]
            pieces.append(arrow_values(column).copy())  # the mapping ends with the walk
            del batch, column
        return np.concatenate(pieces[1:] or pieces)

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Convert batches; a block may hold fewer rows than asked for."""
        if self._units is not None:
            for decoded in self._decoded(n_rows):
                yield decoded.T if self._is_wide() else decoded[0]
                del decoded
            return
        for start, columns in self._pieces(n_rows):
            yield self._block(columns, start)
            del columns  # before the next ones are read

    def matrices(self, n_rows: int) -> Iterator[Features]:
        """See columns side by side, where they are."""
        if not self._is_wide():
            yield from super().matrices(n_rows)
            return
        if self._units is not None:
            # They are in a file, not in memory, and the longer its columns are the fewer writes.
            for decoded in self._decoded(max(n_rows, limits.DECODED_BYTES // max(self.size(1), 1))):
                yield Features(decoded.T, names=list(self.names))
                del decoded
            return
        for _, columns in self._pieces(n_rows):
            arrays = [arrow_values(column)[:, np.newaxis] for column in columns]
            yield Features(core.Columns([arrays], len(arrays)), names=list(self.names))
            del columns, arrays

    def _is_wide(self) -> bool:
        """Whether columns lie side by side."""
        return not self._lists and len(self.shape) == 2

    def _decoded(self, n_rows: int) -> Iterator[AnyArray]:
        """Decode unit by unit, in parts, and give at most `n_rows` rows: arrays of columns."""
        assert self._units is not None
        if self._whole[0] == n_rows:
            yield from self._whole[1]
            return
        wide = self._is_wide()
        n_columns = self.shape[1] if wide else 1
        entry = self.dtype if wide else np.dtype((self.dtype, self.shape[1:]))
        done = 0
        with Scratch(self.what) as scratch:
            for unit in self._units():
                blocks = scratch.blocks(unit.n_rows, n_columns, n_rows, entry)
                decode = partial(self._decode, scratch=scratch, blocks=blocks, start=done)
                run_all([partial(decode, part, unit.n_rows) for part in unit.parts], n_decoders())
                del decode  # it holds the blocks, too
                for block in blocks:
                    block.setflags(write=False)
                if unit.n_rows == self.shape[0]:
                    self._whole = n_rows, tuple(blocks)  # the core may read it again
                blocks.reverse()
                while blocks:
                    yield blocks.pop()
                done += unit.n_rows

    def _decode(
        self, part: Part, n_rows: int, scratch: Scratch, blocks: list[AnyArray], start: int
    ) -> None:
        """Write a part's values to their places in the blocks of its unit."""
        done = 0
        with closing(part.batches()) as batches:
            for batch in batches:
                first = 0
                while first < batch.num_rows and done < n_rows:
                    block, place = divmod(done, blocks[0].shape[1])
                    target = blocks[block][part.first_column :, place:]
                    piece = batch.slice(first, target.shape[1])
                    columns = self._columns(piece, start + done)
                    for number, column in enumerate(columns):
                        values = self._values(column, start + done)
                        scratch.write(target[number, : len(column)], values)
                    first += piece.num_rows
                    done += piece.num_rows
                if first < batch.num_rows:
                    self.check_rows(self.shape[0] + batch.num_rows - first)
                del batch  # before the next one is read
        if done < n_rows:
            self.check_rows(self.shape[0] - n_rows + done)

    def _pieces(self, n_rows: int) -> Iterator[tuple[int, list[Any]]]:
        """Give the columns of at most `n_rows` rows, and the number of the first row."""
        start = 0
        for batch in self._batches(n_rows, self.names):
            for first in range(0, batch.num_rows, n_rows):
                piece = batch.slice(first, n_rows)
                yield start, self._columns(piece, start)
                start += piece.num_rows
                del piece
            del batch  # before the next one is read

    def decode_in_units(self, units: Callable[[], Iterable[Unit]], held: int) -> None:
        """Read units, not batches, if batches hold so many bytes that memory is better spared."""
        if held > limits.MOST_HELD_BYTES and self.dtype != object:
            self._units = units

    def size(self, n_rows: int) -> int:
        """Bytes of so many rows."""
        return n_rows * self.dtype.itemsize * (self.shape[1] if len(self.shape) == 2 else 1)

    def part_columns(self, n_rows: int) -> int:
        """Columns to decode together if each has so many rows."""
        n_columns = len(self.names)
        return max(limits.PART_BYTES * n_columns // max(self.size(n_rows), 1), 1)

    def part_rows(self, n_columns: int) -> int:
        """Rows to decode together of so many columns."""
        return max(limits.PART_BYTES * len(self.names) // max(self.size(1) * n_columns, 1), 1)

    def in_place(self, batch: Any, places: range) -> list[AnyArray] | None:
        """See the columns of a batch if all are numbers as memory has them, within `places`."""
        found = []
        if self._lists:
            _check_lists(batch.select(self.names), self.what)
        for column in batch.select(self.names).columns:
            if column.null_count:
                return None
            if isinstance(column, pa.FixedSizeListArray):
                column = column.flatten()
            if column.null_count or arrow_dtype(column.type) is None:
                return None
            values = column.buffers()[1]
            if len(column) and (values is None or values.address not in places):
                return None
            seen = arrow_values(column)
            found.append(seen.reshape(-1, self.shape[1]) if self._lists else seen)
        return found

    def _columns(self, batch: Any, start: int) -> list[Any]:
        if self._lists:
            _check_lists(batch, self.what)
        columns = [_column(batch, position) for position in range(batch.num_columns)]
        for name, column in zip(batch.schema.names, columns, strict=True):
            if column.null_count:
                row = start + column.is_null().to_pylist().index(True)
                raise ValueError(
                    f"{self.what} has {column.null_count} missing values in column {name!r}, the "
                    f"first in row {row}: drop those rows or fill them"
                )
        return columns

    def _values(self, column: Any, start: int) -> AnyArray:
        """See a column as an array; of lists as a matrix."""
        if not self._lists:
            return arrow_values(column)
        lengths = set(column.value_lengths().to_pylist())
        if lengths - {self.shape[1]}:
            raise ValueError(
                f"{self.what} has lists of different lengths: {self.shape[1]} in the first "
                f"row, {min(lengths - {self.shape[1]})} at or after row {start}"
            )
        return arrow_values(column.flatten()).reshape(-1, self.shape[1])

    def _block(self, columns: list[Any], start: int) -> AnyArray:
        if not self._is_wide():
            return self._values(columns[0], start)
        # Column by column, as the table is: each is copied in one piece. A cache line lies between
        # them, because columns a power of two apart would compete for the same few places in it.
        padding = limits.CACHE_LINE // self.dtype.itemsize
        block = np.empty((len(columns), len(columns[0]) + padding), self.dtype)[:, :-padding].T
        for place, column in enumerate(columns):
            block[:, place] = arrow_values(column)
        return block


def _refuse_duplicates(path: Path, names: list[str]) -> None:
    """Refuse columns of one name, which pyarrow cannot tell apart."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{str(path)!r} has more than one column named {listed(repeated)}: "
            "write it again with a name of its own for each column"
        )


def _chosen(path: Path, schema: Any, fields: list[Field], request: ColumnRequest) -> Choice:
    what = repr(str(path))
    choice = choose(fields, request, index=index_of(schema), what=what)
    if not choice.taken:
        raise nothing_left(choice, what, f"name one, as in {f'{path.name}:name'!r}")
    if any(fields[place].kind == "vectors" for place in choice.taken):
        if len(choice.taken) > 1:
            raise ValueError(
                f"{what} holds a column of lists, which is read from a file alone: name only one "
                "in columns, or load the table"
            )
        field = schema.field(choice.taken[0])
        if not _is_list(_storage(field.type)):
            raise ValueError(
                f"{what} has lists of lists in the column {field.name!r} ({field.type}), which are "
                "not read from a file: load the table, or write flat lists"
            )
    return choice


def _check_lists(batch: Any, what: str) -> None:
    """Refuse lists that begin or end beyond the values, at which pyarrow ends the process."""
    try:
        batch.validate(full=True)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{what} is truncated or damaged ({reason}); write it again") from error


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
    if arrow_dtype(column_type) is not None:
        return False
    is_some_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(column_type) for test in is_some_list) and _is_number(column_type.value_type)


def _is_number(column_type: Any) -> bool:
    return arrow_dtype(column_type) is not None or pa.types.is_boolean(column_type)


def _dtype(column_type: Any) -> np.dtype[Any]:
    numbers = arrow_dtype(column_type)
    if numbers is not None:
        return numbers
    return np.dtype(bool if pa.types.is_boolean(column_type) else object)


@contextmanager
def clear_errors(path: Path, kind: str) -> Iterator[None]:
    """Say which file it is, where pyarrow says what is wrong with it."""
    with clear_damage(path):
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
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{str(path)!r} is truncated, damaged or no {kind} file ({reason}); write it again"
            ) from error
