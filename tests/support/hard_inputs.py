"""Inputs on which products of low precision err: near-copies, factors, zero rows, repetition.

Most have the shape for which `precision="auto"` rounds the rows to integers or multiplies in
float32. Their scores are computed from an orthonormal basis, by a QR decomposition.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

N, F = 32_768, 256
Floats = NDArray[np.floating]
Codes = NDArray[np.integer]


def orthonormal_basis(features: Floats) -> NDArray[np.float64]:
    """Compute an orthonormal basis of the columns about a long double mean, all of length one."""
    x = np.asarray(features, np.float64)
    centred = (x - x.mean(axis=0, dtype=np.longdouble)).astype(np.float64)
    norms = np.sqrt(np.sum(centred**2, axis=0))
    return np.linalg.qr(centred[:, norms > 0] / norms[norms > 0])[0]


def h_score_in(basis: NDArray[np.float64], codes: Codes) -> float:
    """Compute the score of the features that have this basis."""
    counts = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(basis[order], starts[counts > 0], axis=0)
    return float(np.sum(np.sum(sums**2, axis=1) / counts[counts > 0]))


def separated(rng: np.random.Generator, codes: Codes, strength: float = 0.2) -> Floats:
    means = strength * rng.normal(size=(codes.max() + 1, F))
    return rng.normal(size=(N, F)) + means[codes]


def few_copies(rng: np.random.Generator, codes: Codes) -> Floats:
    x = separated(rng, codes, 0.3)
    x[:, 50:70] = x[:, 30:50] + 0.003 * x[:, 50:70]
    return x


def copies_of_unequal_rows(rng: np.random.Generator, codes: Codes) -> Floats:
    x = separated(rng, codes)
    x[:, 128:] = x[:, :128] + 0.003 * x[:, 128:]
    return x * np.exp(rng.normal(size=(N, 1)))


def factors(rng: np.random.Generator, codes: Codes) -> Floats:
    means = 0.5 * rng.normal(size=(codes.max() + 1, 40))
    inner = rng.laplace(size=(N, 40)) + means[codes]
    mixed = inner @ rng.normal(size=(40, F)) / np.sqrt(40)
    return mixed + 3e-3 * rng.normal(size=(N, F))


def small_network(rng: np.random.Generator, codes: Codes) -> Floats:
    means = 0.5 * rng.normal(size=(codes.max() + 1, 40))
    inner = rng.normal(size=(N, 40)) + means[codes]
    return np.tanh(0.1 * inner @ rng.normal(size=(40, F)) / np.sqrt(40))


def zero_rows(distance: float, others: float = 0) -> Callable[[np.random.Generator, Codes], Floats]:
    """Keep 3 % of the rows; the columns are in pairs, `distance` apart."""

    def build(rng: np.random.Generator, codes: Codes) -> Floats:
        x = separated(rng, codes)
        if distance < 1:
            x[:, 128:] = x[:, :128] + distance * x[:, 128:]
        return x * np.where(rng.random((N, 1)) < 0.03, 1, others)

    return build


def unequal_rows(rng: np.random.Generator, codes: Codes) -> Floats:
    return separated(rng, codes) * np.exp(4 * rng.normal(size=(N, 1)))


def tiles(rng: np.random.Generator, codes: Codes) -> Floats:
    return np.tile(rng.normal(size=(512, F)), (N // 512, 1))


def tiles_of_equal_rows(rng: np.random.Generator, codes: Codes) -> Floats:
    """Repeat 384 rows, of which each 128th is the same: the shift is taken from such rows."""
    rows = rng.normal(size=(384, F))
    rows[::128] = rows[0]
    return np.tile(rows, (N // 384 + 1, 1))[:N]


def outlying_rows(rng: np.random.Generator, codes: Codes) -> Floats:
    x = separated(rng, codes)
    x[::512] += 200 * rng.normal(size=F)
    return x


def pair_of_classes(distance: float, kept: float = 1) -> Callable[..., Floats]:
    """Tell the last class from the first by the difference of two near-copies only."""

    def build(rng: np.random.Generator, codes: Codes) -> Floats:
        x = rng.normal(size=(N, F))
        signal = (codes == 0) * 1.0 - (codes == codes.max()) * 1.0
        x[:, 1] = x[:, 0] + distance * (0.3 * rng.normal(size=N) + 3 * signal)
        return x if kept == 1 else x * (rng.random((N, 1)) < kept)

    return build


FAMILIES: dict[str, Callable[[np.random.Generator, Codes], Floats]] = {
    "gaussian": separated,
    "few copies": few_copies,
    "copies, unequal rows": copies_of_unequal_rows,
    "factors": factors,
    "small network": small_network,
    "zero rows": zero_rows(1),
    "zero rows, pairs 10 % apart": zero_rows(0.1),
    "zero rows, pairs 1 % apart": zero_rows(0.01),
    "tiny rows, pairs 3 % apart": zero_rows(0.03, others=1e-5),
    "unequal rows": unequal_rows,
    "tiles": tiles,
    "tiles of equal rows": tiles_of_equal_rows,
    "outlying rows": outlying_rows,
    "pair of classes": pair_of_classes(0.03),
    "pair of classes, zero rows": pair_of_classes(0.01, kept=0.03),
}


def make(name: str, n_classes: int, dtype: str, seed: int) -> tuple[Floats, Codes]:
    """Build one input of a family."""
    rng = np.random.default_rng([seed, n_classes])
    codes = rng.integers(0, n_classes, N)
    return FAMILIES[name](rng, codes).astype(dtype), codes


def random_features(rng: np.random.Generator) -> Floats:
    """Draw a kind of columns, how near to each other they are, and what the rows are like."""
    f = int(rng.choice([256, 384, 512, 1000]))
    n = int(2.05e9 / f**2) + 1
    kind = rng.choice(["gaussian", "laplace", "factors", "network", "rectified"])
    if kind in ("factors", "network"):
        inner = int(rng.integers(10, 100))
        x = rng.laplace(size=(n, inner)) @ rng.normal(size=(inner, f)) / np.sqrt(inner)
        if kind == "network":
            x = np.tanh(10 ** rng.uniform(-1, 1) * x)
        x += 10 ** rng.uniform(-3, 0) * rng.normal(size=(n, f))
    else:
        x = rng.laplace(size=(n, f)) if kind == "laplace" else rng.normal(size=(n, f))
        if kind == "rectified":
            x = np.maximum(x, 0)
    if rng.random() < 0.5:
        pairs = int(rng.integers(1, f // 2))
        x[:, -pairs:] = x[:, :pairs] + 10 ** rng.uniform(-3, 0) * x[:, -pairs:]
    match rng.choice(["as they are", "zero", "unequal", "tiled", "outlying", "scaled"]):
        case "zero":
            kept = rng.uniform(min(max(0.02, 1.5 * f / n), 0.9), 1)
            x *= np.where(rng.random((n, 1)) < kept, 1, rng.choice([0, 1e-5]))
        case "unequal":
            x *= np.exp(rng.uniform(0, 4) * rng.normal(size=(n, 1)))
        case "tiled":
            # Fewer rows than features would leave a rank that float64 alone can find.
            x = x[np.arange(n) % int(rng.integers(f + 2, n))]
        case "outlying":
            x[:: int(rng.integers(20, n // 2))] += 10 ** rng.uniform(0, 3) * rng.normal(size=f)
        case "scaled":
            x = (x + 10 ** rng.uniform(-2, 2, f)) * 10 ** rng.uniform(-6, 6, f)
    return x.astype(rng.choice(["float64", "float32"]))


def random_codes(rng: np.random.Generator, x: Floats, basis: NDArray[np.float64]) -> Codes:
    """Draw the classes of the rows at random, or by what a few directions show."""
    n = len(x)
    n_classes = int(rng.choice([2, 3, 4, 8, 9, 33, 100]))
    kind = rng.choice(["random", "directions", "hidden", "pair"])
    if kind == "random":
        codes = rng.integers(0, n_classes, n)
    elif kind == "pair":  # two classes differ, and in a direction that is hard to see
        codes = rng.integers(0, n_classes, n)
        first, second = rng.choice(n_classes, 2, replace=False)
        either = (codes == first) | (codes == second)
        side = basis[:, -1] * np.sqrt(n) + 10 ** rng.uniform(-1, 1) * rng.normal(size=n) > 0
        codes[either] = np.where(side[either], first, second)
    else:
        # The last columns of the basis are what the features before do not have.
        chosen = basis[:, -n_classes:] if kind == "hidden" else basis[:, :n_classes]
        scores = np.sqrt(n) * chosen @ rng.normal(size=(chosen.shape[1], n_classes))
        noise = 10 ** rng.uniform(-1, 1.5) * rng.normal(size=scores.shape)
        codes = np.argmax(scores + noise, axis=1)
    return np.unique(codes, return_inverse=True)[1]


def draws(seed: int, count: int, per_features: int = 8) -> Iterator[tuple[Floats, Codes, float]]:
    """Draw inputs with their scores, several labelings of the same features."""
    rng = np.random.default_rng(seed)
    for first in range(0, count, per_features):
        x = random_features(rng)
        basis = orthonormal_basis(x)
        for _ in range(min(per_features, count - first)):
            codes = random_codes(rng, x, basis)
            yield x, codes, h_score_in(basis, codes)
