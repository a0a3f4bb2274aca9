"""The right answers, computed by other means and in float64."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, solve_triangular

from hscore_fast.bench import data, rivals

__all__ = ["Answer", "Stream", "answer", "by_basis"]

Array = NDArray[Any]

# Above this many operations an orthonormal basis takes too long.
_BASIS_FLOPS = 1.1e10

Answer = tuple[float, str]


@lru_cache(maxsize=2)
def answer(
    n_samples: int, n_features: int, n_classes: int, dtype: str, dependent: bool = False
) -> Answer:
    """Return the score of one problem of `data`, and how it was computed."""
    x, labels = data.features_and_labels(n_samples, n_features, n_classes, dtype, dependent)
    if n_samples * n_features**2 <= _BASIS_FLOPS:
        return by_basis(x, labels), "QR of the centred features in float64"
    stream = Stream(n_features, int(labels.max()) + 1)
    rows = 8_192
    for start in range(0, n_samples, rows):
        stream.add(x[start : start + rows], labels[start : start + rows])
    return stream.h_score(), "dsyrk by blocks and Cholesky in float64"


def by_basis(features: Array, labels: Array) -> float:
    """Sum the squared class sums of an orthonormal basis of the centred features.

    Neither a covariance nor its inverse appears, so this keeps the digits that they lose.
    """
    x = features.astype(np.float64)
    x -= x.mean(axis=0)
    x -= x.mean(axis=0)
    basis = np.linalg.qr(x)[0]
    codes = np.unique(labels, return_inverse=True)[1]
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return float(sum((basis[rows].sum(axis=0) ** 2).sum() / len(rows) for rows in members))


class Stream:
    """Moments by BLAS in float64, a block at a time, for data of any length.

    Parameters
    ----------
    n_features, n_classes : int
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        self._scatter = np.zeros((n_features, n_features), order="F")
        self._sums = np.zeros((n_classes, n_features))
        self._counts = np.zeros(n_classes, np.int64)
        self._shift: Array | None = None

    def add(self, features: Array, codes: NDArray[np.int64]) -> None:
        """Add rows whose labels are class codes."""
        x = features.astype(np.float64)
        if self._shift is None:
            self._shift = x.mean(axis=0)
        x -= self._shift
        n_classes = len(self._counts)
        self._scatter = blas.dsyrk(1.0, x.T, c=self._scatter, beta=1.0, lower=1, overwrite_c=1)
        self._sums += rivals.class_sums(x, codes, n_classes)
        self._counts += np.bincount(codes, minlength=n_classes)

    def centred(self) -> tuple[Array, Array]:
        """Return the scatter's lower triangle and the class sums over the roots of the counts."""
        offset = self._sums.sum(axis=0) / self._counts.sum()
        scatter = np.tril(self._scatter) - np.tril(np.outer(offset, offset)) * self._counts.sum()
        sums = self._sums - np.outer(self._counts, offset)
        return np.asfortranarray(scatter), sums / np.sqrt(self._counts)[:, None]

    def h_score(self) -> float:
        """Score the rows added so far; every class must have one."""
        scatter, sums = self.centred()
        white = solve_triangular(np.linalg.cholesky(scatter), sums.T, lower=True)
        return float((white**2).sum())
