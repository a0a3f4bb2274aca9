"""The study of the demo: what it measures is what it says."""

import numpy as np
import pytest

from hscore_fast import adjusted_h_score, h_score, reference, regularized_h_score
from hscore_fast.datasets import load_digits
from hscore_fast.demo import networks, study
from hscore_fast.demo.tasks import RANDOM, SOURCES, TARGETS, UNTRAINED, labels_of

neural = pytest.importorskip("sklearn.neural_network")
linear = pytest.importorskip("sklearn.linear_model")
pytest.importorskip("networkx")


def test_every_task_has_labels():
    images, digits = load_digits()
    for task in (*SOURCES, *TARGETS):
        labels = labels_of(task, images, digits)
        assert labels.shape == digits.shape
        assert labels.dtype == np.int64
        shares = np.bincount(labels) / len(labels)
        assert len(shares) >= 2
        assert shares.min() > 0.05, task
    assert labels_of("digit", images, digits).tolist() == digits.tolist()
    first = labels_of("top or bottom", images, digits)[0]
    assert first == (images[0, :32].sum() > images[0, 32:].sum())
    assert np.bincount(labels_of("how much ink", images, digits)).min() > 500
    with pytest.raises(ValueError, match="no task 'colour'"):
        labels_of("colour", images, digits)


def test_features_are_those_of_the_trained_network():
    images, digits = load_digits()
    network = networks.train(images[:200], digits[:200], (9, 5), 10, 0)
    features = network.features(images[200:300])
    assert [layer.shape for layer in features] == [(100, 9), (100, 5)]
    same = neural.MLPClassifier((9, 5), max_iter=10, random_state=0)
    with pytest.warns(UserWarning, match="iterations"):
        same.fit(images[:200] / 16, digits[:200])
    logits = features[-1] @ same.coefs_[-1] + same.intercepts_[-1]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        shares / shares.sum(axis=1, keepdims=True),
        same.predict_proba(images[200:300] / 16),
        atol=1e-12,
    )


def test_an_untrained_network_has_random_weights():
    one, two = (networks.untrained(64, (8, 4), 0) for _ in range(2))
    assert [weight.shape for weight in one.weights] == [(64, 8), (8, 4)]
    np.testing.assert_array_equal(one.weights[0], two.weights[0])
    assert np.abs(one.weights[0]).max() <= np.sqrt(6 / 72)
    assert one.weights[0].std() == pytest.approx(np.sqrt(6 / 72 / 3), rel=0.1)


@pytest.fixture(scope="module")
def found():
    told = []
    result = study.run(study.QUICK, lambda text, share: told.append(share))
    shares = [share for share in told if share is not None]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
    return result


def test_measurements(found):
    plan = found.plan
    assert len(found.measurements) == len(plan.targets) * (
        1 + len(plan.widths) * (len(plan.sources) + 2)
    )
    assert {each.source for each in found.measurements} == {
        *plan.sources,
        RANDOM,
        UNTRAINED,
        "pixels",
    }
    images, digits = load_digits()
    order = np.random.default_rng(0).permutation(1797)
    few, test = order[900:1200], order[1200:]
    assert found.n_test == len(test)
    for each in found.measurements:
        if each.source != "pixels":
            continue
        labels = labels_of(each.target, images, digits)
        assert each.h_score == pytest.approx(h_score(images[few], labels[few]))
        held_out = reference.cross_validated_h_score(images[few], labels[few])
        assert each.cross_validated_h_score == pytest.approx(held_out.score, rel=1e-9)
        assert each.cross_validated_error > 0
        assert each.adjusted_h_score == pytest.approx(adjusted_h_score(images[few], labels[few]))
        assert each.regularized_h_score == pytest.approx(
            regularized_h_score(images[few] / 16, labels[few])
        )
        x = images / 16 - np.mean(images[few] / 16, axis=0)
        x /= np.where(np.ptp(x[few], axis=0) > 0, np.std(x[few], axis=0), 1)
        model = linear.LogisticRegression(max_iter=5000).fit(x[few], labels[few])
        assert each.accuracy == pytest.approx(model.score(x[test], labels[test]), abs=0.004)
        assert each.accuracy_error == pytest.approx(
            np.sqrt(each.accuracy * (1 - each.accuracy) / 597)
        )


def test_correlations(found):
    def ranks(values):
        return [np.mean([(v > w) + 0.5 * (v == w) for w in values]) for v in values]

    for each in found.correlations:
        rows = [m for m in found.measurements if m.target == each.target]
        last = [m for m in rows if m.layer == 2]
        assert len(last) == 6
        for name, chosen, by in (
            ("pearson", rows, list),
            ("spearman", rows, ranks),
            ("spearman_of_last", last, ranks),
        ):
            scores = by([getattr(m, each.form) for m in chosen])
            accuracy = by([m.accuracy for m in chosen])
            expected = np.corrcoef(scores, accuracy)[0, 1]
            assert getattr(each, name) == pytest.approx(expected, abs=1e-12)
    one = found.mean("spearman", "h_score")
    assert one == pytest.approx(
        np.mean([c.spearman for c in found.correlations if c.form == "h_score"])
    )


def test_matrix_and_ranking(found):
    plan = found.plan
    assert found.matrix.sources == (*plan.sources, RANDOM, UNTRAINED)
    assert found.matrix.targets == (*plan.sources, *plan.targets)
    assert found.tasks.sources == found.tasks.targets == plan.sources
    for target in plan.targets:
        ranking = found.on(target)
        scores = [each.cross_validated_h_score for each in ranking]
        assert scores == sorted(scores, reverse=True)
        last = {
            each.source: each.cross_validated_h_score
            for each in ranking
            if each.layer == len(plan.widths)
        }
        column = found.matrix.targets.index(target)
        for source, score in last.items():
            row = found.matrix.sources.index(source)
            assert found.matrix.scores[row, column] == pytest.approx(score, rel=1e-12)
