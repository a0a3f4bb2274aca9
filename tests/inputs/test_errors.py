"""Refusals: the right type, and a text that names the argument, what came and what to do."""

import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fuzz_public import fuzz
from oracles import make_problem

from hscore_fast import (
    Moments,
    PrecisionWarning,
    SaturationWarning,
    SingleClassWarning,
    adjusted_h_score,
    chance_level,
    h_score,
    regularized_h_score,
)

X, Y = make_problem(40, 5, 3)
MISSING = np.where(np.arange(40) == 17, np.nan, Y)


def with_value(value: float, *places: tuple[int, int], dtype: type = np.float64) -> np.ndarray:
    x = X.astype(dtype)
    for place in places:
        x[place] = value
    return x


def object_labels(value: object) -> np.ndarray:
    labels = Y.astype(object)
    labels[17] = value
    return labels


# name: features, labels, options, error, and words that the message holds in any order
REFUSALS: dict[str, tuple[Any, Any, dict[str, Any], Any, tuple[str, ...]]] = {
    "lengths differ": (X, Y[:-3], {}, ValueError, ("features", "labels", "40", "37")),
    "more labels": (X[:31], Y, {}, ValueError, ("features", "labels", "31", "40")),
    "one row": (X[:1], Y[:1], {}, ValueError, ("features", "1", "2")),
    "no rows": (X[:0], Y[:0], {}, ValueError, ("features", "0")),
    "no columns": (X[:, :0], Y, {}, ValueError, ("features", "(40, 0)")),
    "empty list": ([], [], {}, ValueError, ("features",)),
    "a number": (3.0, Y, {}, ValueError, ("features",)),
    "three dimensions": (X.reshape(40, 5, 1), Y, {}, ValueError, ("features", "(40, 5, 1)")),
    "NaN": (with_value(np.nan, (23, 4)), Y, {}, ValueError, ("features", "NaN", "23", "4", "1")),
    "NaNs": (
        *(with_value(np.nan, (31, 2), (11, 3), (12, 0)), Y, {}),
        *(ValueError, ("features", "NaN", "row 11", "column 3", "3")),
    ),
    "infinity": (
        *(with_value(-np.inf, (7, 2)), Y, {}, ValueError),
        ("features", "inf", "row 7", "column 2", "1"),
    ),
    "float32 NaN": (
        *(with_value(np.nan, (39, 0), dtype=np.float32), Y, {}, ValueError),
        ("features", "NaN", "row 39", "column 0"),
    ),
    "float16 infinity": (
        *(with_value(np.inf, (0, 4), dtype=np.float16), Y, {}, ValueError),
        ("features", "inf", "row 0", "column 4"),
    ),
    "NaN in Fortran order": (
        *(np.asfortranarray(with_value(np.nan, (23, 4), (24, 1))), Y, {}, ValueError),
        ("features", "row 23", "column 4", "2"),
    ),
    "complex": (X.astype(complex), Y, {}, TypeError, ("features", "complex128")),
    "strings": (X.astype(str), Y, {}, TypeError, ("features", "<U")),
    "bytes": (X.astype("S"), Y, {}, TypeError, ("features",)),
    "objects": (X.astype(object), Y, {}, TypeError, ("features", "object")),
    "dates": (X.astype("M8[s]"), Y, {}, TypeError, ("features", "datetime64")),
    "records": (np.zeros(40, dtype="f8,f8"), Y, {}, TypeError, ("features",)),
    "ragged": ([[1.0, 2.0], [3.0]], [0, 1], {}, ValueError, ("features",)),
    "None": (None, Y, {}, TypeError, ("features",)),
    "masked": (np.ma.array(X), Y, {}, TypeError, ("features", "masked", ".filled(0)")),
    "long double": (
        *(X.astype(np.longdouble), Y, {}, TypeError, ("features", "float64", "astype")),
    ),
    "durations": (X.astype("m8[s]"), Y, {}, TypeError, ("features", "timedelta64")),
    "void": (np.zeros((40, 5), "V4"), Y, {}, TypeError, ("features", "V4")),
    "integers beyond 64 bits": ([[2**70]] * 40, Y, {}, TypeError, ("features", "object")),
    "words": (np.full(40, "features"), Y, {}, TypeError, ("features", "<U8")),
    "a dictionary": ({}, Y, {}, TypeError, ("features", "dict")),
    "a class": (np.ndarray, Y, {}, TypeError, ("features", "object")),
    **{
        f"NaN as {kind}": (
            *(with_value(np.nan, (23, 4), (30, 1), dtype=kind), Y, {}, ValueError),
            ("features", "2 values", "(nan)", "row 23", "column 4"),
        )
        for kind in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8")
    },
    **{
        f"infinity as {kind}": (
            *(with_value(-np.inf, (3, 0), dtype=kind), Y, {}, ValueError),
            ("features", "1 value", "(-inf)", "row 3", "column 0"),
        )
        for kind in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8")
    },
    "squares overflow": (1e160 * X, Y, {}, ValueError, ("features", "overflow", "divide")),
    "squares underflow": (1e-170 * X, Y, {}, ValueError, ("features", "underflow", "multiply")),
    "columns without end": (
        *(np.broadcast_to(X[:, :1], (40, 2**40)), Y, {}, MemoryError),
        ("1099511627776", "fewer features"),
    ),
    "columns beyond the address space": (
        *(np.broadcast_to(X[:, :1], (40, 2**53)), Y, {}, MemoryError),
        (str(2**53), "fewer features"),
    ),
    "masked labels": (X, np.ma.array(Y), {}, TypeError, ("labels", "masked")),
    "NaN among strings": (X, ["a", np.nan] * 20, {}, ValueError, ("labels", "20 missing", "row 1")),
    "NaT among dates": (
        *(X, np.where(Y > 0, np.datetime64("NaT"), np.datetime64("2020-01-01")), {}, ValueError),
        ("labels", "missing"),
    ),
    "labels that cannot be hashed": (
        *(X, np.array([*({} for _ in Y)], dtype=object), {}, TypeError, ("labels", "hash")),
    ),
    "ragged labels": (X, [[1, 2], [3]] * 20, {}, ValueError, ("labels",)),
    "void labels": (X, np.zeros(40, "V4"), {}, TypeError, ("labels", "V4")),
    "NaN among labels": (X, MISSING, {}, ValueError, ("labels", "missing", "17")),
    "None among labels": (X, object_labels(None), {}, ValueError, ("labels", "missing", "17")),
    "NaN among objects": (X, object_labels(np.nan), {}, ValueError, ("labels", "missing", "17")),
    "pandas NA among labels": (
        *(X, pd.Series(MISSING).astype("Int64"), {}, ValueError),
        ("labels", "missing", "17"),
    ),
    "missing among categories": (
        *(X, pd.Categorical.from_codes(np.where(MISSING == Y, Y, -1), list("abc")), {}),
        *(ValueError, ("labels", "missing", "17")),
    ),
    "no labels": (X, None, {}, (TypeError, ValueError), ("labels",)),
    "one label": (X, 3, {}, ValueError, ("labels",)),
    "complex labels": (X, Y.astype(complex), {}, TypeError, ("labels", "complex")),
    "labels in a row": (X, Y[None], {}, ValueError, ("labels", "(1, 40)")),
    "labels of two columns": (
        *(X, np.column_stack([Y, Y]), {}, ValueError, ("labels", "(40, 2)", "one-hot")),
    ),
    "probabilities for labels": (
        *(X, np.full((40, 4), 0.25), {}, ValueError, ("labels", "(40, 4)", "one-hot")),
    ),
    "two ones in a one-hot row": (
        *(X, np.maximum(np.eye(3)[Y], np.arange(40)[:, None] == 9), {}, ValueError),
        ("labels", "one-hot", "(40, 3)"),
    ),
    "a one-hot row of zeros": (
        *(X, np.eye(3)[Y] * (np.arange(40) != 9)[:, None], {}, ValueError),
        ("labels", "one-hot", "(40, 3)"),
    ),
    "labels of three dimensions": (
        *(X, Y.reshape(40, 1, 1), {}, ValueError, ("labels", "(40, 1, 1)")),
    ),
    "unknown precision": (
        *(X, Y, {"precision": "double"}, ValueError),
        ("precision", "'double'", "auto", "float64", "float32"),
    ),
    "precision None": (X, Y, {"precision": None}, (ValueError, TypeError), ("precision",)),
    "no threads": (X, Y, {"n_threads": 0}, ValueError, ("n_threads", "0", "None")),
    "negative threads": (X, Y, {"n_threads": -1}, ValueError, ("n_threads", "-1", "None")),
    "half a thread": (X, Y, {"n_threads": 1.5}, TypeError, ("n_threads", "float")),
    "threads as a word": (X, Y, {"n_threads": "2"}, TypeError, ("n_threads", "str")),
    "too many threads to count": (
        *(X, Y, {"n_threads": 2**80}, (ValueError, OverflowError), ("n_threads",)),
    ),
    "negative tol": (X, Y, {"tol": -1e-9}, ValueError, ("tol", "-1e-09")),
    "tol of one": (X, Y, {"tol": 1.0}, ValueError, ("tol", "1")),
    "tol NaN": (X, Y, {"tol": np.nan}, ValueError, ("tol", "nan")),
    "threads True": (X, Y, {"n_threads": True}, TypeError, ("n_threads", "bool")),
    "precision in bytes": (X, Y, {"precision": b"auto"}, (ValueError, TypeError), ("precision",)),
    "tol True": (X, Y, {"tol": True}, TypeError, ("tol", "bool")),
    "tol of zero": (X, Y, {"tol": 0}, ValueError, ("tol", "2**-42")),
    "tol as a word": (X, Y, {"tol": "small"}, TypeError, ("tol", "str")),
}


