"""A source without the rows whose labels are to be ignored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hscore_fast._files.source import AnyArray, Source
from hscore_fast._inputs.features import Features

__all__ = ["KeptSource"]


class KeptSource(Source):
    """Some rows of a source, in ascending order; each block is seen without the others."""

    def __init__(self, source: Source, rows: NDArray[np.intp]) -> None:
        super().__init__(source.what, (len(rows), *source.shape[1:]), source.dtype)
        self.narrow = source.narrow
        self.rows_together = source.rows_together
        self.left_out, self.suspects = source.left_out, source.suspects
        self._source = source
        self._rows = rows

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Give the rows that are kept of each block."""
        done = 0
        for block in self._source.blocks(n_rows):
            own = self._within(done, len(block))
            done += len(block)
            if len(own):
                yield block if len(own) == len(block) else block[own]
            del block
        self._source.check_rows(done)

    def matrices(self, n_rows: int) -> Iterator[Features]:
        """Give the same rows as the core takes them, without copying a block."""
        done = 0
        for block in self._source.matrices(n_rows):
            own = self._within(done, len(block))
            if len(own):
                block = replace(block, first_row=done)
                yield block if len(own) == len(block) else block.keep(own)
            done += len(block)
            del block
        self._source.check_rows(done)

    def _within(self, start: int, count: int) -> NDArray[np.intp]:
        first, last = np.searchsorted(self._rows, [start, start + count])
        return self._rows[first:last] - start
