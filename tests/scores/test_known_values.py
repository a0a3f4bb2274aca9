"""Scores of real data that others have printed or can compute."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import DTypeLike
from oracles import gold, pillai_trace, svd_h_score
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from hscore_fast import h_score, reference


def test_iris() -> None:
    assert h_score(*load_iris(return_X_y=True)) == pytest.approx(1.191898825041467, abs=1e-12)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_equals_pillai_trace(load: Callable) -> None:
    x, y = load(return_X_y=True)
    assert h_score(x, y) == pytest.approx(pillai_trace(x, y), abs=1e-10)
    assert h_score(x, y) == pytest.approx(svd_h_score(x, y), abs=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_digits_with_their_three_constant_pixels(dtype: DTypeLike) -> None:
    x, y = load_digits(return_X_y=True)
    assert (x == x[0]).all(axis=0).sum() == 3
    assert h_score(x.astype(dtype), y) == pytest.approx(svd_h_score(x, y), abs=1e-10)
    assert h_score(x.astype(dtype), y) == pytest.approx(gold(x, y).h_score, abs=1e-10)


@pytest.mark.parametrize(
    ("features", "labels", "expected"),
    [
        ([0, 1, 2, 3], [0, 0, 1, 1], 0.8),  # between 4, total 5
        ([[0], [1], [2], [3]], [0, 0, 1, 1], 0.8),
        ([0, 0, 1, 1], [0, 0, 1, 1], 1.0),
        ([0, 1, 0, 1], [0, 0, 1, 1], 0.0),
        ([1, 2, 3, 10], [0, 1, 2, 0], 0.19),  # between 2 * 1.5^2 + 2^2 + 1^2, total 50
    ],
)
def test_by_hand(features: list, labels: list, expected: float) -> None:
    assert h_score(features, labels) == pytest.approx(expected, abs=1e-15)


def test_two_classes_give_the_share_of_variance_that_least_squares_explains() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    design = np.column_stack([np.ones(len(x)), (x - x.mean(0)) / x.std(0)])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert h_score(x, y) == pytest.approx(1 - left @ left / (len(y) * y.var()), abs=1e-11)


def test_equals_the_published_definition_where_that_is_well_posed() -> None:
    x, y = load_wine(return_X_y=True)
    assert h_score(x, y) == pytest.approx(reference.h_score(x, y), abs=1e-9)