def assert_says(text: str, words: tuple[str, ...]) -> None:
    for word in words:
        # A number stands alone: "4" is not found in "40".
        pattern = rf"(?<![\w.]){re.escape(word)}(?![\w])" if word.isdigit() else re.escape(word)
        assert re.search(pattern, text, re.IGNORECASE), f"{word!r} is not in: {text}"


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case: str) -> None:
    features, labels, options, error, words = REFUSALS[case]
    with pytest.raises(error) as caught:
        h_score(features, labels, **options)
    assert_says(str(caught.value), words)


def test_a_word_that_is_no_address() -> None:
    with pytest.raises(ValueError, match=r"format of 'features' .*\.npy"):
        h_score("features", Y)


@pytest.mark.parametrize(
    "case", [case for case, (*_, options, _, _) in REFUSALS.items() if not options]
)
def test_refusal_is_that_of_moments(case: str) -> None:
    features, labels, _, error, words = REFUSALS[case]
    if case in ("one row", "no rows", "empty list"):
        pytest.skip("a stream may hold few rows, or none yet")
    if case.startswith("squares"):
        pytest.skip("a stream refuses these when it is scored")
    with pytest.raises(error) as caught:
        Moments().update(features, labels)
    assert_says(str(caught.value), words)


def test_the_message_is_of_one_line() -> None:
    for features, labels, options, error, _ in REFUSALS.values():
        with pytest.raises(error) as caught:
            h_score(features, labels, **options)
        assert str(caught.value).strip()
        assert "\n" not in str(caught.value)


