"""The parts of benchmarks/real_models.py and benchmarks/curriculum.py, not what they install."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not here", allow_module_level=True)
pytest.importorskip("sklearn.linear_model")
stats = pytest.importorskip("scipy.stats")


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("study", "curriculum")]:
        del sys.modules[name]


def draw(n, width, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    features = rng.standard_normal((n, width))
    features[:, :n_classes] += 1.5 * np.eye(n_classes)[labels]
    return features.astype(np.float32), labels


def test_ridge_left_out_is_the_error_of_fits_without_the_row():
    from sklearn.linear_model import Ridge
    from study.rivals import ridge_left_out

    features, labels = draw(30, 5, 3, seed=4)
    x = (features - features.mean(axis=0)) / features.std(axis=0)
    y = 2.0 * np.eye(3)[labels] - 1
    errors = []
    for alpha in np.logspace(0, 4, 5):
        left_out = [
            Ridge(alpha).fit(np.delete(x, row, 0), np.delete(y, row, 0)).predict(x[row : row + 1])
            for row in range(30)
        ]
        errors.append(np.mean((np.concatenate(left_out) - y) ** 2))
    assert ridge_left_out(features, labels) == pytest.approx(-min(errors), rel=1e-4)


def test_outputs_that_are_a_little_off_are_probabilities():
    from study.rivals import leep, nce

    from hscore_fast import rivals

    outputs = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    labels = np.array([0, 0, 1, 1])
    assert leep(outputs * 1.01, labels) == pytest.approx(rivals.leep(outputs, labels))
    assert nce(outputs, labels) == pytest.approx(0)


def test_the_probe_is_the_same_in_turned_coordinates():
    """With more columns than rows the fit is made in as many coordinates as rows."""
    from sklearn.linear_model import LogisticRegression
    from study.truth import _accuracies, standardized

    features, labels = draw(40, 90, 3, seed=5)
    rest, rest_labels = draw(200, 90, 3, seed=6)
    train, test = standardized(features, rest)
    found = _accuracies(train, labels, [(test, rest_labels)], (0.01,))[0.01][0]
    expected = LogisticRegression(C=0.01, max_iter=5000, tol=1e-8).fit(train, labels)
    assert found == pytest.approx(expected.score(test, rest_labels), abs=0.011)


def test_dead_columns_are_zero_and_others_standard():
    from study.truth import standardized

    x = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]])
    train, other = standardized(x, np.array([[3.0, 9.0]]))
    np.testing.assert_allclose(train[:, 0], [-(1.5**0.5), 0, 1.5**0.5])
    assert not train[:, 1].any()
    assert other.tolist() == [[0, 0]]


def test_agreement_is_that_of_scipy_and_of_its_definition():
    from study.agreement import agree

    rng = np.random.default_rng(0)
    scores, worth = rng.standard_normal((2, 12))
    found = agree(scores, worth)
    ranks = [np.argsort(np.argsort(x)) for x in (scores, worth)]
    assert found.spearman == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert found.pearson == pytest.approx(np.corrcoef(scores, worth)[0, 1])
    assert found.weighted_kendall == pytest.approx(weighted_kendall(scores, worth))
    assert found.regret == pytest.approx(worth.max() - worth[scores.argmax()])


def weighted_kendall(x, y):
    """Pair by pair, each weighted by 1 / (rank + 1) of both; the mean of both rankings."""

    def one(order_by):
        rank = np.empty(len(x))
        rank[np.lexsort(order_by)[::-1]] = np.arange(len(x))
        total = agreed = 0.0
        for i in range(len(x)):
            for j in range(i):
                weight = 1 / (rank[i] + 1) + 1 / (rank[j] + 1)
                total += weight
                agreed += weight * np.sign((x[i] - x[j]) * (y[i] - y[j]))
        return agreed / total

    return (one((y, x)) + one((x, y))) / 2


def test_undefined_scores_stand_last():
    from study.agreement import agree

    worth = [0.9, 0.5, 0.6, 0.7]
    assert agree([np.nan, 1.0, 2.0, 3.0], worth) == agree([0.5, 1.0, 2.0, 3.0], worth)._replace(
        pearson=agree([1.0, 2.0, 3.0], worth[1:]).pearson
    )
    nothing = agree([np.nan] * 4, worth)
    assert nothing.spearman == 0
    assert nothing.regret == pytest.approx(0.9 - np.mean(worth))


def test_regret_of_a_shared_first_place_is_the_mean():
    from study.agreement import regret

    assert regret([3, 1, 3], [0.5, 0.9, 0.7]) == pytest.approx(0.3)
    assert regret([1, 2, 0], [0.5, 0.9, 0.7]) == 0


def test_bootstrap_over_tasks_is_paired():
    from study.agreement import paired_bootstrap

    rng = np.random.default_rng(1)
    hard = rng.uniform(0, 1, 40)  # tasks differ much, the two scores by little
    gain = rng.normal(0.05, 0.02, 40)
    difference, low, high = paired_bootstrap(hard + gain, hard)
    assert difference == pytest.approx(gain.mean())
    half = 1.645 * gain.std() / np.sqrt(40)
    assert low == pytest.approx(gain.mean() - half, abs=0.002)
    assert high == pytest.approx(gain.mean() + half, abs=0.002)
    assert paired_bootstrap(hard, hard) == (0, 0, 0)


def cell(task, draw_, scores, worth):
    from study.scores import SCORES

    sources = [
        {
            "name": str(i),
            "width": 4,
            "probe": w,
            "kNN": w,
            "seconds": dict.fromkeys(SCORES, 0.1),
            "scores": {name: values[i] for name, values in scores.items()},
        }
        for i, w in enumerate(worth)
    ]
    return {"task": task, "size": 20, "draw": draw_, "sources": sources}


def test_tables_name_the_tasks_where_a_rival_is_ahead():
    from study.scores import SCORES
    from study.tables import print_all

    worth = [0.5, 0.6, 0.7, 0.8]
    right, wrong = [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]
    good = dict.fromkeys(SCORES, right)
    cells = [
        cell("easy", 0, {**good, "LogME": wrong}, worth),
        cell("odd", 0, {**good, "cross-validated": wrong}, worth),
    ]
    lines = []
    print_all(cells, lines.append)
    (line,) = (each for each in lines if each.startswith("LogME") and "1 of 2: odd (2.000)" in each)
    assert line.split()[1] == "+0.0000"
    assert sum("1 of 2: odd (0.300)" in each for each in lines) >= 1  # the regret


def test_scores_of_the_benchmark_are_the_librarys():
    from study.scores import SCORES, score_all

    from hscore_fast import adjusted_h_score, h_score, reference, regularized_h_score

    features, labels = draw(50, 10, 3, seed=7)
    values, seconds = score_all(features, labels, 0)
    assert {*values, "tuned probe"} == set(SCORES)
    assert set(values) == set(seconds)
    assert values["h_score"] == h_score(features, labels)
    assert values["adjusted"] == adjusted_h_score(features, labels)
    assert values["regularized"] == regularized_h_score(features, labels)
    expected = reference.cross_validated_h_score(features, labels).score
    assert values["cross-validated"] == pytest.approx(expected, rel=1e-6)


def test_gradients_of_the_learner_are_those_of_finite_differences():
    from study.learner import _forward, _gradients, untrained

    rng = np.random.default_rng(0)
    hidden = untrained(5, rng)
    parameters = [
        hidden.weights[0],
        hidden.biases[0] + 0.1,
        hidden.weights[1],
        hidden.biases[1] + 0.1,
        rng.standard_normal((32, 3)),
        np.zeros(3),
    ]
    x, targets = rng.standard_normal((7, 5)), np.eye(3)[np.arange(7) % 3]

    def loss():
        logits = _forward(parameters, x)[-1]
        return np.mean(np.log(np.exp(logits).sum(axis=1)) - (logits * targets).sum(axis=1))

    for array, gradient in zip(parameters, _gradients(parameters, x, targets), strict=True):
        place = np.unravel_index(np.abs(gradient).argmax(), array.shape)
        before, numbers = array[place], []
        for step in (1e-5, -1e-5):
            array[place] = before + step
            numbers.append(loss())
        array[place] = before
        assert gradient[place] == pytest.approx((numbers[0] - numbers[1]) / 2e-5, rel=1e-5)


def test_the_learner_learns_and_goes_on_from_where_it_was():
    from study.learner import learn

    features, labels = draw(90, 6, 3, seed=8)
    features[:, :3] += 1.5 * np.eye(3)[labels]
    x, y, test, test_labels = features[:60], labels[:60], features[60:], labels[60:]
    found = learn(x, y, test, test_labels, np.random.default_rng(0))
    assert found.accuracy > 0.75
    assert found.epochs_to(0.0) == 1
    assert found.epochs_to(1.1) == len(found.accuracies) + 1
    before = [weight.copy() for weight in found.hidden.weights]
    again = learn(x, y, test, test_labels, np.random.default_rng(1), found.hidden, epochs=0)
    for old, new in zip(found.hidden.weights, again.hidden.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    learn(x, y, test, test_labels, np.random.default_rng(1), found.hidden, epochs=1)
    for old, kept in zip(found.hidden.weights, before, strict=True):
        np.testing.assert_array_equal(old, kept)  # several tasks may start from it


def test_ways_through_the_tasks():
    from curriculum import backwards, foretold, random_tree

    names = ("a", "b", "c")
    table = np.array([[0, 0.9, 0.2], [0.1, 0, 0.3], [0.5, 0.4, 0]])
    # From the end: c first; b from c; a from c (0.5) rather than from b (0.1).
    assert backwards(["a", "b", "c"], names, table) == {"c": None, "b": "c", "a": "c"}
    tree = random_tree(names, np.random.default_rng(0))
    assert sorted(tree) == list(names)
    assert list(tree.values()).count(None) == 1
    learned = set()
    for name, parent in tree.items():
        assert parent is None or parent in learned
        learned.add(name)
    rng = np.random.default_rng(0)
    truth = rng.uniform(size=(5, 5))
    assert foretold(truth, truth) == pytest.approx(1)
    assert foretold(-truth, truth) == pytest.approx(-1)
