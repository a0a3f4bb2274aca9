"""`precision="auto"` keeps its promise and its error bound on inputs made to break them."""

import numpy as np
import pytest
from error_bounds import outcome, run_draws, run_family
from hard_inputs import FAMILIES, h_score_in, make, orthonormal_basis

from hscore_fast import Moments, PrecisionWarning, evaluate, regularized_h_score

# One each in the quick tests, so that the classes and types take turns.
TURNS = [
    (name, (3, 33, 2, 4)[k % 4], ("float64", "float32", "float64")[k % 3])
    for k, name in enumerate(FAMILIES)
]


@pytest.mark.parametrize(("name", "n_classes", "dtype"), TURNS)
def test_promise_and_bound(name: str, n_classes: int, dtype: str) -> None:
    x, codes = make(name, n_classes, dtype, 0)
    truth = h_score_in(orthonormal_basis(x), codes)
    found = outcome(x, codes, truth, dtype == "float32", 1)
    assert not found.broken, found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_classes", "dtype"), TURNS)
def test_ways_that_may_not_change_a_score(name: str, n_classes: int, dtype: str) -> None:
    """Threads, names of the classes, order of the rows, blocks: each within promise and bound."""
    found = run_family(name, n_classes, "float32" if dtype == "float64" else "float64", 1)
    assert not {way: one for way, one in found.items() if one.broken}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_random_draws(seed: int) -> None:
    """A tenth of what `python tests/precision/error_bounds.py --draws 2000` scores."""
    found = list(run_draws(1000 + seed, 20, 1))
    assert not [outcome for outcome in found if outcome.broken]


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_names_of_classes_hide_no_error(shift: int) -> None:
    """Two classes that differ in one direction only, whatever their places."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 4, 2400)
    x = rng.normal(size=(2400, 1300))
    signal = (y == 1) * 1.0 - (y == 2) * 1.0
    x[:, 1] = x[:, 0] + 0.03 * (0.3 * rng.normal(size=2400) + 3 * signal)
    codes = (y + shift) % 4
    found = outcome(x, codes, h_score_in(orthonormal_basis(x), codes), False, 1)
    assert not found.broken


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_evaluate_and_regularized_scores_keep_the_promise(dtype: str) -> None:
    x, y = make("pair of classes, zero rows", 4, dtype, 5)
    promised = 1e-6 if dtype == "float32" else 1e-9
    report = evaluate(x, y, n_threads=1)
    error = abs(report.h_score - h_score_in(orthonormal_basis(x), y))
    assert error <= promised * report.h_score
    assert error <= report.error_bound + 1e-13
    for shrinkage in (1e-5, 1e-4, 1e-2):
        found = regularized_h_score(x, y, shrinkage=shrinkage)
        exact = regularized_h_score(x, y, shrinkage=shrinkage, precision="float64")
        assert found == pytest.approx(exact, rel=promised)


@pytest.mark.filterwarnings("ignore::hscore_fast.PrecisionWarning")
@pytest.mark.parametrize("size", [1e4, 1e6, 3e6])
def test_rows_that_came_and_went_enter_the_bound(size: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1000, 20)), rng.integers(0, 4, 1000)
    large = size * rng.normal(size=(40, 20))
    kept = Moments().update(x, y)
    left = Moments().update(x, y).update(large, y[:40]).subtract(Moments().update(large, y[:40]))
    result = left.evaluate()
    assert abs(result.h_score - kept.h_score()) <= result.error_bound
    assert result.error_bound < max(1e-9, 1e-11 * size**2 / 1e2)


def test_rows_that_left_nothing_are_told() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1000, 20)), rng.integers(0, 4, 1000)
    large = 1e7 * rng.normal(size=(40, 20))
    left = Moments().update(x, y).update(large, y[:40]).subtract(Moments().update(large, y[:40]))
    with pytest.warns(PrecisionWarning):
        left.h_score()


@pytest.mark.filterwarnings("ignore::hscore_fast.PrecisionWarning")
@pytest.mark.parametrize("ratio", [1e6, 1e9, 1e12])
def test_weights_of_large_ratio_enter_the_bound(ratio: float) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(1000, 20)), rng.integers(0, 4, 1000)
    weights = np.ones(1000)
    weights[0] = ratio
    result = Moments().update(x, y, weights=weights).evaluate()
    centre = np.average(x.astype(np.longdouble), axis=0, weights=weights)
    rows = np.sqrt(weights)[:, None] * (x - centre)
    total = np.array([np.sum(weights[y == c]) for c in range(4)])
    sums = np.array([weights[y == c] @ (x[y == c] - centre) for c in range(4)])
    _, r = np.linalg.qr(rows.astype(np.float64))
    whitened = np.linalg.solve(r.T, (sums / np.sqrt(total)[:, None]).T.astype(np.float64))
    assert abs(result.h_score - np.sum(whitened**2)) <= result.error_bound
