"""The tests that transformer-ranker has of its H-score, with estimators of docs/migration.md."""

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformer_ranker = pytest.importorskip("transformer_ranker")
datasets = pytest.importorskip("sklearn.datasets")

PAGE = Path(__file__).parents[2] / "docs/migration.md"
CODE = re.search(r"<!-- run: transformer_ranker -->\n```python\n(.*?)```", PAGE.read_text(), re.S)


@pytest.fixture(scope="module")
def estimators():
    assert CODE is not None
    x, y = datasets.load_digits(return_X_y=True)
    names = {"torch": torch, "features": x, "labels": y}
    exec(CODE[1], names)
    return names


@pytest.fixture(scope="module")
def iris():
    x, y = datasets.load_iris(return_X_y=True)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def test_iris(estimators, iris) -> None:
    regularized = estimators["Regularized"]()
    # The value in their test.
    assert regularized.fit(*iris) == pytest.approx(1.177842480406727, rel=1e-6)
    assert regularized.score == regularized.fit(*iris)
    assert 1 < estimators["HeldOut"]().fit(*iris) < 2


@pytest.mark.parametrize("name", ["Regularized", "HeldOut"])
def test_it_is_not_for_regression(estimators, name) -> None:
    with pytest.raises(ValueError, match="HScore is not suitable for regression"):
        estimators[name](regression=True)


def test_a_ranker_takes_it(estimators, iris) -> None:
    """By the method in which their ranker scores every layer of a model."""
    kind = transformer_ranker.TransformerRanker
    ranker = kind.__new__(kind)  # whose other work is to read a data set
    x, y = iris
    ranker.labels = y
    layers = [torch.stack([row, row[[1, 0, 3, 2]]]) for row in x]  # a sample's layers
    found = ranker._transferability_score(
        layers, estimators["HeldOut"](), "bestlayer", show_progress=False
    )
    assert found == pytest.approx(estimators["HeldOut"]().fit(x, y), rel=1e-6)
