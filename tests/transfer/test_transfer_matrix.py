"""The matrix of plain scores: every entry is a call of its own, every error that of the definition.

That of held-out rows, the default, is tested in test_matrix_of_held_out_rows.py.
"""

import json
import re
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import make_labels, make_problem

import hscore_fast
from hscore_fast import (
    PrecisionWarning,
    SaturationWarning,
    SingleClassWarning,
    TransferMatrix,
    adjusted_h_score,
    consensus,
    evaluate,
    h_score,
    regularized_h_score,
)
from hscore_fast.datasets import load_digits

transfer_matrix = partial(hscore_fast.transfer_matrix, by="h_score")


def influence_error(x: np.ndarray, y: np.ndarray) -> float:
    """Return the standard error by the definition, from all rows and a QR factorization."""
    n, classes = len(y), np.unique(y)
    q, r = np.linalg.qr(x - x.mean(axis=0))
    z = np.sqrt(n) * q[:, np.abs(np.diag(r)) > 1e-9]
    counts = np.array([np.sum(y == c) for c in classes])
    means = np.array([z[y == c].mean(axis=0) for c in classes])
    products = z @ means.T
    own = np.searchsorted(classes, y)
    influence = (
        2 * products[np.arange(n), own] - np.sum(means**2, axis=1)[own] - products**2 @ (counts / n)
    )
    assert abs(influence.mean()) < 1e-9
    return np.sqrt(np.mean(influence**2) / n / (1 - z.shape[1] / (n - 1)))


def jackknife_error(x: np.ndarray, y: np.ndarray) -> float:
    """Return the standard error from the scores without each of the rows."""
    n, k = len(y), np.linalg.matrix_rank(x - x.mean(axis=0)) / (len(y) - 1)
    scores = [h_score(np.delete(x, i, 0), np.delete(y, i)) for i in range(n)]
    return np.sqrt((n - 1) * np.var(scores) * (1 - k))


def problem(n=300, seed=0):
    rng = np.random.default_rng(seed)
    x, y = make_problem(n, 12, 4)
    sources = {
        "wide": x,
        "narrow": x[:, :3].astype(np.float32),
        "whole": np.round(8 * x[:, 2:9]).astype(np.int16),
    }
    targets = {
        "four": y,
        "names": np.array(["ant", "bee", "cow", "dog"])[y],
        "two": y > 1,
        "noise": make_labels(rng, n, 5),
    }
    return sources, targets


def test_every_entry_is_a_call_of_its_own():
    sources, targets = problem()
    matrix = transfer_matrix(sources, targets)
    assert (matrix.sources, matrix.targets) == (tuple(sources), tuple(targets))
    assert (matrix.n_samples.tolist(), matrix.by) == ([300] * len(targets), "h_score")
    assert matrix.ranks[:, 0].tolist() == [12, 3, 7]
    assert (matrix.ranks == matrix.ranks[:, :1]).all()
    assert matrix.n_classes.tolist() == [4, 4, 2, 5]
    for (row, x), (column, y) in (
        (a, b) for a in enumerate(sources.values()) for b in enumerate(targets.values())
    ):
        assert matrix.scores[row, column] == pytest.approx(h_score(x, y), rel=1e-9)
        assert matrix.adjusted[row, column] == pytest.approx(adjusted_h_score(x, y), abs=1e-9)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n_targets", [3, 150])
def test_standard_errors_are_those_of_the_definition(n_targets, n_threads):
    # Few classes in all take the way by class sums, many that by whitened rows.
    rng = np.random.default_rng(5)
    x, y = make_problem(500, 40, 5)
    x = np.concatenate([1e3 + x, x[:, :3] @ np.ones((3, 2)), np.ones((500, 1))], axis=1)
    targets = {f"t{i}": make_labels(rng, 500, 4) for i in range(n_targets)}
    targets["t0"], targets["t1"] = y, np.where(np.arange(500) < 3, 1, 0)
    matrix = transfer_matrix({"x": x, "y": x[:, :10]}, targets, n_threads=n_threads)
    for row, features in enumerate((x, x[:, :10])):
        for column in (0, 1, 2, n_targets - 1):
            labels = targets[f"t{column}"]
            found = matrix.standard_errors[row, column]
            if column != 1:  # with a class of three rows the two differ
                assert found == pytest.approx(influence_error(features, labels), rel=0.1)
            report = evaluate(features, labels)
            assert found == pytest.approx(report.h_score_standard_error, rel=1e-4)
    again = transfer_matrix({"x": x, "y": x[:, :10]}, targets, n_threads=n_threads)
    assert np.array_equal(again.standard_errors, matrix.standard_errors)


