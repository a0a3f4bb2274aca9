"""``.parquet``: columns of a table, by pyarrow."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hscore_fast._files import limits
from hscore_fast._files.formats.arrow_tables import Part, Table, Unit, clear_errors
from hscore_fast._files.mapping import GuardedMap, map_file, refuse_short
from hscore_fast._files.source import Source
from hscore_fast._inputs.columns import ColumnRequest

__all__ = ["open_source"]


def open_source(path: Path, member: str | None, request: ColumnRequest) -> Source:
    """Look at the footer; nothing but a list's length is read."""

    def batches(n_rows: int, names: list[str]) -> Iterator[Any]:
        mapping = map_file(path)
        with clear_errors(path, "parquet"), _opened(mapping) as file:
            for batch in file.iter_batches(batch_size=n_rows, columns=names, use_threads=False):
                refuse_short(path, mapping)
                yield batch.select(names)
                del batch  # before the next one is read

    with clear_errors(path, "parquet"), _opened(map_file(path)) as file:
        schema, footer = file.schema_arrow, file.metadata
    table = Table(path, schema, footer.num_rows, batches, member, request)
    held = _held(footer, table.names)
    table.decode_in_units(lambda: _units(path, footer, table), held)
    return table


def _opened(mapping: GuardedMap, footer: Any = None) -> Any:
    """Open a mapped file; nothing is buffered ahead: a group of rows may exceed the memory."""
    return pq.ParquetFile(pa.BufferReader(pa.py_buffer(mapping)), metadata=footer, pre_buffer=False)


def _held(footer: Any, names: list[str]) -> int:
    """Bytes of all columns' pages that are held to read batches."""
    groups = range(footer.num_row_groups)
    largest = max(groups, key=lambda g: footer.row_group(g).num_rows, default=None)
    if largest is None:
        return 0
    group, wanted = footer.row_group(largest), set(names)
    places = [j for j in range(footer.num_columns) if footer.schema.column(j).path in wanted]
    return sum(min(group.column(j).total_uncompressed_size, limits.COLUMN_BYTES) for j in places)


def _units(path: Path, footer: Any, table: Table) -> Iterator[Unit]:
    """Give the groups of rows, each in parts of a few columns."""
    mapping = map_file(path)
    idle: list[Any] = []  # files, for one thread at a time each

    def take() -> Any:
        try:
            return idle.pop()
        except IndexError:
            return _opened(mapping, footer)

    def batches(group: int, names: list[str], n_rows: int) -> Generator[Any]:
        with clear_errors(path, "parquet"):
            file = take()
            try:
                for batch in file.iter_batches(
                    batch_size=n_rows, row_groups=[group], columns=names, use_threads=False
                ):
                    refuse_short(path, mapping)
                    yield batch.select(names)
                    del batch  # before the next one is read
            finally:
                idle.append(file)

    try:
        for group in range(footer.num_row_groups):
            n_rows = footer.row_group(group).num_rows
            n_columns = table.part_columns(n_rows)
            most_rows = table.part_rows(min(n_columns, len(table.names)))
            parts = [
                Part(first, partial(batches, group, table.names[first:][:n_columns], most_rows))
                for first in range(0, len(table.names), n_columns)
            ]
            yield Unit(n_rows, parts)
    finally:
        for file in idle:
            file.close()
