"""Scores of dask arrays: statistics are gathered where the rows lie, and only statistics move.

Each chunk of rows becomes a :class:`hscore_fast.Moments`, and these are merged in a tree of fixed
shape, so that the result does not depend on the number of workers or on which of them did what.
``O(n_features**2 + n_classes * n_features)`` numbers leave a worker per chunk, never the rows.
Products are float64's throughout.

Needs the extra ``dask``.
"""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import ArrayLike

from hscore_fast._inputs.checks import check_lengths
from hscore_fast._inputs.labels import as_ignored, encode_kept
from hscore_fast._inputs.options import as_confidence, as_tol
from hscore_fast._moments.jackknife import evidence_of_sums
from hscore_fast._moments.moments import Moments, add_rows, relabel
from hscore_fast._moments.state import scorable_core
from hscore_fast._problem import as_input_options, open_batch
from hscore_fast._results.report import HScoreReport
from hscore_fast._results.reporting import report_of
from hscore_fast._variants import core

__all__ = ["adjusted_h_score", "evaluate", "h_score", "moments", "regularized_h_score"]

_FAN_IN = 8  # statistics merged by one task: few enough for a worker's memory, for a flat tree


def moments(
    features: Any,
    labels: ArrayLike | Any,
    *,
    n_threads: int = 1,
    check_finite: bool = True,
    ignore_label: Any = None,
) -> Moments:
    """Gather the statistics of a dask array on the workers.

    Parameters
    ----------
    features : dask.array.Array of shape (n_samples, n_features)
        Chunked along the rows. If it is chunked along the columns too, the pieces of each row are
        first brought together, which moves them between workers.
    labels : dask.array.Array or array_like of shape (n_samples,), (n_samples, 1) or one-hot
        Chunked to match the features; an array in memory is cut into pieces that go to the tasks.
    n_threads : int, default 1
        Threads of each task; dask runs as many tasks at a time as the workers have threads.
    check_finite : bool, default True
        Refuse NaN and infinity.
    ignore_label : object or list of objects, optional
        As for :func:`hscore_fast.h_score`.

    Returns
    -------
    Moments
        On the client. All scores come from it.

    Raises
    ------
    TypeError
        If `features` is not a dask array or does not hold real numbers.
    ValueError
        If the lengths differ, or the lengths of the chunks are unknown and `labels` is not a dask
        array of as many chunks.

    Notes
    -----
    Runs on the scheduler that dask is set to, which with a ``distributed.Client`` is the cluster.
    A task whose worker dies is run again elsewhere. Row numbers in errors are those of the
    array; where the lengths of chunks are unknown, those of the chunk.

    Examples
    --------
    >>> import dask.array as da, numpy as np
    >>> from hscore_fast.dask import moments
    >>> features = da.arange(8, chunks=3).astype(float).reshape(-1, 1)
    >>> found = moments(features, np.repeat(["a", "b"], 4))
    >>> found.n_samples, round(found.h_score(), 12)
    (8, 0.761904761905)
    """
    found, _, classes, _ = _gather(
        features, labels, n_threads, check_finite, as_ignored(ignore_label)
    )
    return _named(found, classes)


def _gather(
    features: Any, labels: Any, n_threads: int, check_finite: bool, ignored: frozenset[Any]
) -> tuple[Moments, list[tuple[Any, Any]], list[Any] | None, frozenset[Any]]:
    """Gather statistics, with the chunks that they are of.

    Also gives the classes, if the pieces of the labels hold codes, and what is to be ignored in
    the pieces.
    """
    features = _whole_rows(features)
    pieces, classes, ignored = _label_pieces(features, labels, ignored)
    chunks = list(zip(features.to_delayed()[:, 0], pieces, strict=True))
    update, merge = dask.delayed(_update, pure=False), dask.delayed(_merge, pure=False)
    rows = features.chunks[0]
    # The lengths of chunks may be unknown; then rows count from the beginning of each.
    starts = [0] * len(rows) if any(np.isnan(rows)) else np.cumsum([0, *rows[:-1]]).tolist()
    parts = [
        update(block, piece, features.shape[1], n_threads, check_finite, ignored, start)
        for (block, piece), start in zip(chunks, starts, strict=True)
    ]
    while len(parts) > 1:
        parts = [merge(parts[i : i + _FAN_IN]) for i in range(0, len(parts), _FAN_IN)]
    (result,) = dask.compute(parts[0])
    return result, chunks, classes, ignored


def _named(found: Moments, classes: list[Any] | None) -> Moments:
    """Give each class its name where the pieces of the labels held codes."""
    if classes is not None:
        relabel(found, classes)
    return found


