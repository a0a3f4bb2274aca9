"""Errors, chance level and p-values by groups, against a jackknife and permutations by hand."""

import itertools
import math

import numpy as np
import pytest
from oracles import make_problem, svd_h_score

from hscore_fast import SaturationWarning, evaluate, h_score
from hscore_fast._scores.influence import influence


def grouped_rows(seed, n_groups, rows_each, n_features, n_classes, spread=0.5):
    """Rows of a group share their class and most of what is no signal."""
    rng = np.random.default_rng(seed)
    sizes = rows_each if np.ndim(rows_each) else np.full(n_groups, rows_each)
    groups = rng.permutation(np.repeat(np.arange(n_groups), sizes))
    y = (np.arange(n_groups) % n_classes)[groups]
    x = rng.standard_normal((n_groups, n_features))[groups] + np.eye(n_classes, n_features)[y]
    return x + spread * rng.standard_normal(x.shape), y, groups


def jackknife_over_groups(x, y, groups):
    left = [svd_h_score(x[groups != g], y[groups != g]) for g in np.unique(groups)]
    n = len(left)
    return math.sqrt((n - 1) / n * np.sum((left - np.mean(left)) ** 2))


def chance_by_groups(x, y, groups):
    """From projectors, by the definition."""
    n, n_groups = len(y), len(np.unique(groups))
    centre = np.eye(n) - 1 / n
    p_x, p_y, p_g = (
        a @ np.linalg.pinv(a, rcond=1e-9)
        for a in (centre @ x, centre @ np.eye(y.max() + 1)[y], centre @ np.eye(n_groups)[groups])
    )
    between = np.trace(p_x @ p_g) * np.trace(p_y @ p_g) / (n_groups - 1)
    within = np.eye(n) - p_g
    return between + np.trace(p_x @ within) * np.trace(p_y @ within) / (n - n_groups)


@pytest.mark.parametrize("rows_each", [2, 10, [1, 2, 3, 4, 30] * 6])
@pytest.mark.parametrize("mixed", [False, True])
def test_the_error_is_that_of_a_jackknife_over_groups(rows_each, mixed):
    x, y, groups = grouped_rows(0, 30, rows_each, 6, 3)
    if mixed:
        y = np.random.default_rng(1).integers(0, 3, len(y))
    chance = chance_by_groups(x, y, groups)
    found = influence(x, y, groups=groups, precision="float64")
    assert found is not None
    assert found.basis == "groups"
    left = 1 - chance / 2
    want = jackknife_over_groups(x, y, groups)
    assert found.error == pytest.approx(want / math.sqrt(left), rel=1e-9)
    assert found.adjusted == pytest.approx(2 - (2 - svd_h_score(x, y)) / left, rel=1e-9)


def test_the_report_goes_by_groups():
    x, y, groups = grouped_rows(3, 40, 10, 5, 3)
    names = np.array([f"patient {g}" for g in groups])
    report = evaluate(x, y, groups=names)
    want = jackknife_over_groups(x, y, groups) / math.sqrt(1 - report.chance_level / 2)
    assert report.standard_error == pytest.approx(want, rel=1e-9)
    assert report.h_score == h_score(x, y)
    assert report.chance_level == pytest.approx(chance_by_groups(x, y, groups), rel=1e-9)
    assert report.standard_error_method == "groups"
    assert report.n_groups == 40
    assert report.p_value_method == "permutation"
    low, high = report.confidence_interval
    assert high - low == pytest.approx(2 * 2.022691 * want, rel=1e-6)  # Student's, 39 degrees
    assert "groups" in str(report)
    plain = evaluate(x, y)
    assert (plain.n_groups, plain.standard_error_method) == (0, "influence")
    assert plain.standard_error < report.standard_error / 1.5


