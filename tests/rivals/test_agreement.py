"""Agreement against SciPy, and the table of all scores."""

import json

import numpy as np
import pytest

from hscore_fast import PrecisionWarning, h_score
from hscore_fast.rivals import agreement, leep, log_me, nce, score_table


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_equals_scipy(seed, ties) -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(9)
    y = x + rng.standard_normal(9)
    if ties:
        x, y = np.round(x), np.round(y)
    found = agreement(x, y, n_resamples=2)
    assert found.pearson.value == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.spearman.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.kendall.value == pytest.approx(stats.kendalltau(x, y).statistic)
    assert found.weighted_kendall.value == pytest.approx(stats.weightedtau(x, y).statistic)
    assert found.regret.value == pytest.approx(y.max() - y[x == x.max()].mean())


def test_the_error_of_a_correlation() -> None:
    """Of normal pairs Pearson's has about (1 - r^2) / sqrt(n - 1)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(200)
    y = 0.6 * x + 0.8 * rng.standard_normal(200)
    found = agreement(x, y, n_resamples=200).pearson
    assert found.standard_error == pytest.approx((1 - found.value**2) / 199**0.5, rel=0.3)


def test_resamples_without_an_order_are_left_out() -> None:
    found = agreement([1, 2, 3], [0.1, 0.2, 0.3], n_resamples=500)
    assert found.kendall == pytest.approx((1.0, 0.0))
    assert found.regret == pytest.approx((0.0, 0.0), abs=1e-15)
    equal = agreement([1, 1, 1], [0.1, 0.2, 0.3], n_resamples=10)
    assert np.isnan(equal.spearman.value)
    assert equal.regret.value == pytest.approx(0.1)


def test_names_are_matched() -> None:
    scores = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 2.5}
    accuracies = {"d": 0.9, "c": 0.7, "b": 0.6, "a": 0.5}
    expected = agreement([1, 2, 3, 2.5], [0.5, 0.6, 0.7, 0.9])
    found = agreement(scores, accuracies)
    assert found == expected
    assert found.regret.value == pytest.approx(0.2)
    assert json.loads(found.to_json())["regret"]["value"] == pytest.approx(0.2)
    assert "weighted kendall" in str(found)


@pytest.mark.parametrize(
    ("scores", "accuracies", "message"),
    [
        ([1, 2], [1, 2], "at least 3 sources"),
        ([1, 2, 3], [1, 2], "as many, got 3 and 2"),
        ([1, 2, np.nan], [1, 2, 3], "scores must be finite, got nan in place 2"),
        ([[1, 2, 3]], [1, 2, 3], "one number per source"),
        ({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "d": 3}, "same names, got 'c'"),
        ({"a": 1, "b": 2, "c": 3}, [1, 2, 3], "must both be mappings"),
    ],
)
def test_refusals(scores, accuracies, message) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        agreement(scores, accuracies)


def draw(seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % 3
    sources = {}
    for name, signal in {"good": 2.0, "fair": 1.0, "poor": 0.2}.items():
        sources[name] = rng.standard_normal((60, 5)) + signal * np.eye(3, 5)[labels]
    return sources, labels, {"good": rng.dirichlet(np.ones(4), 60)}


def test_all_scores_of_all_sources() -> None:
    pytest.importorskip("sklearn.neighbors")
    sources, labels, predictions = draw()
    table = score_table(sources, labels, predictions)
    assert table.sources == ("good", "fair", "poor")
    assert len(table.scores) == 9
    for row, source in enumerate(sources):
        assert table.scores["h_score"][row] == h_score(sources[source], labels)
        assert table.scores["log_me"][row] == log_me(sources[source], labels)
    theta = predictions["good"]
    assert table.scores["leep"][0] == leep(theta, labels)
    assert table.scores["nce"][0] == nce(theta.argmax(axis=1), labels)
    assert np.isnan(table.scores["nce"][1:]).all()
    assert "fair, leep: no predictions" in table.notes
    found = table.agreement({"good": 0.9, "fair": 0.6, "poor": 0.4}, n_resamples=20)
    assert set(found) == set(table.scores) - {"leep", "nce"}
    assert found["log_me"].spearman.value == pytest.approx(1)
    assert "log_me" in str(found)
    assert "cross_validated_h_score" in str(table)
    assert table.to_dict()["scores"]["good"]["leep"] == table.scores["leep"][0]


def test_warnings_become_notes() -> None:
    sources, labels, _ = draw()
    twin = sources["good"] @ np.ones((5, 1)) + 1e-5 * sources["fair"][:, :1]
    sources = {"near": np.column_stack([sources["good"], twin])}
    with pytest.warns(PrecisionWarning):
        h_score(sources["near"], labels)
    table = score_table(sources, labels, scores=["h_score"])
    assert len(table.notes) == 1
    assert table.notes[0].startswith("near, h_score: ")


def test_table_refusals() -> None:
    sources, labels, predictions = draw()
    with pytest.raises(ValueError, match="scores must be one of"):
        score_table(sources, labels, scores=["logme"])
    with pytest.raises(ValueError, match="'good', which is no name of a source"):
        score_table({"other": sources["good"]}, labels, predictions)


def test_without_scikit_learn(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    sources, labels, _ = draw()
    table = score_table(sources, labels)
    assert "knn" not in table.scores
    assert table.notes == ("knn: scikit-learn is not installed",)
