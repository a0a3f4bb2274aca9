"""The report: each number against an independent way to get it."""

import itertools
import json
import math

import numpy as np
import pytest
from oracles import make_problem
from scipy.linalg import hadamard
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from statsmodels.multivariate.manova import MANOVA

import hscore_fast
from hscore_fast import (
    HScoreReport,
    Moments,
    PrecisionWarning,
    SaturationWarning,
    SingleClassWarning,
    adjusted_h_score,
    chance_level,
    evaluate,
    h_score,
    regularized_h_score,
)
from hscore_fast._results.significance import permutation_test


def deleted_scores(x, y):
    """Score all rows but one, for each."""
    keep = ~np.eye(len(x), dtype=bool)
    return np.array([h_score(x[rows], y[rows], precision="float64") for rows in keep])


def jackknife_error(scores):
    n = len(scores)
    return math.sqrt((n - 1) / n * np.sum((scores - scores.mean()) ** 2))


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_f_and_p_are_those_of_statsmodels(load):
    x, y = load(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    report = evaluate(x, y)
    design = np.eye(report.n_classes)[y]
    contrast = np.eye(report.n_classes)[1:] - np.eye(report.n_classes)[:1]
    table = MANOVA(x, design).mv_test([("y", contrast)]).results["y"]["stat"]
    row = table.loc["Pillai's trace"]
    assert report.h_score == pytest.approx(row["Value"], rel=1e-9)
    assert report.degrees_of_freedom == (row["Num DF"], row["Den DF"])
    assert report.f_statistic == pytest.approx(row["F Value"], rel=1e-8)
    assert report.p_value == pytest.approx(row["Pr > F"], rel=1e-6)
    if row["Pr > F"] > 0:
        assert report.neg_log10_p_value == pytest.approx(-math.log10(row["Pr > F"]), rel=1e-9)


def test_a_p_value_in_the_middle_is_that_of_statsmodels():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((60, 5)), np.arange(60) % 4
    contrast = np.eye(4)[1:] - np.eye(4)[:1]
    table = MANOVA(x, np.eye(4)[y]).mv_test([("y", contrast)]).results["y"]["stat"]
    found = evaluate(x, y).p_value
    assert 0.01 < found < 0.99
    assert found == pytest.approx(table.loc["Pillai's trace"]["Pr > F"], rel=1e-9)


def test_a_p_value_that_underflows_keeps_its_logarithm():
    rng = np.random.default_rng(4)
    y = np.arange(20_000) % 10
    x = rng.standard_normal((20_000, 9)) + 3 * np.eye(10)[y][:, :9]
    report = evaluate(x, y)
    assert report.p_value == 0
    assert 2e4 < report.neg_log10_p_value < 1e6


@pytest.mark.parametrize("precision", ["auto", "float64", "float32", "high"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_leverages_make_it_the_delete_one_jackknife(precision, dtype):
    """Columns of a Hadamard matrix: the delete-one errors by hand, whatever the arithmetic."""
    x = hadamard(64)[:, 1:8].astype(dtype)
    y = np.random.default_rng(0).integers(0, 3, 64)
    x = x + 10
    k = 7 / 63
    want = jackknife_error(deleted_scores(x, y))
    report = evaluate(x, y, precision=precision)
    assert report.standard_error == pytest.approx(want / math.sqrt(1 - k), rel=1e-5)
    assert report.h_score_standard_error == pytest.approx(want * math.sqrt(1 - k), rel=1e-5)
    assert report.standard_error_method == "influence"
    low, high = report.confidence_interval
    assert high - low == pytest.approx(2 * 1.959964 * report.standard_error, rel=1e-6)


@pytest.mark.parametrize("precision", ["auto", "float64", "high"])
def test_redundant_features_change_nothing(precision):
    x, y = make_problem(200, 6, 3)
    rng = np.random.default_rng(0)
    more = np.hstack([np.ones((200, 2)), x, x @ rng.standard_normal((6, 4)), x[:, :1]])
    want = evaluate(x, y, method="permutation")
    found = evaluate(more, y, method="permutation", precision=precision)
    assert found.rank == 6
    assert found.standard_error == pytest.approx(want.standard_error, rel=1e-5)
    assert found.neg_log10_p_value == pytest.approx(want.neg_log10_p_value, rel=1e-9)
    copies = np.hstack([x] * 40)  # more columns than rows, and not saturated
    assert evaluate(copies, y).standard_error == pytest.approx(want.standard_error, rel=1e-5)


@pytest.mark.parametrize("n_features", [3, 20, 60])
@pytest.mark.parametrize("tail", [0.0, 1.0, 2.0])
def test_unequal_leverages_are_the_rows_own(n_features, tail):
    x, y = make_problem(120, n_features, 4)
    x *= np.exp(tail * np.random.default_rng(1).standard_normal((120, 1)))
    want = jackknife_error(deleted_scores(x, y)) / math.sqrt(1 - n_features / 119)
    assert evaluate(x, y).standard_error == pytest.approx(want, rel=1e-4)


def test_leverages_from_a_sketch_give_the_error_of_exact_ones():
    """Enough features and rows for a sketch; the permutation form needs exact leverages."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 2600)
    x = rng.standard_normal((2600, 260)) + rng.standard_normal((4, 260))[y] / 6
    x *= np.exp(rng.standard_normal((2600, 1)))
    want = evaluate(x, y, method="permutation", shrinkage=0.5).standard_error
    found = evaluate(x, y, shrinkage=0.5).standard_error
    assert found != want
    assert found == pytest.approx(want, rel=0.01)


def test_the_influence_function_is_the_limit():
    """By finite differences of the score of a weighted sample."""
    from hscore_fast._scores.influence import influence

    x, y = make_problem(4000, 4, 3)
    found = influence(x, y)
    assert found is not None
    assert found.values is not None
    values = found.values * math.sqrt(found.free_share)
    step = 1e-3
    for row in range(0, 4000, 331):
        up = np.ones(4000)
        up[row] += step
        down = 2 - up
        difference = (
            Moments().update(x, y, weights=up).h_score()
            - Moments().update(x, y, weights=down).h_score()
        )
        assert values[row] == pytest.approx(4000 * difference / (2 * step), abs=0.02)


def test_a_row_that_is_a_class_of_its_own_is_no_evidence():
    x, y = make_problem(300, 5, 3)
    alone = y.copy()
    alone[7] = 99
    assert evaluate(x, alone).standard_error == pytest.approx(
        evaluate(x, y).standard_error, rel=0.1
    )


@pytest.mark.parametrize(("n", "f", "c"), [(20_000, 256, 10), (20_000, 256, 100), (3000, 40, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_scores_are_those_of_their_functions(n, f, c, dtype, n_threads):
    rng = np.random.default_rng(0)
    y = rng.integers(0, c, n)
    x = (rng.standard_normal((n, f)) + rng.standard_normal((c, f))[y] / 4).astype(dtype)
    report = evaluate(x, y, n_threads=n_threads)
    assert report.h_score == h_score(x, y, n_threads=n_threads)
    assert report.adjusted_h_score == adjusted_h_score(x, y, n_threads=n_threads)
    assert report.chance_level == chance_level(x, y, n_threads=n_threads)
    bound = 1e-6 if dtype == np.float32 else 1e-9
    assert report.regularized_h_score == pytest.approx(
        regularized_h_score(x, y, precision="float64"), rel=bound
    )
    assert sum(report.class_shares.values()) == pytest.approx(report.h_score, rel=1e-12)
    assert report == evaluate(x, y, n_threads=n_threads)
    exact = evaluate(x, y, precision="float64", n_threads=n_threads)
    assert report.standard_error == pytest.approx(exact.standard_error, rel=1e-4)


def test_options_reach_the_regularized_score():
    x, y = make_problem(80, 100, 3)
    for options in ({"shrinkage": "oas"}, {"shrinkage": 0.3}, {"convention": "paper"}):
        with pytest.warns(SaturationWarning):
            report = evaluate(x, y, **options)
        assert report.regularized_h_score == regularized_h_score(x, y, **options)


def test_each_class_has_its_r_squared():
    x, y = make_problem(200, 6, 3)
    report = evaluate(x, y)
    design = np.hstack([np.ones((200, 1)), x])
    for label in range(3):
        own = (y == label).astype(float)
        residual = own - design @ np.linalg.lstsq(design, own, rcond=None)[0]
        want = 1 - residual @ residual / (200 * own.var())
        assert report.class_r_squared[label] == pytest.approx(want, abs=1e-10)
        assert report.class_counts[label] == own.sum()


def test_condition_is_the_largest_inflation_factor():
    x, y = make_problem(300, 5, 3)
    x[:, 4] += 2 * x[:, 0]
    inverse = np.linalg.inv(np.corrcoef(x.T))
    assert evaluate(x, y).condition == pytest.approx(np.diag(inverse).max(), rel=1e-6)


def test_the_permutation_form_has_the_mean_and_variance_of_all_permutations():
    x = np.exp(np.random.default_rng(0).standard_normal((7, 2)))
    y = np.array([0, 0, 0, 1, 1, 2, 2])
    scores = [h_score(x, order) for order in set(itertools.permutations(y))]
    centred = x - x.mean(axis=0)
    hat = centred @ np.linalg.pinv(centred)
    test = permutation_test(np.mean(scores), 2, [3, 2, 2], float(np.sum(np.diag(hat) ** 2)))
    # A beta variable on [0, 2] with this mean and variance.
    m, v = np.mean(scores) / 2, np.var(scores) / 4
    from scipy import stats

    weight = m * (1 - m) / v - 1
    assert test.p_value == pytest.approx(stats.beta.sf(m, m * weight, (1 - m) * weight), rel=1e-9)
    # Of so few deals all are looked at; those of the two classes of two rows come in pairs.
    report = evaluate(x, y, method="permutation")
    want = np.mean(np.array(scores) >= report.h_score - 1e-9)
    assert report.p_value == pytest.approx(want, rel=1e-9)
    assert report.n_permutations == len(scores) / 2
    assert math.isnan(report.f_statistic)


@pytest.mark.parametrize("precision", ["float64", "float32", "high"])
def test_leverages_of_every_path(precision):
    x, y = make_problem(400, 20, 4)
    rank = 20
    if precision != "float32":  # whose noise would count as a dimension
        x[:, 3] = 2 * x[:, 1] - x[:, 2]
        rank = 19
    centred = x - x.mean(axis=0)
    hat = centred @ np.linalg.pinv(centred)
    want = permutation_test(h_score(x, y), rank, np.bincount(y), float(np.sum(np.diag(hat) ** 2)))
    found = evaluate(x, y, method="permutation", precision=precision)
    assert found.rank == rank
    assert found.neg_log10_p_value == pytest.approx(want.neg_log10_p_value, rel=1e-5)


def test_saturated_features_have_no_evidence():
    x, y = np.random.default_rng(0).standard_normal((10, 30)), np.arange(10) % 3
    for method in ("pillai", "permutation"):
        with pytest.warns(SaturationWarning, match="undefined"):
            report = evaluate(x, y, method=method)
        assert report.h_score == 2
        assert math.isnan(report.adjusted_h_score)
        assert math.isnan(report.standard_error)
        assert math.isnan(report.confidence_interval[0])
        assert report.p_value == 1
        assert "none" in report.standard_error_method
        assert len(report.warnings) == 1
        assert "Warning: the features have rank 9" in str(report)
        assert 0 < report.regularized_h_score < 2.5


def test_a_single_class():
    with pytest.warns(SingleClassWarning) as caught:
        report = evaluate(np.eye(8)[:, :2], ["a"] * 8)
    assert caught[0].filename == __file__
    assert (report.h_score, report.adjusted_h_score, report.p_value) == (0, 0, 1)
    assert report.neg_log10_p_value == 0


def test_constant_features():
    report = evaluate(np.ones((20, 3)), np.arange(20) % 2)
    assert (report.h_score, report.rank, report.p_value, report.standard_error) == (0, 0, 1, 0)


def test_near_duplicates_are_warned_of():
    x, y = make_problem(200, 3, 2)
    x = np.hstack([x, x[:, :1] + 3e-6 * np.random.default_rng(0).standard_normal((200, 1))])
    with pytest.warns(PrecisionWarning):
        report = evaluate(x, y)
    assert "near-duplicate" in report.warnings[0]


def test_moments_without_rows():
    x, y = make_problem(300, 5, 3)
    moments = Moments().update(x, y)
    found, want = moments.evaluate(), evaluate(x, y)
    for name in (
        *("h_score", "adjusted_h_score", "regularized_h_score", "chance_level", "p_value"),
        *("neg_log10_p_value", "f_statistic", "condition", "total_weight"),
    ):
        assert getattr(found, name) == pytest.approx(getattr(want, name), rel=1e-11)
    assert found.class_counts == want.class_counts
    assert math.isnan(found.standard_error)
    assert "rows are gone" in str(found)


def test_blocks_of_moments_are_the_jackknife():
    x, y = make_problem(240, 6, 3)
    block = np.arange(240) % 12
    parts = [Moments().update(x[block == k], y[block == k]) for k in range(12)]
    total = Moments().update(x, y)
    report = total.evaluate(blocks=parts)
    left = [h_score(x[block != k], y[block != k], precision="float64") for k in range(12)]
    want = jackknife_error(np.array(left)) / math.sqrt(1 - 6 / 239)
    assert report.standard_error == pytest.approx(want, rel=1e-9)
    assert report.standard_error_method == "jackknife"
    low, high = report.confidence_interval
    assert high - low == pytest.approx(2 * 2.200985 * report.standard_error, rel=1e-6)


def test_blocks_that_are_refused():
    x, y = make_problem(100, 3, 2)
    total, half = Moments().update(x, y), Moments().update(x[:50], y[:50])
    with pytest.raises(ValueError, match="1 with 50 rows were given for 100"):
        total.evaluate(blocks=[half])
    with pytest.raises(TypeError, match=r"blocks\[1\] must be a Moments, got int"):
        total.evaluate(blocks=[half, 3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="at least 2 rows"):
        Moments().evaluate()


def test_files_that_are_streamed_and_mapped(tmp_path):
    x, y = make_problem(3000, 8, 4)
    order = np.argsort(y, kind="stable")  # sorted by class: blocks of neighbours would lack classes
    x, y = x[order], y[order]
    np.save(tmp_path / "x.npy", x)
    np.savez_compressed(tmp_path / "x.npz", x=x)
    np.save(tmp_path / "y.npy", y)
    want = evaluate(x, y)
    assert evaluate(tmp_path / "x.npy", tmp_path / "y.npy") == want
    seen = []
    streamed = evaluate(
        tmp_path / "x.npz", tmp_path / "y.npy", n_blocks=30, progress=lambda *a: seen.append(a)
    )
    assert streamed.h_score == pytest.approx(want.h_score, rel=1e-12)
    assert streamed.regularized_h_score == pytest.approx(want.regularized_h_score, rel=1e-11)
    assert streamed.class_counts == want.class_counts
    assert streamed.standard_error_method == "jackknife"
    assert seen[-1] == (3000, 3000)
    # Row p of class c is in block p + c modulo 30.
    block = np.concatenate([(np.arange(np.sum(y == c)) + c) % 30 for c in range(4)])
    left = [h_score(x[block != k], y[block != k], precision="float64") for k in range(30)]
    error = jackknife_error(np.array(left)) / math.sqrt(1 - 8 / 2999)
    assert streamed.standard_error == pytest.approx(error, rel=1e-8)
    with pytest.raises(ValueError, match=r"the rows several times.*read in blocks"):
        evaluate(tmp_path / "x.npz", y, method="permutation")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"confidence": 1.0}, ValueError, "confidence must lie between 0 and 1, got 1.0"),
        ({"confidence": 0}, ValueError, "confidence"),
        ({"method": "wilks"}, ValueError, "'pillai', 'permutation', got 'wilks'"),
        ({"n_blocks": 1}, ValueError, "n_blocks must be an integer between 2 and 10,000, got 1"),
        ({"n_blocks": 2.5}, TypeError, "n_blocks must be an integer, got 2.5"),
        ({"precision": "double"}, ValueError, "precision"),
        ({"shrinkage": "none"}, ValueError, "shrinkage"),
        ({"convention": "none"}, ValueError, "convention"),
        ({"tol": 2}, ValueError, "tol"),
        ({"n_threads": 0}, ValueError, "n_threads"),
        ({"progress": 3}, TypeError, "progress"),
    ],
)
def test_options_that_are_refused(options, error, words):
    x, y = make_problem(30, 2, 2)
    with pytest.raises(error, match=words):
        evaluate(x, y, **options)


def test_values_that_are_not_finite():
    x, y = make_problem(30, 2, 2)
    x[4, 1] = np.nan
    with pytest.raises(ValueError, match="row 4, column 1"):
        evaluate(x, y)
    report = evaluate(x, y, check_finite=False)
    assert math.isnan(report.h_score)
    assert json.loads(report.to_json())["h_score"] is None
    assert "not finite" in str(report)
    with pytest.raises(ValueError, match="one entry per row"):
        evaluate(x, y[:-1])


def test_the_report_prints_and_converts():
    x, y = make_problem(300, 4, 3)
    names = np.array(["<b>", "dog", "cat"])[y]
    report = evaluate(x, names)
    text = str(report)
    for part in ("H-score", "adjusted", "95 % interval", "p-value", "dog", "R squared"):
        assert part in text
    assert repr(report).startswith("<HScoreReport: H-score ")
    page = report._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    data = json.loads(report.to_json(indent=2))
    assert data["h_score"] == report.h_score
    assert data["class_counts"]["dog"] == report.class_counts["dog"]
    assert set(report.to_dict()) == set(HScoreReport.__dataclass_fields__)
    series = report.to_series()
    assert series["confidence_low"] == report.confidence_interval[0]
    assert series["df1"] == report.degrees_of_freedom[0]
    with pytest.raises(AttributeError):
        report.h_score = 3.0  # type: ignore[misc]


def test_many_classes_are_not_all_printed():
    x, y = make_problem(2000, 4, 40)
    text = str(evaluate(x, y))
    assert "28 classes between not shown" in text
    assert len(text.splitlines()) < 40


def test_it_is_public():
    assert {"evaluate", "HScoreReport"} <= set(hscore_fast.__all__)
