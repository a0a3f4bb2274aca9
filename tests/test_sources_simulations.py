"""Seeded simulations: equal sources are called tied, different ones are told apart."""

import numpy as np
import pytest

from hscore_fast import adjusted_h_score, rank_sources

pytestmark = pytest.mark.slow

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
        for _ in range(150)
    ]
    assert np.mean(np.array(tied) == 2) >= 0.9


@pytest.mark.parametrize(
    ("n_samples", "widths"), [(300, (10, 10)), (300, (10, 100)), (300, (90, 200)), (1000, (10, 30))]
)
def test_a_difference_of_four_standard_errors_is_called(n_samples, widths):
    """The strength of the second source is chosen so that the true difference is that large."""
    rng = np.random.default_rng(sum(widths))

    def differences(strength, n):
        found = []
        for _ in range(n):
            sources, y = two_sources(rng, n_samples, widths, (1.0, strength))
            found.append(adjusted_h_score(sources["a"], y) - adjusted_h_score(sources["b"], y))
        return np.array(found)

    low, high = 0.0, 1.0
    for _ in range(7):
        middle = (low + high) / 2
        sample = differences(middle, 60)
        low, high = (middle, high) if sample.mean() > 4 * sample.std() else (low, middle)
    sample = differences(low, 150)
    assert 3.5 < sample.mean() / sample.std() < 5
    called = [
        rank_sources(*two_sources(rng, n_samples, widths, (1.0, low)), **QUICK) for _ in range(150)
    ]
    right = [ranking.names == ["a", "b"] and not ranking[1].tied_with_best for ranking in called]
    assert np.mean(right) >= 0.9
