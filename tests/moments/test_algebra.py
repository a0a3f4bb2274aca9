"""Moments as an algebra: batches, merges, weights and subtraction in any order, on hard data."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import gold, make_labels, make_problem

from hscore_fast import (
    Moments,
    adjusted_h_score,
    chance_level,
    evaluate,
    h_score,
    regularized_h_score,
)


def merged_in_a_random_tree(parts: list[Moments], rng: np.random.Generator) -> Moments:
    while len(parts) > 1:
        i, j = sorted(rng.choice(len(parts), 2, replace=False))
        other = parts.pop(j)
        if rng.random() < 0.5:
            other, parts[i] = parts[i], other
        parts[i] = parts[i].merge(other) if rng.random() < 0.5 else parts[i] + other
    return parts[0]


@given(
    st.integers(0, 2**31),
    st.integers(20, 400),
    st.integers(1, 9),
    st.integers(2, 6),
    st.sampled_from([0.0, 1.0, 1e6]),
)
def test_batches_pickles_trees_and_subtraction(seed, n_samples, n_features, n_classes, offset):
    """Any cutting, with rows of elsewhere added and taken away again, is the single call."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_samples, n_features))
    y = make_labels(rng, n_samples, n_classes)
    x += 0.3 * y[:, None] + offset * (1 + np.arange(n_features))
    extra = x[rng.integers(0, n_samples, 30)] + rng.standard_normal((30, n_features))
    extra_labels = rng.integers(0, n_classes, 30)

    cuts = np.unique(rng.integers(0, n_samples + 1, rng.integers(0, 12)))
    parts = []
    for rows in np.split(rng.permutation(n_samples), cuts):
        part = Moments()
        for some in np.array_split(rows, rng.integers(1, 4)):
            part.update(x[some], y[some])
        parts.append(pickle.loads(pickle.dumps(part, protocol=5)))
    stranger = Moments().update(extra, extra_labels)
    parts.insert(int(rng.integers(0, len(parts) + 1)), stranger.copy())
    moments = merged_in_a_random_tree(parts, rng).subtract(stranger)

    assert moments.n_samples == n_samples
    assert moments.h_score() == pytest.approx(h_score(x, y, precision="float64"), rel=1e-11)
    expected = regularized_h_score(x, y, precision="float64")
    assert moments.regularized_h_score() == pytest.approx(expected, rel=1e-11)

    report, single = moments.evaluate(), evaluate(x, y, precision="float64")
    for name in ("h_score", "adjusted_h_score", "regularized_h_score", "chance_level"):
        assert getattr(report, name) == pytest.approx(getattr(single, name), rel=1e-11, abs=1e-11)
    assert report.class_counts == single.class_counts
    assert report.class_shares == pytest.approx(dict(single.class_shares), rel=1e-11, abs=1e-11)
    # What is a function of these, steep ones too.
    assert report.f_statistic == pytest.approx(single.f_statistic, rel=1e-9)
    assert report.neg_log10_p_value == pytest.approx(single.neg_log10_p_value, rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**31), st.integers(2, 12), st.sampled_from([0.0, 1e6]))
def test_the_jackknife_does_not_mind_how_its_blocks_came_about(seed, n_blocks, offset):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((240, 5)) + offset
    y = make_labels(rng, 240, 3)
    block = rng.permutation(np.arange(240) % n_blocks)
    blocks = []
    for number in range(n_blocks):
        rows = np.array_split(rng.permutation(np.flatnonzero(block == number)), 3)
        parts = [Moments().update(x[some], y[some]) for some in rows]
        blocks.append(merged_in_a_random_tree(parts, rng))
    total = merged_in_a_random_tree([part.copy() for part in blocks], rng)
    left = [h_score(x[block != k], y[block != k], precision="float64") for k in range(n_blocks)]
    error = np.sqrt((n_blocks - 1) * np.var(left) / (1 - 5 / 239))
    assert total.evaluate(blocks=blocks).standard_error == pytest.approx(error, rel=1e-8)