@pytest.mark.parametrize("n_features", [3, 30, 80])
def test_standard_errors_are_those_of_leaving_out_each_row(n_features):
    x, y = make_problem(120, n_features, 3)
    (found,) = transfer_matrix({"x": x}, {"y": y}).standard_errors
    assert found[0] == pytest.approx(jackknife_error(x, y), rel=0.08)


@pytest.mark.parametrize("order", ["sorted", "periodic", "shuffled"])
def test_a_sample_of_rows_serves_in_any_order_of_the_labels(order):
    rng = np.random.default_rng(8)
    y = rng.integers(0, 6, 20_000)
    y = {"sorted": np.sort(y), "periodic": np.arange(20_000) % 6, "shuffled": y}[order]
    x = rng.standard_normal((20_000, 8)) + 0.8 * np.eye(6, 8)[y]
    (found,) = transfer_matrix({"x": x}, {"y": y}).standard_errors
    # The promised error is 2 %.
    assert found[0] == pytest.approx(influence_error(x, y), rel=0.08)


@pytest.mark.slow
@pytest.mark.parametrize(("n_samples", "n_features"), [(400, 8), (400, 100), (400, 240)])
def test_standard_errors_are_the_spread_of_the_score(n_samples, n_features):
    rng = np.random.default_rng(0)
    scores, errors = [], []
    for _ in range(250):
        y = rng.integers(0, 4, n_samples)
        x = rng.standard_normal((n_samples, n_features)) + np.eye(4, n_features)[y]
        matrix = transfer_matrix({"x": x}, {"y": y}, n_threads=1)
        scores.append(matrix.scores[0, 0])
        errors.append(matrix.standard_errors[0, 0])
    # With many features it errs on the safe side.
    assert 0.9 < np.mean(errors) / np.std(scores) < 1.25


