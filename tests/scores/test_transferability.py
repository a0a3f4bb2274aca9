"""The share of the optimum, and the alternating conditional expectations behind it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hscore_fast import SaturationWarning, h_score, maximal_correlation, transferability
from hscore_fast.datasets import load_digits


def joint_table(x, y):
    """Return the normalized joint table, from counts alone."""
    table = np.array([[np.mean((x == a) & (y == b)) for b in np.unique(y)] for a in np.unique(x)])
    p, q = table.sum(axis=1)[:, None], table.sum(axis=0)[None, :]
    return table / np.sqrt(p * q) - np.sqrt(p * q)


def discrete(seed, n=400, n_inputs=9, n_classes=5):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, n_inputs, n)
    y = np.where(rng.random(n) < 0.5, x % n_classes, rng.integers(0, n_classes, n))
    return x, y


@pytest.mark.parametrize("k", [1, 2, None])
@pytest.mark.parametrize("seed", range(5))
def test_ace_is_the_singular_value_decomposition_of_the_joint_table(seed, k):
    x, y = discrete(seed)
    best = maximal_correlation(x, y, n_functions=k)
    expected = np.linalg.svd(joint_table(x, y), compute_uv=False)[: len(best.correlations)]
    np.testing.assert_allclose(best.correlations, expected, atol=1e-6)
    assert best.h_score == pytest.approx(np.sum(expected**2), abs=1e-9)


def test_ace_functions_have_the_h_score_and_the_moments_they_promise():
    x, y = discrete(11)
    best = maximal_correlation(x, y)
    f, g = best.input_functions[x], best.label_functions[y]
    np.testing.assert_allclose(f.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(f.T @ f / len(x), np.eye(f.shape[1]), atol=1e-10)
    np.testing.assert_allclose(f.T @ g / len(x), np.diag(best.correlations), atol=1e-10)
    assert h_score(f, y) == pytest.approx(best.h_score, rel=1e-10)
    assert h_score(np.eye(9)[x], y) == pytest.approx(best.h_score, rel=1e-10)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([0, 1, 0, 1], [0, 1, 0, 1], [1.0]),
        ([0, 0, 1, 1], [0, 1, 0, 1], [0.0]),
        ([1, 1], [0, 1], []),
    ],
    ids=["equal", "independent", "constant"],
)
def test_ace_of_extremes(x, y, expected):
    np.testing.assert_allclose(maximal_correlation(x, y).correlations, expected, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), n_classes=st.integers(2, 5), width=st.integers(1, 4))
def test_it_lies_between_0_and_1(seed, n_classes, width):
    rng = np.random.default_rng(seed)
    n = 120
    x = rng.integers(0, 12, n)
    y = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    features = rng.normal(size=(12, width))[x]
    noisy = features + rng.normal(size=(n, width))
    for result in (
        transferability(noisy, y),
        transferability(noisy, y, optimal="ace"),
        transferability(noisy, y, optimal="ace", inputs=rng.normal(size=(n, 2))),
        transferability(features, y, optimal="ace", inputs=x),
        transferability(noisy[:, :1], y, optimal=noisy),
    ):
        assert -1e-12 <= float(result) <= 1 + 1e-9
        assert result.optimal_h_score <= n_classes - 1 + 1e-9


def test_ace_of_columns_is_the_h_score_of_all_their_functions_where_they_are_discrete():
    rng = np.random.default_rng(3)
    x = rng.permutation(np.repeat(np.arange(4), 50))
    y = np.where(rng.random(200) < 0.7, (x > 0) & (x < 3), rng.random(200) < 0.5)
    result = transferability(x.astype(float), y, optimal="ace")
    assert result.optimal_h_score == pytest.approx(maximal_correlation(x, y).h_score, rel=1e-9)
    assert float(result) < 0.1  # the middle against the ends: nothing linear in it
    assert result.optimum == "ace"


def test_each_optimum_on_the_digits():
    images, digits = load_digits()
    bound = transferability(images, digits)
    assert (bound.optimum, bound.optimal_h_score) == ("bound", 9)
    given_features = transferability(images[:, :32], digits, optimal=images)
    assert given_features.optimum == "features"
    assert given_features.optimal_h_score == h_score(images, digits)
    assert 0 < float(given_features) < 1
    ace = transferability(images, digits, optimal="ace")
    assert bound.h_score < ace.optimal_h_score < 9


def test_worse_optimal_features_show():
    images, digits = load_digits()
    assert float(transferability(images, digits, optimal=images[:, :20])) > 1


def test_bad_input():
    with pytest.raises(ValueError, match="optimal must be 'bound', 'ace'"):
        transferability([0.0, 1.0], [0, 1], optimal="best")
    with pytest.raises(ValueError, match="optimal='ace' only"):
        transferability([0.0, 1.0, 3.0], [0, 1, 1], inputs=[1, 2, 3])
    with pytest.raises(ValueError, match="3 labels for 2 inputs"):
        maximal_correlation([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="at most 1 "):
        maximal_correlation([0, 1], [0, 1], n_functions=2)
    with pytest.raises(TypeError, match="n_functions must be an integer"):
        maximal_correlation([0, 1], [0, 1], n_functions=1.0)
    with pytest.raises(ValueError, match="one row per row of features, got 2 rows for 3"):
        transferability([0.0, 1.0, 3.0], [0, 1, 1], optimal="ace", inputs=np.array([[1.0], [2.0]]))
    with pytest.warns(SaturationWarning, match="every input is different"):
        transferability([0.0, 1.0, 3.0], [0, 1, 1], optimal="ace", inputs=[1, 2, 3])


@pytest.mark.parametrize("change", ["requires_grad_", "bfloat16"])
def test_tensors_that_numpy_does_not_take(change) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 300)
    x = np.round(rng.normal(size=(300, 4)) + y[:, None])  # whole numbers, which bfloat16 keeps
    tensor = getattr(torch.tensor(x, dtype=torch.float32), change)()
    found = transferability(tensor, y, optimal="ace", inputs=tensor).value
    assert found == pytest.approx(transferability(x, y, optimal="ace", inputs=x).value, rel=1e-6)
