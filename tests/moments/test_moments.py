"""Moments: any cutting, order and merging of the rows gives the score of the whole."""

import pickle
from collections.abc import Callable
from copy import copy, deepcopy

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import EPS, gold, make_problem

from hscore_fast import Moments, SaturationWarning, SingleClassWarning, h_score


def batches(x: NDArray, y: NDArray, seed: int, most: int = 97) -> list[tuple[NDArray, NDArray]]:
    """Cut the rows at random, single rows included."""
    rng = np.random.default_rng(seed)
    sizes = []
    while sum(sizes) < len(x):
        sizes.append(int(rng.choice([1, rng.integers(1, most)])))
    cuts = np.cumsum(sizes)[:-1]
    return list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(4))
def test_batches_of_any_size(seed: int, dtype: type) -> None:
    x, y = make_problem(1500, 21, seed=seed)
    x = x.astype(dtype)
    moments = Moments(21)
    for rows, labels in batches(x, y, seed):
        assert moments.update(rows, labels) is moments
    assert (moments.n_samples, moments.n_features) == (1500, 21)
    assert moments.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_one_row_at_a_time() -> None:
    x, y = make_problem(400, 9, 5)
    moments = Moments()
    for row, label in zip(x, y, strict=True):
        moments.update(row[None], [label])
    assert moments.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def in_a_line(parts: list[Moments], rng: np.random.Generator) -> Moments:
    total = Moments()
    for part in parts:
        total.merge(part)
    return total


def in_a_tree(parts: list[Moments], rng: np.random.Generator) -> Moments:
    while len(parts) > 1:
        parts = [
            parts[i].merge(parts[i + 1]) if i + 1 < len(parts) else parts[i]
            for i in range(0, len(parts), 2)
        ]
    return parts[0]


def by_chance(parts: list[Moments], rng: np.random.Generator) -> Moments:
    parts = list(parts)
    while len(parts) > 1:
        a, b = rng.choice(len(parts), 2, replace=False)
        merged = parts[a] + parts[b]
        parts = [part for k, part in enumerate(parts) if k not in (a, b)] + [merged]
    return parts[0]


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("combine", [in_a_line, in_a_tree, by_chance])
def test_merges_of_any_shape(combine: Callable, offset: float) -> None:
    x, y = make_problem(1500, 21)
    x = x + offset
    rng = np.random.default_rng(0)
    parts = [Moments().update(*batch) for batch in batches(x, y, 0, 200)]
    whole = combine([parts[i] for i in rng.permutation(len(parts))], rng)
    assert whole.n_samples == 1500
    assert whole.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_offsets_that_differ_between_batches() -> None:
    """The first rows say nothing of where the others lie."""
    x, y = make_problem(1200, 6, 4)
    x = x + 1e3 * np.repeat([0.0, 1.0, -2.0], 400)[:, None]
    truth = gold(x, y)
    parts = [Moments().update(x[i : i + 400], y[i : i + 400]) for i in (0, 400, 800)]
    streamed = Moments()
    for i in (0, 400, 800):
        streamed.update(x[i : i + 400], y[i : i + 400])
    for found in (streamed.h_score(), (parts[2] + parts[0] + parts[1]).h_score()):
        assert found == pytest.approx(truth.h_score, abs=10 * EPS / truth.pivot)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_offset_of_a_million_deviations(dtype: type) -> None:
    x, y = make_problem(1500, 21)
    x = (x + 1e6).astype(dtype)
    moments = Moments()
    for rows, labels in batches(x, y, 0):
        moments.update(rows, labels)
    assert moments.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_rows_sorted_by_class() -> None:
    x, y = make_problem(900, 12)
    order = np.argsort(y, kind="stable")
    moments = Moments()
    for i in range(0, 900, 100):
        moments.update(x[order[i : i + 100]], y[order[i : i + 100]])
    assert moments.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_classes_in_order_of_arrival() -> None:
    moments = Moments().update([[0.0], [1.0]], ["pear", "pear"])
    assert list(moments.classes) == ["pear"]
    moments.update([[2.0]], ["apple"]).update([[5.0], [3.0]], ["pear", "fig"])
    assert list(moments.classes) == ["pear", "apple", "fig"]
    expected = h_score([0.0, 1, 2, 5, 3], ["pear", "pear", "apple", "pear", "fig"])
    assert moments.h_score() == pytest.approx(expected, abs=1e-15)


