"""Those to beat: NumPy written well, and the machine's BLAS and LAPACK by themselves.

Everything is in the features' own dtype and goes through SciPy's bindings with Fortran-ordered
views, so that SciPy copies nothing. NumPy and SciPy often come with a BLAS each, and the threads
of one stay awake in the way of the other's; so whatever uses threads here is SciPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack
from scipy.sparse import csr_matrix

__all__ = ["Factorization", "RankUpdate", "class_sums", "h_score", "quadratic_form"]

Array = NDArray[Any]


def class_sums(centred: Array, codes: Array, n_classes: int) -> Array:
    """Sum the rows of each class: a sparse one-hot matrix times the rows.

    Of the ways NumPy and SciPy offer this reads every row once and was the fastest by far: 12 ms
    for 20,000 x 1,024 in 100 classes on one thread, where ``np.add.reduceat`` on sorted rows took
    260 and a dense one-hot product 120.
    """
    n_samples = len(codes)
    ones = np.ones(n_samples, centred.dtype)
    onehot = csr_matrix((ones, codes, np.arange(n_samples + 1)), shape=(n_samples, n_classes))
    sums: Array = onehot.T @ centred
    return sums


def h_score(features: Array, labels: Array) -> float:
    """Score as somebody who knows both the formula and NumPy would.

    Centre once; a symmetric product; class sums; Cholesky; one triangular solve; a sum of squares.

    Parameters
    ----------
    features : ndarray of float32 or float64, shape (n_samples, n_features)
        C order.
    labels : ndarray of shape (n_samples,)

    Returns
    -------
    float
        The H-score; in float32 with the digits that float32 leaves.

    Raises
    ------
    ArithmeticError
        If the scatter is not positive definite.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    centred = features - features.mean(axis=0)
    sums = class_sums(centred, codes, len(classes))
    sums /= np.sqrt(np.bincount(codes))[:, None].astype(sums.dtype)
    scatter = _routine(blas, "syrk", centred)(1.0, centred.T, lower=1)
    white = _whiten(scatter, sums).ravel()
    return float(_routine(blas, "dot", white)(white, white))


def _routine(library: Any, name: str, array: Array) -> Callable[..., Any]:
    """Return the routine for the array's dtype."""
    routine: Callable[..., Any] = getattr(library, ("s" if array.itemsize == 4 else "d") + name)
    return routine


def _whiten(scatter: Array, sums: Array) -> Array:
    """Overwrite both: the lower triangle by its factor L, the rows b by ``L^-1 b``."""
    factor, info = _routine(lapack, "potrf", scatter)(scatter, lower=1, clean=0, overwrite_a=1)
    if info:
        raise ArithmeticError(f"potrf stopped at column {info}: not positive definite")
    white, info = _routine(lapack, "trtrs", scatter)(factor, sums.T, lower=1, overwrite_b=1)
    if info:
        raise ArithmeticError(f"trtrs stopped at column {info}: singular")
    result: Array = white.T
    return result


class RankUpdate:
    """BLAS's SYRK alone, on a centred copy that it gets for nothing.

    The output is there beforehand too, so that no page fault is charged to BLAS.
    """

    def __init__(self, features: Array) -> None:
        self.centred = features - features.mean(axis=0)
        n_features = features.shape[1]
        self._scatter = np.zeros((n_features, n_features), features.dtype, order="F")
        self._syrk = _routine(blas, "syrk", self.centred)

    def __call__(self) -> Array:
        """Compute the lower triangle of the scatter."""
        scatter: Array = self._syrk(
            1.0, self.centred.T, c=self._scatter, beta=0.0, lower=1, overwrite_c=1
        )
        return scatter

    def expected(self) -> float:
        """Compute without SYRK what `quadratic_form` must make of the result."""
        v = probe(self._scatter).astype(np.float64)
        rows = 8_192
        images = (self.centred[k : k + rows] @ v for k in range(0, len(self.centred), rows))
        return float(sum(image @ image for image in images))


class Factorization:
    """LAPACK's potrf and trtrs alone, on fresh copies that they get for nothing."""

    def __init__(self, scatter: Array, sums: Array) -> None:
        self._scatter, self._sums = scatter, sums
        self._work = (np.empty_like(scatter), np.empty_like(sums))

    def prepare(self) -> None:
        """Copy what the last call overwrote."""
        np.copyto(self._work[0], self._scatter)
        np.copyto(self._work[1], self._sums)

    def __call__(self) -> Array:
        """Factor and solve."""
        return _whiten(*self._work)


def probe(scatter: Array) -> Array:
    """Give the vector v of `quadratic_form`: every entry of a result has a share in it."""
    entries: Array = np.random.default_rng(1).standard_normal(len(scatter)).astype(scatter.dtype)
    return entries


def quadratic_form(scatter: Array) -> float:
    """Compute ``v' T v`` from the lower triangle of T, in one pass; the rest of T must be 0.

    By einsum, which wakes no thread of a BLAS.
    """
    v = probe(scatter)
    image = np.einsum("ij,i->j", scatter.T, v)
    return float(2 * np.sum(v * image) - np.sum(v * v * scatter.diagonal()))
