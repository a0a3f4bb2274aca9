"""Statistics of features and labels that are in files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.blocks import Rows, checked_blocks
from hscore_fast._files.opening import open_requested, open_source
from hscore_fast._files.source import AnyArray, Source, width_of
from hscore_fast._inputs.columns import EVERY_COLUMN, ColumnRequest
from hscore_fast._inputs.features import (
    Address,
    Progress,
    as_features,
    as_n_threads,
    as_precision,
    as_tol,
    is_address,
    is_label_address,
)
from hscore_fast._inputs.frames import labels_request
from hscore_fast._inputs.labels import encode
from hscore_fast._moments.blocks import BlockedMoments
from hscore_fast._moments.moments import Moments
from hscore_fast._scores.h_score import score_result, warn_of_columns
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = [
    "Inputs",
    "Progress",
    "check_read_once",
    "check_two_rows",
    "open_features",
    "open_inputs",
    "read_moments",
    "result_from_files",
    "rows_to_score",
    "stream_moments",
    "stream_parts",
    "stream_targets",
]


class _Given(Source):
    """Features that the caller has in memory, in any form that the scores take."""

    def __init__(self, features: Any, request: ColumnRequest) -> None:
        x = as_features(features, request)
        super().__init__("features", (x.n_samples, x.n_features), np.dtype(np.float64))
        self.mapped = x
        self.left_out, self.suspects = x.left_out, x.suspects

    def blocks(self, n_rows: int) -> Generator[AnyArray, None, None]:
        """Give all of them: nothing needs to be read."""
        assert self.mapped is not None
        yield self.mapped


class Inputs(NamedTuple):
    """Features that may be in a file, and labels in memory."""

    features: Source
    labels: Any


def open_inputs(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    request: ColumnRequest = EVERY_COLUMN,
) -> Inputs:
    """Open features and labels, either of which may be an address."""
    labels, request = open_labels(labels, request)
    if is_address(features):
        return Inputs(open_features(cast(Address, features), request), labels)
    return Inputs(_Given(features, request), labels)


def open_labels(labels: Any, request: ColumnRequest) -> tuple[Any, ColumnRequest]:
    """Read labels if they are in a file, and ask for tables without the columns they are in."""
    if not is_label_address(labels):
        return labels, labels_request(request, labels)
    source = open_source(cast(Address, labels))
    return source.read(), request.without(source.column_names)


def open_features(features: Address, request: ColumnRequest = EVERY_COLUMN) -> Source:
    """Open features; of a table the columns that are asked for, less those of the labels."""
    source = open_requested(features, request)
    _check_features(source)
    return source


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
        As for :func:`hscore_fast.h_score`; one more thread reads, and what has to be decoded column
        by column or chunk by chunk is decoded by as many again.
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
    Features that are not mapped are read in blocks of 16 MB, one of which is read while another is
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
            source.mapped, found, n_threads=n_threads, check_finite=check_finite
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
    threads = as_n_threads(n_threads)
    rows = Rows(source, len(codes), threads, progress)
    warn_of_columns(source, codes, len(classes))
    statistics = core.Moments(width_of(source))
    if not statistics.update(
        *(rows.for_core(), codes, len(classes), None),
        *(False, check_finite, threads, None),
    ):
        raise rows.not_finite(threads)
    moments = Moments()
    moments._core, moments._unchecked = statistics, not check_finite
    moments._classes = {label: code for code, label in enumerate(classes)}
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
    threads = as_n_threads(n_threads)
    walk = checked_blocks(source, len(codes), threads, check_finite, progress, as_arrays=True)
    try:
        for start, block in walk:
            own = codes[start : start + len(block)]
            parts.update(block, own, n_threads=n_threads, check_finite=False)
    finally:
        walk.close()
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
    moments = core.TargetMoments(width_of(source))
    walk = checked_blocks(source, source.shape[0], threads, check_finite, None)
    try:
        for start, x in walk:
            own = [c[start : start + x.n_samples] for c in codes]
            moments.update(x.array, own, n_classes, x.bfloat16, False, threads)
            if progress is not None:
                progress(0)
    finally:
        walk.close()
    return moments


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
    tolerance = as_tol(tol, as_precision(precision))
    threads = as_n_threads(n_threads)
    rows, codes, classes = rows_to_score(source, found, threads, progress)
    result = core.h_score(
        *(rows.for_core(), codes, len(classes), False, precision, tolerance, threads, None)
    )
    if result is None and check_finite:
        raise rows.not_finite(threads)
    return result


def rows_to_score(
    source: Source, labels: Any, threads: int, progress: Progress | None
) -> tuple[Rows, NDArray[np.int32], list[Any]]:
    """See a source and labels in memory as the core takes them."""
    codes, classes = encode(labels)
    rows = Rows(source, len(codes), threads, progress)
    check_two_rows(source)
    warn_of_columns(source, codes, len(classes))
    return rows, codes, classes


def check_two_rows(source: Source) -> None:
    """Refuse fewer rows than a variance needs."""
    if source.shape[0] < 2:
        raise ValueError(f"features must have at least 2 rows, got {source.shape[0]}")


def check_read_once(source: Source, precision: str) -> None:
    """Refuse a precision that what is read once cannot have, and fewer than two rows."""
    if precision not in ("auto", "float64"):
        raise ValueError(
            f"precision must be 'auto' or 'float64' for {source.what}, which is read in blocks, "
            f"got {precision!r}: load it first, with hscore_fast.readers.open_array"
        )
    check_two_rows(source)
