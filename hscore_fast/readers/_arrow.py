"""``.arrow`` and ``.feather``: record batches, mapped, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from hscore_fast.readers._source import Source
from hscore_fast.readers._tables import Table, clear_errors

__all__ = ["open_source"]

_FILE_MAGIC = b"ARROW1"
_FEATHER_1_MAGIC = b"FEA1"
_MOST_PIECES = 100_000  # that a table may be in: each takes some hundred bytes to describe


def open_source(path: Path, member: str | None, without: str | None) -> Source:
    """Count the rows; no column but the first is touched."""

    def batches(n_rows: int, names: list[str]) -> Iterator[Any]:
        with _opened(path) as (_, found, _):
            for batch in found:
                yield batch.select(names)
                del batch  # before the next one is read: it may be large

    with _opened(path) as (schema, _, _):
        pass
    # A compressed column is decompressed when its batch is looked at.
    first = pa.ipc.IpcReadOptions(included_fields=[0] if len(schema) else [])
    with _opened(path, first) as (_, found, _):
        n_rows = sum(batch.num_rows for batch in found)
    table = Table(path, schema, n_rows, batches, member, without)
    if len(table.shape) == 2:
        table.mapped = _mapped(path, table)
    return table


def _mapped(path: Path, table: Table) -> Any:
    """See the columns where they lie in the file; None if they must be converted on the way."""
    kept: list[Any] = []
    with _opened(path) as (_, found, places):
        for batch in found:
            kept.append(table.in_place(batch, places))
            if kept[-1] is None or len(kept) * batch.num_columns > _MOST_PIECES:
                return None
    return pa.Table.from_batches(kept) if kept else None


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
    with clear_errors(path, "arrow"), pa.memory_map(str(path)) as file:
        whole = file.read_buffer()
        file.seek(0)
        mapped = range(whole.address, whole.address + whole.size)
        if magic == _FILE_MAGIC:
            reader = pa.ipc.open_file(file, options=options)
            places = range(reader.num_record_batches)
            yield reader.schema, (reader.get_batch(place) for place in places), mapped
        else:
            stream = pa.ipc.open_stream(file, options=options)
            yield stream.schema, iter(stream), mapped