def test_options_go_by_name() -> None:
    with pytest.raises(TypeError):
        h_score(X, Y, "float64")  # type: ignore[misc]


@pytest.mark.parametrize("n_samples", [1000, 5000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_nan_is_found_in_any_block(n_samples: int, order: str) -> None:
    x, y = make_problem(n_samples, 30)
    for row, column in ((0, 0), (n_samples // 2, 7), (n_samples - 1, 29)):
        spoilt = np.array(x, order=order)
        spoilt[row, column] = np.nan
        with pytest.raises(ValueError, match=rf"row {row}\b.*column {column}\b"):
            h_score(spoilt, y)


def test_nan_that_is_not_looked_for_never_gives_a_number() -> None:
    """Without the check nothing promises an error, but a plausible score would be a lie."""
    spoilt = with_value(np.nan, (23, 4))
    try:
        score = h_score(spoilt, Y, check_finite=False)
    except ValueError:
        return
    assert np.isnan(score)


def test_finite_features_need_no_check() -> None:
    assert h_score(X, Y, check_finite=False) == h_score(X, Y)


def test_largest_numbers_are_not_taken_for_infinite() -> None:
    """The sum of a row may overflow where no entry is infinite."""
    x = X.copy()
    x[:, 0] = np.where(Y == 0, 1.5e308, 1.7e308)
    try:
        h_score(x, Y)
    except ValueError as refusal:
        assert "features" in str(refusal)  # noqa: PT017
        assert "NaN" not in str(refusal)  # noqa: PT017


def test_numpy_integers_are_numbers_of_threads() -> None:
    assert h_score(X, Y, n_threads=np.int64(1)) == h_score(X, Y, n_threads=1)


@pytest.mark.parametrize("warning", [SaturationWarning, PrecisionWarning, SingleClassWarning])
def test_warnings_can_be_filtered_as_user_warnings(warning: type[Warning]) -> None:
    assert issubclass(warning, UserWarning)


def test_saturation_is_told_with_a_way_out() -> None:
    with pytest.warns(SaturationWarning) as caught:
        assert h_score(X[:6], [0, 1, 2, 0, 1, 2]) == pytest.approx(2.0, abs=1e-12)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert_says(str(caught[0].message), ("rank", "5", "labels"))


def test_doubtful_precision_is_told() -> None:
    x, y = make_problem(500, 6, 3)
    x[:, 5] = x[:, 0] + 3e-6 * x[:, 5]
    with pytest.warns(PrecisionWarning) as caught:
        h_score(x, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert_says(str(caught[0].message), ("depend linearly", "tol"))


def test_no_warning_without_a_reason() -> None:
    """Warnings are errors here: a good input, constants and duplicates give none."""
    x = np.column_stack([X, X[:, 0], np.full(40, 0.1)])
    assert h_score(x, Y) == pytest.approx(h_score(X, Y), abs=1e-13)


REGULARIZED: dict[str, tuple[dict[str, Any], Any, tuple[str, ...]]] = {
    "shrinkage": ({"shrinkage": "lw"}, ValueError, ("shrinkage", "'lw'", "ledoit_wolf", "oas")),
    "negative": ({"shrinkage": -0.5}, ValueError, ("shrinkage", "-0.5", "between 0 and 1")),
    "above one": ({"shrinkage": 1.5}, ValueError, ("shrinkage", "1.5")),
    "NaN": ({"shrinkage": np.nan}, ValueError, ("shrinkage", "nan")),
    "None": ({"shrinkage": None}, TypeError, ("shrinkage", "None", "NoneType")),
    "True": ({"shrinkage": True}, TypeError, ("shrinkage", "bool")),
    "convention": ({"convention": "mine"}, ValueError, ("convention", "'mine'", "tllib", "paper")),
    "precision": ({"precision": "high"}, ValueError, ("precision", "'high'", "float64")),
    "n_threads": ({"n_threads": 0}, ValueError, ("n_threads", "0")),
}


@pytest.mark.parametrize("case", REGULARIZED)
def test_refusal_of_options_of_the_regularized_score(case: str) -> None:
    options, error, words = REGULARIZED[case]
    with pytest.raises(error) as caught:
        regularized_h_score(X, Y, **options)
    assert_says(str(caught.value), words)
    if "precision" not in options:
        with pytest.raises(error) as caught:
            Moments().update(X, Y).regularized_h_score(**options)
        assert_says(str(caught.value), words)


@pytest.mark.parametrize(
    "case", [case for case, (*_, options, _, _) in REFUSALS.items() if not options]
)
@pytest.mark.parametrize("score", [regularized_h_score, adjusted_h_score, chance_level])
def test_refusal_is_that_of_every_score(case: str, score: Any) -> None:
    features, labels, _, error, words = REFUSALS[case]
    with pytest.raises(error) as caught:
        score(features, labels)
    assert_says(str(caught.value), words)


@pytest.mark.parametrize("repeats", [1, 300])
@pytest.mark.parametrize("constant", [False, True])
def test_a_batch_that_overflows_is_refused(constant: bool, repeats: int) -> None:
    """The first batch, and a later one, which must not spoil what was there."""
    huge = 1e160 * np.tile(np.ones_like(X) if constant else X, (repeats, 1))
    moments = Moments()
    if not constant:  # equal rows alone have no squares
        with pytest.raises(ValueError, match="squares overflow"):
            moments.update(huge, np.tile(Y, repeats))
    before = moments.update(X, Y).copy()
    with pytest.raises(ValueError, match="squares overflow"):
        moments.update(huge, np.tile(Y, repeats))
    assert moments == before


def test_moments_that_overflow_when_merged_are_refused_when_scored() -> None:
    constant = 1e160 * np.ones_like(X)
    moments = Moments().update(constant, Y).merge(Moments().update(-constant, Y))
    for method in ("h_score", "adjusted_h_score", "chance_level", "regularized_h_score"):
        with pytest.raises(ValueError, match="squares overflow"):
            getattr(pickle.loads(pickle.dumps(moments)), method)()
        unchecked = moments.copy().merge(
            Moments().update(with_value(np.nan, (2, 2)), Y, check_finite=False)
        )
        assert np.isnan(getattr(pickle.loads(pickle.dumps(unchecked)), method)())
    assert moments.copy() == moments


@pytest.mark.parametrize("n_features", [2**22, 2**40, 2**61])
def test_sizes_are_checked_before_memory_is_taken(n_features: int) -> None:
    with pytest.raises(MemoryError, match=str(n_features)):
        Moments(n_features)


@pytest.mark.parametrize("n_features", [0, -3, 2**62, 2**80])
def test_impossible_numbers_of_features(n_features: int) -> None:
    with pytest.raises(ValueError, match=f"n_features .* got {n_features}"):
        Moments(n_features)


def test_float32_products_that_overflow_are_computed_in_float64() -> None:
    x = 1e18 * X
    expected = regularized_h_score(x, Y)
    assert regularized_h_score(x, Y, precision="float32") == expected
    assert h_score(x, Y, precision="float32") == h_score(x, Y, precision="float64")


@pytest.mark.parametrize("precision", ["float32", "float64", "high"])
@pytest.mark.filterwarnings("ignore::hscore_fast.PrecisionWarning")
def test_noise_adds_no_rank_beyond_the_rows(precision: str) -> None:
    x = (1e6 + np.random.default_rng(0).integers(-4, 5, (3, 65))).astype(np.float32)
    assert chance_level(x, [0, 1, 1], precision=precision) <= 1.0


def test_the_fuzzer_finds_nothing_in_three_seconds() -> None:
    """`python tests/fuzz/fuzz_public.py` goes on for as long as one likes."""
    outcomes, failures = fuzz(seconds=3, seed=1, libraries=("ml_dtypes", "pandas"))
    assert not failures, failures[0]
    assert outcomes["scored"] > 20
    assert outcomes["ValueError"] > 20
    assert outcomes["TypeError"] > 5
