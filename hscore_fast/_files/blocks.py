"""Sources in blocks of rows, which a thread reads ahead while the caller works."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from numpy.typing import NDArray

from hscore_fast._files.read_ahead import read_ahead
from hscore_fast._files.source import AnyArray, Source, block_rows, width_of
from hscore_fast._inputs.checks import overflow, refuse_non_finite
from hscore_fast._inputs.features import Features
from hscore_fast._inputs.frames import Column, side_by_side
from hscore_fast._inputs.options import Progress
from hscore_fast._variants import core

__all__ = ["Rows", "checked_blocks", "read_side_by_side"]


class Rows:
    """A source as the core reads it: block by block, and again if it needs to.

    Parameters
    ----------
    source : Source
        Of at least one row.
    n_threads : int
        That decode, beside the one that reads; 0 is as many as the environment allows.
    progress : callable, optional
        Told of the first reading.
    """

    def __init__(self, source: Source, n_threads: int, progress: Progress | None) -> None:
        self._source = source
        self._n_threads = n_threads
        self._progress = progress
        self._last: tuple[int, Features] | None = None

    def for_core(self) -> core.Blocks:
        """Give what takes the place of an array."""
        n_rows, width = self._source.shape[0], width_of(self._source)
        return core.Blocks(self._begin, n_rows, width, self._source.narrow)

    def _begin(self) -> Generator[NDArray[Any] | core.Columns | core.KeptRows, None, None]:
        progress, self._progress = self._progress, None
        walk = checked_blocks(self._source, self._n_threads, False, progress)
        try:
            for start, block in walk:
                self._last = start, block
                yield block.array
                self._last = None
                del block  # before the next one comes
        finally:
            walk.close()

    def not_finite(self, threads: int) -> ValueError:
        """Say where a value is not finite, if the core stopped at it."""
        if self._last is not None:
            start, block = self._last
            refuse_non_finite(block, threads, start)
        return overflow()


def checked_blocks(
    source: Source,
    n_threads: int,
    check_finite: bool,
    progress: Progress | None,
    as_arrays: bool = False,
) -> Generator[tuple[int, Features], None, None]:
    """Give the blocks, each with the number of its first row; arrays only, if they must be."""
    n_rows = source.shape[0]
    tell = progress or (lambda done, rows: None)
    tell(0, n_rows)
    done = 0
    n_block = block_rows(source)
    blocks = Source.matrices(source, n_block) if as_arrays else source.matrices(n_block)
    ahead = read_ahead(blocks, n_threads)
    try:
        for block in ahead:
            if done + len(block) > n_rows:
                source.check_rows(done + len(block))
            if check_finite:
                refuse_non_finite(block, n_threads, done)
            yield done, block
            done += len(block)
            del block  # before the next one comes
            tell(done, n_rows)
    finally:
        ahead.close()
    source.check_rows(done)


def read_side_by_side(
    parts: Sequence[Source | list[Column]], n_rows: int, n_features: int, n_threads: int
) -> Generator[tuple[int, AnyArray | core.Columns], None, None]:
    """Give the rows of several feature sets side by side, reading ahead.

    Parameters
    ----------
    parts : sequence of sources and of columns in memory
        All with `n_rows` rows, with `n_features` columns together.
    n_threads : int
        That decode, as for `Rows`.

    Yields
    ------
    first, matrix
        The number of the first row, and a few hundred rows: as many as the statistics take in
        without a second object.
    """
    step = 960 if n_features <= 2048 else 192

    def assemble() -> Iterator[tuple[int, AnyArray | core.Columns]]:
        with ExitStack() as stack:
            readers = []
            for part in parts:
                if isinstance(part, Source):
                    blocks = part.blocks(block_rows(part))
                    stack.callback(getattr(blocks, "close", lambda: None))
                    readers.append(_Pieces(blocks, part))
                else:
                    readers += [_Pieces(iter(column.pieces), None) for column in part]
            for first in range(0, n_rows, step):
                rows = min(step, n_rows - first)
                yield first, side_by_side([Column("", reader.take(rows)) for reader in readers])
            for reader in readers:
                reader.check_end()

    ahead = read_ahead(assemble(), n_threads)
    try:
        yield from ahead
    finally:
        ahead.close()


class _Pieces:
    """Rows that come in pieces of any size, handed out in any other."""

    def __init__(self, pieces: Iterator[AnyArray], source: Source | None) -> None:
        self._pieces = pieces
        self._source = source
        self._left: AnyArray | None = None
        self._done = 0

    def take(self, n_rows: int) -> list[AnyArray]:
        taken = []
        while n_rows:
            if self._left is None or not len(self._left):
                self._left = next(self._pieces, None)
                if self._left is None:
                    self._check(self._done)
                    break
            piece = self._left[:n_rows]
            self._left = self._left[len(piece) :]
            self._done += len(piece)
            n_rows -= len(piece)
            taken.append(piece)
        return taken

    def check_end(self) -> None:
        """Refuse rows beyond those that were said to be there."""
        left = next(self._pieces, None) if self._left is None else self._left
        while left is not None and not len(left):
            left = next(self._pieces, None)
        if left is not None:
            self._check(self._done + len(left))

    def _check(self, n_rows: int) -> None:
        if self._source is not None:
            self._source.check_rows(n_rows)
