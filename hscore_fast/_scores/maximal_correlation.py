"""The best that any function of the inputs can do: alternating conditional expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.rows import check_rows
from hscore_fast._inputs.columns import EVERY_COLUMN
from hscore_fast._inputs.features import as_features
from hscore_fast._inputs.frames import labels_request
from hscore_fast._inputs.labels import as_ignored, encode, encode_kept
from hscore_fast._inputs.options import as_integer
from hscore_fast._moments.blocks import indexable
from hscore_fast._moments.moments import Moments
from hscore_fast._problem import InputOptions, open_batch

__all__ = ["MaximalCorrelation", "additive_moments", "maximal_correlation"]

_ROWS_AT_A_TIME = 4096


@dataclass(frozen=True)
class MaximalCorrelation:
    """Result of :func:`maximal_correlation`: the best functions of two discrete variables.

    Attributes
    ----------
    correlations : ndarray of float64, shape (k,)
        From the largest down; each between 0 and 1.
    input_functions : ndarray of float64, shape (n_inputs, k)
        Values of the functions of the inputs, with mean 0 and, where the correlation is not 0,
        variance 1, uncorrelated.
    label_functions : ndarray of float64, shape (n_classes, k)
        The same of the labels.
    inputs, classes : list
        What the rows of the two tables stand for.
    n_iterations : int
        How many alternations it took.
    """

    correlations: NDArray[np.float64]
    input_functions: NDArray[np.float64]
    label_functions: NDArray[np.float64]
    inputs: list[Any]
    classes: list[Any]
    n_iterations: int

    @property
    def h_score(self) -> float:
        """H-score of these functions: the sum of the squared correlations."""
        return float(np.sum(self.correlations**2))


def maximal_correlation(
    inputs: ArrayLike,
    labels: ArrayLike,
    *,
    n_functions: int | None = None,
    tol: float = 1e-12,
    max_iterations: int = 10_000,
    ignore_label: Any = None,
) -> MaximalCorrelation:
    r"""Find the functions of a discrete input that correlate most with functions of the labels.

    By alternating conditional expectations [1]_: :math:`f(x) = E[g(y) \mid x]`, then
    :math:`g(y) = E[f(x) \mid y]`, each time made uncorrelated. They converge to the singular
    vectors of the normalized joint table [2]_

    .. math:: B(x, y) = \frac{P(x, y)}{\sqrt{P(x) P(y)}} - \sqrt{P(x) P(y)}

    and the correlations to its singular values. No k functions of the input have a larger H-score.

    Parameters
    ----------
    inputs : array_like of shape (n_samples,)
        Discrete inputs, of any kind that labels may be.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`.
    n_functions : int, optional
        How many functions; by default as many as can have a correlation, the smaller number of
        values less one.
    tol : float, default 1e-12
        Stop when no squared correlation changes by more.
    max_iterations : int, default 10_000
        Refuse to go on after so many alternations.
    ignore_label : object or list of objects, optional
        As for :func:`h_score`, among `labels`.

    Returns
    -------
    MaximalCorrelation

    Raises
    ------
    ValueError
        If the lengths differ, a value is missing, `n_functions` is out of range, or the
        alternations do not converge.
    TypeError
        If inputs or labels cannot be told apart, or an option is of a wrong type.

    Notes
    -----
    Each alternation costs ``n_inputs * n_classes * k``, whatever the number of samples. With all
    functions the squares sum to the mean-square contingency: the one-hot inputs' H-score.

    References
    ----------
    .. [1] L. Breiman, J. H. Friedman, "Estimating Optimal Transformations for Multiple Regression
       and Correlation", JASA 80, 1985.
    .. [2] S.-L. Huang, A. Makur, L. Zheng, G. W. Wornell, "An information-theoretic approach to
       universal feature selection in high-dimensional inference", ISIT 2017.

    Examples
    --------
    >>> from hscore_fast import maximal_correlation
    >>> best = maximal_correlation(["a", "a", "b", "b"], [0, 0, 0, 1])
    >>> best.correlations.round(6).tolist(), round(best.h_score, 6)
    ([0.57735], 0.333333)
    """
    check_rows(inputs, "inputs", labels=labels)
    target = encode_kept(labels, as_ignored(ignore_label))
    x, input_values = encode(inputs, "inputs", whole=False)
    y, classes = target.codes, target.classes
    if len(x) != target.n_rows:
        raise ValueError(
            f"labels must have one entry per input, got {target.n_rows} labels for {len(x)} inputs"
        )
    if target.kept is not None:
        present, places = np.unique(x[target.kept], return_inverse=True)
        x = places.astype(np.int32).reshape(-1)
        input_values = [input_values[code] for code in present]
    if len(x) < 2:
        raise ValueError(f"inputs must have at least 2 entries, got {len(x)}")
    most = min(len(input_values), len(classes)) - 1
    k = most if n_functions is None else as_integer(n_functions, "n_functions")
    if k > most:
        raise ValueError(
            f"n_functions must be at most {most} for {len(input_values)} different inputs and "
            f"{len(classes)} classes, got {k}"
        )
    table = np.zeros((len(input_values), len(classes)))
    np.add.at(table, (x, y), 1.0 / len(x))
    p_x, p_y = table.sum(axis=1), table.sum(axis=0)
    if k == 0:
        return MaximalCorrelation(
            np.zeros(0), np.zeros((len(p_x), 0)), np.zeros((len(p_y), 0)), input_values, classes, 0
        )
    # In units of square roots of probabilities a conditional expectation is a product with this.
    joint = table / np.sqrt(np.outer(p_x, p_y)) - np.sqrt(np.outer(p_x, p_y))
    f, correlations, g, n_iterations = _alternate(joint, k, tol, max_iterations)
    return MaximalCorrelation(
        correlations,
        f / np.sqrt(p_x)[:, np.newaxis],
        g / np.sqrt(p_y)[:, np.newaxis],
        input_values,
        classes,
        n_iterations,
    )


def _alternate(
    joint: NDArray[np.float64], k: int, tol: float, max_iterations: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]:
    """Alternate between both sides until the correlations stand still."""
    # A fixed start, so that the same data give the same functions.
    start = np.random.default_rng(0).standard_normal((joint.shape[1], k))
    g = np.linalg.qr(start)[0]
    before = np.full(k, np.inf)
    for iteration in range(1, max_iterations + 1):
        f = np.linalg.qr(joint @ g)[0]
        # The last step also turns the functions, so that each f goes with one g.
        g, singular, turn = np.linalg.svd(joint.T @ f, full_matrices=False)
        if np.max(np.abs(singular**2 - before)) <= tol:
            return f @ turn.T, np.minimum(singular, 1.0), g, iteration
        before = singular**2
    raise ValueError(
        f"the alternating conditional expectations did not converge to {tol} in {max_iterations} "
        "alternations: raise tol or max_iterations"
    )


def additive_moments(
    features: ArrayLike,
    inputs: ArrayLike | None,
    labels: ArrayLike,
    n_bins: int,
    options: InputOptions,
) -> Moments:
    """Gather the statistics of additive functions of the inputs' columns, and of the features.

    Without inputs they are the features.

    A function of a column is piecewise constant on `n_bins` ranges with as many samples each, so
    that the expectation given the columns is a linear projection: what the alternations converge to
    is the H-score of these indicators, without alternating. The features stand beside them, so that
    the optimum is taken over them too.
    """
    problem = open_batch(features, labels, options, warn=False)
    z = problem.in_memory
    if inputs is not None:
        z = as_features(inputs, labels_request(EVERY_COLUMN, labels))
        if z.n_samples != problem.n_given:
            raise ValueError(
                f"inputs must have one row per row of features, got {z.n_samples} rows for "
                f"{problem.n_given}"
            )
        z = z if problem.kept is None else z.keep(problem.kept)
    n_bins = as_integer(n_bins, "n_bins", least=2)
    codes = problem.codes
    own, raw = indexable(problem.in_memory), indexable(z)
    own, raw = own.reshape(len(own), -1), raw.reshape(len(raw), -1)
    shares = np.arange(1, n_bins) / n_bins
    edges = [np.unique(np.quantile(column, shares, method="lower")) for column in raw.T]
    moments = Moments()
    for first in range(0, len(codes), _ROWS_AT_A_TIME):
        rows = slice(first, first + _ROWS_AT_A_TIME)
        indicators = np.concatenate(
            [raw[rows, j][:, np.newaxis] > cuts for j, cuts in enumerate(edges)], axis=1
        )
        beside = [own[rows], raw[rows], indicators]
        block = np.concatenate([part.astype(np.float64) for part in beside], axis=1)
        moments.update(block, codes[rows], n_threads=options.threads or None)
    return moments
