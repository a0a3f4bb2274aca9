"""Seeded simulations: errors of dependent rows and of rows of unequal length cover their mean."""

import math

import numpy as np
import pytest

from hscore_fast._scores.influence import influence

pytestmark = pytest.mark.slow


def coverage(draw, n_draws):
    found = [influence(x, y, groups=groups) for x, y, groups in map(draw, range(n_draws))]
    scores = np.array([evidence.adjusted for evidence in found])
    reach = np.array([evidence.quantile(0.95) * evidence.error for evidence in found])
    return np.mean(np.abs(scores - scores.mean()) <= reach)


@pytest.mark.parametrize("correlation", [0.5, 0.95])
@pytest.mark.parametrize("rows_each", [2, 10])
def test_intervals_of_groups_cover(rows_each, correlation):
    def draw(seed):
        rng = np.random.default_rng(seed)
        classes = rng.permutation(np.arange(30) % 3)
        groups = np.repeat(np.arange(30), rows_each)
        y = classes[groups]
        shared = rng.standard_normal((30, 5))[groups]
        own = rng.standard_normal((len(y), 5))
        x = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
        return x + 1.5 * np.eye(3, 5)[y], y, groups

    assert coverage(draw, 100) >= 0.88


@pytest.mark.parametrize("tail", [0.0, 0.5, 1.0])
def test_intervals_of_rows_of_unequal_length_cover(tail):
    def draw(seed):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 3, 200)
        x = rng.standard_normal((200, 10)) + np.eye(3, 10)[y]
        return x * np.exp(tail * rng.standard_normal((200, 1))), y, None

    assert coverage(draw, 150) >= 0.88
