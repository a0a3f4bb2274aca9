"""Independent answers for the tests, and the inputs they are asked about.

Nothing here shares a line or a method with the library: ``svd_h_score`` goes through an orthonormal
basis, ``pillai_trace`` through statsmodels, and ``gold`` through integers, exact on the bits of the
input.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

EPS = float(np.finfo(np.float64).eps)

Floats = NDArray[np.float64]


def class_codes(labels: ArrayLike) -> NDArray[np.intp]:
    """Number the labels 0 to C-1 in sorted order."""
    return np.unique(np.asarray(labels), return_inverse=True)[1].reshape(-1)


def svd_h_score(features: ArrayLike, labels: ArrayLike, rtol: float | None = None) -> float:
    """Sum the squared class sums of an orthonormal basis of the centred features, in float64.

    Directions whose singular value is at most ``rtol`` times the largest are dropped, after every
    column has been brought to length one.
    """
    x = np.asarray(features, dtype=np.float64)
    x = x.reshape(len(x), -1)
    centred = x - x.mean(axis=0)
    centred -= centred.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    alive = length > 1e-14 * np.linalg.norm(x, axis=0)
    if not alive.any():
        return 0.0
    basis, sizes, _ = np.linalg.svd(centred[:, alive] / length[alive], full_matrices=False)
    if rtol is None:
        rtol = max(x.shape) * EPS
    basis = basis[:, sizes > rtol * sizes[0]]
    codes = class_codes(labels)
    return float(
        sum((basis[codes == c].sum(0) ** 2).sum() / (codes == c).sum() for c in set(codes))
    )


def pillai_trace(features: ArrayLike, labels: ArrayLike) -> float:
    """Give the Pillai-Bartlett trace of the one-way MANOVA, as statsmodels computes it."""
    from statsmodels.multivariate.manova import MANOVA

    codes = class_codes(labels)
    n_classes = int(codes.max()) + 1
    design = (codes[:, None] == np.arange(n_classes)).astype(np.float64)
    design[:, 0] = 1.0
    contrast = np.eye(n_classes)[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what statsmodels says of its own dependencies
        tests = MANOVA(np.asarray(features, dtype=np.float64), design).mv_test(
            [("labels", contrast)]
        )
    return float(tests.results["labels"]["stat"].loc["Pillai's trace", "Value"])


# --- gold: exact integers ------------------------------------------------------------------------


@dataclass(frozen=True)
class Gold:
    """The exact answer, and how hard the question is.

    ``pivot`` is the smallest share of its own variance that a feature keeps once all the others
    are known. The smallest pivot of a Cholesky factor can be larger by many orders, and then
    promises digits that are not there.
    """

    h_score: float
    rank: int
    pivot: float


def _exact_sums(x: Floats, codes: NDArray[np.intp]) -> tuple[NDArray, NDArray, NDArray]:
    """Sum products, columns and classes exactly, as Python integers.

    Every column is brought to integers by a power of two of its own, to which the score is blind,
    and cut into digits so short that float64 sums their products without rounding.
    """
    n_samples, n_features = x.shape
    width = (53 - n_samples.bit_length()) // 2
    _, top = np.frexp(np.abs(x).max(axis=0))
    rest = np.ldexp(x, -top)
    digits = []
    while np.any(rest):
        rest = np.ldexp(rest, width)
        digits.append(np.trunc(rest))
        rest = rest - digits[-1]
    onehot = (codes[:, None] == np.arange(codes.max() + 1)).astype(np.float64)
    products = np.zeros((n_features, n_features), dtype=object)
    class_sums = np.zeros((onehot.shape[1], n_features), dtype=object)
    n_digits = len(digits)
    for i in range(n_digits):
        class_sums += _integers(onehot.T @ digits[i]) << width * (n_digits - 1 - i)
        for j in range(i + 1):
            part = _integers(digits[i].T @ digits[j]) << width * (2 * n_digits - 2 - i - j)
            products += part if i == j else part + part.T
    return products, class_sums.sum(axis=0), class_sums


def _integers(whole: Floats) -> NDArray:
    return whole.astype(np.int64).astype(object)


def gold(features: ArrayLike, labels: ArrayLike, columns: ArrayLike | None = None) -> Gold:
    """Score the bits of the input; only the last division to float64 rounds.

    ``columns`` names independent columns that span all of them, for inputs that are dependent up
    to their rounding; exact dependence is found here. Elimination runs in integers with 400 bits
    to spare up to 128 columns; above, a float64 solve is refined against the exact matrices until
    its quadratic form, whose error is the square of the solve's, stands still.
    """
    x = np.array(features, dtype=np.float64)
    x = x.reshape(len(x), -1)
    if columns is not None:
        x = x[:, np.asarray(columns)]
    x = x[:, (x != x[0]).any(axis=0)]
    codes = class_codes(labels)
    counts = np.bincount(codes)
    n_samples = len(x)
    products, sums, class_sums = _exact_sums(x, codes)
    scatter = n_samples * products - np.multiply.outer(sums, sums)
    between = n_samples * class_sums - np.multiply.outer(counts.astype(object), sums)
    solve = _eliminate if x.shape[1] <= 128 else _refine
    forms, kept = solve(scatter, between.T)
    total = sum(form / (int(n) * n_samples) for form, n in zip(forms, counts, strict=True))
    return Gold(float(total), len(kept), _smallest_share(scatter[np.ix_(kept, kept)]))


def _unit_scatter(scatter: NDArray) -> tuple[Floats, Floats]:
    root = np.array([float(d) ** 0.5 for d in np.diag(scatter)])
    return np.array(scatter, dtype=np.float64) / np.multiply.outer(root, root), root


def _smallest_share(scatter: NDArray) -> float:
    if not len(scatter):
        return 1.0
    return float(1 / np.diag(np.linalg.inv(_unit_scatter(scatter)[0])).max())


def _eliminate(scatter: NDArray, right: NDArray) -> tuple[list[Fraction], list[int]]:
    """Give ``b' T^+ b`` for every column b, by elimination without exchanges in fixed point."""
    spare = 400
    n_features, n_right = right.shape
    work = np.zeros((n_features + n_right,) * 2, dtype=object)
    work[:n_features, :n_features] = scatter
    work[:n_features, n_features:] = right
    work[n_features:, :n_features] = right.T
    own = np.diag(scatter).copy()
    work = work << spare
    kept = []
    for k in range(n_features):
        pivot = work[k, k]
        # Exact dependence leaves rounding 400 bits down; independent doubles leave far more.
        if pivot <= own[k] << spare - 200:
            continue
        kept.append(k)
        below = work[k + 1 :, k]
        work[k + 1 :, k + 1 :] -= np.multiply.outer(below, below) // pivot
    forms = [Fraction(-int(work[j, j]), 1 << spare) for j in range(n_features, len(work))]
    return forms, kept


