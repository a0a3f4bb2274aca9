"""One ranking of sources from many targets."""

import doctest
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hscore_fast import consensus
from hscore_fast._transfer.agreement import pairwise_wins, priority_weights


def draw(seed: int, n_sources: int, n_targets: int, ties: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scores = rng.gamma(2.0, size=(n_sources, 1)) * rng.gamma(3.0, size=(n_sources, n_targets))
    return np.round(scores) if ties else scores


tables = st.tuples(st.integers(0, 2**31), st.integers(1, 8), st.integers(1, 30), st.booleans()).map(
    lambda drawn: draw(*drawn)
)


def test_mean_is_the_mean() -> None:
    scores = draw(0, 4, 9)
    np.testing.assert_array_equal(consensus(scores), scores.mean(axis=1))


def wins_by_counting(scores: np.ndarray) -> list[list[float]]:
    n_targets = scores.shape[1]
    return [
        [
            sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in zip(mine, theirs, strict=True))
            / n_targets
            for theirs in scores.tolist()
        ]
        for mine in scores.tolist()
    ]


@given(tables)
def test_wins_are_counted(scores) -> None:
    wins = pairwise_wins(scores)
    np.testing.assert_allclose(wins, wins_by_counting(scores), atol=1e-15)
    np.testing.assert_allclose(wins + wins.T, 1.0, atol=1e-15)


@given(tables)
def test_spectral_weights_are_the_limit_of_repeated_products(scores) -> None:
    """Perron: whatever the start, products with a positive matrix end in its eigenvector."""
    wins = np.clip(wins_by_counting(scores), 0.001, 0.999)
    vector = np.ones(len(scores))
    for _ in range(20_000):
        before = vector
        vector = (wins / wins.T) @ vector
        vector /= vector.sum()
        if np.abs(vector - before).max() < 1e-16:
            break
    np.testing.assert_allclose(consensus(scores, method="spectral"), vector, rtol=1e-9)


@pytest.mark.parametrize("method", ["mean", "spectral"])
@given(scores=tables, seed=st.integers(0, 2**31))
def test_order_does_not_matter(method, scores, seed) -> None:
    rng = np.random.default_rng(seed)
    sources, targets = rng.permutation(scores.shape[0]), rng.permutation(scores.shape[1])
    weights = consensus(scores, method=method)
    np.testing.assert_allclose(
        consensus(scores[sources][:, targets], method=method), weights[sources], rtol=1e-9
    )


@given(tables, st.integers(0, 2**31))
def test_spectral_is_blind_to_the_scale_of_a_target(scores, seed) -> None:
    rng = np.random.default_rng(seed)
    stretched = scores * rng.gamma(0.5, size=scores.shape[1])
    np.testing.assert_allclose(
        consensus(stretched, method="spectral"), consensus(scores, method="spectral"), rtol=1e-9
    )


@pytest.mark.parametrize("method", ["mean", "spectral"])
@given(scores=tables)
def test_who_is_never_worse_is_not_ranked_lower(method, scores) -> None:
    weights = consensus(scores, method=method)
    for i, better in enumerate(scores):
        for j, worse in enumerate(scores):
            if (better >= worse).all():
                assert weights[i] >= weights[j] * (1 - 1e-12)
    last = np.concatenate([scores, scores.min(axis=0, keepdims=True) - 1])
    assert np.argsort(-consensus(last, method=method), kind="stable")[-1] == len(scores)


@given(st.integers(0, 2**31), st.integers(1, 12))
def test_consistent_ratios_give_their_weights(seed, n) -> None:
    rng = np.random.default_rng(seed)
    weights = np.exp(rng.normal(0, 3, n))
    weights /= weights.sum()
    found = priority_weights(weights[:, None] / weights)
    np.testing.assert_allclose(found, weights, rtol=1e-12)


def test_known_weights() -> None:
    """Worked by hand: the eigenvalue of [[1, a], [1/a, 1]] is 2, its vector (a, 1)."""
    np.testing.assert_allclose(
        consensus([[1, 1, 1, 0], [0, 0, 0, 1]], method="spectral"), [0.75, 0.25], rtol=1e-14
    )
    np.testing.assert_allclose(
        consensus([[1.0], [0.0]], method="spectral", clip=0.1), [0.9, 0.1], rtol=1e-14
    )
    np.testing.assert_allclose(consensus([[2.0, 3.0]], method="spectral"), [1.0])


def test_rounding_is_a_tie() -> None:
    scores = np.array([[1.0, 2.0], [1.0 + 1e-12, 2.0 + 1e-12]])
    np.testing.assert_allclose(consensus(scores, method="spectral"), [0.5, 0.5], rtol=1e-14)
    assert pairwise_wins(scores, rtol=0).tolist() == [[0.5, 0.0], [1.0, 0.5]]


@pytest.mark.parametrize(
    ("scores", "options", "error", "words"),
    [
        ([1.0, 2.0], {}, ValueError, r"shape \(n_sources, n_targets\).*got \(2,\)"),
        (np.empty((0, 3)), {}, ValueError, "not empty"),
        ([[1, np.nan], [np.nan, 1]], {}, ValueError, "got nan for source 0 and target 1, and 1 m"),
        ([[1, 2], [np.inf, 1]], {}, ValueError, "got inf for source 1 and target 0: leave out"),
        ([["a", "b"]], {}, TypeError, "scores must be real numbers"),
        ([[1 + 2j]], {}, TypeError, "real numbers"),
        ([[1, 2]], {"method": "median"}, ValueError, "'mean', 'spectral', got 'median'"),
        ([[1, 2]], {"method": "spectral", "clip": 0.5}, ValueError, "clip .* got 0.5"),
        ([[1, 2]], {"method": "spectral", "rtol": -1}, ValueError, "rtol .* got -1"),
    ],
)
def test_what_is_refused(scores, options, error, words) -> None:
    with pytest.raises(error, match=words):
        consensus(scores, **options)


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ([[1.0, 2.0]], "square"),
        ([[1.0, 2.0], [0.4, 1.0]], r"reciprocal, got 2.0 in \[0, 1\] and 0.4 in \[1, 0\]"),
        ([[1.0, 0.0], [1.0, 1.0]], r"positive and finite, got 0.0 in \[0, 1\]"),
        ([1.0], r"shape \(n, n\)"),
    ],
)
def test_which_ratios_are_refused(ratios, words) -> None:
    with pytest.raises(ValueError, match=words):
        priority_weights(ratios)


def test_examples() -> None:
    found = doctest.testmod(sys.modules[consensus.__module__])
    assert found.attempted > 4
    assert found.failed == 0