def test_merge_of_disjoint_classes() -> None:
    x, y = make_problem(600, 8, 6)
    low = Moments().update(x[y < 3], y[y < 3])
    high = Moments().update(x[y >= 3], y[y >= 3])
    for whole in (low + high, high + low):
        assert sorted(whole.classes) == list(range(6))
        assert whole.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_merge_matches_classes_by_value_not_by_place() -> None:
    x, y = make_problem(600, 8, 4)
    names = np.array(["a", "b", "c", "d"])
    first = Moments().update(x[:300], names[y[:300]])
    order = np.argsort(-y[300:], kind="stable") + 300  # registers d first
    second = Moments().update(x[order], names[y[order]])
    assert (first + second).h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_sum_is_new_and_leaves_both_as_they_were() -> None:
    x, y = make_problem(200, 5, 3)
    a, b = Moments().update(x[:90], y[:90]), Moments().update(x[90:], y[90:])
    before = a.copy(), b.copy()
    whole = a + b
    assert (a, b) == before
    assert whole not in (a, b)
    assert whole == a.copy().merge(b)
    assert a.merge(b) is a
    assert a == whole
    assert b == before[1]


def test_merge_with_itself_counts_the_rows_twice() -> None:
    x, y = make_problem(200, 5, 3)
    moments = Moments().update(x, y)
    assert (moments + moments).h_score() == pytest.approx(moments.h_score(), abs=1e-13)
    moments.merge(moments)
    assert moments.n_samples == 400
    assert moments.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_empty_moments_change_nothing() -> None:
    x, y = make_problem(200, 5, 3)
    filled = Moments().update(x, y)
    score = filled.h_score()
    for whole in (filled + Moments(), Moments() + filled, Moments(5) + filled):
        assert (whole.n_samples, whole.n_features) == (200, 5)
        assert whole.h_score() == pytest.approx(score, abs=1e-14)
    assert Moments().n_samples == 0
    assert list(Moments(5).classes) == []
    assert Moments(5).n_features == 5


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol: int) -> None:
    x, y = make_problem(300, 7, 4)
    names = np.array(["a", "b", "c", "d"])
    moments = Moments().update(x[:200], names[y[:200]])
    again = pickle.loads(pickle.dumps(moments, protocol=protocol))
    assert again == moments
    assert again.h_score() == moments.h_score()
    again.update(x[200:], names[y[200:]])
    assert again != moments
    assert (again.n_samples, again.classes) == (300, moments.classes)
    assert again.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_pickle_of_nothing() -> None:
    assert pickle.loads(pickle.dumps(Moments())) == Moments()
    assert pickle.loads(pickle.dumps(Moments(3))).n_features == 3


def test_pickle_grows_with_columns_not_with_rows() -> None:
    x, y = make_problem(4000, 5, 3)
    few, many = (len(pickle.dumps(Moments().update(x[:n], y[:n]))) for n in (100, 4000))
    assert many <= few + 64


@pytest.mark.parametrize("duplicate", [Moments.copy, copy, deepcopy])
def test_copy_goes_its_own_way(duplicate: Callable[[Moments], Moments]) -> None:
    x, y = make_problem(300, 7, 4)
    moments = Moments().update(x[:200], y[:200])
    twin = duplicate(moments)
    assert twin == moments
    twin.update(x[200:], y[200:])
    assert twin != moments
    assert (moments.n_samples, twin.n_samples) == (200, 300)
    assert moments.h_score() == pytest.approx(gold(x[:200], y[:200]).h_score, abs=1e-12)


def test_equality() -> None:
    x, y = make_problem(100, 4, 3)
    moments = Moments().update(x, y)
    assert moments == Moments().update(x, y)
    assert moments != Moments().update(x, (y + 1) % 3)
    assert moments != Moments().update(x + 1, y)
    assert moments != Moments().update(x, y.astype(str))
    assert moments != Moments()
    assert Moments(3) != Moments(4)
    assert moments != "moments"


def test_results_do_not_change_the_state() -> None:
    x, y = make_problem(100, 4, 3)
    moments = Moments().update(x, y)
    before = moments.copy()
    assert moments.h_score() == moments.h_score()
    assert moments == before


def test_classes_cannot_be_changed_from_outside() -> None:
    x, y = make_problem(100, 4, 3)
    moments = Moments().update(x, y)
    moments.classes.append(99)
    assert sorted(moments.classes) == [0, 1, 2]


