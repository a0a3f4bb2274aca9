"""``.arrow`` and ``.feather``: record batches, mapped, by pyarrow."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from hscore_fast._files import limits
from hscore_fast._files.formats.arrow_tables import Part, Table, Unit, clear_errors
from hscore_fast._files.mapping import map_file, refuse_short
from hscore_fast._files.source import Source
from hscore_fast._inputs.columns import ColumnRequest
from hscore_fast._inputs.features import Features
from hscore_fast._inputs.frames import Column, side_by_side

__all__ = ["open_source"]

_FILE_MAGIC = b"ARROW1"
_FILE_HEAD = 8  # its length, padded; what follows is a stream
_FEATHER_1_MAGIC = b"FEA1"


def open_source(path: Path, member: str | None, request: ColumnRequest) -> Source:
    """Count the rows; no column but the first is decompressed."""

    def batches(n_rows: int, names: list[str]) -> Iterator[Any]:
        with _opened(path, _only(schema, names) if compressed else None) as (_, found, _):
            for batch in found:
                yield batch.select(names)
                del batch  # before the next one is read: it may be large

    with _opened(path) as (schema, _, _):
        compressed = _is_compressed(path)
    # A compressed column is decompressed when its batch is looked at.
    with _opened(path, _only(schema, schema.names[:1])) as (_, found, _):
        counts = [batch.num_rows for batch in found]
    table = Table(path, schema, sum(counts), batches, member, request)
    if compressed:
        held = 2 * table.size(max(counts, default=0))  # one is read ahead
        table.decode_in_units(lambda: _units(path, schema, table, counts), held)
    elif len(table.shape) == 2:
        table.mapped = _mapped(path, table)
    return table


def _is_compressed(path: Path) -> bool:
    """Look into the description of the first batch, which pyarrow does not tell of."""
    with pa.BufferReader(pa.py_buffer(map_file(path))) as file:
        if file.read(len(_FILE_MAGIC)) == _FILE_MAGIC:
            file.seek(_FILE_HEAD)
        else:
            file.seek(0)
        for message in pa.ipc.MessageReader.open_stream(file):
            if message.type == "record batch":
                data = memoryview(message.metadata)
                root = int.from_bytes(data[:4], "little")
                header = root + _field(data, root, 2)
                batch = header + int.from_bytes(data[header : header + 4], "little")
                return _field(data, batch, 3) != 0
    return False


def _field(data: memoryview, table: int, number: int) -> int:
    """Return the offset of a field in a flatbuffer's table; 0 if the table has no such field."""
    fields = table - int.from_bytes(data[table : table + 4], "little", signed=True)
    place = 4 + 2 * number
    if place >= int.from_bytes(data[fields : fields + 2], "little"):
        return 0
    return int.from_bytes(data[fields + place : fields + place + 2], "little")


def _only(schema: Any, names: list[str]) -> Any:
    """Read these columns alone."""
    wanted = set(names)
    included = [place for place, name in enumerate(schema.names) if name in wanted]
    return pa.ipc.IpcReadOptions(included_fields=included)


def _units(path: Path, schema: Any, table: Table, counts: list[int]) -> Iterator[Unit]:
    """Give the batches, each in parts of a few columns, which readers of their own go through."""

    def next_of(found: Iterator[Any], names: list[str]) -> Generator[Any]:
        with clear_errors(path, "arrow"):
            for batch in islice(found, 1):
                yield batch.select(names)

    with ExitStack() as stack:
        readers = []
        size = max(table.part_columns(max(counts)), -(-len(table.names) // limits.MOST_READERS))
        for start in range(0, len(table.names), size):
            names = table.names[start : start + size]
            _, found, _ = stack.enter_context(_opened(path, _only(schema, names)))
            readers.append((found, names))
        for n_rows in counts:
            parts, first = [], 0
            for found, names in readers:
                parts.append(Part(first, partial(next_of, found, names)))
                first += len(names)
            yield Unit(n_rows, parts)


def _mapped(path: Path, table: Table) -> Features | None:
    """See the columns where they lie in the file; None if they must be converted on the way."""
    columns = [Column(name, []) for name in table.names]
    with _opened(path) as (_, found, places):
        for number, batch in enumerate(found, 1):
            seen = table.in_place(batch, places)
            if seen is None or number * len(columns) > limits.MOST_PIECES:
                return None
            for column, piece in zip(columns, seen, strict=True):
                column.pieces.append(piece)
    if not table.shape[0]:
        return None
    array = side_by_side(columns)
    names = None if len(columns) < array.shape[1] else list(table.names)
    return Features(array, False, names, table.left_out, table.suspects, columns)


@contextmanager
def _opened(path: Path, options: Any = None) -> Iterator[tuple[Any, Iterator[Any], range]]:
    """Open either form of the format: a file with a footer, or a stream of batches.

    Yields
    ------
    schema, batches, places
        The last one is the addresses that the file is mapped to.
    """
    with path.open("rb") as file:
        magic = file.read(len(_FILE_MAGIC))
    if magic.startswith(_FEATHER_1_MAGIC):
        raise ValueError(
            f"{str(path)!r} is of the first version of feather; write it again with "
            "pyarrow.feather.write_feather"
        )
    if not magic:
        raise ValueError(f"{str(path)!r} is truncated: it is empty; write it again")
    mapping = map_file(path)
    whole = pa.py_buffer(mapping)
    with clear_errors(path, "arrow"), pa.BufferReader(whole) as file:
        mapped = range(whole.address, whole.address + whole.size)
        if magic == _FILE_MAGIC:
            reader = pa.ipc.open_file(file)
            places = range(reader.num_record_batches)
            schema = reader.schema
            found: Iterator[Any] = (reader.get_batch(place) for place in places)
            if options is not None:  # for which that reader copies all columns of a batch first
                file.seek(_FILE_HEAD)
                found = islice(pa.ipc.open_stream(file, options=options), len(places))
            yield schema, found, mapped
        else:
            stream = pa.ipc.open_stream(file, options=options)
            yield stream.schema, iter(stream), mapped
    refuse_short(path, mapping)
