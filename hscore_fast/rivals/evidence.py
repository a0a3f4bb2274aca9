"""The largest log evidence of a linear model, for many targets on the same features.

With ``y = X w + noise``, weights ``w ~ N(0, I / alpha)`` and noise ``N(0, I / beta)``, the density
of y depends on the eigenvalues s of ``X'X``, on the squares w_j of y's coordinates along the left
singular vectors, and on what of ``y'y`` lies outside of them. For t = alpha / beta the best beta is
N / Q(t) with Q = outside + sum_j w_j t / (t + s_j), which leaves one variable:

    log evidence = -1/2 sum_j log(1 + s_j / t) + N/2 log(N / Q(t)) - N/2 (1 + log 2 pi)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Coordinates", "fixed_point", "largest_evidence"]

Array = NDArray[np.float64]

# The grid of t in units of the largest eigenvalue. The evidence is a sum of sigmoids of log t that
# are about 4 wide, so steps of 0.8 miss no maximum that is more than a ripple.
_GRID = np.linspace(np.log(1e-13), np.log(1e10), 67)
_MOST_VALUES = 1 << 17  # of a group of targets by eigenvalues, to stay in the cache
_ROUNDS = 60  # bisection alone halves a step of 0.8 to nothing in fewer


@dataclass(frozen=True)
class Coordinates:
    """Targets as the evidence sees them.

    Attributes
    ----------
    eigenvalues : ndarray of float64, shape (n_values,)
        Those of ``X'X`` that are not 0.
    squares : ndarray of float64, shape (n_values, n_targets)
        Squared coordinates of each target along the left singular vectors.
    outside : ndarray of float64, shape (n_targets,)
        What is left of each target's sum of squares.
    n_rows : float
        Number of rows, or the sum of their weights.
    n_features : int
    """

    eigenvalues: Array
    squares: Array
    outside: Array
    n_rows: float
    n_features: int

    def columns(self, first: int, last: int) -> Coordinates:
        """Give some of the targets."""
        squares, outside = self.squares[:, first:last], self.outside[first:last]
        return Coordinates(self.eigenvalues, squares, outside, self.n_rows, self.n_features)


def largest_evidence(c: Coordinates) -> tuple[Array, Array]:
    """Return the largest log evidence per row of each target, and how far rounding may move it."""
    value = np.empty(len(c.outside))
    error = np.empty(len(c.outside))
    step = max(1, _MOST_VALUES // max(1, len(c.eigenvalues)))
    for first in range(0, len(value), step):
        group = slice(first, first + step)
        value[group], error[group] = _largest(c.columns(first, first + step))
    return value, error


def _largest(c: Coordinates) -> tuple[Array, Array]:
    norms = c.outside + c.squares.sum(axis=0)
    without = _level(norms, c.n_rows)  # t without end: all weights are 0
    if not len(c.eigenvalues):
        return without, np.zeros_like(without)
    top = float(c.eigenvalues.max())
    grid = _GRID + np.log(top)
    shares = 1 / (1 + np.outer(np.exp(-grid), c.eigenvalues))
    penalty = -0.5 * np.log1p(np.outer(np.exp(-grid), c.eigenvalues)).sum(axis=1) / c.n_rows
    heights = penalty[:, None] + _level(c.outside + shares @ c.squares, c.n_rows)
    peak = heights.argmax(axis=0)
    u = _climb(c, grid, peak)
    value, energy = _at(c, u)
    value = np.maximum.reduce([value, heights.max(axis=0), without])
    # The scatter is known to about eps of its largest eigenvalue, and energies to eps of y'y. Where
    # the features span all rows, the evidence has a limit for small t.
    spans = len(c.eigenvalues) >= c.n_rows
    least = np.log(c.eigenvalues.min()) if spans else -np.inf
    with np.errstate(divide="ignore"):
        error = np.exp(np.log(top) - np.maximum(u, least)) + (0 if spans else norms / energy)
    error *= np.finfo(np.float64).eps
    error[value == without] = 0
    exact = (peak == 0) & (energy <= 1e-12 * norms) & (not spans)
    value[exact], error[exact] = np.inf, 0
    return value, error


def _level(energy: Array, n_rows: float) -> Array:
    """Return the noise's part of the evidence per row, at its best precision."""
    with np.errstate(divide="ignore"):
        level: Array = np.log(n_rows) - np.log(energy) - 1 - np.log(2 * np.pi)
    return 0.5 * level


