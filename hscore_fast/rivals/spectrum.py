"""One eigen-decomposition of a feature matrix, which serves any number of targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._variants import core
from hscore_fast.rivals.evidence import Coordinates

__all__ = ["Spectrum", "lower_triangle", "spectrum_of_moments", "spectrum_of_rows"]

Array = NDArray[np.float64]

_COLUMNS = 1024  # at a time that are converted to float64


@dataclass(frozen=True)
class Spectrum:
    """Eigen-decomposition of ``X'X`` or ``X X'``, X the features as they are, not centred.

    Attributes
    ----------
    eigenvalues : ndarray of float64, shape (n_values,)
        Those above their rounding errors.
    vectors : ndarray of float64, shape (n_features or n_samples, n_values)
    of_rows : bool
        Whether the vectors are those of ``X X'``.
    n_rows : float
        Number of rows, or the sum of their weights.
    n_features : int
    offset : float
        The largest share of a column's sum of squares to what it is about its mean.
    """

    eigenvalues: Array
    vectors: Array
    of_rows: bool
    n_rows: float
    n_features: int
    offset: float

    def coordinates(self, products: Array, norms: Array) -> Coordinates:
        """See targets by their products with the features.

        Parameters
        ----------
        products : ndarray of float64, shape (n_targets, n_features)
            Each target's ``X'y``; of the rows' spectrum y itself, shape (n_targets, n_samples).
        norms : ndarray of float64, shape (n_targets,)
            Each target's ``y'y``.
        """
        squares = (self.vectors.T @ products.T) ** 2
        if not self.of_rows:
            squares /= self.eigenvalues[:, None]
        outside = np.maximum(norms - squares.sum(axis=0), 0)
        if len(self.eigenvalues) >= self.n_rows:
            outside = np.zeros_like(outside)  # the features span all rows
        return Coordinates(self.eigenvalues, squares, outside, self.n_rows, self.n_features)


def _spectrum(
    gram: Array, of_rows: bool, n_rows: float, n_features: int, offset: float
) -> Spectrum:
    values, vectors = np.linalg.eigh(gram)
    least = len(values) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
    kept = values > least
    return Spectrum(values[kept], vectors[:, kept], of_rows, n_rows, n_features, offset)


def _offset(about_mean: Array, squares: Array) -> float:
    """Return the largest ratio, constant columns left out."""
    varies = about_mean > 1e-28 * squares
    return float(np.max(squares[varies] / about_mean[varies], initial=1.0))


def lower_triangle(values: Array, order: int) -> Array:
    """Make a symmetric matrix of its lower triangle, row by row."""
    whole = np.zeros((order, order))
    whole[np.tril_indices(order)] = values
    return whole + np.tril(whole, -1).T


def spectrum_of_moments(moments: core.Moments, n_targets: int = 0) -> tuple[Spectrum, Array, Array]:
    """Decompose, and give the targets' products with the features and sums of squares.

    Parameters
    ----------
    moments : core.Moments
        Of features and classes; or of features and, behind them, targets that are values.
    n_targets : int
        How many of the columns are targets; 0 if the classes are.
    """
    _, _, shift, scatter, counts, sums, *_ = moments.state()
    n_rows = float(counts.sum())
    width = len(shift)
    about_shift = sums.reshape(len(counts), width)
    total = about_shift.sum(axis=0)
    gram = lower_triangle(scatter, width)
    gram += np.outer(total, shift) + np.outer(shift, total) + n_rows * np.outer(shift, shift)
    n_features = width - n_targets
    own = slice(0, n_features)
    diagonal = scatter[np.cumsum(np.arange(1, width + 1)) - 1]
    offset = _offset((diagonal - total**2 / n_rows)[own], np.diagonal(gram)[own])
    spectrum = _spectrum(gram[own, own], False, n_rows, n_features, offset)
    if n_targets:
        return spectrum, gram[n_features:, :n_features], np.diagonal(gram)[n_features:]
    used = counts > 0
    return spectrum, (about_shift + np.outer(counts, shift))[used], counts[used]


def spectrum_of_rows(rows: NDArray[Any]) -> Spectrum | None:
    """Decompose ``X X'`` of rows in memory; None if it is not finite."""
    gram = np.zeros((len(rows), len(rows)))
    offset = 1.0
    for first in range(0, rows.shape[1], _COLUMNS):
        part = rows[:, first : first + _COLUMNS].astype(np.float64)
        gram += part @ part.T
        offset = max(offset, _offset(len(part) * part.var(axis=0), (part**2).sum(axis=0)))
    if not np.isfinite(gram).all():
        return None
    return _spectrum(gram, True, float(len(rows)), rows.shape[1], offset)
