"""The H-score with a shrunk covariance."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import Progress, as_convention, as_precision, as_shrinkage
from hscore_fast._inputs.values import as_task, check_precision_of_values
from hscore_fast._moments.joint import open_values, regularized_value_result
from hscore_fast._problem import as_input_options, open_problem
from hscore_fast._results.doubts import warn_if_single_class
from hscore_fast._variants import core

__all__ = ["regularized_h_score"]

PRECISIONS = ("auto", "float64", "float32")  # shrinkage leaves nothing for "high" to resolve


def regularized_h_score(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    task: str = "classes",
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    precision: str = "auto",
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
    progress: Progress | None = None,
) -> float:
    r"""Compute the H-score with the features' covariance shrunk towards a multiple of the identity.

    .. math:: H_a(f) = (1-a)\,\mathrm{tr}\big(\Sigma_a^{-1} \,\mathrm{cov}(E[f \mid y])\big),
              \qquad \Sigma_a = (1-a)\,\mathrm{cov}(f) + a\,\mu I

    with :math:`\mu` the mean variance of the features. It stays informative where there are fewer
    samples than features and the plain score is :math:`C - 1` whatever the labels are [1]_.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`h_score`.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`.
    task : {"classes", "multilabel", "regression"}, default "classes"
        As for :func:`h_score`. With another task than classes
        :math:`\mathrm{cov}(f, Y)\,\mathrm{cov}(Y)^+ \mathrm{cov}(Y, f)` takes the place of
        :math:`\mathrm{cov}(E[f \mid y])`.
    shrinkage : {"ledoit_wolf", "oas"} or float, default "ledoit_wolf"
        The intensity :math:`a`: estimated by Ledoit and Wolf's rule [2]_ or by the oracle
        approximating one [3]_, or a number from 0 to 1. At 0 this is the plain score, its rule for
        the rank included, times ``n_samples / (n_samples - 1)`` by the "tllib" convention; at 1 it
        is 0.
    convention : {"tllib", "paper"}, default "tllib"
        Divisor of the class means' covariance: ``n_samples - 1`` as in the public toolkits, or
        ``n_samples`` as in the paper. The features' covariance is divided by ``n_samples`` in both.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of a table.
    precision : {"auto", "float64", "float32"}, default "auto"
        Arithmetic of the covariance's products. "auto" takes float32 products of large problems
        with not too many classes, brings float64 features' result back to the float64 answer by
        one more pass over the rows, keeps it if the estimated error is below 1e-9 of it (1e-6 for
        float32 and narrower features), and is "float64" otherwise: as a rule so for features that
        hardly correlate, whose intensity depends on the last digits.
    n_threads : int, optional
        As for :func:`h_score`.
    check_finite : bool, default True
        Refuse NaN and infinity. If False the result is then NaN.
    ignore_label : object or list of objects, optional
        As for :func:`hscore_fast.h_score`.
    progress : callable, optional
        As for :func:`h_score`.

    Returns
    -------
    float
        At least 0. By the "tllib" convention it can exceed ``n_classes - 1``.

    Raises
    ------
    ValueError
        If the lengths differ, there are fewer than two samples, a value is missing or not finite,
        or an option is unknown.
    TypeError
        If the features are not real numbers, the labels cannot be told apart, or `shrinkage` is
        neither a name nor a number.
    MemoryError
        If the statistics do not fit.
    FileNotFoundError, OSError, ModuleNotFoundError
        As :func:`h_score` does.

    Warns
    -----
    SingleClassWarning
        There is one class, or no column of the labels varies, so the score is 0.

    Notes
    -----
    Unlike the plain score it depends on the features' units, and constant features count: they
    lower :math:`\mu`. The intensities are those of scikit-learn's ``LedoitWolf`` and ``OAS``.
    Beyond the covariance Ledoit and Wolf's needs only the sum of the fourth powers of the centred
    rows' lengths, which the same pass collects. With fewer samples than features the matrix that is
    built and factored is samples by samples, so that memory is ``O(min(n_samples, n_features)**2)``
    besides the class sums and up to 16 MB of packed rows. With a `task` other than classes it is
    features by features, and Ledoit and Wolf's intensity takes a second pass over the features.

    References
    ----------
    .. [1] S. Ibrahim, N. Ponomareva, R. Mazumder, "Newer is not always better: Rethinking
       transferability metrics, their peculiarities, stability and performance", 2021.
    .. [2] O. Ledoit, M. Wolf, "A well-conditioned estimator for large-dimensional covariance
       matrices", Journal of Multivariate Analysis 88 (2004).
    .. [3] Y. Chen, A. Wiesel, Y. C. Eldar, A. O. Hero, "Shrinkage algorithms for MMSE covariance
       estimation", IEEE Transactions on Signal Processing 58 (2010).

    Examples
    --------
    >>> from hscore_fast import regularized_h_score
    >>> features = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.5]]
    >>> round(regularized_h_score(features, ["a", "a", "b", "b"], shrinkage=0.1), 6)
    1.162417
    """
    method, intensity = as_shrinkage(shrinkage)
    paper = as_convention(convention) == "paper"
    precision = as_precision(precision, PRECISIONS)
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        check_finite=check_finite,
        ignore_label=ignore_label,
        progress=progress,
    )
    if as_task(task) != "classes":
        check_precision_of_values(precision, task)
        values = open_values(features, labels, task, options)
        found = regularized_value_result(values, method, intensity, paper)
        if found is None or not values.is_scored(found.finite):
            return float("nan")
        warn_if_single_class(found.n_classes, task)
        return found.score
    problem = open_problem(features, labels, options)
    result = core.regularized_h_score(
        *(*problem.for_core(), precision, method, intensity, paper),
        *(problem.threads, problem.progress),
    )
    if not problem.is_scored(result.finite):
        return float("nan")
    warn_if_single_class(result.n_classes)
    return result.score