@given(st.integers(0, 2**31), st.integers(1, 6), st.sampled_from([0.0, 1e6]))
def test_integer_weights_are_repeated_rows(seed, n_features, offset):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((120, n_features)) + offset
    y = make_labels(rng, 120, 3)
    weights = rng.integers(0, 4, 120)
    weights[:3] = 1
    y[:3] = 0, 1, 2
    repeated = np.repeat(x, weights, axis=0), np.repeat(y, weights)
    moments = Moments()
    for rows in np.array_split(np.arange(120), rng.integers(1, 9)):
        moments.update(x[rows], y[rows], weights=weights[rows])
    for method, function in (
        ("h_score", h_score),
        ("adjusted_h_score", adjusted_h_score),
        ("chance_level", chance_level),
        ("regularized_h_score", regularized_h_score),
    ):
        found, expected = getattr(moments, method)(), function(*repeated)
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_the_scale_of_the_weights_is_nothing_to_the_plain_score() -> None:
    x, y = make_problem(300, 7, 4)
    weights = np.random.default_rng(0).random(300)
    one = Moments().update(x, y, weights=weights).h_score()
    assert Moments().update(x, y, weights=1e-5 * weights).h_score() == pytest.approx(one, rel=1e-12)
    # An independent answer: weighted means and covariances by NumPy.
    mean = np.average(x, axis=0, weights=weights)
    inner = ((x - mean) * weights[:, None]).T @ (x - mean)
    outer = np.zeros_like(inner)
    for label in range(4):
        own = y == label
        d = np.average(x[own], axis=0, weights=weights[own]) - mean
        outer += weights[own].sum() * np.outer(d, d)
    assert one == pytest.approx(np.trace(np.linalg.solve(inner, outer)), rel=1e-12)


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        (np.full(9, -1.0), ValueError, "weights"),
        (np.full(9, np.nan), ValueError, "weights"),
        (np.full(9, np.inf), ValueError, "weights"),
        (np.ones(8), ValueError, r"shape \(9,\), got shape \(8,\)"),
        (np.ones((9, 1)), ValueError, r"got shape \(9, 1\)"),
        (["a"] * 9, TypeError, "real numbers"),
        (np.ones(9, complex), TypeError, "real numbers"),
    ],
)
def test_weights_that_are_refused(weights, error, words) -> None:
    x, y = make_problem(9, 2, 2)
    moments = Moments().update(x, y)
    before = moments.copy()
    with pytest.raises(error, match=words):
        moments.update(x, y, weights=weights)
    assert moments == before


def test_weights_of_zero_are_no_rows() -> None:
    x, y = make_problem(50, 3, 3)
    moments = Moments().update(x, y, weights=np.arange(50) % 2)
    assert moments.n_samples == 25
    assert moments.h_score() == pytest.approx(gold(x[1::2], y[1::2]).h_score, abs=1e-12)


def test_rows_of_no_weight_may_lie_anywhere() -> None:
    """They have no say in where the sums are centred, which would cost digits."""
    x, y = make_problem(100, 4, 3)
    far = np.vstack([x, np.full((900, 4), 1e5)])
    weights = np.append(np.ones(100), np.zeros(900))
    moments = Moments().update(far, np.append(y, np.zeros(900, int)), weights=weights)
    assert moments.h_score() == pytest.approx(gold(x, y).h_score, abs=1e-12)
    nothing = Moments().update(far[100:], np.zeros(900), weights=weights[100:])
    assert nothing.n_samples == 0
    assert nothing.merge(moments).h_score() == moments.h_score()


