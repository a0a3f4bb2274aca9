"""Targets that are values: several labels a row and continuous ones, against orthonormal bases."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import make_problem

from hscore_fast import (
    HScoreWarning,
    PrecisionWarning,
    SaturationWarning,
    SingleClassWarning,
    adjusted_h_score,
    chance_level,
    h_score,
    regularized_h_score,
)


def basis_of(x: NDArray, rtol: float = 1e-9) -> NDArray:
    """Give an orthonormal basis of the centred columns, each brought to length one before."""
    x = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
    centred = x - x.mean(axis=0)
    centred -= centred.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    alive = length > 1e-13 * np.linalg.norm(x, axis=0)
    basis, sizes, _ = np.linalg.svd(centred[:, alive] / length[alive], full_matrices=False)
    return basis[:, sizes > rtol * sizes.max(initial=0)]


def canonical(x: NDArray, y: NDArray) -> float:
    """Sum the squared canonical correlations: singular values of the bases' product."""
    return float((np.linalg.svd(basis_of(x).T @ basis_of(y), compute_uv=False) ** 2).sum())


def draw(n: int = 150, width: int = 8, targets: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, width)) @ rng.standard_normal((width, width)) + 5
    y = x[:, :targets] @ rng.standard_normal((min(width, targets), targets))
    return x, y + 3 * rng.standard_normal((n, targets)) - 7


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("n", "width", "targets"), [(150, 8, 3), (150, 3, 8), (60, 40, 1), (40, 30, 30), (2_000, 70, 5)]
)
def test_equals_the_bases(n, width, targets, dtype) -> None:
    x, y = draw(n, width, min(targets, width), seed=n + targets)
    if targets > width:
        y = np.column_stack([y, np.random.default_rng(9).standard_normal((n, targets - width))])
    x, y = x.astype(dtype), y.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        assert h_score(x, y, task="regression") == pytest.approx(canonical(x, y), abs=1e-10)


def test_several_labels_a_row() -> None:
    x, y = draw()
    labels = y > y.mean(axis=0)
    labels[:, 1] |= labels[:, 0]
    expected = canonical(x, labels)
    assert h_score(x, labels, task="multilabel") == pytest.approx(expected, abs=1e-10)
    assert h_score(x, labels * 1.0, task="regression") == pytest.approx(expected, abs=1e-12)


def test_one_target_is_r_squared() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = draw()
    fit = linear_model.LinearRegression().fit(x, y[:, 0])
    r2 = fit.score(x, y[:, 0])
    assert h_score(x, y[:, 0], task="regression") == pytest.approx(r2, abs=1e-12)
    adjusted = 1 - (1 - r2) * 149 / (149 - 8)
    assert adjusted_h_score(x, y[:, 0], task="regression") == pytest.approx(adjusted, abs=1e-12)


def test_equals_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.cross_decomposition")
    x, y = draw()
    cca = decomposition.CCA(n_components=3, max_iter=10_000, tol=1e-14).fit(x, y)
    pairs = zip(*(scores.T for scores in cca.transform(x, y)), strict=True)
    expected = sum(np.corrcoef(a, b)[0, 1] ** 2 for a, b in pairs)
    assert h_score(x, y, task="regression") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_one_hot_targets_score_as_classes(seed, task) -> None:
    x, labels = make_problem(400, 12, 5, seed=seed)
    one_hot = np.unique(labels)[None] == np.asarray(labels)[:, None]
    for function in (h_score, adjusted_h_score, chance_level, regularized_h_score):
        expected = function(x, labels)
        assert function(x, one_hot, task=task) == pytest.approx(expected, abs=1e-12)
        assert function(x, one_hot[:, 1:], task=task) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("convention", ["tllib", "paper"])
@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas", 0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(150, 8), (30, 45)])
def test_regularized(shrinkage, convention, shape) -> None:
    """By the formula, with the intensity of scikit-learn."""
    n, width = shape
    x, y = draw(n, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        options = {"shrinkage": shrinkage, "convention": convention, "task": "regression"}
        found = regularized_h_score(x, y, **options)
        labels = np.arange(n) % 4
        one_hot = np.eye(4)[labels]
        assert regularized_h_score(x, one_hot, **options) == pytest.approx(
            regularized_h_score(x, labels, shrinkage=shrinkage, convention=convention), abs=1e-10
        )
    if shrinkage == 0.0 and width > n:
        return  # decided by the rank rule
    intensity = shrinkage
    if isinstance(shrinkage, str):
        covariance = pytest.importorskip("sklearn.covariance")
        rule = {"ledoit_wolf": covariance.ledoit_wolf, "oas": covariance.oas}[shrinkage]
        intensity = rule(x)[1]
    centred = x - x.mean(axis=0)
    cov = centred.T @ centred / n
    shrunk = (1 - intensity) * cov + intensity * np.trace(cov) / width * np.eye(width)
    between = centred.T @ basis_of(y)
    divisor = n if convention == "paper" else n - 1
    expected = (1 - intensity) * np.trace(np.linalg.solve(shrunk, between @ between.T)) / divisor
    assert found == pytest.approx(expected, abs=1e-10)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), task=st.sampled_from(["multilabel", "regression"]))