def _refine(scatter: NDArray, right: NDArray) -> tuple[list[Fraction], list[int]]:
    """Give ``b' T^-1 b`` for every column b, by iterative refinement with exact residuals."""
    unit, root = _unit_scatter(scatter)
    inverse = np.linalg.inv(unit)
    spare = 600
    solution = np.zeros(right.shape, dtype=object)
    residual = right << spare
    last = None
    for _ in range(30):
        size = max(abs(residual).max(), 1)
        shift = max(int(size).bit_length() - 900, 0)
        step = inverse @ (np.array(residual >> shift, dtype=np.float64) / root[:, None])
        step = np.ldexp(step / root[:, None], shift)
        solution += np.vectorize(int, otypes=[object])(step)
        residual = (right << spare) - scatter @ solution
        # 2 b'z - z'Tz = b'z + z'r: off by the square of the error of z
        forms = [
            (right[:, j] << spare) @ solution[:, j] + solution[:, j] @ residual[:, j]
            for j in range(right.shape[1])
        ]
        now = [Fraction(int(form), 1 << 2 * spare) for form in forms]
        if last is not None and all(
            abs(a - b) <= abs(a) * Fraction(1, 10**20) for a, b in zip(now, last, strict=True)
        ):
            return now, list(range(len(scatter)))
        last = now
    raise ArithmeticError("the refinement did not settle; the columns are dependent")


def gold_by_fractions(features: ArrayLike, labels: ArrayLike) -> Fraction:
    """Score a tiny input by Gauss-Jordan on fractions, to check ``gold`` itself."""
    rows = [[Fraction(v) for v in row] for row in np.asarray(features, dtype=np.float64).tolist()]
    codes = class_codes(labels).tolist()
    n_samples, n_features = len(rows), len(rows[0])
    mean = [sum(column) / n_samples for column in zip(*rows, strict=True)]
    centred = [[v - m for v, m in zip(row, mean, strict=True)] for row in rows]
    scatter = [
        [sum(row[i] * row[j] for row in centred) for j in range(n_features)]
        for i in range(n_features)
    ]
    total = Fraction(0)
    for c in sorted(set(codes)):
        members = [row for row, code in zip(centred, codes, strict=True) if code == c]
        b = [sum(column) for column in zip(*members, strict=True)]
        work = [[*line, value] for line, value in zip(scatter, b, strict=True)]
        solution = [Fraction(0)] * n_features
        pivots: list[tuple[int, int]] = []
        row = 0
        for k in range(n_features):
            found = next((i for i in range(row, n_features) if work[i][k]), None)
            if found is None:
                continue
            work[row], work[found] = work[found], work[row]
            work[row] = [v / work[row][k] for v in work[row]]
            for i in range(n_features):
                if i != row:
                    factor = work[i][k]
                    work[i] = [v - factor * w for v, w in zip(work[i], work[row], strict=True)]
            pivots.append((row, k))
            row += 1
        for i, k in pivots:
            solution[k] = work[i][-1]
        total += sum(v * z for v, z in zip(b, solution, strict=True)) / len(members)
    return total


# --- inputs --------------------------------------------------------------------------------------


def make_labels(rng: np.random.Generator, n_samples: int, n_classes: int) -> NDArray[np.int64]:
    """Draw uneven classes, each with a row at least."""
    share = np.linspace(1.0, 3.0, n_classes)
    labels = rng.choice(n_classes, size=n_samples, p=share / share.sum())
    labels[rng.permutation(n_samples)[:n_classes]] = np.arange(n_classes)
    return labels.astype(np.int64)


def make_problem(
    n_samples: int, n_features: int, n_classes: int = 10, *, seed: int = 0
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw well conditioned features that know about a quarter of what can be known."""
    rng = np.random.default_rng([seed, n_samples, n_features, n_classes])
    labels = make_labels(rng, n_samples, n_classes)
    means = rng.standard_normal((n_classes, n_features)) * np.sqrt(3.9 / n_features)
    return rng.standard_normal((n_samples, n_features)) + means[labels], labels
