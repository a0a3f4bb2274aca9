"""``.parquet``: columns of a table, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hscore_fast.readers._source import Source
from hscore_fast.readers._tables import Table, clear_errors

__all__ = ["open_source"]


def open_source(path: Path, member: str | None, without: str | None) -> Source:
    """Look at the footer; nothing but a list's length is read."""

    def batches(n_rows: int, names: list[str]) -> Iterator[Any]:
        # Mapped and not buffered ahead: a group of rows may be larger than the memory.
        with (
            clear_errors(path, "parquet"),
            pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file,
        ):
            for batch in file.iter_batches(batch_size=n_rows, columns=names, use_threads=False):
                yield batch.select(names)
                del batch  # before the next one is read

    with clear_errors(path, "parquet"), pq.ParquetFile(path, memory_map=True) as file:
        schema, n_rows = file.schema_arrow, file.metadata.num_rows
    return Table(path, schema, n_rows, batches, member, without)