def test_every_fold_is_left_out_by_subtraction() -> None:
    """What the jackknife does, and each answer is that of the rows that stay."""
    x, y = make_problem(400, 8, 4)
    whole = Moments().update(x, y)
    for fold in range(10):
        out = np.arange(400) % 10 == fold
        rest = whole - Moments().update(x[out], y[out])
        assert rest.h_score() == pytest.approx(gold(x[~out], y[~out]).h_score, rel=1e-11)
    assert whole == Moments().update(x, y)


def test_a_class_whose_rows_are_all_gone_counts_no_more() -> None:
    x, y = make_problem(300, 5, 4)
    moments = Moments().update(x, y).subtract(Moments().update(x[y == 2], y[y == 2]))
    stay = y != 2
    assert moments.h_score() == pytest.approx(gold(x[stay], y[stay]).h_score, rel=1e-11)
    assert moments.chance_level() == pytest.approx(chance_level(x[stay], y[stay]), rel=1e-12)


def test_rows_that_were_never_added_cannot_be_taken_away() -> None:
    x, y = make_problem(100, 3, 3)
    moments = Moments().update(x, y)
    before = moments.copy()
    with pytest.raises(ValueError, match=r"here are 0: only rows that were added"):
        moments.subtract(Moments().update(x[:5], ["no"] * 5))
    with pytest.raises(ValueError, match="only rows that were added"):
        moments.subtract(moments + moments)
    with pytest.raises(ValueError, match=r"taken away|subtract"):
        moments.subtract(Moments().update(1000 * x[:20], y[:20]))
    with pytest.raises(ValueError, match="3 features, got 2"):
        moments.subtract(Moments().update(x[:, :2], y))
    with pytest.raises(TypeError, match="Moments, got int"):
        moments.subtract(3)  # type: ignore[arg-type]
    assert moments == before
    assert moments.subtract(Moments()) == before


def test_what_subtraction_leaves_of_a_feature_may_be_nothing() -> None:
    """Rounding errors of a large variance are not taken for a small one."""
    x, y = make_problem(200, 4, 3)
    large = x[:100].copy()
    large[:, 1] *= 1e9
    rest = x[100:].copy()
    rest[:, 1] = 3.0
    moments = Moments().update(large, y[:100]).update(rest, y[100:])
    moments.subtract(Moments().update(large, y[:100]))
    expected = gold(rest[:, [0, 2, 3]], y[100:]).h_score
    assert moments.h_score() == pytest.approx(expected, rel=1e-6)


def test_rounding_errors_of_one_subtraction_do_not_forbid_the_next() -> None:
    """A feature that is constant but for the rows taken away, some at a time."""
    x, y = make_problem(60, 3, 3)
    x[:, 1] = 0.1
    for seed in range(20):
        rng = np.random.default_rng(seed)
        varied, constant = rng.normal(size=(2, 9, 3))
        constant[:, 1] = 0.1
        strangers = [Moments().update(s, rng.integers(0, 3, 9)) for s in (varied, constant)]
        moments = sum(strangers, start=Moments().update(x, y))
        for stranger in strangers:
            moments.subtract(stranger)
        assert moments.h_score() == pytest.approx(gold(x[:, [0, 2]], y).h_score, abs=1e-11)


def test_from_blocks() -> None:
    x, y = make_problem(300, 5, 4)
    blocks = ((x[i : i + 37], y[i : i + 37]) for i in range(0, 300, 37))
    assert Moments.from_blocks(blocks).h_score() == pytest.approx(h_score(x, y), rel=1e-12)
    weights = np.arange(300) % 3
    triples = ((x[i : i + 50], y[i : i + 50], weights[i : i + 50]) for i in range(0, 300, 50))
    expected = Moments().update(x, y, weights=weights).h_score()
    assert Moments.from_blocks(triples).h_score() == pytest.approx(expected, rel=1e-12)
    with pytest.raises(TypeError, match="in place 1"):
        Moments.from_blocks([(x, y), x])
    with pytest.raises(ValueError, match="the statistics must have at least 2 rows"):
        Moments.from_blocks([]).h_score()
