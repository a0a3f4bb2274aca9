"""Refusals: the right type, and a text that names the argument, what came and what to do."""

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles import make_problem

from hscore_fast import Moments, PrecisionWarning, SaturationWarning, SingleClassWarning, h_score

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


@pytest.mark.parametrize(
    "case", [case for case, (*_, options, _, _) in REFUSALS.items() if not options]
)
def test_refusal_is_that_of_moments(case: str) -> None:
    features, labels, _, error, words = REFUSALS[case]
    if case in ("one row", "no rows", "empty list"):
        pytest.skip("a stream may hold few rows, or none yet")
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
    assert_says(str(caught[0].message), ("dependent", "tol"))


def test_no_warning_without_a_reason() -> None:
    """Warnings are errors here: a good input, constants and duplicates give none."""
    x = np.column_stack([X, X[:, 0], np.full(40, 0.1)])
    assert h_score(x, Y) == pytest.approx(h_score(X, Y), abs=1e-13)


def test_random_rubbish_raises_only_what_is_promised() -> None:
    """A short walk over dtypes, shapes, strides, values and labels; no crash, no other error."""
    rng = np.random.default_rng(0)
    kinds = [*"?bBhHiIqQefdgFDG", "S3", "U3", "O", "M8[s]", "m8[s]", "V4", ">f4", ">f8", ">i2"]
    for _ in range(1500):
        shape = tuple(rng.choice([0, 1, 2, 3, 7, 30], size=rng.integers(0, 4)))
        if rng.random() < 0.7:
            shape = (int(rng.choice([1, 2, 5, 30])), int(rng.choice([1, 2, 8, 40])))
        base = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4)
        x = np.asarray(base).astype(kinds[rng.integers(len(kinds))] if rng.random() < 0.5 else "d")
        if x.dtype.kind == "f" and x.size and rng.random() < 0.3:
            x.flat[rng.integers(x.size)] = rng.choice([np.nan, np.inf, 1e4, 0.0])
        if x.ndim:
            x = x[:: int(rng.choice([1, 2, -1, -3]))]
        if x.ndim > 1 and rng.random() < 0.3:
            x = x.T
        length = len(x) if x.ndim and rng.random() < 0.9 else int(rng.integers(0, 9))
        y = rng.integers(-2, 3, length).astype(kinds[rng.integers(len(kinds))])
        if rng.random() < 0.2:
            y = np.eye(5)[rng.integers(0, 5, length)]
        precision = ("auto", "float64", "float32")[rng.integers(3)]
        with warnings.catch_warnings():
            for kind in (SaturationWarning, SingleClassWarning, PrecisionWarning):
                warnings.simplefilter("ignore", kind)
            check_rubbish(x, y, precision)


def check_rubbish(x: np.ndarray, y: np.ndarray, precision: str) -> None:
    try:
        score = h_score(x, y, precision=precision)
    except (ValueError, TypeError, MemoryError) as refusal:
        assert str(refusal).strip()  # noqa: PT017
    else:
        assert 0 <= score <= len(x)
