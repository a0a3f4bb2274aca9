"""Statistics of features and labels that are in files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.blocks import checked_blocks
from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.groups import Groups
from hscore_fast._inputs.options import Progress
from hscore_fast._moments.blocks import BlockedMoments
from hscore_fast._moments.moments import Moments, moments_of_core
from hscore_fast._problem import Problem, Problems, as_input_options, open_problem
from hscore_fast._variants import core

__all__ = ["moments_of_problem", "parts_of", "read_moments", "target_sums_of"]


def read_moments(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
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
    columns, drop, keep : str or sequence of str, optional
        As for :func:`hscore_fast.h_score`, of a table.
    n_threads : int, optional
        As for :func:`hscore_fast.h_score`; one more thread reads, and what has to be decoded column
        by column or chunk by chunk is decoded by as many again.
    check_finite : bool, default True
        Refuse NaN and infinity.
    ignore_label : object or list of objects, optional
        As for :func:`hscore_fast.h_score`.
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
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        check_finite=check_finite,
        ignore_label=ignore_label,
        progress=progress,
    )
    return moments_of_problem(open_problem(features, labels, options, any_rows=True))


def moments_of_problem(problem: Problem) -> Moments:
    """Gather the statistics of a problem; see `read_moments`."""
    statistics = core.Moments(problem.n_features)
    added = statistics.update(
        *(problem.matrix, problem.codes, problem.n_classes, None, problem.bfloat16),
        *(problem.check_finite, problem.threads, problem.progress),
    )
    if not added:
        raise problem.not_finite()
    return moments_of_core(statistics, problem.classes, unchecked=not problem.check_finite)


def parts_of(problem: Problem, n_blocks: int, groups: Groups | None = None) -> list[Moments]:
    """Gather the statistics of what is read in blocks in parts that share all classes.

    With groups every part holds whole groups, and there are at most as many parts as groups.
    """
    assert problem.source is not None
    of_row: NDArray[np.int32] | None = None
    if groups is not None:
        n_blocks = min(n_blocks, groups.count)
        of_row = core.folds_of_rows(
            problem.codes, problem.n_classes, groups.codes, groups.count, n_blocks
        )
    parts = BlockedMoments(n_blocks)
    walk = checked_blocks(
        *(problem.source, problem.threads, problem.check_finite, problem.read_progress),
        as_arrays=True,
    )
    try:
        for start, block in walk:
            rows = slice(start, start + len(block))
            parts.update(
                block,
                problem.codes[rows],
                n_threads=problem.threads or None,
                check_finite=False,
                block=None if of_row is None else of_row[rows],
            )
    finally:
        walk.close()
    return parts.finish(problem.classes)


def target_sums_of(
    problem: Problems, progress: Callable[[int], object] | None
) -> core.TargetMoments:
    """Gather the statistics of what is read in blocks; `progress` is asked after each block."""
    assert problem.source is not None
    moments = core.TargetMoments(problem.n_features)
    walk = checked_blocks(problem.source, problem.threads, problem.check_finite, None)
    try:
        for start, x in walk:
            own = [codes[start : start + x.n_samples] for codes in problem.codes]
            moments.update(x.array, own, problem.n_classes, x.bfloat16, False, problem.threads)
            if progress is not None:
                progress(0)
    finally:
        walk.close()
    return moments
