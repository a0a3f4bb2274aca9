"""Statistics of features and labels that are in files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._frames import Column, side_by_side
from hscore_fast._inputs import (
    Address,
    Progress,
    as_features,
    as_n_threads,
    as_precision,
    as_tol,
    is_address,
    is_label_address,
)
from hscore_fast._jackknife import BlockedMoments
from hscore_fast._labels import encode
from hscore_fast._variants import core
from hscore_fast.moments import Moments
from hscore_fast.readers._addresses import places
from hscore_fast.readers._formats import FORMATS, open_source
from hscore_fast.readers._read_ahead import read_ahead
from hscore_fast.readers._source import AnyArray, Source
from hscore_fast.scores import overflow, refuse_non_finite, score_result

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = [
    "Inputs",
    "Progress",
    "check_scorable",
    "open_inputs",
    "read_moments",
    "result_from_files",
    "scorable_moments",
    "stream_moments",
    "stream_parts",
    "stream_targets",
]

_BLOCK_BYTES = 32 << 20  # large enough for a disk, small enough for two of them in any memory
_MOST_CHUNK_BYTES = 128 << 20  # a stored piece up to here is read whole rather than twice


class _Given(Source):
    """Features that the caller has in memory, in any form that the scores take."""

    def __init__(self, features: Any) -> None:
        x = as_features(features)
        super().__init__("features", (x.n_samples, x.n_features), np.dtype(np.float64))
        self.mapped = features

    def blocks(self, n_rows: int) -> Generator[AnyArray, None, None]:
        """Give all of them: nothing needs to be read."""
        assert self.mapped is not None
        yield self.mapped


class Inputs(NamedTuple):
    """Features that may be in a file, and labels in memory."""

    features: Source
    labels: Any


def open_inputs(features: ArrayLike | Address, labels: ArrayLike | Address) -> Inputs:
    """Open features and labels, either of which may be an address, and compare their lengths."""
    if is_address(features):
        source = open_features(cast(Address, features), labels)
    else:
        source = _Given(features)
    if is_label_address(labels):
        labels = open_source(cast(Address, labels)).read()
    return Inputs(source, labels)


def open_features(features: Address, labels: ArrayLike | Address) -> Source:
    """Open features; of a table that the labels are in, too, all columns but those."""
    without = _label_column(features, labels) if is_label_address(labels) else None
    source = open_source(features, without=without)
    _check_features(source)
    return source


def _label_column(features: Any, labels: Any) -> str | None:
    """Return the column of the labels if it is in the table that the features are, too."""
    if not is_address(features):
        return None
    theirs = places(labels, FORMATS)
    ours = {place.path for place in places(features, FORMATS)}
    return theirs[0].member if theirs[0].path in ours else None


def _check_features(source: Source) -> None:
    """Refuse, before anything is read, what no block of it could be."""
    shape = (0, *source.shape[1:]) if source.shape else ()
    try:
        as_features(np.empty(shape, source.dtype))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}; that is what {source.what} holds") from None


def read_moments(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
) -> Moments:
    """Gather the statistics of features in files of any size.

    Parameters
    ----------
    features : array_like, str, path-like or list of them
        Features, or the address of them as for :func:`open_source`.
    labels : array_like, str or path-like
        Labels, or the address of them. A list of strings is the labels themselves; a list of
        path-like objects is several files. Where both are in one table, features without a column's
        name are all its numeric columns but the labels'.
    n_threads : int, optional
        As for :func:`hscore_fast.h_score`; one more thread reads.
    check_finite : bool, default True
        Refuse NaN and infinity.
    progress : callable, optional
        Called as ``progress(rows_done, rows)`` after each block, and once before the first.

    Returns
    -------
    Moments
        The same statistics as from the arrays in memory; all products are float64's.

    Raises
    ------
    FileNotFoundError, OSError, ModuleNotFoundError
        As :func:`open_array` does.
    ValueError
        If the file is not what it should be, or the numbers of rows differ, which is looked at
        before any work; or a value is not finite.
    TypeError
        If the features are not real numbers.

    Notes
    -----
    Features that are not mapped are read in blocks of 32 MB, one of which is read while another is
    worked on; chunks of up to 128 MB are read whole. Labels are read into memory.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> from hscore_fast.readers import read_moments
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "both.npz"
    >>> np.savez_compressed(path, x=[[0.0], [1.0], [2.0], [3.0]], y=["a", "a", "b", "b"])
    >>> moments = read_moments(f"{path}:x", f"{path}:y")
    >>> moments.classes, round(moments.h_score(), 12)
    (['a', 'b'], 0.8)
    >>> folder.cleanup()
    """
    source, found = open_inputs(features, labels)
    if isinstance(source, _Given):
        return Moments().update(
            cast(ArrayLike, features), found, n_threads=n_threads, check_finite=check_finite
        )
    return stream_moments(
        source, found, n_threads=n_threads, check_finite=check_finite, progress=progress
    )


def stream_moments(
    source: Source,
    labels: Any,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
) -> Moments:
    """Gather the statistics of a source; see `read_moments`."""
    codes, classes = encode(labels)
    moments = Moments(_width(source))
    walk = _checked_blocks(source, len(codes), n_threads, False, progress)
    with closing(walk):
        for start, block in walk:
            own = codes[start : start + len(block)]
            moments.update(block, own, n_threads=n_threads, check_finite=False)
            # The statistics tell, so that finite blocks need not be looked through.
            if check_finite and moments._core is not None and not moments._core.finite:
                refuse_non_finite(as_features(block), as_n_threads(n_threads), start)
    # The codes were the labels; each gets its name.
    moments._classes = {classes[code]: place for code, place in moments._classes.items()}
    return moments


def stream_parts(
    source: Source,
    labels: Any,
    n_blocks: int,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
) -> list[Moments]:
    """Gather the statistics of a source in parts that share all classes."""
    codes, classes = encode(labels)
    parts = BlockedMoments(n_blocks)
    walk = _checked_blocks(source, len(codes), n_threads, check_finite, progress)
    with closing(walk):
        for start, block in walk:
            own = codes[start : start + len(block)]
            parts.update(block, own, n_threads=n_threads, check_finite=False)
    return parts.finish(classes)


def stream_targets(
    source: Source,
    codes: Sequence[NDArray[np.int32]],
    n_classes: Sequence[int],
    threads: int,
    check_finite: bool,
    progress: Callable[[int], object] | None,
) -> core.TargetMoments:
    """Gather the statistics of a source and many targets; `progress` is asked after each block."""
    moments = core.TargetMoments(_width(source))
    walk = _checked_blocks(source, source.shape[0], threads or None, check_finite, None)
    with closing(walk):
        for start, block in walk:
            x = as_features(block)
            own = [c[start : start + x.n_samples] for c in codes]
            moments.update(x.array, own, n_classes, x.bfloat16, False, threads)
            if progress is not None:
                progress(0)
    return moments


def _checked_blocks(
    source: Source,
    n_labels: int,
    n_threads: int | None,
    check_finite: bool,
    progress: Progress | None,
) -> Generator[tuple[int, AnyArray], None, None]:
    """Give the blocks, each with the number of its first row."""
    threads = as_n_threads(n_threads)
    n_rows = source.shape[0]
    if n_labels != n_rows:
        raise ValueError(
            f"labels must have one entry per row of features, got {n_labels} labels for "
            f"{n_rows} rows of {source.what}"
        )
    tell = progress or (lambda done, rows: None)
    tell(0, n_rows)
    done = 0
    blocks = source.blocks(_block_rows(source))
    with closing(read_ahead(blocks)) as ahead:
        for block in ahead:
            if done + len(block) > n_rows:
                source.check_rows(done + len(block))
            if check_finite:
                refuse_non_finite(as_features(block), threads, done)
            yield done, block
            done += len(block)
            tell(done, n_rows)
    source.check_rows(done)


def read_side_by_side(
    parts: Sequence[Source | list[Column]], n_rows: int, n_features: int
) -> Generator[tuple[int, AnyArray | core.Columns], None, None]:
    """Give the rows of several feature sets side by side, reading ahead.

    Parameters
    ----------
    parts : sequence of sources and of columns in memory
        All with `n_rows` rows, with `n_features` columns together.

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
                    blocks = part.blocks(_block_rows(part))
                    stack.callback(getattr(blocks, "close", lambda: None))
                    readers.append(_Pieces(blocks, part))
                else:
                    readers += [_Pieces(iter(column.pieces), None) for column in part]
            for first in range(0, n_rows, step):
                rows = min(step, n_rows - first)
                yield first, side_by_side([Column("", reader.take(rows)) for reader in readers])
            for reader in readers:
                reader.check_end()

    with closing(read_ahead(assemble())) as ahead:
        yield from ahead


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