def test_groups_of_one_row_are_rows():
    x, y = make_problem(90, 5, 3)
    rows = evaluate(x, y, method="permutation")
    groups = evaluate(x, y, groups=np.random.default_rng(0).permutation(90), method="permutation")
    assert groups.standard_error == pytest.approx(rows.standard_error, rel=1e-6)
    assert groups.adjusted_h_score == pytest.approx(rows.adjusted_h_score, rel=1e-12)
    assert groups.chance_level == pytest.approx(rows.chance_level, rel=1e-12)


def test_the_chance_level_is_the_mean_over_permutations_of_groups():
    x, _, groups = grouped_rows(5, 6, 3, 2, 2)
    of_group = np.array([0, 0, 0, 1, 1, 1])
    scores = [
        svd_h_score(x, np.array(deal)[groups]) for deal in set(itertools.permutations(of_group))
    ]
    report = evaluate(x, of_group[groups], groups=groups)
    assert report.chance_level == pytest.approx(np.mean(scores), rel=1e-9)
    observed = svd_h_score(x, of_group[groups])
    assert report.p_value == pytest.approx(np.mean(np.array(scores) >= observed - 1e-9), rel=1e-9)
    assert report.n_permutations == 10  # of 20, as the classes are as large as each other


def test_labels_that_vary_within_groups_are_permuted_there():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 3)
    y = np.array([0, 1, 1] * 4)
    x = rng.standard_normal((12, 2)) + y[:, None] * [1.5, 0]
    within = [set(itertools.permutations([0, 1, 1]))] * 4
    scores = [svd_h_score(x, np.concatenate(deal)) for deal in itertools.product(*within)]
    report = evaluate(x, y, groups=groups)
    assert report.n_permutations == 3**4
    observed = svd_h_score(x, y)
    assert report.p_value == pytest.approx(np.mean(np.array(scores) >= observed - 1e-9), rel=1e-9)


def test_groups_in_files_that_are_read_in_blocks(tmp_path):
    x, y, groups = grouped_rows(2, 60, 20, 6, 3)
    np.savez_compressed(tmp_path / "x.npz", x=x)
    np.save(tmp_path / "groups.npy", groups)
    want = evaluate(x, y, groups=groups)
    found = evaluate(tmp_path / "x.npz", y, groups=tmp_path / "groups.npy")
    assert found.standard_error_method == "jackknife"
    assert found.n_groups == 60
    assert found.chance_level == pytest.approx(want.chance_level, rel=1e-9)
    assert found.adjusted_h_score == pytest.approx(want.adjusted_h_score, rel=1e-9)
    assert found.standard_error == pytest.approx(want.standard_error, rel=0.4)
    assert found.p_value_method == "none"
    assert math.isnan(found.p_value)
    assert found.cross_validated_h_score == want.cross_validated_h_score
    by_file = evaluate(x, y, groups=tmp_path / "groups.npy")
    assert by_file == want


def test_rows_to_be_ignored_take_their_groups_along():
    x, y, groups = grouped_rows(4, 20, 4, 3, 3)
    keep = y != 2
    want = evaluate(x[keep], y[keep], groups=groups[keep])
    assert evaluate(x, y, groups=groups, ignore_label=2) == want


def test_features_that_tell_all_groups_apart():
    x, y, groups = grouped_rows(6, 10, 5, 20, 2, spread=0.0)
    with pytest.warns(SaturationWarning, match="all 10 groups apart"):
        report = evaluate(x, y, groups=groups)
    assert math.isnan(report.adjusted_h_score)
    assert math.isnan(report.standard_error)


@pytest.mark.parametrize(
    ("groups", "options", "words"),
    [
        (np.zeros(30, int), {}, "at least 2 groups, got 1"),
        (np.arange(29), {}, "groups must have one entry per row of features, got 29 for 30"),
        ([None] * 30, {}, "groups has 30 missing"),
        (np.arange(30) // 3, {"method": "pillai"}, "takes every row as a separate observation"),
    ],
)
def test_groups_that_are_refused(groups, options, words):
    x, y = make_problem(30, 2, 2)
    with pytest.raises(ValueError, match=words):
        evaluate(x, y, groups=groups, **options)