def test_invertible_maps_of_either_side_change_nothing(seed, task) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((80, 5))
    y = x[:, :3] + 2 * rng.standard_normal((80, 3))
    if task == "multilabel":
        y = (y > y.mean(axis=0)) * 1.0
    expected = h_score(x, y, task=task)

    def mapped(z):
        turn = np.linalg.qr(rng.standard_normal((z.shape[1], z.shape[1])))[0]
        scale = 2.0 ** rng.integers(-3, 4, z.shape[1])
        unit = 10.0 ** rng.integers(-6, 7)
        return ((z * scale) @ turn + rng.standard_normal(z.shape[1])) * unit

    order = rng.permutation(80)
    assert h_score(x, mapped(y), task="regression") == pytest.approx(expected, abs=1e-10)
    assert h_score(mapped(x), y, task=task) == pytest.approx(expected, abs=1e-10)
    assert h_score(x[order], y[order], task=task) == pytest.approx(expected, abs=1e-12)
    # The roles can be exchanged.
    assert h_score(y, x, task="regression") == pytest.approx(expected, abs=1e-12)


def test_dependent_and_constant_targets_add_nothing() -> None:
    x, y = draw()
    expected = h_score(x, y, task="regression")
    for more in (y[:, :1] + 2 * y[:, 1:2], np.full((150, 1), 1e6 + 0.1), y[:, :1], y[:, :1] * 1e9):
        both = np.column_stack([y, more])
        assert h_score(x, both, task="regression") == pytest.approx(expected, abs=1e-11)
        assert chance_level(x, both, task="regression") == pytest.approx(8 * 3 / 149, abs=1e-14)


def test_an_offset_costs_no_digits() -> None:
    """Targets of 1e6 standard deviations from 0, rounded once."""
    x, y = draw()
    y = np.round(y * 2.0**10) / 2.0**10
    expected = h_score(x, y, task="regression")
    assert h_score(x, y + 2.0**30, task="regression") == pytest.approx(expected, abs=1e-12)


def test_exact_numbers() -> None:
    """R^2 of one feature is a fraction."""
    x, y = [3, 1, 4, 1, 5], [2, 7, 1, 8, 2]
    n = 5
    sxy = n * sum(a * b for a, b in zip(x, y, strict=True)) - sum(x) * sum(y)
    sxx = n * sum(a * a for a in x) - sum(x) ** 2
    syy = n * sum(b * b for b in y) - sum(y) ** 2
    expected = float(Fraction(sxy**2, sxx * syy))
    assert h_score(x, y, task="regression") == pytest.approx(expected, abs=1e-15)


def test_chance_level_is_the_mean_over_permutations() -> None:
    x, y = draw(12, 3, 2)
    rng = np.random.default_rng(0)
    scores = [h_score(x, y[rng.permutation(12)], task="regression") for _ in range(800)]
    expected = chance_level(x, y, task="regression")
    assert expected == pytest.approx(3 * 2 / 11)
    assert np.mean(scores) == pytest.approx(expected, abs=4 * np.std(scores) / 800**0.5)


def test_more_features_than_rows() -> None:
    x, y = draw(20, 40)
    with pytest.warns(SaturationWarning, match="whatever the labels are"):
        assert h_score(x, y, task="regression") == 3
    with pytest.warns(SaturationWarning, match="undefined"):
        assert np.isnan(adjusted_h_score(x, y, task="regression"))


def test_more_targets_than_rows() -> None:
    x, y = draw(20, 4, 4)
    many = np.column_stack([y, np.random.default_rng(0).standard_normal((20, 40))])
    with pytest.warns(SaturationWarning, match=r"rank 19 .* for any features"):
        assert h_score(x, many, task="regression") == 4


@pytest.mark.parametrize("function", [h_score, adjusted_h_score, regularized_h_score])
def test_constant_targets(function) -> None:
    x, _ = draw()
    with pytest.warns(SingleClassWarning, match="varies in no column"):
        assert function(x, np.ones((150, 2)), task="multilabel") == 0


def test_near_duplicates_are_warned_of() -> None:
    x, y = draw()
    x = np.column_stack([x, x[:, 0] + 1e-5 * y[:, 0]])
    with pytest.warns(PrecisionWarning):
        h_score(x, y, task="regression")


