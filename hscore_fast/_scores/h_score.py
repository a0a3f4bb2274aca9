"""The H-score of one feature matrix for one target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import Progress, as_precision, as_tol
from hscore_fast._inputs.values import as_task, check_precision_of_values
from hscore_fast._moments.joint import open_values, value_result
from hscore_fast._problem import DEFAULT_INPUT, InputOptions, as_input_options, open_problem
from hscore_fast._results.doubts import warn_about
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["h_score", "score_result"]


def h_score(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    task: str = "classes",
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
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
        libraries. Or the address of a file. With another `task` numbers, of shape (n_samples,) or
        (n_samples, n_targets).
    task : {"classes", "multilabel", "regression"}, default "classes"
        What the labels are: classes; columns of 0 and 1, where a row may have several; or columns
        of numbers. See docs/targets.md.
    columns : str or sequence of str, optional
        Take only these columns of a table, by name or by a pattern such as ``"f*"``; by default all
        that hold numbers, but for the labels' columns and an index
        (see docs/inputs.md). Refused for arrays, as are the next two.
    drop : str or sequence of str, optional
        Leave these columns out.
    keep : str or sequence of str, optional
        Take these columns although they would be left out or warned of.
    precision : {"auto", "float64", "float32", "high"}, default "auto"
        Arithmetic of the covariance's products; their sums are float64 always. "auto" takes
        products of integers or float32 where they pay, knows or measures their error and corrects
        it by a second pass over the rows where it must, to within 1e-9 of the float64 answer for
        float64 and integer features and 1e-6 for narrower ones; where that is not safe it computes
        in float64. "float32" is unchecked.
        "high" never squares the features, in about three times the time: it tells near-duplicates
        apart down to 1e-9 of their deviation. Of a file that is read in blocks "auto" takes float64
        and integer features in float64, or by the processor's tile unit: it is read once then, or
        a second time where the tile unit's products are not within 1e-9. With a `task` other than
        classes "auto" is "float64", and the others are refused.
    tol : float, optional
        Share of a feature's variance below which the part that other features do not predict
        counts as noise; by default ``2**-42``, and with ``precision="high"`` as little as its
        rounding errors allow.
    n_threads : int, optional
        Exactly that many threads. By default what OMP_NUM_THREADS, threadpoolctl and the CPU
        affinity allow, shared with the calls that other threads are making; small problems use one.
    check_finite : bool, default True
        Refuse NaN and infinity. If False the result is then NaN.
    ignore_label : object or list of objects, optional
        A label, or several, whose rows do not count, such as -100 or 255 for pixels or tokens
        without a class. They are left out of everything, also of ``n_samples``, and not copied.
    progress : callable, optional
        Called as ``progress(rows_done, rows_total)`` about ten times a second, from the calling
        thread; what it raises ends the call. Not called when the last row is done.

    Returns
    -------
    float
        Between 0 and ``min(rank, n_classes - 1)``; with another `task`, the smaller one of the
        ranks of features and labels. One continuous target has the score R^2.

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
        There is one class, or no column of the labels varies, so the score is 0.

    Notes
    -----
    With a `task` other than classes the score is the sum of the squared canonical correlations
    [2]_, which is the same number for one-hot labels:

    .. math:: H(f; Y) = \mathrm{tr}\big(\mathrm{cov}(f)^+ \,\mathrm{cov}(f, Y)
              \,\mathrm{cov}(Y)^+ \,\mathrm{cov}(Y, f)\big)

    The score is the Pillai trace of a one-way MANOVA. It is computed as the sum of squares of the
    class sums whitened by a Cholesky factor of the scatter, never through an explicit
    pseudo-inverse. Allocates the scatter once, ``8 * n_features**2`` bytes, the class sums twice
    (four times where a correction runs) and up to 16 MB of packed rows.

    References
    ----------
    .. [1] Y. Bao, Y. Li, S.-L. Huang, L. Zhang, L. Zheng, A. Zamir, L. Guibas, "An
       Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019.
    .. [2] H. Hotelling, "Relations between two sets of variates", Biometrika 28 (1936).

    Examples
    --------
    >>> from hscore_fast import h_score
    >>> round(h_score([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"]), 12)
    0.8
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
    result = score_result(features, labels, precision, tol, options, task)
    if result is None:
        return float("nan")
    warn_about(result, task)
    return result.score


def score_result(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    precision: str = "auto",
    tol: float | None = None,
    options: InputOptions = DEFAULT_INPUT,
    task: str = "classes",
) -> HScore | None:
    """Check the arguments and score; None if values are not finite and that is allowed."""
    precision = as_precision(precision)
    tolerance = as_tol(tol, precision)
    if as_task(task) != "classes":
        check_precision_of_values(precision, task)
        found = value_result(open_values(features, labels, task, options), tolerance)
        return None if found is None else found[0]
    problem = open_problem(features, labels, options)
    result = core.h_score(
        *problem.for_core(), precision, tolerance, problem.threads, problem.progress
    )
    return result if problem.is_scored(result is not None) else None
