"""Scores that need the rows themselves: TransRate and nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.checks import check_two_rows, refuse_non_finite
from hscore_fast._inputs.options import as_integer
from hscore_fast._problem import open_batch

__all__ = ["knn", "trans_rate"]

Array = NDArray[np.float64]


def _read(features: Any, labels: Any) -> tuple[Array, NDArray[np.int32], int]:
    """Copy the features as float64; labels as codes, and how many classes there are."""
    problem = open_batch(features, labels)
    x, codes, classes = problem.in_memory, problem.codes, problem.classes
    check_two_rows(x.n_samples)
    refuse_non_finite(x, 0)
    parts = []
    for column in x.as_columns():
        piece = x.piece(column)
        parts.append(piece.astype(np.float64))
    return (parts[0] if len(parts) == 1 else np.hstack(parts)), codes, len(classes)


def trans_rate(features: ArrayLike, labels: ArrayLike, eps: float = 1e-4) -> float:
    r"""Compute TransRate, an estimate of the mutual information of features and labels.

    .. math:: R(Z) - \frac{1}{C} \sum_c R(Z_c), \qquad
        R(Z) = \frac{1}{2} \log \det\Big(I + \frac{1}{n\,\epsilon} Z^\top Z\Big)

    with the centred features Z, and of each class c the rows :math:`Z_c`, n in each case the number
    of rows [1]_.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`hscore_fast.h_score`, in memory; copied as float64.
    labels : array_like of shape (n_samples,)
        As for :func:`hscore_fast.h_score`.
    eps : float, default 1e-4
        The distortion that the rate allows for. It is absolute: the score depends on the features'
        scale.

    Returns
    -------
    float
        More is better.

    Raises
    ------
    ValueError, TypeError
        As :func:`hscore_fast.h_score` does, or if `eps` is not positive.

    Notes
    -----
    Every class counts alike, however many samples it has. A class of fewer samples n than features
    costs ``n**2 * n_features`` operations, a larger one ``n * n_features**2``.

    References
    ----------
    .. [1] L.-K. Huang, J. Huang, Y. Rong, Q. Yang, Y. Wei, "Frustratingly Easy Transferability
       Estimation", ICML 2022.

    Examples
    --------
    >>> from hscore_fast.datasets import load_digits
    >>> from hscore_fast.rivals import trans_rate
    >>> images, digits = load_digits()
    >>> round(trans_rate(images, digits), 3)
    50.279
    """
    if not eps > 0:
        raise ValueError(f"eps must be positive, got {eps}")
    z, codes, n_classes = _read(features, labels)
    z -= z.mean(axis=0)
    parts = [_coding_rate(z[codes == c], eps) for c in range(n_classes)]
    return float(_coding_rate(z, eps) - np.mean(parts))


def _coding_rate(z: Array, eps: float) -> float:
    gram = z.T @ z if len(z) >= z.shape[1] else z @ z.T  # the determinants are equal
    gram /= len(z) * eps
    gram[np.diag_indices_from(gram)] += 1
    return 0.5 * float(np.linalg.slogdet(gram)[1])


def knn(features: ArrayLike, labels: ArrayLike, k: int = 3) -> float:
    """Compute the share of samples whose k nearest other samples vote for their class.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`hscore_fast.h_score`, in memory; copied as float64, each column scaled to
        mean 0 and deviation 1.
    labels : array_like of shape (n_samples,)
        As for :func:`hscore_fast.h_score`.
    k : int, default 3
        Neighbours that vote. The class that comes first in order wins a draw.

    Returns
    -------
    float
        The leave-one-out accuracy, from 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As :func:`hscore_fast.h_score` does, or if `k` is not below the number of samples.
    ModuleNotFoundError
        If scikit-learn is not installed.

    Notes
    -----
    A leave-one-out vote of neighbours [1]_, by scikit-learn's search.

    References
    ----------
    .. [1] T. M. Cover, P. E. Hart, "Nearest Neighbor Pattern Classification", IEEE Transactions on
       Information Theory 13 (1967).

    Examples
    --------
    >>> from hscore_fast.datasets import load_digits
    >>> from hscore_fast.rivals import knn
    >>> images, digits = load_digits()
    >>> round(knn(images[:500], digits[:500]), 3)
    0.98
    """
    try:
        from sklearn.neighbors import NearestNeighbors
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "knn needs scikit-learn, which is not installed: pip install scikit-learn",
            name="sklearn",
        ) from error

    x, codes, n_classes = _read(features, labels)
    k = as_integer(k, "k", most=len(x) - 1, hint="a sample is no neighbour of its own")
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    alive = deviation > 1e-6 * np.abs(mean) + 1e-12
    x -= mean
    x *= np.where(alive, 1 / np.where(alive, deviation, 1), 0)
    near = NearestNeighbors(n_neighbors=k).fit(x).kneighbors(return_distance=False)
    votes = np.zeros((len(x), n_classes), dtype=np.int32)
    np.add.at(votes, (np.arange(len(x))[:, None], codes[near]), 1)
    return float(np.mean(votes.argmax(axis=1) == codes))
