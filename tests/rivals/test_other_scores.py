"""LEEP, NCE, TransRate and neighbours against sums written out by hand."""

import sys

import numpy as np
import pytest

from hscore_fast.rivals import knn, leep, nce, trans_rate


def draw(n: int = 40, width: int = 6, n_classes: int = 3, seed: int = 3):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    return rng.standard_normal((n, width)) + np.eye(n_classes, width)[labels], labels


def test_leep_row_by_row() -> None:
    rng = np.random.default_rng(0)
    theta = rng.dirichlet(np.ones(4), 30)
    labels = rng.integers(0, 3, 30)
    total = 0.0
    for row in range(30):
        likelihood = 0.0
        for z in range(4):
            together = sum(theta[i, z] for i in range(30) if labels[i] == labels[row]) / 30
            likelihood += together / (theta[:, z].sum() / 30) * theta[row, z]
        total += np.log(likelihood) / 30
    assert leep(theta, labels) == pytest.approx(total, abs=1e-12)
    names = np.array(["a", "b", "c"])[labels]
    assert leep(theta.astype(np.float32), names) == pytest.approx(total, abs=1e-6)


def test_nce_is_a_difference_of_entropies() -> None:
    """H(y | z) = H(y, z) - H(z), each of frequencies."""
    rng = np.random.default_rng(1)
    z, y = rng.integers(0, 4, 60), rng.integers(0, 3, 60)

    def entropy(values):
        shares = np.unique(values, return_counts=True)[1] / 60
        return -(shares * np.log(shares)).sum()

    assert nce(z, y) == pytest.approx(entropy(z) - entropy(10 * z + y), abs=1e-12)
    assert nce(y, y) == pytest.approx(0, abs=1e-15)


def test_certain_predictions_have_the_conditional_entropy() -> None:
    """Of predictions that are 0 or 1, LEEP is NCE of their classes."""
    rng = np.random.default_rng(2)
    z, y = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
    assert leep(np.eye(4)[z], y) == pytest.approx(nce(z, y), abs=1e-12)


@pytest.mark.parametrize("shape", [(60, 5, 3), (30, 20, 3), (12, 40, 2)])
def test_trans_rate_by_eigenvalues(shape) -> None:
    x, labels = draw(*shape)
    centred = x - x.mean(axis=0)

    def rate(z):
        values = np.linalg.svd(z, compute_uv=False) ** 2
        return 0.5 * np.log1p(values / (len(z) * 1e-4)).sum()

    expected = rate(centred) - np.mean([rate(centred[labels == c]) for c in set(labels)])
    assert trans_rate(x, labels) == pytest.approx(expected, rel=1e-10)


def test_neighbours_are_counted_one_by_one() -> None:
    pytest.importorskip("sklearn.neighbors")
    x, labels = draw()
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    hits = 0
    for row in range(len(x)):
        distances = np.linalg.norm(scaled - scaled[row], axis=1)
        distances[row] = np.inf
        votes = np.bincount(labels[np.argsort(distances)[:3]], minlength=3)
        hits += votes.argmax() == labels[row]
    assert 0.4 < hits / 40 < 1
    assert knn(x, labels) == pytest.approx(hits / 40)
    dead = np.column_stack([x, np.full(40, 7.0)])
    assert knn(dead, labels) == pytest.approx(hits / 40)


def test_neighbours_need_scikit_learn(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.neighbors", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
        knn(*draw())


def test_features_of_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    x, labels = draw()
    table = pandas.DataFrame(x, columns=list("abcdef"))
    assert trans_rate(table, labels) == pytest.approx(trans_rate(x, labels), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: leep(x, y), "predictions must be probabilities"),
        (lambda x, y: leep(np.ones((3, 1)), y), "one entry per row"),
        (lambda x, y: nce(y[:3], y), "must be as many"),
        (lambda x, y: trans_rate(x, y, eps=0), "eps must be positive"),
        (lambda x, y: trans_rate(x / np.where(x > 1, 0, 1), y), "not finite"),
        (lambda x, y: knn(x, y, k=40), "k must be an integer between 1 and 39"),
        (lambda x, y: knn(x, y + 0.5), "continuous target has no classes"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_refusals(call, message) -> None:
    pytest.importorskip("sklearn.neighbors")
    with pytest.raises(ValueError, match=message):
        call(*draw())
