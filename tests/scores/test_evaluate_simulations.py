"""Seeded simulations: the adjusted score, intervals and p-values keep what they promise."""

import numpy as np
import pytest
from scipy import stats

from hscore_fast import evaluate
from hscore_fast._moments.blocks import BlockedMoments, total_of

pytestmark = pytest.mark.slow

# A fixed intensity, as nothing here looks at the regularized score.
QUICK = {"n_threads": 1, "shrinkage": 0.5}


def zipf_labels(rng, n_samples, n_classes):
    share = 1 / np.arange(1, n_classes + 1)
    while True:
        labels = rng.choice(n_classes, n_samples, p=share / share.sum())
        if len(np.unique(labels)) == n_classes:
            return labels


@pytest.mark.filterwarnings("ignore:the features have rank 180:hscore_fast.SaturationWarning")
@pytest.mark.parametrize("n_features", [4, 20, 60, 120, 180])
def test_independence(n_features):
    """F / N from .02 to .9: the mean adjusted score is 0, and p-values are uniform."""
    rng = np.random.default_rng(n_features)
    reports = [
        evaluate(rng.standard_normal((200, n_features)), rng.integers(0, 4, 200), **QUICK)
        for _ in range(300)
    ]
    adjusted = np.array([report.adjusted_h_score for report in reports])
    assert abs(adjusted.mean()) < 3 * adjusted.std() / np.sqrt(300)
    p = [report.p_value for report in reports]
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize(("n_features", "n_classes"), [(5, 4), (20, 8), (60, 30)])
def test_permutation_p_values_of_heavy_tails_and_rare_classes(n_features, n_classes):
    rng = np.random.default_rng(0)
    p = [
        evaluate(
            np.exp(rng.standard_normal((200, n_features))),
            zipf_labels(rng, 200, n_classes),
            method="permutation",
            **QUICK,
        ).p_value
        for _ in range(400)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert stats.binomtest(sum(value < 0.05 for value in p), 400, 0.05).pvalue > 0.01


def test_pillai_finds_too_much_there():
    """Which is why the other form exists."""
    rng = np.random.default_rng(0)
    p = [
        evaluate(np.exp(rng.standard_normal((200, 60))), zipf_labels(rng, 200, 30), **QUICK).p_value
        for _ in range(200)
    ]
    assert np.mean(np.array(p) < 0.05) > 0.1


@pytest.mark.parametrize("n_features", [6, 60, 140])
@pytest.mark.parametrize("strength", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("blocked", [False, True])
def test_intervals_cover(n_features, strength, blocked):
    """Their middle is unbiased, so that the truth is its mean over many samples."""
    rng = np.random.default_rng(n_features)
    means = strength * rng.standard_normal((4, 6))
    reports = []
    for _ in range(100 if blocked else 300):
        y = rng.integers(0, 4, 200)
        x = rng.standard_normal((200, n_features))
        x[:, :6] += means[y]
        if blocked:
            blocks = BlockedMoments(20)
            blocks.update(x, y.astype(np.int32), n_threads=1, check_finite=False)
            parts = blocks.finish(range(4))
            reports.append(total_of(parts).evaluate(blocks=parts, **QUICK))
        else:
            reports.append(evaluate(x, y, **QUICK))
    truth = np.mean([report.adjusted_h_score for report in reports])
    intervals = np.array([report.confidence_interval for report in reports])
    covered = np.mean((intervals[:, 0] <= truth) & (truth <= intervals[:, 1]))
    assert covered >= 0.9
    assert np.mean(intervals[:, 1] - intervals[:, 0]) < 8 * np.std(
        [report.adjusted_h_score for report in reports]
    )
