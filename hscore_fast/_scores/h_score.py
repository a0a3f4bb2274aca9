"""The H-score of one feature matrix for one target."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.column_doubts import Suspect, column_doubt
from hscore_fast._inputs.columns import EVERY_COLUMN, ColumnRequest
from hscore_fast._inputs.features import (
    Address,
    Features,
    Progress,
    as_features,
    as_n_threads,
    as_precision,
    as_progress,
    as_tol,
    is_address,
    is_label_address,
)
from hscore_fast._inputs.frames import labels_request
from hscore_fast._inputs.labels import encode
from hscore_fast._results.warnings import (
    PrecisionWarning,
    SaturationWarning,
    SingleClassWarning,
    warn_caller,
)
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["h_score"]


def h_score(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
) -> float:
    r"""Compute the H-score of features for a classification target.

    .. math:: H(f) = \mathrm{tr}\big(\mathrm{cov}(f)^+ \,\mathrm{cov}(E[f \mid y])\big)

    It measures how well a linear classifier on the features can do, without training one [1]_.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        Real numbers of any float, integer or boolean type, bfloat16 included, in any memory layout:
        NumPy arrays, torch and JAX arrays on the CPU, pandas, polars and Arrow tables, lists. They
        are read where they are, never copied as a whole (see docs/inputs.md). One-dimensional
        features are one column. Or the address of a file, such as ``"features.h5:/layer4"`` or a
        path, or a list of them; see :mod:`hscore_fast.readers`.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        Integers of any value, strings, booleans, floats, categories or objects, from the same
        libraries. Or the address of a file.
    precision : {"auto", "float64", "float32", "high"}, default "auto"
        Arithmetic of the covariance's products; their sums are float64 always. "auto" takes
        products of integers or float32 where they pay, knows or measures their error and corrects
        it by a second pass over the rows where it must, to within 1e-9 of the float64 answer for
        float64 and integer features and 1e-6 for narrower ones; where that is not safe it computes
        in float64. "float32" is unchecked.
        "high" never squares the features, in about three times the time: it tells near-duplicates
        apart down to 1e-9 of their deviation. Of a file that is read in blocks "auto" takes float64
        and integer features in float64, or by the processor's tile unit: it is read once then, or
        a second time where the tile unit's products are not within 1e-9.
    tol : float, optional
        Share of a feature's variance below which the part that other features do not predict
        counts as noise; by default ``2**-42``, and with ``precision="high"`` as little as its
        rounding errors allow.
    n_threads : int, optional
        Exactly that many threads. By default what OMP_NUM_THREADS, threadpoolctl and the CPU
        affinity allow, shared with the calls that other threads are making; small problems use one.
    check_finite : bool, default True
        Refuse NaN and infinity. If False the result is then NaN.
    progress : callable, optional
        Called as ``progress(rows_done, rows_total)`` about ten times a second, from the calling
        thread; what it raises ends the call. Not called when the last row is done.

    Returns
    -------
    float
        Between 0 and ``min(rank, n_classes - 1)``.

    Raises
    ------
    ValueError
        If the lengths differ, there are fewer than two samples, a value is missing or not finite,
        or an option is unknown.
    TypeError
        If the features are not real numbers, are masked, sparse or on another device, or the
        labels cannot be told apart.
    MemoryError
        If the statistics, ``O(n_features**2 + n_classes * n_features)``, do not fit; the message
        says how large they are.
    FileNotFoundError, OSError, ModuleNotFoundError
        If a file is not there, cannot be read, or the library that reads it is not installed.

    Warns
    -----
    SaturationWarning
        The features have rank ``n_samples - 1``: the score is ``n_classes - 1`` for any labels.
    PrecisionWarning
        Fewer than six digits are certain, or three with ``precision="float32"``.
    SingleClassWarning
        There is one class, so the score is 0.

    Notes
    -----
    The score is the Pillai trace of a one-way MANOVA. It is computed as the sum of squares of the
    class sums whitened by a Cholesky factor of the scatter, never through an explicit
    pseudo-inverse. Allocates the scatter twice, ``16 * n_features**2`` bytes, the class sums twice
    (four times where a correction runs) and up to 16 MB of packed rows.

    References
    ----------
    .. [1] Y. Bao, Y. Li, S.-L. Huang, L. Zhang, L. Zheng, A. Zamir, L. Guibas, "An
       Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019.

    Examples
    --------
    >>> from hscore_fast import h_score
    >>> round(h_score([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"]), 12)
    0.8
    """
    result = score_result(features, labels, precision, tol, n_threads, check_finite, progress)
    if result is None:
        return float("nan")
    warn_about(result)
    return result.score


def score_result(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    precision: str,
    tol: float | None,
    n_threads: int | None,
    check_finite: bool,
    progress: Progress | None = None,
) -> HScore | None:
    """Check the arguments and score; None if values are not finite and that is allowed."""
    precision = as_precision(precision)
    tolerance = as_tol(tol, precision)
    threads = as_n_threads(n_threads)
    progress = as_progress(progress)
    if is_address(features) or is_label_address(labels):
        from hscore_fast._moments.from_files import (
            result_from_files,  # reads files only when asked to
        )

        return result_from_files(
            features, labels, precision, tol, n_threads, check_finite, progress
        )
    x, codes, classes = as_problem(features, labels)
    warn_of_columns(x, codes, len(classes))
    result = core.h_score(
        x.array, codes, len(classes), x.bfloat16, precision, tolerance, threads, progress
    )
    if result is None:
        if not check_finite:
            return None
        refuse_non_finite(x, threads)
        raise overflow()
    return result


def as_problem(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    request: ColumnRequest = EVERY_COLUMN,
) -> tuple[Features, NDArray[np.int32], list[Any]]:
    """See features and labels, neither an address any more, as the core takes them."""
    x = as_features(features, labels_request(request, labels))
    codes, classes = encode(cast(ArrayLike, labels))
    check_lengths(x, len(codes))
    check_two_rows(x)
    return x, codes, classes


class _Columns(Protocol):
    @property
    def suspects(self) -> Sequence[Suspect]: ...


def warn_of_columns(
    x: _Columns,
    codes: NDArray[np.int32] | Sequence[NDArray[np.int32]],
    n_classes: int | Sequence[int],
    what: str = "features",
) -> None:
    """Warn the caller of columns of a table that are probably no features, of any target."""
    doubt = column_doubt(x.suspects, codes, n_classes, what)
    if doubt is not None:
        warn_caller(doubt)


class _Rows(Protocol):
    @property
    def n_samples(self) -> int: ...


def check_lengths(x: _Rows, n_labels: int) -> None:
    """Refuse labels of another length than the features."""
    if x.n_samples != n_labels:
        raise ValueError(
            f"labels must have one entry per row of features, got {n_labels} labels for "
            f"{x.n_samples} rows"
        )


def check_two_rows(x: _Rows) -> None:
    """Refuse fewer rows than a variance needs."""
    if x.n_samples < 2:
        raise ValueError(f"features must have at least 2 rows, got {x.n_samples}")


def refuse_non_finite(x: Features, threads: int, first_row: int = 0) -> None:
    """Raise if there is a NaN or an infinity, and say where; rows count from `first_row`."""
    count, row, column, value = core.find_non_finite(x.array, x.bfloat16, threads)
    if count:
        raise ValueError(
            f"features has {count} value{'s' if count > 1 else ''} that "
            f"{'are' if count > 1 else 'is'} not finite, the first "
            f"({value}) in row {first_row + row}, {x.column(column)}: "
            "drop those rows or replace the values"
        )


def overflow() -> ValueError:
    """Build the error for finite values whose squares are not."""
    return ValueError(
        "features are so large that their squares overflow float64: divide them all by one "
        "constant, which leaves the score unchanged"
    )


def warn_if_single_class(n_classes: int, stacklevel: int = 3) -> None:
    """Say why the score is 0, to the caller's caller."""
    if n_classes == 1:
        warnings.warn(_single_class(), stacklevel=stacklevel)


def warn_about(result: HScore, stacklevel: int = 3) -> None:
    """Issue the warning that a result deserves, to the caller's caller."""
    reason = doubt(result)
    if reason is not None:
        warnings.warn(reason, stacklevel=stacklevel)


def doubt(result: HScore) -> Warning | None:
    """Say why a score means little or nothing, if that is so."""
    if result.n_classes == 1:
        return _single_class()
    if result.rank >= result.n_samples - 1:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.n_samples} samples, so that the "
            f"H-score is {result.n_classes - 1} whatever the labels are: use more samples or fewer "
            "features"
        )
    # Who asks for float32 expects some six digits at best: warn where three are not certain.
    share = 1e-3 if result.precision_used == "float32" else 1e-6
    if result.error_bound > max(share * result.score, 1e-9):
        return PrecisionWarning(
            f"the features are nearly linearly dependent: the H-score is certain to "
            f"{result.error_bound:.1g} only; drop near-duplicate features or raise tol"
        )
    return None


def _single_class() -> SingleClassWarning:
    return SingleClassWarning(
        "labels has a single class, so the H-score is 0 by definition: pass the labels of a task "
        "with at least two classes"
    )
