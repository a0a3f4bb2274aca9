"""Definitions of scores as they are written, in NumPy, for tests and benchmarks.

:func:`h_score` is the published formula, nothing clever: two covariances, a pseudo-inverse, a
trace. It is slow, and it is wrong without a word on ill-conditioned input; the tests show where.
:func:`cross_validated_h_score` fits ridge regressions fold by fold and ridge by ridge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["RIDGES", "CrossValidatedRows", "cross_validated_h_score", "h_score"]

RIDGES = (1e-6, 1e-4, 1e-3, 4e-3, 2e-2, 0.2, 10.0)
"""The ridges of the cross-validated H-score, as shares of the trace of the scatter."""


def h_score(features: ArrayLike, labels: ArrayLike) -> float:
    """Compute the H-score by its definition, ``tr(cov(f)^+ cov(E[f | y]))``.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        Real features; computed in float64.
    labels : array_like of shape (n_samples,)
        Class labels that NumPy can sort.

    Returns
    -------
    float
        The H-score.

    Notes
    -----
    Both covariances use ``1 / (n_samples - 1)`` and the pseudo-inverse drops singular values
    below ``1e-15`` times the largest, as in the public implementations of Bao et al. [1]_.

    References
    ----------
    .. [1] Y. Bao, Y. Li, S.-L. Huang, L. Zhang, L. Zheng, A. Zamir, L. Guibas, "An
       Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019.

    Examples
    --------
    >>> from hscore_fast import reference
    >>> round(reference.h_score([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 12)
    0.8
    """
    x = np.asarray(features, dtype=np.float64)
    y = np.asarray(labels)
    class_mean_of_row = np.empty_like(x)
    for label in np.unique(y):
        class_mean_of_row[y == label] = x[y == label].mean(axis=0)
    feature_covariance = np.atleast_2d(np.cov(x, rowvar=False))
    mean_covariance = np.atleast_2d(np.cov(class_mean_of_row, rowvar=False))
    inverse = np.linalg.pinv(feature_covariance, rcond=1e-15)
    return float(np.trace(inverse @ mean_covariance))


class CrossValidatedRows(NamedTuple):
    """The cross-validated H-score and what it is made of, row by row.

    Attributes
    ----------
    score : float
        The sum of `baseline_losses` minus the sum of `losses`.
    accuracy : float
        Share of the rows whose own class has the largest held-out fit.
    balanced_accuracy : float
        The mean over the classes of that share.
    ridge : float
        The ridge chosen, as a share of the trace.
    folds : ndarray of shape (n_samples,)
        The fold in which each row is held out.
    losses : ndarray of shape (n_samples,)
        Each row's squared error, summed over the classes, each class's divided by its size.
    baseline_losses : ndarray of shape (n_samples,)
        The same if the class frequencies of the training rows are predicted.
    predictions : ndarray of shape (n_samples,)
        The label with the largest held-out fit.

    Examples
    --------
    >>> from hscore_fast import reference
    >>> features = [[0.0], [1.0], [5.0], [6.0]]
    >>> rows = reference.cross_validated_h_score(features, [0, 0, 1, 1], n_folds=2)
    >>> rows.predictions.tolist()
    [0, 0, 1, 1]
    """

    score: float
    accuracy: float
    balanced_accuracy: float
    ridge: float
    folds: NDArray[np.int64]
    losses: NDArray[np.float64]
    baseline_losses: NDArray[np.float64]
    predictions: NDArray[np.generic]


def cross_validated_h_score(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_folds: int = 5,
    ridges: Sequence[float] = RIDGES,
) -> CrossValidatedRows:
    r"""Compute the cross-validated H-score by fitting every fold.

    .. math:: H_{cv} = \sum_k L_{0k} - \min_g \sum_k L_k(g), \qquad
        L_k(g) = \sum_{i \in k} \sum_c \frac{(y_{ic} - \hat y_{ic})^2}{n_c}

    where :math:`\hat y` is the ridge regression of the one-hot labels on the standardized features,
    fitted to the rows outside fold k, and :math:`L_{0k}` is the loss of the training rows' class
    frequencies.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        Real features; computed in float64.
    labels : array_like of shape (n_samples,)
        Class labels that NumPy can sort.
    groups : array_like of shape (n_samples,), optional
        Rows of the same group are held out together.
    weights : array_like of shape (n_samples,), optional
        How many rows each row stands for; 1 by default.
    n_folds : int, default 5
        Number of folds.
    ridges : sequence of float
        Candidates, as shares of the trace of the training rows' scatter; the best one is chosen for
        all folds together, the larger of two that are equally good.

    Returns
    -------
    CrossValidatedRows

    Notes
    -----
    The features are standardized once, by the mean and the standard deviation of all rows. Without
    groups, row p of class c is held out in fold (p + c) modulo the number of folds. Groups are
    placed one after the other, the largest first, each where the fewest rows of its classes are.

    Examples
    --------
    >>> from hscore_fast import reference
    >>> from hscore_fast.datasets import load_digits
    >>> images, digits = load_digits()
    >>> found = reference.cross_validated_h_score(images[:200], digits[:200])
    >>> round(found.score, 4), found.accuracy, found.ridge
    (6.3891, 0.97, 0.004)
    """
    x = np.asarray(features, dtype=np.float64)
    classes, codes = np.unique(np.asarray(labels), return_inverse=True)
    codes = codes.reshape(-1)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    counts = np.bincount(codes, weights=w)
    folds = _folds(codes, groups, n_folds)
    x = _standardized(x, w)
    y = np.eye(len(classes))[codes]
    fits = np.zeros((len(ridges), *y.shape))
    baseline = np.zeros_like(y)
    for fold in range(n_folds):
        out = folds == fold
        if out.any() and not out.all():
            baseline[out], fits[:, out] = _fit(x[~out], y[~out], w[~out], x[out], ridges)
    scale = np.where(counts > 0, 1 / np.where(counts > 0, counts, 1), 0)
    baseline_losses = w * ((y - baseline) ** 2 @ scale)
    losses = w * ((y - fits) ** 2 @ scale)
    best = min(range(len(ridges)), key=lambda g: (losses[g].sum(), -ridges[g]))
    predicted = fits[best].argmax(axis=1)
    hits = np.bincount(codes, weights=w * (predicted == codes), minlength=len(classes))
    return CrossValidatedRows(
        float(baseline_losses.sum() - losses[best].sum()),
        float(hits.sum() / counts.sum()),
        float((hits[counts > 0] / counts[counts > 0]).mean()),
        ridges[best],
        folds,
        losses[best],
        baseline_losses,
        classes[predicted],
    )


def _fit(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    w: NDArray[np.float64],
    x_out: NDArray[np.float64],
    ridges: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the class frequencies of training rows, and each ridge's fits of other rows."""
    root = np.sqrt(w)[:, None]
    mean, frequency = w @ x / w.sum(), w @ y / w.sum()
    x, y, x_out = root * (x - mean), root * (y - frequency), x_out - mean
    trace = float((x * x).sum())
    fits = np.tile(frequency, (len(ridges), len(x_out), 1))
    if not trace > 2**-42 * w.sum() * x.shape[1]:  # these rows do not vary but for rounding
        return frequency, fits
    # The smaller of the two forms of the same regression: features by features, or rows by rows.
    by_features = x.shape[1] <= x.shape[0]
    square = x.T @ x if by_features else x @ x.T
    right = x.T @ y if by_features else y
    left = x_out if by_features else x_out @ x.T
    identity = np.eye(len(square))
    for place, ridge in enumerate(ridges):
        fits[place] += left @ np.linalg.solve(square + ridge * trace * identity, right)
    return frequency, fits


def _standardized(x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return features of mean 0 and variance 1, those that do not vary left out."""
    eps = np.finfo(np.float64).eps
    first = x[np.flatnonzero(w > 0)[0]]
    centred = x - first  # so that a constant is 0 to the last bit
    centred = centred - w @ centred / w.sum()
    squares = w @ centred**2
    varies = squares > 8 * eps**2 * (w @ x**2)
    return np.asarray(centred[:, varies] / np.sqrt(squares[varies] / w.sum()))


def _folds(codes: NDArray[np.int64], groups: ArrayLike | None, n_folds: int) -> NDArray[np.int64]:
    """Return the fold of each row."""
    if groups is None:
        place = np.zeros(len(codes), np.int64)  # the running number within the class
        for code in np.unique(codes):
            place[codes == code] = np.arange((codes == code).sum())
        return (place + codes) % n_folds
    _, first, group = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    table = np.zeros((len(first), codes.max() + 1), np.int64)  # rows of each group and class
    np.add.at(table, (group.reshape(-1), codes), 1)
    rarity = len(codes) // np.maximum(table.sum(axis=0), 1)
    held = np.zeros((n_folds, table.shape[1]), np.int64)  # rows of each fold and class
    fold_of_group = np.zeros(len(first), np.int64)
    for own in sorted(range(len(first)), key=lambda g: (-table[g].sum(), first[g])):
        crowd = held @ (table[own] * rarity)
        fold = min(range(n_folds), key=lambda k: (crowd[k], held[k].sum(), k))
        fold_of_group[own] = fold
        held[fold] += table[own]
    return fold_of_group[group.reshape(-1)]