def h_score(
    features: Any,
    labels: ArrayLike | Any,
    *,
    tol: float | None = None,
    n_threads: int = 1,
    check_finite: bool = True,
    ignore_label: Any = None,
) -> float:
    """Compute the H-score of a dask array.

    Parameters
    ----------
    features, labels, n_threads, check_finite, ignore_label
        As for :func:`moments`.
    tol : float, optional
        As for :func:`hscore_fast.h_score`.

    Returns
    -------
    float
        As :func:`hscore_fast.h_score` with ``precision="float64"`` of the array in memory.

    Raises
    ------
    TypeError, ValueError
        As :func:`moments` does, and for fewer than two rows.

    Examples
    --------
    >>> import dask.array as da
    >>> from hscore_fast.dask import h_score
    >>> round(h_score(da.arange(4, chunks=2).reshape(-1, 1), [0, 0, 1, 1]), 12)
    0.8
    """
    return moments(
        features, labels, n_threads=n_threads, check_finite=check_finite, ignore_label=ignore_label
    ).h_score(tol=tol)


def adjusted_h_score(
    features: Any,
    labels: ArrayLike | Any,
    *,
    tol: float | None = None,
    n_threads: int = 1,
    check_finite: bool = True,
    ignore_label: Any = None,
) -> float:
    """Compute the adjusted H-score of a dask array.

    Parameters
    ----------
    features, labels, tol, n_threads, check_finite, ignore_label
        As for :func:`h_score`.

    Returns
    -------
    float
        As :func:`hscore_fast.adjusted_h_score` of the array in memory.

    Raises
    ------
    TypeError, ValueError
        As :func:`h_score` does.

    Examples
    --------
    >>> import dask.array as da
    >>> from hscore_fast.dask import adjusted_h_score
    >>> round(adjusted_h_score(da.arange(4, chunks=2).reshape(-1, 1), [0, 0, 1, 1]), 12)
    0.7
    """
    found = moments(
        features, labels, n_threads=n_threads, check_finite=check_finite, ignore_label=ignore_label
    )
    return found.adjusted_h_score(tol=tol)


def regularized_h_score(
    features: Any,
    labels: ArrayLike | Any,
    *,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    n_threads: int = 1,
    check_finite: bool = True,
    ignore_label: Any = None,
) -> float:
    """Compute the H-score of a dask array with a shrunk covariance.

    Parameters
    ----------
    features, labels, n_threads, check_finite, ignore_label
        As for :func:`moments`.
    shrinkage, convention
        As for :func:`hscore_fast.regularized_h_score`.

    Returns
    -------
    float
        As :func:`hscore_fast.regularized_h_score` of the array in memory.

    Raises
    ------
    TypeError, ValueError
        As :func:`h_score` does.

    Examples
    --------
    >>> import dask.array as da
    >>> from hscore_fast.dask import regularized_h_score
    >>> features = da.arange(4, chunks=2).reshape(-1, 1)
    >>> round(regularized_h_score(features, [0, 0, 1, 1], shrinkage=0.5), 12)
    0.533333333333
    """
    found = moments(
        features, labels, n_threads=n_threads, check_finite=check_finite, ignore_label=ignore_label
    )
    return found.regularized_h_score(shrinkage=shrinkage, convention=convention)


def evaluate(
    features: Any,
    labels: ArrayLike | Any,
    *,
    confidence: float = 0.95,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    tol: float | None = None,
    n_threads: int = 1,
    check_finite: bool = True,
    ignore_label: Any = None,
) -> HScoreReport:
    """Evaluate the H-score of a dask array.

    Parameters
    ----------
    features, labels, tol, n_threads, check_finite, ignore_label
        As for :func:`h_score`.
    confidence, shrinkage, convention
        As for :func:`hscore_fast.evaluate`.

    Returns
    -------
    HScoreReport
        As :func:`hscore_fast.evaluate` of the array in memory, by Pillai's test.

    Raises
    ------
    TypeError, ValueError
        As :func:`h_score` does, and for a confidence that is not between 0 and 1.

    Notes
    -----
    The chunks are computed twice: for the statistics, and for what each row does to the score. Call
    ``features.persist()`` first where that costs more than the memory. The second time
    ``(n_classes + n_features) * n_features`` numbers go to each chunk, and two come back.

    Examples
    --------
    >>> import dask.array as da
    >>> from hscore_fast.dask import evaluate
    >>> report = evaluate(da.arange(40, chunks=20).reshape(-1, 1), [0] * 20 + [1] * 20)
    >>> round(report.adjusted_h_score, 3), round(report.standard_error, 3)
    (0.744, 0.045)
    """
    as_confidence(confidence)
    found, chunks, classes, ignored = _gather(
        features, labels, n_threads, check_finite, as_ignored(ignore_label)
    )
    function = core.InfluenceFunction(scorable_core(found), as_tol(tol), 0).state()
    places = {label: code for code, label in enumerate(found.classes)}
    sums = dask.delayed(_influence_sums, pure=False)
    results = dask.compute(
        *(sums(block, piece, function, places, n_threads, ignored) for block, piece in chunks)
    )
    total, squares = np.sum(results, axis=0).tolist()
    evidence = evidence_of_sums(
        *(_named(found, classes), found.n_samples, total, squares),
        shrinkage=shrinkage,
        convention=convention,
        tol=tol,
    )
    return report_of(evidence, confidence, "pillai")


