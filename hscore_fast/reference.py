"""The published definition of the H-score in NumPy, for tests and benchmarks.

This is the formula as it is written, nothing clever: two covariances, a pseudo-inverse, a trace.
It is slow, and it is wrong without a word on ill-conditioned input; the tests show where.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["h_score"]


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
