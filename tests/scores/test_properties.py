"""What the H-score owes to its definition, on inputs that hypothesis draws.

The features are small whole numbers, so that shifts and maps by whole numbers are exact and every
rank is a rank of the bits; ``gold`` knows it. The few draws whose rank hangs on a hair are left
out.
"""

from contextlib import suppress
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import EPS, Gold, gold

from hscore_fast import (
    Moments,
    adjusted_h_score,
    chance_level,
    h_score,
    regularized_h_score,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::hscore_fast.SaturationWarning"),
    pytest.mark.filterwarnings("ignore::hscore_fast.SingleClassWarning"),
]

CLOSE = 1e-9

DTYPES: list[type] = [
    *(np.float64, np.float32, np.float16, np.bool_),
    *(np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
]
with suppress(ImportError):  # small whole numbers, which its eight bits hold exactly
    import ml_dtypes

    DTYPES.append(ml_dtypes.bfloat16)


class Problem:
    """Features, labels, their exact score, and a source of chance for what is done to them."""

    def __init__(self, x: NDArray, y: NDArray, rng: np.random.Generator) -> None:
        self.x, self.y, self.rng = x, y, rng
        self.truth: Gold = gold(x, y)
        self.n_classes = len(np.unique(y))

    def __repr__(self) -> str:
        return f"x = np.array({self.x.tolist()}, {self.x.dtype})\ny = np.array({self.y.tolist()})"


@st.composite
def problems(draw: st.DrawFn, max_samples: int = 60, min_classes: int = 1) -> Problem:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_samples = draw(st.integers(max(3, min_classes), max_samples))
    n_features = draw(st.integers(1, 14))
    rank = draw(st.integers(1, n_features))
    n_classes = draw(st.integers(min_classes, min(7, n_samples)))
    imbalance = draw(st.sampled_from([0.0, 1.0, 4.0]))
    dtype = draw(st.sampled_from(DTYPES))
    share = np.exp(-imbalance * np.arange(n_classes))
    y = rng.choice(n_classes, size=n_samples, p=share / share.sum())
    y[rng.permutation(n_samples)[:min_classes]] = np.arange(min_classes)
    if dtype is np.bool_:
        x = (rng.random((n_samples, rank)) < 0.4)[:, rng.integers(0, rank, n_features)]
    else:
        x = rng.integers(-3, 4, (n_samples, rank)) + y[:, None] * rng.integers(0, 2, rank)
        if rank < n_features:
            x = x @ rng.integers(-1, 2, (rank, n_features))
        x = np.clip(x, -100, 100)
        x = (x + 100 if np.dtype(dtype).kind == "u" else x).astype(dtype)
    problem = Problem(x, y, rng)
    assume(problem.truth.pivot > 1e-6)
    return problem


def score(x: NDArray, y: NDArray) -> float:
    return h_score(x, y, precision="float64")


def assert_score(x: NDArray, y: NDArray, expected: float) -> None:
    """Compare to within what the condition allows, which few draws bring far above 1e-12."""
    pivot = gold(x, y).pivot
    assume(pivot > 1e-6)
    assert score(x, y) == pytest.approx(expected, rel=0, abs=1e-12 + 10 * EPS / pivot)


@given(problems())
def test_equals_the_exact_score(problem: Problem) -> None:
    assert_score(problem.x, problem.y, problem.truth.h_score)
    for precision in ("auto", "high"):
        found = h_score(problem.x, problem.y, precision=precision)
        assert found == pytest.approx(problem.truth.h_score, rel=1e-6, abs=CLOSE)


@given(problems())
def test_bounds(problem: Problem) -> None:
    most = problem.n_classes - 1
    rank, free = problem.truth.rank, len(problem.y) - 1
    found = score(problem.x, problem.y)
    assert max(0, rank + most - free) - CLOSE <= found <= min(rank, most) + CLOSE
    if rank == free:
        assert found == pytest.approx(most, abs=CLOSE)


@given(problems())
def test_never_outside_zero_and_classes_less_one(problem: Problem) -> None:
    """Rounding included: callers take square roots and logarithms of it."""
    assert 0 <= score(problem.x, problem.y) <= problem.n_classes - 1


@given(problems())
def test_rows_may_come_in_any_order(problem: Problem) -> None:
    order = problem.rng.permutation(len(problem.y))
    assert_score(problem.x[order], problem.y[order], problem.truth.h_score)


@given(problems())
def test_classes_may_have_any_names(problem: Problem) -> None:
    names = problem.rng.permutation(10)[: problem.y.max() + 1]
    for labels in (names[problem.y] - 5, np.array([f"class {n}" for n in names])[problem.y]):
        assert_score(problem.x, labels, problem.truth.h_score)


@given(problems())
def test_invertible_maps_and_shifts_change_nothing(problem: Problem) -> None:
    n_features = problem.x.shape[1]
    lower = np.tril(problem.rng.integers(-1, 2, (n_features, n_features)), -1)
    upper = np.triu(problem.rng.integers(-1, 2, (n_features, n_features)), 1)
    mixed = (
        problem.x.astype(np.float64) @ (lower + np.eye(n_features)) @ (upper + np.eye(n_features))
    )
    mixed = mixed * np.ldexp(1.0, problem.rng.integers(-9, 10, n_features))
    mixed = mixed + problem.rng.integers(-1000, 1001, n_features)
    assert_score(mixed, problem.y, problem.truth.h_score)


@given(problems())
def test_dependent_columns_change_nothing(problem: Problem) -> None:
    x = problem.x.astype(np.float64)
    picked = x[:, problem.rng.integers(0, x.shape[1], 3)]
    weights = problem.rng.integers(-2, 3, (x.shape[1], 2))
    more = np.hstack([x, picked, 7 - 2 * picked, x @ weights, np.full((len(x), 1), 0.1)])
    more = more[:, problem.rng.permutation(more.shape[1])]
    assert_score(more, problem.y, problem.truth.h_score)


@given(problems(), st.integers(2, 5))
def test_every_sample_repeated_changes_nothing(problem: Problem, times: int) -> None:
    for repeat in (np.repeat, lambda a, n, axis: np.concatenate([a] * n, axis=axis)):
        x, y = repeat(problem.x, times, axis=0), repeat(problem.y, times, axis=0)
        assert_score(x, y, problem.truth.h_score)


@given(problems())
def test_more_columns_never_lower_it(problem: Problem) -> None:
    cut = problem.rng.integers(1, problem.x.shape[1] + 1)
    few, rest = problem.x[:, :cut], problem.x[:, cut:]
    assert score(few, problem.y) <= problem.truth.h_score + CLOSE
    if rest.shape[1]:
        assume(gold(rest, problem.y).pivot > 1e-6)
        assert score(rest, problem.y) <= problem.truth.h_score + CLOSE


@given(problems(min_classes=3))
def test_merging_two_classes_never_raises_it(problem: Problem) -> None:
    merged = np.where(problem.y == 2, 0, problem.y)
    assert score(problem.x, merged) <= problem.truth.h_score + CLOSE


@given(problems(min_classes=2))
def test_two_classes_give_the_r_squared_of_least_squares(problem: Problem) -> None:
    y = (problem.y > 0).astype(np.float64)
    design = np.column_stack([np.ones(len(y)), problem.x.astype(np.float64)])
    left = y - design @ np.linalg.lstsq(design, y, rcond=1e-10)[0]
    expected = 1 - left @ left / ((y - y.mean()) ** 2).sum()
    assert score(problem.x, y) == pytest.approx(expected, abs=1e-9)


@given(problems(max_samples=6, min_classes=2))
def test_mean_over_all_permuted_labels_is_the_chance_level(problem: Problem) -> None:
    arrangements = sorted(set(permutations(problem.y.tolist())))
    assume(len(arrangements) <= 200)
    mean = np.mean([score(problem.x, np.array(labels)) for labels in arrangements])
    chance = problem.truth.rank * (problem.n_classes - 1) / (len(problem.y) - 1)
    assert mean == pytest.approx(chance, abs=CLOSE)


@given(problems())
def test_moments_of_pieces_give_the_score_of_the_whole(problem: Problem) -> None:
    cuts = np.sort(problem.rng.integers(1, len(problem.y), 2))
    pieces = [
        Moments().update(x, y)
        for x, y in zip(np.split(problem.x, cuts), np.split(problem.y, cuts), strict=True)
        if len(y)
    ]
    problem.rng.shuffle(pieces)
    whole = sum(pieces[1:], start=pieces[0])
    assert whole.n_samples == len(problem.y)
    assert set(whole.classes) == set(problem.y.tolist())
    assert whole.h_score() == pytest.approx(problem.truth.h_score, abs=CLOSE)


@given(problems())
def test_repeated_rows_are_integer_weights(problem: Problem) -> None:
    """Weighted sums of the rows as they are, against the score of the rows written out."""
    weights = problem.rng.integers(1, 4, len(problem.y))
    x, total = problem.x.astype(np.float64), weights.sum()
    centred = x - weights @ x / total
    sums = np.stack([(weights * (problem.y == c)) @ centred for c in np.unique(problem.y)])
    counts = np.array([weights[problem.y == c].sum() for c in np.unique(problem.y)])
    inverse = np.linalg.pinv(centred.T @ (weights[:, None] * centred), rcond=1e-11, hermitian=True)
    repeated = np.repeat(problem.x, weights, axis=0), np.repeat(problem.y, weights)
    assume(gold(*repeated).pivot > 1e-6)
    expected = np.einsum("cj,jk,ck,c->", sums, inverse, sums, 1 / counts)
    assert score(*repeated) == pytest.approx(expected, abs=1e-7)


# The adjusted score and the chance level depend on the rank too, so they test it.


def adjusted(problem: Problem) -> float:
    """Adjust the exact score by the exact rank."""
    most, free = problem.n_classes - 1, len(problem.y) - 1
    if most == 0:
        return 0.0
    if problem.truth.rank == free:
        return float("nan")
    return most - (most - problem.truth.h_score) * free / (free - problem.truth.rank)


@given(problems())
def test_adjusted_score_and_chance_level_are_those_of_the_exact_rank(problem: Problem) -> None:
    most, free = problem.n_classes - 1, len(problem.y) - 1
    found = adjusted_h_score(problem.x, problem.y)
    assert found == pytest.approx(adjusted(problem), abs=1e-7, nan_ok=True)
    assert not found > most
    chance = chance_level(problem.x, problem.y)
    assert chance == pytest.approx(problem.truth.rank * most / free, abs=1e-12)
    assert 0 <= chance <= most
    assert np.isnan(found) or (found > 1e-7) <= (problem.truth.h_score > chance - 1e-7)


@given(problems())
def test_adjusted_score_has_the_invariances_of_the_score(problem: Problem) -> None:
    order = problem.rng.permutation(len(problem.y))
    x = problem.x.astype(np.float64)[order]
    x = np.hstack([x, x[:, :1] * 4 - 3, np.full((len(x), 1), 7.0)])
    x = x[:, problem.rng.permutation(x.shape[1])] * np.ldexp(
        1.0, problem.rng.integers(-9, 10, x.shape[1])
    )
    labels = np.array([f"class {c}" for c in problem.y])[order]
    expected = adjusted(problem)
    assert adjusted_h_score(x, labels) == pytest.approx(expected, abs=1e-7, nan_ok=True)
    moments = Moments().update(x[::2], labels[::2]).update(x[1::2], labels[1::2])
    assert moments.adjusted_h_score() == pytest.approx(expected, abs=1e-7, nan_ok=True)
    assert moments.chance_level() == chance_level(x, labels)


@given(problems(max_samples=6, min_classes=2))
def test_mean_of_the_adjusted_score_over_all_permuted_labels_is_zero(problem: Problem) -> None:
    assume(problem.truth.rank < len(problem.y) - 1)
    arrangements = sorted(set(permutations(problem.y.tolist())))
    assume(len(arrangements) <= 200)
    scores = [adjusted_h_score(problem.x, np.array(labels)) for labels in arrangements]
    assert np.mean(scores) == pytest.approx(0, abs=1e-7)


# Shrinkage depends on the units, so fewer maps leave its score as it is.


def shrunk_by_definition(problem: Problem, intensity: float, convention: str) -> float:
    x, n = problem.x.astype(np.float64), len(problem.y)
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / n
    identity = np.eye(x.shape[1]) * np.trace(covariance) / x.shape[1]
    means = np.stack([centred[problem.y == c].mean(axis=0) for c in problem.y])
    between = means.T @ means / (n - 1 if convention == "tllib" else n)
    shrunk = (1 - intensity) * covariance + intensity * identity
    return (1 - intensity) * float(np.trace(np.linalg.solve(shrunk, between)))


INTENSITIES = st.sampled_from([0.01, 0.2, 0.5, 0.9])


@given(problems(), INTENSITIES, st.sampled_from(["tllib", "paper"]))
def test_regularized_score_is_its_definition(
    problem: Problem, intensity: float, convention: str
) -> None:
    assume(problem.truth.rank > 0)
    found = regularized_h_score(problem.x, problem.y, shrinkage=intensity, convention=convention)
    assert found == pytest.approx(shrunk_by_definition(problem, intensity, convention), abs=CLOSE)


@given(problems(), st.sampled_from(["ledoit_wolf", "oas", 0.01, 0.3, 1.0]))
def test_bounds_of_the_regularized_score(problem: Problem, shrinkage: str | float) -> None:
    """Shrinking only takes away: between 0 and the plain score, but for tllib's divisor."""
    n = len(problem.y)
    by_paper = regularized_h_score(problem.x, problem.y, shrinkage=shrinkage, convention="paper")
    assert 0 <= by_paper <= min(problem.truth.h_score, problem.n_classes - 1) + CLOSE
    by_tllib = regularized_h_score(problem.x, problem.y, shrinkage=shrinkage)
    assert by_tllib == pytest.approx(by_paper * n / (n - 1), abs=1e-12)
    if shrinkage == 1.0:
        assert by_paper == 0


@given(problems())
def test_regularized_score_without_shrinkage_is_the_score(problem: Problem) -> None:
    found = regularized_h_score(problem.x, problem.y, shrinkage=0.0, convention="paper")
    assert found == pytest.approx(problem.truth.h_score, abs=1e-7)


@given(problems())
def test_more_shrinkage_never_raises_the_score(problem: Problem) -> None:
    scores = [
        regularized_h_score(problem.x, problem.y, shrinkage=intensity)
        for intensity in (0.0, 0.01, 0.2, 0.5, 0.9, 1.0)
    ]
    assert all(more <= less + CLOSE for less, more in pairwise(scores))


@given(problems(), st.sampled_from(["ledoit_wolf", "oas", 0.1]))
def test_rotations_shifts_orders_and_one_unit_leave_the_regularized_score(
    problem: Problem, shrinkage: str | float
) -> None:
    n_features = problem.x.shape[1]
    expected = regularized_h_score(problem.x, problem.y, shrinkage=shrinkage)
    rotation = np.linalg.qr(problem.rng.standard_normal((n_features, n_features)))[0]
    order = problem.rng.permutation(len(problem.y))
    x = problem.x.astype(np.float64) @ rotation * 64 + problem.rng.integers(-99, 100, n_features)
    labels = np.array([f"class {c}" for c in problem.y])
    found = regularized_h_score(x[order], labels[order], shrinkage=shrinkage)
    assert found == pytest.approx(expected, abs=CLOSE)
    cut = problem.rng.integers(0, len(order) + 1)
    moments = Moments().update(x[cut:], labels[cut:]).merge(Moments().update(x[:cut], labels[:cut]))
    assert moments.regularized_h_score(shrinkage=shrinkage) == pytest.approx(expected, abs=CLOSE)


@given(problems(), st.integers(2, 4), INTENSITIES)
def test_every_sample_repeated_leaves_the_regularized_score(
    problem: Problem, times: int, intensity: float
) -> None:
    """By the paper's convention, in which no divisor is of the sample; at a given intensity."""
    assert regularized_h_score(
        np.repeat(problem.x, times, axis=0),
        np.repeat(problem.y, times),
        shrinkage=intensity,
        convention="paper",
    ) == pytest.approx(
        regularized_h_score(problem.x, problem.y, shrinkage=intensity, convention="paper"),
        abs=CLOSE,
    )
