"""The cross-validated H-score against its definition in the package's reference."""

import math
import warnings

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from hscore_fast import (
    Moments,
    SingleClassWarning,
    cross_validate,
    cross_validated_h_score,
    reference,
)
from hscore_fast._problem import as_input_options
from hscore_fast._scores.held_out import hold_out as hold_out_with
from hscore_fast._variants import core


def problem(n, f, c, seed=0, signal=1.0):
    """Columns in all units and places, the first of which tells the classes apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, c, n)
    x = rng.standard_normal((n, f)) * 10.0 ** rng.uniform(-3, 3, f) + rng.standard_normal(f) * 100
    x[:, 0] += signal * y * x[:, 0].std()
    return x, y


def hold_out(x, y, n_threads=None, **how):
    return hold_out_with(x, y, as_input_options(n_threads=n_threads), **how)


def agrees(found, want):
    assert found.result.score == pytest.approx(want.score, abs=1e-9)
    assert found.result.ridge == want.ridge
    assert found.accuracy[0] == pytest.approx(want.accuracy, abs=1e-12)
    assert found.balanced[0] == pytest.approx(want.balanced_accuracy, abs=1e-12)
    assert found.shares.sum() == pytest.approx(want.score, abs=1e-9)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("grouped", [False, True], ids=["", "groups"])
@pytest.mark.parametrize(
    ("n", "f", "c"), [(200, 20, 4), (100, 300, 5), (60, 60, 3), (90, 5, 30), (530, 540, 3)]
)
def test_equals_the_definition(n, f, c, grouped, weighted):
    x, y = problem(n, f, c, seed=n + c)
    rng = np.random.default_rng(1)
    groups = rng.integers(0, n // 6, n) if grouped else None
    weights = rng.uniform(0.2, 3, n) if weighted else None
    found = hold_out(x, y, groups=groups, weights=weights)
    want = reference.cross_validated_h_score(x, y, groups=groups, weights=weights)
    agrees(found, want)
    assert found.deviations.sum() == pytest.approx(0, abs=1e-9)


def test_equals_scikit_learn_for_one_ridge():
    x, y = problem(150, 12, 3)
    found = hold_out(x, y, ridge=0.05)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    one_hot, counts = np.eye(3)[y], np.bincount(y)
    folds = core.folds_of_rows(y.astype(np.int32), 3, None, 0, 5)
    total = 0.0
    for fold in range(5):
        out = folds == fold
        trace = ((z[~out] - z[~out].mean(axis=0)) ** 2).sum()
        fit = Ridge(0.05 * trace, solver="cholesky").fit(z[~out], one_hot[~out]).predict(z[out])
        baseline = one_hot[~out].mean(axis=0)
        total += (((one_hot[out] - baseline) ** 2 - (one_hot[out] - fit) ** 2) / counts).sum()
    assert found.result.score == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("f", [6, 200])
def test_odd_columns_and_classes(f):
    x, y = problem(80, f, 4)
    y[:3] = [7, 8, 9]  # classes of one row
    y[3:5] = 11
    x[:, 1] = 0.1  # constant, though not as a binary fraction
    x[:, 2] = 1e6 + 1e-9 * x[:, 2]  # next to constant
    x[:, 3] = x[:, 0]  # twice the same
    x[:, 4] = 0
    x[7, 4] = 1  # lives in one row
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = hold_out(x, y)
    agrees(found, reference.cross_validated_h_score(x, y))
    assert found.summary(0.95).n_lone_classes == 3


def test_many_classes_and_classes_missing_in_a_fold():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(1000), 2)
    x = rng.standard_normal((1000, 12))[y] + 0.1 * rng.standard_normal((2000, 12))
    agrees(hold_out(x, y), reference.cross_validated_h_score(x, y))
    groups = np.repeat(np.arange(20), 10)
    y, x = groups % 10, rng.standard_normal((200, 3))  # two groups of each class
    agrees(hold_out(x, y, groups=groups), reference.cross_validated_h_score(x, y, groups=groups))
    y = groups  # a group is a class, which nobody can know when it is held out
    found = hold_out(x, y, groups=groups)
    agrees(found, reference.cross_validated_h_score(x, y, groups=groups))
    assert found.result.score < 0.02


def test_the_folds_are_those_of_the_definition():
    rng = np.random.default_rng(2)
    for _ in range(20):
        n, c, k = rng.integers(10, 300), rng.integers(1, 20), rng.integers(2, 8)
        y = rng.integers(0, c, n).astype(np.int32)
        assert np.array_equal(core.folds_of_rows(y, c, None, 0, k), reference._folds(y, None, k))
        groups = rng.integers(0, max(n // 4, 1), n)
        names, codes = np.unique(groups, return_inverse=True)
        own = core.folds_of_rows(y, c, codes.astype(np.int32), len(names), k)
        assert np.array_equal(own, reference._folds(y, groups, k))


@pytest.mark.parametrize("f", [9, 150])
def test_types_layouts_and_threads(f):
    x, y = problem(120, f, 3)
    want = cross_validated_h_score(x, y)
    for same in (np.asfortranarray(x), x[:, ::-1], np.repeat(x, 2, axis=0)[::2]):
        assert cross_validated_h_score(same, y) == pytest.approx(want, abs=1e-10)
    assert cross_validated_h_score(x.astype(">f8"), y) == pytest.approx(want, abs=1e-12)
    assert cross_validated_h_score(x, y, n_threads=2) == pytest.approx(want, abs=1e-12)
    assert cross_validated_h_score(x, np.array(list("xyz"))[y]) == want
    narrow = x.astype(np.float32)
    assert cross_validated_h_score(narrow, y) == pytest.approx(
        reference.cross_validated_h_score(narrow, y).score, abs=1e-9
    )


@pytest.mark.parametrize("f", [3, 600])
def test_large_folds_use_all_threads(f):
    x, y = problem(4000 if f == 3 else 1300, f, 3)
    want = reference.cross_validated_h_score(x, y)
    agrees(hold_out(x, y, n_threads=2), want)


def test_tables(tmp_path):
    pandas = pytest.importorskip("pandas")
    x, y = problem(120, 5, 3)
    frame = pandas.DataFrame(x, columns=list("abcde"))
    frame["f"] = np.arange(120, dtype=np.int64) % 7
    assert cross_validated_h_score(frame, y) == pytest.approx(
        cross_validated_h_score(frame.to_numpy(), y), abs=1e-12
    )


def test_statistics_merged_in_any_tree():
    x, y = problem(300, 20, 4)
    weights = np.random.default_rng(0).uniform(0.5, 2, 300)
    folds = core.folds_of_rows(y.astype(np.int32), 4, None, 0, 5)
    want = hold_out(x, y, weights=weights)
    names = np.array(["d", "b", "c", "a"])

    def fold_statistics(fold, pieces):
        rows = np.flatnonzero(folds == fold)
        parts = [
            Moments().update(x[r], names[y[r]], weights=weights[r])
            for r in np.array_split(rows[::-1], pieces)
        ]
        while len(parts) > 1:
            parts = [
                parts[i] + parts[i + 1] if i + 1 < len(parts) else parts[i]
                for i in range(0, len(parts), 2)
            ]
        return parts[0]

    for pieces in (1, 3, 8):
        parts = [fold_statistics(fold, pieces) for fold in range(5)]
        assert cross_validated_h_score(parts) == pytest.approx(want.result.score, abs=1e-10)
    found = cross_validate(parts)
    assert found.errors_from == "folds"
    assert math.isnan(found.accuracy)
    assert found.class_shares.keys() == set("abcd")
    by_fold = np.bincount(folds, want.deviations)
    assert found.standard_error == pytest.approx(
        1.4 * math.sqrt(5 / 4 * (by_fold**2).sum()), rel=1e-6
    )
    assert parts[0].n_samples == (folds == 0).sum()  # they are left as they were


def test_files_in_blocks(tmp_path):
    x, y = problem(500, 30, 4)
    np.savez_compressed(tmp_path / "both.npz", x=x, y=y)
    groups = np.arange(500) // 5
    want = cross_validate(x, y, groups=groups)
    found = cross_validate(f"{tmp_path}/both.npz:x", f"{tmp_path}/both.npz:y", groups=groups)
    assert found.score == pytest.approx(want.score, abs=1e-10)
    assert found.accuracy == want.accuracy
    assert found.standard_error == pytest.approx(want.standard_error, rel=1e-9)
    assert found.n_groups == 100


def test_the_result_and_its_table():
    x, y = problem(200, 6, 3)
    found = cross_validate(x, y)
    assert cross_validated_h_score(x, y) == found.score
    low, high = found.confidence_interval
    assert low < found.score < high
    assert sum(found.class_shares.values()) == pytest.approx(found.score)
    assert found.to_dict()["accuracy"] == found.accuracy
    assert "balanced accuracy" in str(found)
    assert "CrossValidation" in repr(found)
    assert cross_validate(x, y, confidence=0.5).confidence_interval[0] > low


def test_standard_errors_are_those_of_hits_and_gains():
    x, y = problem(240, 5, 3)
    want = reference.cross_validated_h_score(x, y)
    hits = want.predictions == y
    found = cross_validate(x, y)
    plain = hits.std(ddof=1) / math.sqrt(240)
    assert found.accuracy_standard_error == pytest.approx(1.4 * plain, rel=1e-9)
    counts = np.bincount(y)
    variance = sum(hits[y == c].var() / counts[c] for c in range(3)) / 9
    assert found.balanced_accuracy_standard_error == pytest.approx(
        1.4 * math.sqrt(variance * 240 / 239), rel=1e-9
    )
    # A row of each class is its own group, all alike: the groups' sums do not vary.
    again = cross_validate(
        np.repeat(x, 4, axis=0), np.repeat(y, 4), groups=np.repeat(range(240), 4)
    )
    assert again.standard_error == pytest.approx(found.standard_error, rel=0.3)
    assert again.n_groups == 240


def test_perfect_features_have_no_error():
    y = np.repeat([0, 0, 0, 1, 2], 40)
    found = cross_validate(np.eye(3)[y] * 5, y, ridge=1e-9)
    assert found.score == pytest.approx(2, abs=1e-3)
    assert found.standard_error < 1e-3  # though large classes gain less in each row
    assert found.accuracy == found.balanced_accuracy == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_folds": 1}, ValueError, "n_folds must be an integer between 2"),
        ({"n_folds": 2.0}, TypeError, "n_folds must be an integer"),
        ({"n_folds": 13}, ValueError, "at most the number of rows, 12, got 13: pass n_folds=12"),
        ({"groups": [0] * 12}, ValueError, "at most the number of groups, 1"),
        ({"groups": [0, 1] * 5}, ValueError, "groups must have one entry per row"),
        ({"groups": [None] * 12}, ValueError, "groups has 12 missing"),
        ({"ridge": 0}, ValueError, "at least 1e-9"),
        ({"ridge": "best"}, ValueError, "'auto' or a number"),
        ({"ridge": True}, TypeError, "'auto' or a number"),
        ({"weights": [1.0] * 11}, ValueError, "weights must have one entry per row"),
        ({"weights": [-1.0] * 12}, ValueError, "not negative"),
        ({"labels": [0, 1]}, ValueError, "one entry per row"),
        ({"labels": None}, TypeError, "labels must be given"),
        ({"confidence": 1}, ValueError, "confidence"),
    ],
)
def test_refusals(arguments, error, message):
    given = {"features": np.arange(24.0).reshape(12, 2), "labels": [0, 1] * 6} | arguments
    with pytest.raises(error, match=message):
        cross_validate(**given)


def test_refusals_of_values_and_moments():
    x, y = problem(40, 3, 2)
    x[7, 1] = np.nan
    for features in (x, np.c_[x, np.ones((40, 100))]):
        with pytest.raises(ValueError, match=r"not finite.*row 7, column 1"):
            cross_validated_h_score(features, y)
        assert math.isnan(cross_validated_h_score(features, y, check_finite=False))
        assert math.isnan(cross_validate(features, y, check_finite=False).score)
    part = Moments().update([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="at least two folds must hold rows, got 1 of 2"):
        cross_validated_h_score([part, Moments()])
    with pytest.raises(TypeError, match="labels must be None"):
        cross_validated_h_score([part, part], [0, 1])
    with pytest.raises(TypeError, match=r"features\[1\] must be a Moments"):
        cross_validated_h_score([part, 3])
    with pytest.raises(ValueError, match="different numbers of features"):
        cross_validated_h_score([part, Moments().update([[0.0, 1.0]], [0])])
    with pytest.raises(ValueError, match="underflow"):
        cross_validated_h_score(np.arange(20.0)[:, None] * 1e-160, [0, 1] * 10)


def test_very_few_rows():
    assert cross_validated_h_score([[0.0], [1.0]], [0, 1], n_folds=2) == 0
    assert cross_validated_h_score([[0.0, 3, 1], [1.0, 2, 2]], [0, 1], n_folds=2) == 0
    with pytest.raises(ValueError, match="at least 2 rows"):
        cross_validated_h_score([[0.0]], [0], n_folds=2)
    with pytest.warns(SingleClassWarning):
        assert cross_validated_h_score(np.arange(10.0), [3] * 10) == 0


def test_weights_are_rows_that_are_held_out_together():
    x, y = problem(60, 4, 3)
    weights = np.random.default_rng(0).integers(0, 4, 60)
    groups = np.arange(60)
    many = np.repeat(np.arange(60), weights)
    folds = core.folds_of_rows(y.astype(np.int32), 3, None, 0, 5)
    parts = [
        Moments().update(x[many][folds[many] == k], y[many][folds[many] == k]) for k in range(5)
    ]
    assert cross_validated_h_score(x, y, weights=weights) == pytest.approx(
        cross_validated_h_score(parts), abs=1e-10
    )
    assert groups.size == 60


def test_wider_features_are_comparable():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 300)
    x = rng.standard_normal((300, 10)) + np.eye(4, 10)[y] * 2
    scores = [
        cross_validated_h_score(np.c_[x, rng.standard_normal((300, noise))], y)
        for noise in (0, 30, 290, 600)
    ]
    assert scores == sorted(scores, reverse=True)  # columns that say nothing make it harder
    assert scores[-1] > 0.2 * scores[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "f", "c", "grouped"),
    [
        (100, 2, 2, False),
        (100, 2, 30, False),
        (100, 500, 2, False),
        (200, 40, 30, False),
        (200, 1000, 5, False),
        (1000, 200, 2, True),
        (2000, 40, 2, True),
        (1000, 20, 30, True),
    ],
)
def test_random_labels_score_nothing(n, f, c, grouped):
    rng = np.random.default_rng(n + f + c)
    scores = []
    for _ in range(60):
        x, y = rng.standard_normal((n, f)), rng.integers(0, c, n)
        groups = None
        if grouped:  # twenty rows each, which hardly differ
            groups = np.arange(n) // 20
            x = rng.standard_normal((n // 20, f))[groups] + 0.3 * x
            y = rng.integers(0, c, n // 20)[groups]
        scores.append(cross_validated_h_score(x, y, groups=groups))
    assert abs(np.mean(scores)) < 0.02


def draw(kind, n, f, c, rng):
    """Draw a sample, with its groups."""
    centres = np.random.default_rng(1).standard_normal((c, f)) * 3 / math.sqrt(f)
    y = rng.integers(0, c, n)
    if kind == "heavy tails":
        return centres[y] + rng.standard_t(2.5, (n, f)), y, None
    if kind == "rare classes":
        share = np.arange(1, c + 1) ** -1.3
        y = rng.choice(c, n, p=share / share.sum())
    if kind == "groups":
        groups = np.arange(n) // 10
        y = y[: n // 10]
        own = centres[y] + rng.standard_normal((n // 10, f))
        return own[groups] + 0.5 * rng.standard_normal((n, f)), y[groups], groups
    return centres[y] + rng.standard_normal((n, f)), y, None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "n", "f", "c"),
    [
        ("Gaussian", 200, 20, 4),
        ("Gaussian", 100, 10, 2),
        ("Gaussian", 300, 200, 5),
        ("heavy tails", 200, 20, 4),
        ("heavy tails", 200, 100, 4),
        ("rare classes", 300, 20, 8),
        ("rare classes", 300, 150, 8),
        ("groups", 500, 20, 4),
        ("groups", 600, 60, 3),
    ],
)
def test_intervals_cover_the_mean_score(kind, n, f, c):
    rng = np.random.default_rng(n + f)
    found = []
    for _ in range(200):
        x, y, groups = draw(kind, n, f, c, rng)
        found.append(cross_validate(x, y, groups=groups))
    for value, low, high, least, most in (
        (
            np.array([one.score for one in found]),
            np.array([one.confidence_interval[0] for one in found]),
            np.array([one.confidence_interval[1] for one in found]),
            *(0.88, 0.99),
        ),
        (
            np.array([one.accuracy for one in found]),
            np.array([one.accuracy - 1.96 * one.accuracy_standard_error for one in found]),
            np.array([one.accuracy + 1.96 * one.accuracy_standard_error for one in found]),
            *(0.86, 1),
        ),
    ):
        covered = np.mean((low <= value.mean()) & (value.mean() <= high))
        assert least <= covered <= most
