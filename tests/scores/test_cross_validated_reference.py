"""The plain cross-validated H-score against scikit-learn's ridge regression on the same folds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hscore_fast import reference

linear_model = pytest.importorskip("sklearn.linear_model")


def by_scikit_learn(x, y, folds, weights, ridges):
    """Fit scikit-learn's Ridge to every fold; return the best score and its hits."""
    w = np.ones(len(x)) if weights is None else weights
    centred = x - np.average(x, axis=0, weights=w)
    squares = np.average(centred**2, axis=0, weights=w)
    z = centred[:, squares > 1e-20] / np.sqrt(squares[squares > 1e-20])
    classes = np.unique(y)
    one_hot = (y[:, None] == classes).astype(float)
    counts = w @ one_hot
    found = []
    for ridge in ridges:
        fit = np.zeros_like(one_hot)
        baseline = np.zeros_like(one_hot)
        for fold in np.unique(folds):
            out, kept = folds == fold, folds != fold
            mean = np.average(z[kept], axis=0, weights=w[kept])
            trace = w[kept] @ ((z[kept] - mean) ** 2).sum(axis=1)
            model = linear_model.Ridge(alpha=ridge * trace, solver="cholesky")
            model.fit(z[kept], one_hot[kept], sample_weight=w[kept])
            fit[out] = model.predict(z[out])
            baseline[out] = np.average(one_hot[kept], axis=0, weights=w[kept])
        gain = w @ ((one_hot - baseline) ** 2 - (one_hot - fit) ** 2) @ (1 / counts)
        found.append((gain, ridge, w @ (fit.argmax(axis=1) == y) / w.sum()))
    return max(found)


@pytest.mark.parametrize(
    ("n", "f", "c", "weighted", "grouped"),
    [
        (300, 20, 3, False, False),
        (120, 300, 4, False, False),
        (200, 30, 10, True, False),
        (80, 150, 3, True, True),
        (300, 10, 5, False, True),
    ],
)
def test_equals_ridge_regression_on_one_hot_labels(n, f, c, weighted, grouped):
    rng = np.random.default_rng(n)
    y = np.r_[np.arange(c), rng.integers(0, c, n - c)]
    x = rng.standard_normal((n, f)) * 10.0 ** rng.uniform(-3, 3, f)
    x[:, 0] += y * x[:, 0].std()
    weights = rng.uniform(0.2, 3, n) if weighted else None
    groups = rng.integers(0, n // 8, n) if grouped else None
    own = reference.cross_validated_h_score(x, y, groups=groups, weights=weights)
    score, ridge, accuracy = by_scikit_learn(x, y, own.folds, weights, reference.RIDGES)
    assert own.score == pytest.approx(score, abs=1e-9)
    assert own.ridge == ridge
    assert own.accuracy == pytest.approx(accuracy, abs=1e-12)
    assert (own.baseline_losses - own.losses).sum() == pytest.approx(own.score, abs=1e-12)


def test_folds_hold_small_classes_and_groups_apart():
    codes = np.repeat(np.arange(30), 2)
    folds = reference._folds(codes, None, 5)
    assert np.bincount(folds).tolist() == [12] * 5
    groups = np.repeat(np.arange(50), 20)
    folds = reference._folds(np.repeat(np.arange(50) % 5, 20), groups, 5)
    assert all(len(set(folds[groups == g])) == 1 for g in range(50))
    assert np.bincount(folds).tolist() == [200] * 5


def test_units_and_the_order_of_ridges_do_not_matter():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 90)
    x = rng.standard_normal((90, 12)) + y[:, None]
    one = reference.cross_validated_h_score(x, y)
    other = reference.cross_validated_h_score(
        1e3 + x * 10.0 ** np.arange(-6, 6), y, ridges=reference.RIDGES[::-1]
    )
    assert other.score == pytest.approx(one.score, abs=1e-9)
    assert other.ridge == one.ridge


def test_constant_and_duplicate_columns():
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 90)
    x = rng.standard_normal((90, 4)) + y[:, None]
    one = reference.cross_validated_h_score(x, y)
    constant = np.full((90, 2), [0.1, 1e6 + 0.1])
    assert reference.cross_validated_h_score(np.c_[x, constant], y).score == pytest.approx(
        one.score, abs=1e-9
    )
    assert reference.cross_validated_h_score(np.ones((90, 3)), y).score == 0
    twice = [reference.cross_validated_h_score(np.tile(x, k), y).score for k in (1, 2, 3)]
    assert all(abs(b - a) < 0.01 for a, b in pairwise(twice))
