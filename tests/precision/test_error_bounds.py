"""`precision="auto"` keeps its promise and its error bound on inputs made to break them."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hscore_fast import Moments, PrecisionWarning, evaluate, regularized_h_score
from hscore_fast._problem import as_input_options
from hscore_fast._scores.h_score import score_result

N, F = 32_768, 256
Floats = NDArray[np.floating]
Codes = NDArray[np.integer]


def h_score_by_qr(features: Floats, labels: Codes) -> float:
    """Compute the score from an orthonormal basis of the columns about a long double mean."""
    x = np.asarray(features, np.float64)
    centred = (x - x.mean(axis=0, dtype=np.longdouble)).astype(np.float64)
    norms = np.sqrt(np.sum(centred**2, axis=0))
    q, _ = np.linalg.qr(centred[:, norms > 0] / norms[norms > 0])
    classes, codes = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(classes), q.shape[1]))
    np.add.at(sums, codes, q)
    return float(np.sum(np.sum(sums**2, axis=1) / np.bincount(codes)))


def separated(rng: np.random.Generator, labels: Codes, strength: float = 0.2) -> Floats:
    means = strength * rng.normal(size=(labels.max() + 1, F))
    return rng.normal(size=(N, F)) + means[labels]


def gaussian(rng: np.random.Generator, labels: Codes) -> Floats:
    return separated(rng, labels)


def few_copies(rng: np.random.Generator, labels: Codes) -> Floats:
    x = separated(rng, labels)
    x[:, 50:70] = x[:, 30:50] + 0.003 * x[:, 50:70]
    return x


def copies_of_unequal_rows(rng: np.random.Generator, labels: Codes) -> Floats:
    x = separated(rng, labels)
    x[:, 128:] = x[:, :128] + 0.003 * x[:, 128:]
    return x * np.exp(rng.normal(size=(N, 1)))


def factors(rng: np.random.Generator, labels: Codes) -> Floats:
    means = 0.5 * rng.normal(size=(labels.max() + 1, 40))
    inner = rng.laplace(size=(N, 40)) + means[labels]
    mixed = inner @ rng.normal(size=(40, F)) / np.sqrt(40)
    return mixed + 3e-3 * rng.normal(size=(N, F))


def small_network(rng: np.random.Generator, labels: Codes) -> Floats:
    means = 0.5 * rng.normal(size=(labels.max() + 1, 40))
    inner = rng.normal(size=(N, 40)) + means[labels]
    return np.tanh(0.1 * inner @ rng.normal(size=(40, F)) / np.sqrt(40))


def zero_rows(distance: float) -> Callable[[np.random.Generator, Codes], Floats]:
    def build(rng: np.random.Generator, labels: Codes) -> Floats:
        x = separated(rng, labels)
        if distance < 1:
            x[:, 128:] = x[:, :128] + distance * x[:, 128:]
        return x * (rng.random((N, 1)) < 0.03)

    return build


def unequal_rows(rng: np.random.Generator, labels: Codes) -> Floats:
    return separated(rng, labels) * np.exp(4 * rng.normal(size=(N, 1)))


def tiles(rng: np.random.Generator, labels: Codes) -> Floats:
    return np.tile(rng.normal(size=(512, F)), (N // 512, 1))


def outlying_rows(rng: np.random.Generator, labels: Codes) -> Floats:
    x = separated(rng, labels)
    x[::512] += 200 * rng.normal(size=F)
    return x


def one_pair_of_classes(rng: np.random.Generator, labels: Codes) -> Floats:
    """Only the difference of two near-copies tells the last class from the first."""
    x = rng.normal(size=(N, F))
    signal = (labels == 0) * 1.0 - (labels == labels.max()) * 1.0
    x[:, 1] = x[:, 0] + 0.03 * (0.3 * rng.normal(size=N) + 3 * signal)
    return x * (rng.random((N, 1)) < 0.03)


FAMILIES = {
    "gaussian": gaussian,
    "few copies": few_copies,
    "copies, unequal rows": copies_of_unequal_rows,
    "factors": factors,
    "small network": small_network,
    "zero rows": zero_rows(1),
    "zero rows, pairs 10 % apart": zero_rows(0.1),
    "zero rows, pairs 1 % apart": zero_rows(0.01),
    "unequal rows": unequal_rows,
    "tiles": tiles,
    "outlying rows": outlying_rows,
    "one pair of classes": one_pair_of_classes,
}


def make(name: str, n_classes: int, dtype: str, seed: int) -> tuple[Floats, Codes]:
    rng = np.random.default_rng([seed, n_classes])
    labels = rng.integers(0, n_classes, N)
    return FAMILIES[name](rng, labels).astype(dtype), labels


def check(x: Floats, y: Codes, threads: int = 1) -> float:
    """Return the score, which lies within the promise and within its own bound."""
    truth = h_score_by_qr(x, y)
    found = score_result(x, y, options=as_input_options(n_threads=threads))
    error = abs(found.score - truth)
    promised = 1e-6 if x.dtype == np.float32 else 1e-9
    # The oracle's own rounding errors, in the features' dependence.
    own = 4e-15 / np.sqrt(found.smallest_unique_share)
    assert error <= promised * truth + own, f"{found.precision_used}: {error / truth:.1e}"
    assert error <= found.error_bound + own, f"{found.precision_used}: {error / truth:.1e}"
    return float(found.score)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_classes", [4, 33])
@pytest.mark.parametrize("name", FAMILIES)
def test_promise_and_bound(name: str, n_classes: int, dtype: str) -> None:
    check(*make(name, n_classes, dtype, 0))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_classes", [2, 3, 4, 10, 33])
@pytest.mark.parametrize("name", FAMILIES)
def test_promise_and_bound_of_more_draws(name: str, n_classes: int, dtype: str) -> None:
    for seed in range(1, 4):
        x, y = make(name, n_classes, dtype, seed)
        tolerance = 2e-6 if dtype == "float32" else 2e-9
        score = check(x, y)
        rng = np.random.default_rng(seed)
        assert check(x, rng.permutation(n_classes)[y]) == pytest.approx(score, rel=tolerance)
        order = rng.permutation(N)
        assert check(x[order], y[order], threads=2) == pytest.approx(score, rel=tolerance)


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_names_of_classes_hide_no_error(shift: int) -> None:
    """Two classes that differ in one direction only, whatever their places."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 4, 2400)
    x = rng.normal(size=(2400, 1300))
    signal = (y == 1) * 1.0 - (y == 2) * 1.0
    x[:, 1] = x[:, 0] + 0.03 * (0.3 * rng.normal(size=2400) + 3 * signal)
    check(x, (y + shift) % 4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_evaluate_and_regularized_scores_keep_the_promise(dtype: str) -> None:
    x, y = make("one pair of classes", 4, dtype, 5)
    promised = 1e-6 if dtype == "float32" else 1e-9
    report = evaluate(x, y, n_threads=1)
    error = abs(report.h_score - h_score_by_qr(x, y))
    assert error <= promised * report.h_score
    assert error <= report.error_bound + 1e-13
    for shrinkage in (1e-5, 1e-4, 1e-2):
        found = regularized_h_score(x, y, shrinkage=shrinkage)
        exact = regularized_h_score(x, y, shrinkage=shrinkage, precision="float64")
        assert found == pytest.approx(exact, rel=promised)


@pytest.mark.parametrize("size", [1e4, 1e6, 3e6])
def test_rows_that_came_and_went_enter_the_bound(size: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1000, 20)), rng.integers(0, 4, 1000)
    large = size * rng.normal(size=(40, 20))
    kept = Moments().update(x, y)
    left = Moments().update(x, y).update(large, y[:40]).subtract(Moments().update(large, y[:40]))
    result = evaluate(left)
    assert abs(result.h_score - kept.h_score()) <= result.error_bound
    assert result.error_bound < max(1e-9, 1e-11 * size**2 / 1e2)


def test_rows_that_left_nothing_are_told() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1000, 20)), rng.integers(0, 4, 1000)
    large = 1e7 * rng.normal(size=(40, 20))
    left = Moments().update(x, y).update(large, y[:40]).subtract(Moments().update(large, y[:40]))
    with pytest.warns(PrecisionWarning):
        left.h_score()


@pytest.mark.parametrize("ratio", [1e6, 1e9, 1e12])
def test_weights_of_large_ratio_enter_the_bound(ratio: float) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(1000, 20)), rng.integers(0, 4, 1000)
    weights = np.full(1000, 1 / ratio)
    weights[0] = 1
    result = evaluate(Moments().update(x, y, weights=weights))
    centre = np.average(x.astype(np.longdouble), axis=0, weights=weights)
    rows = np.sqrt(weights)[:, None] * (x - centre)
    total = np.array([np.sum(weights[y == c]) for c in range(4)])
    sums = np.array([weights[y == c] @ (x[y == c] - centre) for c in range(4)])
    _, r = np.linalg.qr(rows.astype(np.float64))
    whitened = np.linalg.solve(r.T, (sums / np.sqrt(total)[:, None]).T.astype(np.float64))
    assert abs(result.h_score - np.sum(whitened**2)) <= result.error_bound
