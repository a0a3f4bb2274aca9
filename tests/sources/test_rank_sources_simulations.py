"""Seeded simulations: equal sources are called tied, different ones are told apart."""

from functools import partial

import numpy as np
import pytest

import hscore_fast

pytestmark = pytest.mark.slow

rank_sources = partial(hscore_fast.rank_sources, by="adjusted_h_score")

QUICK = {"n_threads": 1, "n_draws": 1}


def two_sources(rng, n_samples, widths, strengths):
    """Views of one signal with noise of their own, and features of pure noise beside."""
    y = rng.integers(0, 4, n_samples)
    signal = rng.standard_normal((n_samples, 8)) + np.kron(np.eye(4), np.ones(2))[y]
    sources = {}
    for name, width, strength in zip("ab", widths, strengths, strict=True):
        view = strength * signal + rng.standard_normal(signal.shape)
        sources[name] = np.hstack([view, rng.standard_normal((n_samples, width - 8))])
    return sources, y


@pytest.mark.parametrize(
    ("n_samples", "widths"), [(300, (10, 10)), (300, (10, 100)), (300, (90, 200)), (1000, (10, 30))]
)
@pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
def test_equal_sources_are_tied(n_samples, widths, strength):
    """However different their widths; nominally in 95 % of the cases."""
    rng = np.random.default_rng(sum(widths))
    tied = [
        len(
            rank_sources(
                *two_sources(rng, n_samples, widths, (strength, strength)), **QUICK
            ).tied_with_best
        )
        for _ in range(100)
    ]
    assert np.mean(np.array(tied) == 2) >= 0.9


@pytest.mark.parametrize(
    ("n_samples", "widths", "strength"),
    [
        (300, (10, 10), 0.5),
        (300, (10, 100), 0.3),
        (1000, (10, 30), 0.7),
        (1000, (90, 200), 0.57),
    ],
)
def test_a_difference_of_four_standard_errors_is_called(n_samples, widths, strength):
    """The second source is weaker by what makes the true difference some four of them."""
    rng = np.random.default_rng(sum(widths))
    rankings = [
        rank_sources(*two_sources(rng, n_samples, widths, (1.0, strength)), **QUICK)
        for _ in range(120)
    ]
    gaps = np.array([ranking.difference("a", "b")[0] for ranking in rankings])
    assert 3.5 < gaps.mean() / gaps.std() < 4.8
    right = [ranking.names == ["a", "b"] and not ranking[1].tied_with_best for ranking in rankings]
    assert np.mean(right) >= 0.9