def _block_rows(source: Source) -> int:
    row_bytes = max(_width(source) * source.dtype.itemsize, 1)
    rows = max(_BLOCK_BYTES // row_bytes, 1)
    together = source.rows_together
    if together * row_bytes > _MOST_CHUNK_BYTES:
        return rows
    return max(rows // together, 1) * together


def _width(source: Source) -> int:
    return source.shape[1] if len(source.shape) > 1 else 1


def result_from_files(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    precision: str,
    tol: float | None,
    n_threads: int | None,
    check_finite: bool,
    progress: Progress | None = None,
) -> HScore | None:
    """Score features or labels that are in files; None as for `score_result`."""
    source, found = open_inputs(features, labels)
    if source.mapped is not None:
        return score_result(source.mapped, found, precision, tol, n_threads, check_finite, progress)
    as_tol(tol)
    moments = scorable_moments(
        Inputs(source, found), as_precision(precision), n_threads, check_finite, progress
    )
    result = moments._result(tol, n_threads)
    if result is None and check_finite:
        raise overflow()
    return result


def scorable_moments(
    inputs: Inputs,
    precision: str,
    n_threads: int | None,
    check_finite: bool,
    progress: Progress | None = None,
) -> Moments:
    """Gather the statistics of a source for one score."""
    source, labels = inputs
    check_scorable(source, precision)
    return stream_moments(
        source, labels, n_threads=n_threads, check_finite=check_finite, progress=progress
    )


def check_scorable(source: Source, precision: str) -> None:
    """Refuse what a score of a source that is read once cannot be."""
    if precision not in ("auto", "float64"):
        raise ValueError(
            f"precision must be 'auto' or 'float64' for {source.what}, which is read in blocks, "
            f"got {precision!r}: load it first, with hscore_fast.readers.open_array"
        )
    if source.shape[0] < 2:
        raise ValueError(f"features must have at least 2 rows, got {source.shape[0]}")
