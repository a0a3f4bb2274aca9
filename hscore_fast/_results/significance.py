"""How likely a score is when the labels mean nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hscore_fast._results.distributions import log_beta_tail

__all__ = ["Significance", "moments_serve", "permutation_test", "pillai_test"]


class Significance(NamedTuple):
    """A test of the hypothesis that features and labels are independent.

    Attributes
    ----------
    log_p : float
        Natural logarithm of the p-value.
    f_statistic : float
        Of Pillai's test; nan otherwise.
    degrees_of_freedom : tuple of float
        Of the F distribution; nan otherwise.
    n_draws : int
        Permutations that were looked at; 0 where the p-value does not come from them.
    exact : bool
        Whether those were all there are.
    """

    log_p: float
    f_statistic: float = math.nan
    degrees_of_freedom: tuple[float, float] = (math.nan, math.nan)
    n_draws: int = 0
    exact: bool = False

    @property
    def p_value(self) -> float:
        """The p-value, 0 where it underflows."""
        return math.exp(self.log_p)

    @property
    def neg_log10_p_value(self) -> float:
        """Its decimal logarithm without the sign."""
        return max(0.0, -self.log_p / math.log(10)) if self.log_p == self.log_p else math.nan


# A score is no evidence if all permutations of the labels have the same one.
_NO_EVIDENCE = Significance(0.0)


def pillai_test(score: float, rank: int, n_classes: int, n_samples: float) -> Significance:
    """Test a score by Pillai's approximation, as a one-way MANOVA does.

    ``F = (H / (s - H)) df2 / df1`` with ``s = min(r, q)``, ``df1 = r q`` and
    ``df2 = s (N - C - r + s)``; ``H / s`` is then a beta variable. Exact for ``s = 1`` and Gaussian
    features.
    """
    q = n_classes - 1
    s = min(rank, q)
    first = float(rank * q)
    second = s * (n_samples - n_classes - rank + s)
    if s == 0 or second <= 0:
        return _NO_EVIDENCE
    left = max(s - score, 0.0)
    f = math.inf if left == 0 else score / left * second / first
    log_p = log_beta_tail(score / s, first / 2, second / 2, x=left / s)
    return Significance(log_p, f, (first, second))


class _Moments(NamedTuple):
    """Moments of H / s under permuted labels, and the variance beyond that of Gaussian rows."""

    mean: float
    variance: float
    excess: float

    @property
    def shapes(self) -> tuple[float, float]:
        """Shapes of the beta variable with this mean and variance."""
        weight = self.mean * (1 - self.mean) / self.variance - 1
        return self.mean * weight, (1 - self.mean) * weight


def _permutation_moments(
    rank: int, class_counts: Sequence[float], squared_leverages: float
) -> _Moments | None:
    counts = [count for count in class_counts if count > 0]
    n = sum(counts)
    m = n - 1
    q = len(counts) - 1
    r = rank
    s = min(r, q)
    if s == 0 or r >= m or q >= m or n < 4:
        return None
    spread = sum(1 / count for count in counts) - 2 * len(counts) / n + 1 / n
    a = n * (n + 1) * squared_leverages - m * (r * r + 2 * r)
    b = n * (n + 1) * spread - m * (q * q + 2 * q)
    gaussian = 2 * r * q * (m - r) * (m - q) / (m * m * (m - 1) * (m + 2))
    variance = gaussian + a * b / ((n + 1) * n * m * (n - 2) * (n - 3))
    mean = r * q / m / s
    if not 0 < variance / (s * s) < mean * (1 - mean):
        return None
    return _Moments(mean, variance / (s * s), variance / gaussian - 1)


def moments_serve(rank: int, class_counts: Sequence[float], squared_leverages: float) -> bool:
    """Say whether mean and variance tell the distribution over permutations well enough.

    They do not where the beta variable has its mass at 0, and where single rows of large leverage
    meet rare classes, which make the variance far from that of Gaussian rows.
    """
    found = _permutation_moments(rank, class_counts, squared_leverages)
    return found is not None and found.shapes[0] >= _LEAST_SHAPE and abs(found.excess) <= _EXCESS


_LEAST_SHAPE = 0.45  # one feature and two classes have 0.5
_EXCESS = 0.1


def permutation_test(
    score: float,
    rank: int,
    class_counts: Sequence[float],
    squared_leverages: float,
) -> Significance:
    """Test a score against permutations of the labels, by the mean and variance of all of them.

    Both are known exactly (Kazi-Aoual, Hitier, Sabatier and Lebreton 1995): the variance depends on
    the features through the sum of the squared leverages alone. ``H / s`` is taken for the beta
    variable that has them, which is an approximation.
    """
    found = _permutation_moments(rank, class_counts, squared_leverages)
    if found is None:
        return _NO_EVIDENCE
    s = min(rank, sum(count > 0 for count in class_counts) - 1)
    left = max(s - score, 0.0) / s
    return Significance(log_beta_tail(score / s, *found.shapes, x=left))