@given(st.integers(0, 2**31), st.integers(1, 10), st.integers(1, 4), st.integers(2, 6))
def test_any_problem(seed, width, n_targets, n_classes):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(max(width + 3, n_classes), 90))
    sources = {f"s{k}": rng.standard_normal((n, width)) for k in range(3)}
    targets = {f"t{k}": make_labels(rng, n, n_classes) for k in range(n_targets)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        matrix = transfer_matrix(sources, targets)
        for row, x in enumerate(sources.values()):
            for column, y in enumerate(targets.values()):
                assert matrix.scores[row, column] == pytest.approx(
                    h_score(x, y), rel=1e-9, abs=1e-12
                )
                assert matrix.standard_errors[row, column] == pytest.approx(
                    evaluate(x, y).h_score_standard_error, rel=1e-3, abs=1e-6
                )
    assert (matrix.normalized("bound") <= 1 + 1e-9).all()
    assert np.nanmax(matrix.normalized("column"), axis=0) == pytest.approx(1)


def test_regularized():
    sources, targets = problem()
    matrix = transfer_matrix(sources, targets, by="regularized_h_score", shrinkage=0.2)
    expected = [
        [regularized_h_score(x, y, shrinkage=0.2) for y in targets.values()]
        for x in sources.values()
    ]
    np.testing.assert_allclose(matrix.scores, expected, rtol=1e-9)
    assert matrix.adjusted is matrix.h_scores is None
    assert matrix.standard_errors is None
    with pytest.raises(ValueError, match="no adjusted: the matrix was regularized"):
        matrix.normalized(of="adjusted")
    assert str(matrix).startswith("regularized H-score\n")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_files(tmp_path, save):
    """Those that are mapped, and those that would otherwise be read in blocks."""
    sources, targets = problem()
    for name, x in sources.items():
        save(tmp_path / f"{name}.npz", x)
    np.savez_compressed(tmp_path / "y.npz", **targets)
    matrix = transfer_matrix(
        {name: tmp_path / f"{name}.npz" for name in sources},
        {name: f"{tmp_path}/y.npz:{name}" for name in targets},
    )
    expected = transfer_matrix(sources, targets)
    np.testing.assert_array_equal(matrix.scores, expected.scores)
    np.testing.assert_array_equal(matrix.standard_errors, expected.standard_errors)
    assert transfer_matrix(sources, targets, errors=False).standard_errors is None


def test_adjusted():
    sources, targets = problem()
    matrix = transfer_matrix(sources, targets, by="adjusted_h_score")
    plain = transfer_matrix(sources, targets)
    np.testing.assert_array_equal(matrix.scores, plain.adjusted)
    np.testing.assert_array_equal(matrix.h_scores, plain.scores)
    for row, x in enumerate(sources.values()):
        report = evaluate(x, targets["four"])
        assert matrix.standard_errors[row, 0] == pytest.approx(report.standard_error, rel=1e-4)
    assert str(matrix).startswith("adjusted H-score, +- standard error\n")


def small(scores, sources=("a", "b"), targets=("a", "b"), **changes):
    scores = np.array(scores, float)
    facts = {
        "standard_errors": np.full(scores.shape, 0.01),
        "ranks": np.full(len(scores), 10),
        "n_samples": 101,
        "n_classes": np.full(scores.shape[1], 3),
        "by": "h_score",
        "n_features": np.full(len(scores), 10),
        "h_scores": scores,
    }
    return TransferMatrix(tuple(sources), tuple(targets), scores, **{**facts, **changes})


def test_normalization():
    matrix = small([[1.0, 0.5], [0.5, 2.0]])
    np.testing.assert_allclose(matrix.normalized(), [[0.5, 0.25], [0.25, 1]])
    np.testing.assert_allclose(matrix.normalized("column"), [[1, 0.25], [0.5, 1]])
    np.testing.assert_allclose(matrix.normalized("diagonal"), [[1, 0.25], [0.5, 1]])
    swapped = matrix.subset(["b", "a"])
    np.testing.assert_allclose(swapped.normalized("diagonal"), [[0.5, 1], [1, 0.25]])
    # q - (q - H) M / (M - r) with M = 100, r = 10
    np.testing.assert_allclose(matrix.adjusted[0], [2 - 1 / 0.9, 2 - 1.5 / 0.9])
    np.testing.assert_allclose(
        matrix.normalized("bound", of="adjusted"), np.array(matrix.adjusted) / 2
    )
    nothing = small([[0.0, 1.0], [0.0, 0.5]])
    assert np.isnan(nothing.normalized("column")[:, 0]).all()
    with pytest.raises(ValueError, match=r"of 'a' on 'a' is nan: leave it out"):
        nothing.hierarchy()


def test_subset_keeps_what_belongs_together():
    sources, targets = problem()
    matrix = transfer_matrix(sources, targets)
    part = matrix.subset(["whole", "wide"], ["noise", "two"])
    direct = transfer_matrix(
        {k: sources[k] for k in ("whole", "wide")}, {k: targets[k] for k in ("noise", "two")}
    )
    assert (part.sources, part.targets) == (direct.sources, direct.targets)
    np.testing.assert_allclose(part.scores, direct.scores, rtol=1e-12)
    np.testing.assert_allclose(part.adjusted, direct.adjusted, rtol=1e-9)
    np.testing.assert_allclose(part.standard_errors, direct.standard_errors, rtol=1e-5)


def test_consensus_is_that_of_the_normalized_scores():
    images, digits = load_digits()
    matrix = transfer_matrix(
        {"all": images, "some": images[:, :40], "few": images[:, :20]},
        {"digit": digits, "odd": digits % 2, "big": digits > 4},
    )
    found = matrix.consensus()
    assert list(found) == ["all", "some", "few"]
    np.testing.assert_allclose(
        list(found.values()), consensus(matrix.scores, method="spectral"), rtol=1e-9
    )
    mean = matrix.consensus("mean")
    np.testing.assert_allclose(list(mean.values()), matrix.normalized().mean(axis=1), rtol=1e-12)


def test_it_prints_as_a_table():
    matrix = small([[1.0, 0.5], [0.5, 2.0]], targets=("digit", "<b>odd</b>"))
    assert str(matrix).splitlines() == [
        "H-score, +- standard error",
        "            digit      <b>odd</b>",
        "a  1.000 +- 0.010  0.500 +- 0.010",
        "b  0.500 +- 0.010  2.000 +- 0.010",
    ]
    shown = matrix._repr_html_()
    assert "&lt;b&gt;odd&lt;/b&gt;" in shown
    assert "<b>" not in shown
    assert shown.count("<tr>") == 3
    assert repr(matrix) == "<TransferMatrix: 2 sources, 2 targets>"
    wide = small(np.ones((1, 30)), ["a"], [f"t{k}" for k in range(30)], n_classes=np.full(30, 3))
    assert "... 19 more" in str(wide)
    assert "t11" not in str(wide)


def test_it_turns_into_data():
    sources, targets = problem()
    matrix = transfer_matrix(sources, targets)
    facts = json.loads(matrix.to_json())
    assert facts == matrix.to_dict()
    assert list(facts) == [
        *("sources", "targets", "by", "scores", "standard_errors", "h_scores", "adjusted", "best"),
        *("ranks", "n_samples", "n_classes", "n_features", "left_out"),
    ]
    np.testing.assert_array_equal(facts["scores"], matrix.scores)
    pytest.importorskip("pandas")
    for kind in ("scores", "adjusted", "h_scores", "standard_errors"):
        table = matrix.to_pandas(kind)
        assert table.loc["narrow", "two"] == getattr(matrix, kind)[1, 2]
    with pytest.raises(ValueError, match="of must be one of"):
        matrix.to_pandas("errors")


def test_a_saturated_source_is_undefined_and_says_so():
    x, y = make_problem(20, 5, 3)
    wide = np.random.default_rng(0).standard_normal((20, 40))
    with pytest.warns(SaturationWarning, match=r"sources\['wide'\]: the features have rank 19"):
        matrix = transfer_matrix({"x": x, "wide": wide}, {"y": y, "two": y > 0})
    assert matrix.scores[1].tolist() == [2, 1]
    assert np.isnan(matrix.adjusted[1]).all()
    assert np.isnan(matrix.standard_errors[1]).all()
    assert np.isfinite(matrix.adjusted[0]).all()
    assert json.loads(matrix.to_json())["adjusted"][1] == [None, None]


def test_warnings_are_given_once():
    sources, targets = problem()
    with pytest.warns(SingleClassWarning, match=r"1 of 5 targets.*targets\['one'\]") as told:
        matrix = transfer_matrix(sources, {**targets, "one": np.zeros(300)})
    assert len(told) == 1
    assert matrix.scores[:, 4].tolist() == [0, 0, 0]
    assert matrix.adjusted[:, 4].tolist() == [0, 0, 0]
    assert np.abs(matrix.standard_errors[:, 4]).max() < 1e-12
    x = sources["wide"]
    near = np.concatenate([x, x[:, :1] + 5e-6 * np.sin(9 * x[:, 1:2])], axis=1)
    with pytest.warns(PrecisionWarning, match=r"2 sources, the first sources\['a'\]") as told:
        transfer_matrix({"a": near, "x": x, "b": near}, targets)
    assert len(told) == 1
    assert told[0].filename == __file__


def test_progress_counts_scores():
    sources, targets = problem()
    told: list[tuple[int, int]] = []
    transfer_matrix(sources, targets, progress=lambda *at: told.append(at))
    assert told == sorted(told)
    assert told[-1] == (12, 12)

    def stop(done: int, total: int) -> None:
        raise InterruptedError(f"at {done} of {total}")

    with pytest.raises(InterruptedError, match="of 12"):
        transfer_matrix(sources, targets, progress=stop)


X, Y = make_problem(30, 3, 2)


@pytest.mark.parametrize(
    ("sources", "targets", "options", "error", "words"),
    [
        ([X], {"y": Y}, {}, TypeError, "sources must be a mapping of names"),
        ({"x": X}, [Y], {}, TypeError, "targets must be a mapping of names to labels"),
        ({}, {"y": Y}, {}, ValueError, "sources must hold at least one"),
        ({"x": X}, {}, {}, ValueError, "targets must hold at least one"),
        ({1: X}, {"y": Y}, {}, TypeError, "names of sources must be str, got 1"),
        ({"x": X}, {"y": [None] * 30}, {}, ValueError, r"targets\['y'\]: .*missing"),
        ({"x": X, "z": X[1:]}, {"y": Y}, {}, ValueError, r"sources\['z'\]: .*29 rows.*30 labels"),
        ({"x": X * np.nan}, {"y": Y}, {}, ValueError, r"sources\['x'\]: .*not finite"),
        ({"x": "none.npy"}, {"y": Y}, {}, FileNotFoundError, r"sources\['x'\]: no such file"),
        ({"x": X}, {"y": "none.npy"}, {}, FileNotFoundError, "no such file"),
        ({"x": X}, {"y": Y}, {"precision": "high"}, ValueError, "precision"),
        ({"x": X}, {"y": Y}, {"by": "accuracy"}, ValueError, "by must be one of 'cross_val"),
        ({"x": X}, {"y": Y}, {"groups": Y}, ValueError, "groups need by='cross_validated_h_sc"),
        ({"x": X}, {"y": Y}, {"n_threads": 0}, ValueError, "n_threads"),
        ({"x": X}, {"y": Y}, {"progress": 1}, TypeError, "progress"),
    ],
)
def test_what_is_refused(sources, targets, options, error, words):
    with pytest.raises(error, match=words):
        transfer_matrix(sources, targets, **options)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.normalized("row"), "by must be one of 'bound', 'column', 'diagonal'"),
        (lambda m: m.normalized(of="best"), "of must be one of 'scores', 'adjusted', 'h_scores'"),
        (lambda m: m.normalized("diagonal"), "none of 'c': leave it out with subset"),
        (lambda m: m.curriculum(), "no target is called 'b' and no source is called 'c'"),
        (lambda m: m.subset(["a", "x"]), "sources must be among 'a', 'b', got 'x'"),
        (lambda m: m.subset(targets="a"), "targets must be a sequence"),
        (lambda m: m.subset(["a"]).hierarchy(), "at least two sources, got 1"),
        (lambda m: m.hierarchy(method="nearest"), "nearest"),
    ],
)
def test_what_a_matrix_refuses(call, words):
    with pytest.raises(ValueError, match=re.compile(words, re.IGNORECASE)):
        call(small([[1.0, 0.5], [0.5, 2.0]], targets=("a", "c")))
