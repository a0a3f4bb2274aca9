"""Every kind of label is a set of classes; only which rows share one counts."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from oracles import gold, make_problem

from hscore_fast import Moments, SingleClassWarning, h_score

X, CODES = make_problem(240, 6, 4)
TRUTH = gold(X, CODES).h_score


def named(*names: object, dtype: object = None) -> Callable[[], NDArray]:
    return lambda: np.array(names, dtype=dtype)[CODES]


def read_only(labels: NDArray) -> NDArray:
    labels.flags.writeable = False
    return labels


def one_hot(dtype: type) -> NDArray:
    return np.eye(4, dtype=dtype)[CODES]


KINDS: dict[str, Callable[[], Any]] = {
    **{
        np.dtype(kind).name: named(3, 0, 101, 7, dtype=kind)
        for kind in (*"bBhHiIqQ", "f2", "f4", "f8")
    },
    "negative": named(-5, -1, 0, -9),
    "smallest and largest int64": named(-(2**63), 2**63 - 1, 0, -1),
    "uint64 beyond int64": named(2**64 - 1, 2**63, 2**63 - 1, 0, dtype=np.uint64),
    "uint64 neighbours that float64 confuses": named(
        2**64 - 1, 2**64 - 2, 2**64 - 3, 2**64 - 4, dtype=np.uint64
    ),
    "int64 neighbours that float64 confuses": named(2**62, 2**62 + 1, 2**62 + 2, 2**62 + 3),
    "whole numbers beyond 64 bits": named(2**70, 2**70 + 1, -(2**70), 0, dtype=object),
    "whole floats": named(0.0, 1.0, -2.0, 255.0),
    "whole floats that differ in the last bit": named(
        2.0**52, np.nextafter(2.0**52, np.inf), 2.0**53, 0.0
    ),
    "large floats": named(1e300, -1e300, 1e16, 0.0),
    "categories that are measured": lambda: pd.Categorical.from_codes(CODES, [0.1, 0.2, 0.25, -1]),
    "list of integers of which NumPy makes floats": lambda: [
        (2**63 + 5, 2**63 + 6, -1, 7)[code] for code in CODES
    ],
    "list of NumPy's integers of which it makes floats": lambda: [
        (np.uint64(2**63 + 5), np.uint64(2**63 + 6), np.int64(-1), 7)[code] for code in CODES
    ],
    "list of strings that end in zeros": lambda: [("a", "a\0", "a\0\0", "b")[c] for c in CODES],
    "list of bytes that end in zeros": lambda: [(b"a", b"a\0", b"", b"\0")[c] for c in CODES],
    "list of text and bytes": lambda: [("a", b"a", "b", b"b")[code] for code in CODES],
    "measured numbers beside text": lambda: [(0.5, 1.5, "low", "high")[code] for code in CODES],
    "strings": named("cat", "dog", "", "Cat"),
    "strings beyond ASCII": named("猫", "犬", "кот", "cat"),
    "strings with a common start": named("a", "a ", "aa", "b"),
    "bytes": named(b"cat", b"dog", b"", b"Cat"),
    "strings as objects": named("cat", "dog", "", "Cat", dtype=object),
    "objects of several types": named("1", 1, "one", 2.5, dtype=object),
    "little-endian integers": lambda: CODES.astype(CODES.dtype.newbyteorder("<")),
    "big-endian integers": lambda: CODES.astype(CODES.dtype.newbyteorder(">")),
    "list of integers": lambda: CODES.tolist(),
    "list of strings": lambda: [f"class {code}" for code in CODES],
    "tuple": lambda: tuple(CODES.tolist()),
    "column": lambda: CODES[:, None],
    "column of strings": lambda: CODES.astype(str)[:, None],
    "Fortran order": lambda: np.asfortranarray(CODES[:, None]),
    "every third": lambda: np.repeat(CODES, 3)[::3],
    "backwards": lambda: CODES[::-1].copy()[::-1],
    "byte-swapped": lambda: CODES.astype(CODES.dtype.newbyteorder()),
    "byte-swapped floats": lambda: (4.0 * CODES).astype(">f8" if np.little_endian else "<f8"),
    "byte-swapped strings": lambda: CODES.astype(str).astype(
        CODES.astype(str).dtype.newbyteorder()
    ),
    "read-only": lambda: read_only(CODES.copy()),
    "pandas series": lambda: pd.Series(CODES, index=np.arange(240)[::-1]),
    "pandas strings": lambda: pd.Series([f"class {code}" for code in CODES]),
    "pandas string dtype": lambda: pd.Series([f"c{code}" for code in CODES], dtype="string"),
    "pandas nullable integers": lambda: pd.Series(CODES, dtype="Int64"),
    "pandas categorical": lambda: pd.Categorical([f"class {code}" for code in CODES]),
    "pandas categories that no row has": lambda: pd.Series(
        pd.Categorical.from_codes(CODES + 1, categories=["none", "a", "b", "c", "d", "nobody"])
    ),
    "pandas column": lambda: pd.DataFrame({"label": CODES}),
    "one-hot float64": lambda: one_hot(np.float64),
    "one-hot float32": lambda: one_hot(np.float32),
    "one-hot int": lambda: one_hot(np.int64),
    "one-hot uint8": lambda: one_hot(np.uint8),
    "one-hot bool": lambda: one_hot(np.bool_),
    "one-hot Fortran": lambda: np.asfortranarray(one_hot(np.float64)),
    "one-hot lists": lambda: one_hot(np.int64).tolist(),
    "one-hot with a class that no row has": lambda: np.insert(one_hot(np.float64), 2, 0, axis=1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_score(kind: str) -> None:
    assert h_score(X, KINDS[kind]()) == pytest.approx(TRUTH, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_may_come_in_pieces(kind: str) -> None:
    """The same value is the same class in every batch, wherever it first came."""
    labels = KINDS[kind]()
    moments = Moments()
    for i in (160, 0, 80):
        part = labels.iloc[i : i + 80] if hasattr(labels, "iloc") else labels[i : i + 80]
        moments.update(X[i : i + 80], part)
    assert len(moments.classes) == 4 or "no row has" in kind
    assert moments.h_score() == pytest.approx(TRUTH, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float64, object, str])
def test_two_classes(dtype: type) -> None:
    codes = CODES % 2
    labels = (codes == 1).astype(dtype)
    truth = gold(X, codes).h_score
    assert h_score(X, labels) == pytest.approx(truth, abs=1e-13)
    assert h_score(X, labels[:, None]) == pytest.approx(truth, abs=1e-13)


def test_labels_stay_as_they_were() -> None:
    for labels in (CODES.copy(), CODES.astype(str), CODES.astype(object), np.eye(4)[CODES]):
        before = labels.copy()
        h_score(X, labels)
        np.testing.assert_array_equal(labels, before)


def test_minus_zero_is_zero() -> None:
    labels = np.where(CODES == 0, np.where(np.arange(240) % 2, -0.0, 0.0), CODES)
    assert h_score(X, labels) == pytest.approx(TRUTH, abs=1e-12)
    moments = Moments().update(X[::2], labels[::2]).update(X[1::2], labels[1::2])
    assert len(moments.classes) == 4


CONTINUOUS: dict[str, Callable[[], Any]] = {
    "a linear function of the features": lambda: X @ np.arange(6.0) + 0.1,
    "float32": lambda: (X[:, 0] + 5).astype(np.float32),
    "halves": lambda: CODES + 0.5,
    "a list": lambda: (CODES / 4).tolist(),
    "a column": lambda: CODES[:, None] / 4,
    "one value among whole ones": lambda: np.where(np.arange(240) == 17, 0.5, CODES),
    "infinity": lambda: np.where(np.arange(240) == 17, np.inf, CODES),
    "objects": lambda: np.array([*(CODES[1:] / 4), 1], dtype=object),
    "decimals": lambda: [Decimal(int(code)) / 4 for code in CODES],
    "a series": lambda: pd.Series(CODES / 4),
    "large integers and a float, in a list": lambda: [2**70, 0.5, *CODES.tolist()[2:]],
}


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_numbers_that_are_not_whole_are_no_classes(kind: str) -> None:
    """As scikit-learn refuses them; text and categories of the same values are classes."""
    labels = CONTINUOUS[kind]()
    with pytest.raises(ValueError, match=r"labels has \d+ values? that .* whole number.*\(numpy"):
        h_score(X, labels)
    with pytest.raises(ValueError, match="a continuous target has no classes"):
        Moments().update(X, labels)


def test_the_first_value_that_is_not_whole_is_named() -> None:
    labels = CODES.astype(float)
    labels[[31, 17, 200]] = 2.25, 0.75, 1.5
    with pytest.raises(ValueError, match=r"3 values .* the first \(0\.75\) in row 17"):
        h_score(X, labels)


def test_measured_values_as_text_are_classes() -> None:
    labels = CODES + 0.5 * (np.arange(240) % 2)
    truth = gold(X, 2 * CODES + np.arange(240) % 2).h_score
    assert h_score(X, labels.astype(str)) == pytest.approx(truth, abs=1e-12)


def test_labels_that_change_their_hash_are_refused() -> None:
    class Restless:
        made = 0

        def __hash__(self) -> int:
            Restless.made += 1
            return Restless.made

        def __eq__(self, other: object) -> bool:
            return self is other

    labels = np.array([Restless() for _ in range(240)], dtype=object)
    with pytest.raises(TypeError, match=r"labels has a Restless .* whose hash changes"):
        h_score(X, labels)


def test_names_come_back_as_they_went_in() -> None:
    for names in ([3, -7], ["b", "a"], [True, False], [0.0, 8.0], [2**64 - 1, 5]):
        moments = Moments().update([[1.0]], names[:1]).update([[2.0]], names[1:])
        assert list(moments.classes) == names
        assert all(type(a) is type(b) for a, b in zip(moments.classes, names, strict=True))


def test_many_classes() -> None:
    rng = np.random.default_rng(0)
    codes = np.concatenate([np.arange(700), rng.integers(0, 700, 500)])
    x = rng.standard_normal((1200, 5)) + (codes % 7)[:, None]
    assert h_score(x, codes * 999_983 - 10**8) == pytest.approx(gold(x, codes).h_score, abs=1e-11)


def test_as_many_classes_as_rows() -> None:
    """Every row its own class: the class means are the rows, and all of the rank is explained."""
    x = np.random.default_rng(0).standard_normal((50, 6))
    assert h_score(x, np.arange(50)) == pytest.approx(6.0, abs=1e-12)


@pytest.mark.parametrize("label", [0, -4, 2.0, "only", True])
def test_single_class_scores_nothing_and_warns_once(label: object) -> None:
    with pytest.warns(SingleClassWarning) as caught:
        assert h_score(X, [label] * 240) == 0.0
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the caller's line, not the library's


def test_single_class_of_a_one_hot_matrix() -> None:
    with pytest.warns(SingleClassWarning):
        assert h_score(X, np.eye(3)[np.ones(240, dtype=int)]) == 0.0