@pytest.mark.parametrize("kind", ["npz", "npy", "parquet", "list", "strided", "int8", "bfloat16"])
def test_any_input(kind, tmp_path) -> None:
    x, y = draw(2_500, 6, 2)
    x, y = np.round(8 * x), np.round(8 * y)
    features, labels = x, y
    if kind == "npz":
        np.savez_compressed(tmp_path / "f.npz", x=x, y=y)
        features, labels = f"{tmp_path}/f.npz:x", f"{tmp_path}/f.npz:y"
    elif kind == "npy":
        np.save(tmp_path / "x.npy", x)
        np.save(tmp_path / "y.npy", y)
        features, labels = tmp_path / "x.npy", tmp_path / "y.npy"
    elif kind == "parquet":
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        names = ["a", "b", "c", "d", "e", "f"]
        table = pandas.DataFrame(np.column_stack([x, y[:, :1]]), columns=[*names, "target"])
        table.to_parquet(tmp_path / "t.parquet")
        features, labels = tmp_path / "t.parquet", f"{tmp_path}/t.parquet:target"
        y = y[:, :1]
    elif kind == "list":
        features, labels = x.tolist(), y.tolist()
    elif kind == "strided":
        features, labels = np.repeat(x, 2, axis=1)[:, ::2], np.asfortranarray(y)[:, ::-1]
    elif kind == "int8":
        features = np.clip(x, -100, 100).astype(np.int8)
        x = features
    else:
        torch = pytest.importorskip("torch")
        features = torch.tensor(x).bfloat16()
        x = features.double().numpy()
    for function in (h_score, regularized_h_score):
        expected = function(x, y, task="regression")
        assert function(features, labels, task="regression") == pytest.approx(expected, abs=1e-12)
    assert h_score(x, y, task="regression") == pytest.approx(canonical(x, y), abs=1e-10)


def test_a_table_and_targets_of_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    x, y = draw()
    table = pandas.DataFrame(np.column_stack([x, y]), columns=[*"abcdefgh", "u", "v", "w"])
    found = h_score(table, table[["u", "v", "w"]], task="regression")
    assert found == pytest.approx(h_score(x, y, task="regression"), abs=1e-12)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_progress_and_threads(n_threads) -> None:
    x, y = draw(3_000, 64, 3)
    told: list[tuple[int, int]] = []
    found = h_score(
        x, y, task="regression", n_threads=n_threads, progress=lambda *done: told.append(done)
    )
    assert found == pytest.approx(canonical(x, y), abs=1e-10)
    assert all(total == 3_000 for _, total in told)


def test_values_that_are_not_finite() -> None:
    x, y = draw()
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"features has 1 value .* row 3, column 2"):
        h_score(x, y, task="regression")
    for function in (h_score, adjusted_h_score, regularized_h_score):
        assert np.isnan(function(x, y, task="regression", check_finite=False))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "continuous"}, "task must be one of 'classes', 'multilabel', 'regression'"),
        ({"task": "multilabel"}, "labels has 450 values that are not 0 or 1, the first"),
        ({"task": "classes"}, "neither one column nor one-hot.*multilabel"),
        ({"task": "regression", "precision": "float32"}, "precision must be 'auto' or 'float64'"),
        ({"task": "regression", "precision": "high"}, "precision must be"),
        ({"task": "regression", "ignore_label": -100}, 'ignore_label is for task="classes"'),
    ],
)
@pytest.mark.parametrize("function", [h_score, adjusted_h_score, chance_level, regularized_h_score])
def test_refusals(function, options, message) -> None:
    x, y = draw()
    with pytest.raises(ValueError, match=message):
        function(x, y, **options)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.full(150, "a"), TypeError, "must be real numbers"),
        (np.ones((150, 2, 2)), ValueError, "must have shape"),
        (np.ones((150, 0)), ValueError, "must have shape"),
        (np.arange(149), ValueError, "one entry per row"),
        (np.where(np.arange(150) == 4, np.nan, 1), ValueError, r"\(nan\) in row 4, column 0"),
        (np.arange(150) + 1j, TypeError, "must be real numbers"),
        (np.ma.masked_equal(np.arange(150), 3), TypeError, "masked"),
        (np.array(["2020-01-01"] * 150, "datetime64[D]"), TypeError, "must be real numbers"),
    ],
)
def test_targets_that_are_none(labels, error, message) -> None:
    x, _ = draw()
    with pytest.raises(error, match=message):
        h_score(x, labels, task="regression")


def test_floats_are_never_guessed_to_be_values() -> None:
    x, y = draw()
    with pytest.raises(ValueError, match='task="regression"'):
        h_score(x, y[:, 0])


def test_no_warning_where_there_is_nothing_to_warn_of() -> None:
    x, y = draw(2_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", HScoreWarning)
        h_score(x, y, task="regression")
        adjusted_h_score(x, y[:, 0], task="regression")
        regularized_h_score(x, y > 0, task="multilabel")