def _influence_sums(
    block: Any,
    labels: Any,
    function: Any,
    places: dict[Any, int],
    n_threads: int,
    ignored: frozenset[Any],
) -> tuple[float, float]:
    batch = open_batch(block, labels, as_input_options(ignore_label=ignored), warn=False)
    codes = np.array([places[name] for name in batch.classes], np.int32)[batch.codes]
    values = core.InfluenceFunction.from_state(function)(
        batch.matrix, codes, batch.bfloat16, n_threads
    )
    return float(values.sum()), float(values @ values)


def _whole_rows(features: Any) -> Any:
    """Check the features, and bring the pieces of each row together."""
    if not isinstance(features, da.Array):
        raise TypeError(
            f"features must be a dask array, got {type(features).__name__}: make one with "
            "dask.array.from_array, or .to_dask_array(lengths=True) of a dask frame"
        )
    if features.dtype.kind not in "fiub":
        raise TypeError(
            f"features must be real numbers, got dtype {features.dtype}: convert them with .astype"
        )
    if features.ndim == 1:
        features = features[:, np.newaxis]
    if features.ndim != 2:
        raise ValueError(
            f"features must have shape (n_samples, n_features), got {features.ndim} dimensions: "
            "reshape or pool them to one row per sample"
        )
    if np.isnan(features.shape[1]):
        raise ValueError(
            "features must have a known number of columns: call features.compute_chunk_sizes()"
        )
    if features.numblocks[1] > 1:
        features = features.rechunk({1: -1})
    return features


def _label_pieces(
    features: Any, labels: Any, ignored: frozenset[Any]
) -> tuple[list[Any], list[Any] | None, frozenset[Any]]:
    """Cut the labels as the rows are cut; with the classes if the pieces are codes.

    Also gives what is to be ignored in the pieces: the code -1 stands for all of it.
    """
    rows = features.chunks[0]
    known = not any(np.isnan(rows))
    if isinstance(labels, da.Array):
        if labels.ndim > 1:
            labels = labels.rechunk({1: -1})
        if known and not any(np.isnan(labels.chunks[0])):
            check_lengths(features.shape[0], labels.shape[0])
            labels = labels.rechunk({0: rows})
        if labels.numblocks[0] != features.numblocks[0]:
            raise ValueError(
                f"labels and features have chunks of unknown lengths and different numbers of them "
                f"({labels.numblocks[0]} and {features.numblocks[0]}): call compute_chunk_sizes() "
                "on both"
            )
        return list(labels.to_delayed().reshape(-1)), None, ignored
    if not known:
        raise ValueError(
            "features has chunks of unknown lengths, so that labels in memory cannot be cut to "
            "match: call features.compute_chunk_sizes(), or pass labels as a dask array"
        )
    found = encode_kept(labels, ignored)
    check_lengths(features.shape[0], found.n_rows)
    codes = np.full(found.n_rows, -1, np.int32)
    codes[slice(None) if found.kept is None else found.kept] = found.codes
    ends = np.cumsum(rows)
    pieces = [codes[end - n : end] for n, end in zip(rows, ends, strict=True)]
    return pieces, found.classes, frozenset([-1])


def _update(
    block: Any,
    labels: Any,
    n_features: int,
    n_threads: int,
    check_finite: bool,
    ignored: frozenset[Any],
    first_row: int,
) -> Moments:
    options = as_input_options(n_threads=n_threads, check_finite=check_finite, ignore_label=ignored)
    found = Moments(n_features)
    add_rows(found, block, labels, options, first_row)
    return found


def _merge(parts: list[Moments]) -> Moments:
    """Merge in order, into a copy: a task's inputs may be another task's, too."""
    result = parts[0].copy()
    for part in parts[1:]:
        result.merge(part)
    return result
