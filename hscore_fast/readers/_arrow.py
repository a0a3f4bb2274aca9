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


def open_source(path: Path, member: str | None, without: str | None) -> Source:
    """Count the rows; no column but the first is touched."""

    def batches(n_rows: int, names: list[str]) -> Iterator[Any]:
        with _opened(path) as (_, found):
            for batch in found:
                yield batch.select(names)
                del batch  # before the next one is read: it may be large

    with _opened(path) as (schema, _):
        pass
    # A compressed column is decompressed when its batch is looked at.
    first = pa.ipc.IpcReadOptions(included_fields=[0] if len(schema) else [])
    with _opened(path, first) as (_, found):
        n_rows = sum(batch.num_rows for batch in found)
    return Table(path, schema, n_rows, batches, member, without)


@contextmanager
def _opened(path: Path, options: Any = None) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Open either form of the format: a file with a footer, or a stream of batches."""
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
        if magic == _FILE_MAGIC:
            reader = pa.ipc.open_file(file, options=options)
            places = range(reader.num_record_batches)
            yield reader.schema, (reader.get_batch(place) for place in places)
        else:
            stream = pa.ipc.open_stream(file, options=options)
            yield stream.schema, iter(stream)