def _at(c: Coordinates, u: Array) -> tuple[Array, Array]:
    """Return the log evidence per row at log t = u, and the energy Q."""
    ratio = c.eigenvalues[:, None] * np.exp(-u)
    energy = c.outside + (c.squares / (1 + ratio)).sum(axis=0)
    return -0.5 * np.log1p(ratio).sum(axis=0) / c.n_rows + _level(energy, c.n_rows), energy


def _climb(c: Coordinates, grid: Array, peak: NDArray[np.intp]) -> Array:
    """Find the maximum beside each grid point that is higher than its neighbours."""
    u = grid[peak]
    low, high = grid[np.maximum(peak - 1, 0)], grid[np.minimum(peak + 1, len(grid) - 1)]
    for _ in range(_ROUNDS):
        share = 1 / (1 + np.exp(u) / c.eigenvalues[:, None])  # s / (t + s)
        both = share * (1 - share)
        weighted = c.squares * both
        energy = c.outside + (c.squares * (1 - share)).sum(axis=0)
        rise = weighted.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = share.sum(axis=0) - c.n_rows * rise / energy
            bend = -both.sum(axis=0) - c.n_rows * (
                (2 * weighted * share).sum(axis=0) / energy - rise / energy - (rise / energy) ** 2
            )
            step = -slope / bend
        low, high = np.where(slope > 0, u, low), np.where(slope > 0, high, u)
        following = u + step
        inside = (bend < 0) & (following > low) & (following < high)
        following = np.where(inside, following, 0.5 * (low + high))
        done = np.abs(following - u).max() < 1e-8
        u = following
        if done:
            break
    return u


def fixed_point(c: Coordinates, rounds: int) -> Array:
    """Return the log evidence per row where MacKay's iteration stops, as the published code does.

    From alpha = beta = 1, until alpha / beta changes by less than a thousandth or `rounds` are
    done. Residuals of nothing count as 1e-12 of y'y, for a result that is finite.
    """
    s, n = c.eigenvalues[:, None], c.n_rows
    alpha, beta = np.ones(len(c.outside)), np.ones(len(c.outside))
    moving = np.ones(len(c.outside), dtype=bool)
    least = 1e-12 * (c.outside + c.squares.sum(axis=0))
    for _ in range(rounds):
        t = alpha / beta
        freedom = (s / (s + t)).sum(axis=0)
        length, residual = _fit(c, t)
        moved = freedom / np.maximum(length, least), (n - freedom) / np.maximum(residual, least)
        alpha, beta = np.where(moving, moved[0], alpha), np.where(moving, moved[1], beta)
        moving &= np.abs(alpha / beta - t) > 1e-3 * t
        if not moving.any():
            break
    length, residual = _fit(c, alpha / beta)
    value: Array = n * np.log(beta) - np.log1p(s * (beta / alpha)).sum(axis=0)
    value -= beta * residual + alpha * length + n * np.log(2 * np.pi)
    return value / (2 * n)


def _fit(c: Coordinates, t: Array) -> tuple[Array, Array]:
    """Return the squared length of the weights, and the sum of squares of the residuals."""
    s = c.eigenvalues[:, None]
    length = (s * c.squares / (t + s) ** 2).sum(axis=0)
    return length, (c.squares / (1 + s / t) ** 2).sum(axis=0) + c.outside