GOOD = np.arange(8.0).reshape(4, 2) ** 2


@pytest.mark.parametrize(
    ("features", "labels", "error", "words"),
    [
        ([[1.0, 2.0], [np.nan, 1.0]], [0, 7], ValueError, "features"),
        ([[1.0, 2.0], [np.inf, 1.0]], [7, 0], ValueError, "features"),
        (np.ones((3, 3)), [0, 7, 1], ValueError, "features"),
        (np.ones((3, 2)), [0, 7], ValueError, "labels"),
        (np.ones((2, 2)), [7, None], ValueError, "labels"),
        (np.ones((2, 2)), [[7.0, 2.0], [0.0, 1.0]], ValueError, "labels"),
        (np.ones((2, 2), dtype=complex), [7, 0], TypeError, "features"),
        (np.array([["a", "b"]]), [7], TypeError, "features"),
    ],
)
def test_failed_update_leaves_the_state_as_it_was(
    features: NDArray, labels: list, error: type[Exception], words: str
) -> None:
    """Not even the names of new classes stay behind."""
    moments = Moments().update(GOOD, [0, 1, 0, 1])
    before, stored = moments.copy(), pickle.dumps(moments)
    with pytest.raises(error, match=words):
        moments.update(features, labels)
    assert moments == before
    assert pickle.dumps(moments) == stored
    assert list(moments.classes) == [0, 1]
    assert moments.h_score() == h_score(GOOD, [0, 1, 0, 1])


def test_nan_deep_in_a_large_batch_leaves_the_state_as_it_was() -> None:
    """The blocks before it are not counted either."""
    x, y = make_problem(5000, 6, 3)
    moments = Moments().update(x[:100], y[:100])
    before = moments.copy()
    x[4998, 5] = np.nan
    with pytest.raises(ValueError, match="4998"):
        moments.update(x, y)
    assert moments == before
    x[4998, 5] = 0.0
    moments.update(x[100:], y[100:])
    assert moments.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)


def test_merge_refuses_another_width() -> None:
    a, b = Moments().update(np.eye(3), [0, 1, 0]), Moments().update(np.eye(3)[:, :2], [0, 1, 0])
    before = a.copy()
    with pytest.raises(ValueError, match=r"(?s)3.*2|2.*3"):
        a.merge(b)
    with pytest.raises(ValueError, match=r"(?s)3.*2|2.*3"):
        a + b
    assert a == before


def test_merge_refuses_another_type() -> None:
    with pytest.raises(TypeError):
        Moments().merge("moments")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Moments() + 1  # type: ignore[operator]


@pytest.mark.parametrize(
    ("n_features", "error"), [(0, ValueError), (-3, ValueError), (2.5, TypeError), ("2", TypeError)]
)
def test_number_of_features_is_checked(n_features: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="n_features"):
        Moments(n_features)  # type: ignore[arg-type]


def test_too_few_rows_for_a_score() -> None:
    with pytest.raises(ValueError, match="2"):
        Moments().h_score()
    with pytest.raises(ValueError, match="2"):
        Moments().update([[1.0, 2.0]], [0]).h_score()


def test_warnings_are_those_of_the_function() -> None:
    x, y = make_problem(20, 30, 4)
    with pytest.warns(SaturationWarning):
        assert Moments().update(x, y).h_score() == pytest.approx(3.0, abs=1e-12)
    with pytest.warns(SingleClassWarning):
        assert Moments().update(x, np.zeros(20)).h_score() == 0.0


def test_tol_is_that_of_the_function() -> None:
    x, y = make_problem(500, 8)
    near = np.hstack([x[:, :4], x[:, :4] + 1e-3 * x[:, 4:]])
    moments = Moments().update(near, y)
    for tol in (None, 1e-4):
        assert moments.h_score(tol=tol) == pytest.approx(h_score(near, y, tol=tol), abs=1e-8)
    assert abs(moments.h_score() - moments.h_score(tol=1e-4)) > 0.1


def test_one_hot_batches_name_the_same_classes_whatever_they_hold() -> None:
    x, y = make_problem(300, 5, 4)
    codes = np.sort(y)  # most batches lack most classes
    moments = Moments()
    for i in range(0, 300, 50):
        moments.update(x[i : i + 50], np.eye(4)[codes[i : i + 50]])
    assert moments.h_score() == pytest.approx(gold(x, codes).h_score, abs=1e-12)
