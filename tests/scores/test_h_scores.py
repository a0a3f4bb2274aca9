"""Many targets from one pass: each score is that of a call of its own."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import make_labels, make_problem

from hscore_fast import (
    HScoreWarning,
    SaturationWarning,
    SingleClassWarning,
    h_score,
    h_scores,
    regularized_h_score,
)


def draw_targets(n_samples: int, n_targets: int, n_classes: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([make_labels(rng, n_samples, n_classes) for _ in range(n_targets)])


# Few classes in all take the way by class sums, many that by whitened rows.
SHAPES = [(500, 20, 3, 4), (500, 20, 60, 16), (700, 130, 100, 5), (601, 33, 7, 200)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_equals_single_calls(shape, n_threads) -> None:
    n_samples, n_features, n_targets, n_classes = shape
    x, y = make_problem(n_samples, n_features)
    targets = draw_targets(n_samples, n_targets, n_classes)
    targets[0] = y
    found = h_scores(x, targets, n_threads=n_threads)
    expected = [h_score(x, target, precision="float64") for target in targets]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    rough = h_scores(x, targets, n_threads=n_threads, precision="float32")
    np.testing.assert_allclose(rough, expected, rtol=1e-6)
    narrow = h_scores(x.astype(np.float32), targets, n_threads=n_threads)
    single = [h_score(x.astype(np.float32), t, precision="float64") for t in targets]
    np.testing.assert_allclose(narrow, single, rtol=1e-6)
    assert np.array_equal(h_scores(x, targets, n_threads=n_threads), found)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("convention", ["tllib", "paper"])
@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas", 0.3, 0.0, 1.0])
def test_regularized_equals_single_calls(shape, convention, shrinkage) -> None:
    n_samples, n_features, n_targets, n_classes = shape
    x, _ = make_problem(n_samples, n_features)
    targets = draw_targets(n_samples, n_targets, n_classes)[:20]
    options = {"shrinkage": shrinkage, "convention": convention}
    found = h_scores(x, targets, regularized=True, **options)
    expected = [regularized_h_score(x, t, precision="float64", **options) for t in targets]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


def test_fewer_rows_than_features_regularized() -> None:
    x, _ = make_problem(60, 90, 3)
    targets = draw_targets(60, 40, 4)
    expected = [regularized_h_score(x, t) for t in targets]
    np.testing.assert_allclose(h_scores(x, targets, regularized=True), expected, rtol=1e-10)


@pytest.mark.parametrize("n_targets", [3, 200])
@pytest.mark.parametrize("kind", ["dependent", "offset", "scales", "integers"])
def test_hard_features(kind, n_targets) -> None:
    x, _ = make_problem(400, 24, 5)
    if kind == "dependent":
        x = np.concatenate([x[:, :10] @ np.ones((10, 6)), x, x[:, :5], np.ones((400, 2))], axis=1)
    elif kind == "offset":
        x += 1e6
    elif kind == "scales":
        x *= np.geomspace(1e-8, 1e8, 24)
    else:
        x = np.asfortranarray(np.round(10 * x).astype(np.int16))
    targets = draw_targets(400, n_targets, 6)
    expected = [h_score(x, target, precision="float64") for target in targets]
    np.testing.assert_allclose(h_scores(x, targets), expected, rtol=1e-9)


@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 9), st.integers(2, 7))
def test_any_problem(seed, n_features, n_targets, n_classes) -> None:
    rng = np.random.default_rng(seed)
    n_samples = int(rng.integers(max(n_features + 2, n_classes), 90))
    x = rng.standard_normal((n_samples, n_features))
    targets = [make_labels(rng, n_samples, n_classes) for _ in range(n_targets)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HScoreWarning)
        expected = [h_score(x, target) for target in targets]
        np.testing.assert_allclose(h_scores(x, targets), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas", 0.3, 0.0, 1.0])
def test_a_first_target_of_one_class_spoils_no_other(shrinkage) -> None:
    x, y = make_problem(120, 6, 4)
    options = {"regularized": True, "shrinkage": shrinkage}
    with pytest.warns(SingleClassWarning):
        found = h_scores(x, [np.zeros(120), y], **options)
    np.testing.assert_allclose(found, [0, h_scores(x, [y], **options)[0]], rtol=1e-13)


def test_targets_of_different_kinds() -> None:
    x, y = make_problem(120, 6, 4)
    names = np.array(["ant", "bee", "cow", "dog"])[y]
    targets = [y, names, np.eye(4)[y], names.tolist(), -y, y[:, None], y > 1]
    found = h_scores(x, targets)
    np.testing.assert_allclose(found[:6], h_score(x, y), rtol=1e-12)
    assert found[6] == pytest.approx(h_score(x, y > 1), rel=1e-12)
    assert h_scores(x, iter(targets)).tolist() == found.tolist()


def test_warnings_are_given_once_and_name_the_target() -> None:
    x, y = make_problem(50, 4, 3)
    with pytest.warns(SingleClassWarning, match=r"1 of 3 targets, the first targets\[1\]") as told:
        found = h_scores(x, [y, np.zeros(50), y])
    assert len(told) == 1
    assert found[1] == 0
    with pytest.warns(SaturationWarning, match="every H-score is the number of classes less one"):
        assert h_scores(x[:5], [y[:5] * 0 + [0, 1, 2, 0, 1], [0, 1, 0, 1, 0]]).tolist() == [2, 1]


def test_progress_counts_targets() -> None:
    x, _ = make_problem(300, 8, 3)
    told: list[tuple[int, int]] = []
    h_scores(x, draw_targets(300, 150, 4), progress=lambda *at: told.append(at))
    assert told == sorted(told)
    assert told[-1] == (150, 150)

    def stop(done: int, total: int) -> None:
        raise InterruptedError(f"at {done} of {total}")

    with pytest.raises(InterruptedError, match="of 150"):
        h_scores(x, draw_targets(300, 150, 4), progress=stop)


X, Y = make_problem(30, 3, 2)


@pytest.mark.parametrize(
    ("features", "targets", "options", "error", "words"),
    [
        (X, [], {}, ValueError, "at least one"),
        (X, Y, {}, ValueError, "use h_score"),
        (X, [3, 4], {}, ValueError, r"targets\[0\] is the single value 3"),
        (X, [Y, Y[1:]], {}, ValueError, r"targets\[1\] .* got 29 labels for 30 rows"),
        (X, np.stack([Y] * 5).T, {}, ValueError, "transpose"),
        (X, [Y, [None] * 30], {}, ValueError, r"targets\[1\]: .*missing"),
        (X, [Y], {"precision": "high"}, ValueError, "precision"),
        (X, [Y], {"shrinkage": "none"}, ValueError, "shrinkage"),
        (X, [Y], {"tol": 2}, ValueError, "tol"),
        (X, [Y], {"progress": 3}, TypeError, "progress"),
        (X[:1], [Y[:1]], {}, ValueError, "at least 2 rows"),
        (X * np.nan, [Y], {}, ValueError, "not finite"),
        (X * 1e200, [Y], {}, ValueError, "overflow"),
        (X.astype(complex), [Y], {}, TypeError, "real numbers"),
    ],
)
def test_what_is_refused(features, targets, options, error, words) -> None:
    with pytest.raises(error, match=words):
        h_scores(features, targets, **options)


def test_values_that_need_not_be_finite() -> None:
    assert np.isnan(h_scores(X * np.nan, [Y, Y], check_finite=False)).all()


def test_columns_without_end_are_refused_at_once() -> None:
    with pytest.raises(MemoryError, match="1099511627776"):
        h_scores(np.broadcast_to(np.float32(1), (40, 2**40)), [np.arange(40) % 3])
