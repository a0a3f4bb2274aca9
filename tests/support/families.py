"""Families of hard inputs: each with its exact score and how far from it the library may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike, NDArray
from oracles import EPS, Floats, Gold, gold, make_problem


@dataclass(frozen=True)
class Family:
    """One input, its exact score, and how far from it the library may be."""

    name: str
    features: Floats
    labels: NDArray[np.int64]
    truth: Gold
    tolerance: float
    saturated: bool = False

    @property
    def doubtful(self) -> bool:
        """Whether ten rounding units over the smallest share leave fewer than six digits."""
        return 10 * EPS / self.truth.pivot > 1e-6


Built = tuple[Floats, NDArray[np.int64], ArrayLike | None]
N_SAMPLES = 2000


def _full_rank(n_features: int) -> Built:
    x, y = make_problem(N_SAMPLES, n_features)
    return x, y, None


def _duplicates(n_features: int) -> Built:
    x, y, _ = _full_rank(n_features)
    half = n_features // 2
    x[:, n_features - half :] = x[:, :half][:, ::-1]
    return x, y, np.arange(n_features - half)


def _dead_columns(n_features: int) -> Built:
    x, y, _ = _full_rank(n_features)
    for place, value in ((0, 0.1), (n_features // 2, 1e6 + 0.1), (n_features - 1, 0.0)):
        x[:, place] = value
    return x, y, np.flatnonzero((x != x[0]).any(axis=0))


def _low_rank(n_features: int) -> Built:
    """Multiply whole numbers, so that the rank is low in the bits and not only nearly."""
    rank = n_features // 4
    x, y = make_problem(N_SAMPLES, rank)
    mix = np.random.default_rng(n_features).integers(-9, 10, (rank, n_features))
    return np.round(x * 4096) @ mix.astype(np.float64), y, np.arange(rank)


def _low_rank_rounded(n_features: int) -> Built:
    rank = n_features // 4
    x, y = make_problem(N_SAMPLES, rank)
    mix = np.random.default_rng(n_features).standard_normal((rank, n_features))
    return x @ mix, y, np.arange(rank)


def _fewer_rows(n_features: int) -> Built:
    x, y = make_problem(max(12, n_features // 2), n_features)
    return x, y, np.arange(len(x) - 1)


def _one_row_more(n_features: int) -> Built:
    x, y = make_problem(n_features + 1, n_features)
    return x, y, None


def _column_scales(n_features: int) -> Built:
    x, y, _ = _full_rank(n_features)
    scale = np.random.default_rng(n_features).permutation(np.logspace(-8, 8, n_features))
    return x * scale, y, None


def _near_duplicates(distance: float) -> Callable[[int], Built]:
    def build(n_features: int) -> Built:
        x, y, _ = _full_rank(n_features)
        half = n_features // 2
        x[:, half:] = x[:, : n_features - half] + distance * x[:, half:]
        return x, y, None

    return build


def _condition(condition: float) -> Callable[[int], Built]:
    def build(n_features: int) -> Built:
        x, y, _ = _full_rank(n_features)
        rng = np.random.default_rng(n_features)
        turn = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
        return x * np.logspace(0, -0.5 * np.log10(condition), n_features) @ turn, y, None

    return build


def _triangle(n_features: int) -> Built:
    """Mix by Kahan's triangle: hard to invert, though no column nearly depends on those before."""
    x, y, _ = _full_rank(n_features)
    cosine = {16: 0.72, 96: 0.15}.get(n_features, 0.03)
    mix = np.eye(n_features) - cosine * np.triu(np.ones((n_features, n_features)), 1)
    mix = mix * ((1 - cosine**2) ** (0.5 * np.arange(n_features)))[:, None]
    return x @ mix, y, None


def _polynomials(n_features: int) -> Built:
    """Take all monomials of a few bounded variables, by rising degree."""
    n_variables = {16: 3, 96: 5}.get(n_features, 7)
    x, y = make_problem(N_SAMPLES, n_variables)
    x = 1 / (1 + np.exp(-x))
    factors = [
        list(index)
        for degree in range(1, 7)
        for index in combinations_with_replacement(range(n_variables), degree)
    ]
    return np.stack([x[:, index].prod(axis=1) for index in factors[:n_features]], axis=1), y, None


def _softmax(n_features: int) -> Built:
    """Rows of probabilities: they add to one, so one column says nothing of its own."""
    x, y, _ = _full_rank(n_features)
    x = np.exp(2 * x)
    return x / x.sum(axis=1, keepdims=True), y, np.arange(n_features - 1)


def _offset(n_features: int) -> Built:
    x, y, _ = _full_rank(n_features)
    return x + 1e6, y, None


# The figures of the project's promise. None: ten times the rounding unit over the smallest share,
# as the library's own error estimate should say.
FAMILIES: dict[str, tuple[Callable[[int], Built], float | None]] = {
    "full rank": (_full_rank, 1e-12),
    "exact duplicates": (_duplicates, 1e-12),
    "dead columns": (_dead_columns, 1e-12),
    "low rank": (_low_rank, 1e-12),
    "low rank, rounded": (_low_rank_rounded, 1e-12),
    "fewer rows than columns": (_fewer_rows, 1e-12),
    "one row more than columns": (_one_row_more, 1e-12),
    "column scales 1e-8 to 1e8": (_column_scales, 1e-12),
    "near-duplicates 1e-3": (_near_duplicates(1e-3), 1e-9),
    "near-duplicates 1e-5": (_near_duplicates(1e-5), 1e-5),
    "condition 1e6": (_condition(1e6), 1e-11),
    "condition 1e10": (_condition(1e10), 1e-7),
    "condition 1e12": (_condition(1e12), 1e-5),
    "Kahan's triangle": (_triangle, None),
    "polynomials": (_polynomials, None),
    "softmax rows": (_softmax, 1e-12),
    "offset of 1e6 deviations": (_offset, 1e-12),
}


@cache
def family(name: str, n_features: int) -> Family:
    """Build one family of ``FAMILIES``; the arrays are read-only, as they are shared."""
    build, tolerance = FAMILIES[name]
    x, y, columns = build(n_features)
    n_classes = len(np.unique(y))
    spanning = x if columns is None else x[:, np.asarray(columns)]
    saturated = spanning.shape[1] >= len(x) - 1
    if saturated and n_features > 128:  # the truth is known, and no elimination need be so long
        truth = Gold(float(n_classes - 1), len(x) - 1, np.nan)
    else:
        truth = gold(x, y, columns)
    if tolerance is None:
        tolerance = max(1e-12, 10 * EPS / truth.pivot)
    x.flags.writeable = False
    y.flags.writeable = False
    return Family(name, x, y, truth, tolerance, saturated)
