"""Turn labels into classes: which rows share one, which count, which values are refused."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.address import is_label_address
from hscore_fast._inputs.arrays import as_numpy
from hscore_fast._variants import core

__all__ = ["Encoded", "as_ignored", "check_comparable", "encode", "encode_kept"]

Codes = NDArray[np.int32]

_EXACT = 2**53  # float64 tells all integers up to here apart


@dataclass(frozen=True, slots=True)
class Encoded:
    """Labels as class codes, without the rows that are to be ignored.

    Attributes
    ----------
    codes : ndarray of int32, shape (n_kept,)
        The class of each row that is kept.
    classes : list
        The label of each code; ascending where the labels can be ordered.
    kept : ndarray of intp, shape (n_kept,), or None
        The rows that are kept, ascending; None for all.
    n_rows : int
        Rows that have a label, those to be ignored included.
    """

    codes: Codes
    classes: list[Any]
    kept: NDArray[np.intp] | None
    n_rows: int


def encode(
    labels: ArrayLike, name: str = "labels", *, whole: bool = True
) -> tuple[Codes, list[Any]]:
    """Turn labels into class codes.

    Parameters
    ----------
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        Integers, booleans, strings, floats that are whole numbers, categories or hashable objects.
    name : str
        The argument's name, for messages.
    whole : bool
        Whether to refuse floats that are not whole numbers.

    Returns
    -------
    codes : ndarray of int32, shape (n_samples,)
    classes : list
        The label of each code; ascending where the labels can be ordered.

    Raises
    ------
    ValueError
        If the shape is wrong, a label is missing (None or NaN), or numbers are not whole.
    TypeError
        If the labels are of a kind that cannot be compared.
    """
    found = encode_kept(labels, name=name, whole=whole)
    return found.codes, found.classes


def encode_kept(
    labels: ArrayLike,
    ignored: frozenset[Any] = frozenset(),
    name: str = "labels",
    *,
    whole: bool = True,
    comparable: bool = True,
) -> Encoded:
    """Turn labels into class codes, leaving out the rows whose label is to be ignored.

    Parameters
    ----------
    labels, name, whole
        As for `encode`.
    ignored : frozenset
        Of `as_ignored`: labels whose rows do not count.
    comparable : bool
        Whether to refuse text to be ignored among numbers, and numbers among text.

    Returns
    -------
    Encoded

    Raises
    ------
    ValueError, TypeError
        As `encode` does; and if text is to be ignored among numbers, or numbers among text.
    """
    codes, classes, as_given = _encode_all(labels, name)
    if comparable:
        check_comparable(classes, ignored)
    found = _without(codes, classes, ignored)
    if whole and not as_given:
        _refuse_continuous(found, name)
    return found


def as_ignored(ignore_label: Any) -> frozenset[Any]:
    """Check the labels that are to be ignored: None, one label or several.

    Raises
    ------
    TypeError
        If one of them cannot be a label.
    ValueError
        If one of them is a missing value.
    """
    if ignore_label is None:
        return frozenset()
    if isinstance(ignore_label, (str, bytes)) or not isinstance(ignore_label, Iterable):
        ignore_label = [ignore_label]
    values = [v.tolist() if isinstance(v, np.generic) else v for v in ignore_label]
    for value in values:
        if isinstance(value, np.ndarray):
            raise TypeError(
                "ignore_label must be one label or a list of labels, got an array of shape "
                f"{np.shape(ignore_label)}"
            )
        if _is_missing(value):
            raise ValueError(
                f"ignore_label has the missing value {value!r}, and missing labels cannot be "
                "ignored: drop those rows from features and labels"
            )
    try:
        return frozenset(values)
    except TypeError as error:
        raise TypeError(f"ignore_label must hold hashable labels: {error}") from None


def _encode_all(labels: Any, name: str) -> tuple[Codes, list[Any], bool]:
    """Give the codes of all rows, the classes, and whether numbers were declared to be classes."""
    categorical = _encode_categorical(labels, name)
    if categorical is not None:
        return (*categorical, True)
    given = _as_array(labels, name)
    array = _as_vector(given, name)
    kind = array.dtype.kind
    if kind in "iub":
        codes, values = core.encode_integers(array)  # which reads each label once
        core.refuse_shortened(given)  # which one-hot labels were read from
        return codes, values.astype(array.dtype).tolist(), True
    array = array.copy()  # another thread may change the labels between two looks at them
    core.refuse_shortened(given)
    if kind == "O":
        return (*_encode_objects(array, name), False)
    if kind in "fUSMm":
        missing = np.flatnonzero(array != array)  # NaN and NaT differ from themselves
        if missing.size:
            _refuse_missing(int(missing[0]), int(missing.size), name)
        different, inverse = np.unique(array, return_inverse=True)
        return inverse.astype(np.int32).reshape(-1), different.tolist(), kind != "f"
    raise TypeError(
        f"{name} must be integers, booleans, strings, whole floats or objects, got dtype "
        f"{array.dtype}"
    )


def _without(codes: Codes, classes: list[Any], ignored: frozenset[Any]) -> Encoded:
    """Leave out the rows of some classes."""
    if not ignored:
        return Encoded(codes, classes, None, len(codes))
    stays = np.array([label not in ignored for label in classes], dtype=bool)
    if stays.all():
        return Encoded(codes, classes, None, len(codes))
    kept = np.flatnonzero(stays[codes])
    code_of = (np.cumsum(stays) - 1).astype(np.int32)
    left = [label for label, stay in zip(classes, stays, strict=True) if stay]
    return Encoded(code_of[codes[kept]], left, kept, len(codes))


def check_comparable(classes: Sequence[Any], ignored: frozenset[Any]) -> None:
    """Refuse to look for text among numbers, where nothing would be found."""
    if not ignored:
        return
    mine, theirs = set(map(_kind, classes)), set(map(_kind, ignored))
    if mine and not mine & theirs and "objects" not in mine | theirs:
        value = next(iter(ignored))
        raise TypeError(
            f"ignore_label {value!r} can be none of the labels: it is of {_kind(value)}, and the "
            f"labels are {' and '.join(sorted(mine))}, such as {classes[0]!r}"
        )


def _kind(label: Any) -> str:
    if isinstance(label, Number):
        return "numbers"
    if isinstance(label, str):
        return "text"
    return "bytes" if isinstance(label, bytes) else "objects"


def _refuse_continuous(found: Encoded, name: str) -> None:
    """Refuse numbers of which any is not whole: they are measured, not classes."""
    # Beside text, numbers are names as the text is.
    if not all(isinstance(label, Number) for label in found.classes):
        return
    odd = np.array([not _is_whole(label) for label in found.classes], dtype=bool)
    if not odd.any():
        return
    rows = np.flatnonzero(odd[found.codes])
    row = int(rows[0])
    value = found.classes[found.codes[row]]
    if found.kept is not None:
        row = int(found.kept[row])
    raise ValueError(
        f"{name} has {len(rows)} value{'s' if len(rows) > 1 else ''} that "
        f"{'are not whole numbers' if len(rows) > 1 else 'is not a whole number'}, the first "
        f"({value}) in row {row}: a continuous target has no classes. Round what should be whole "
        "(numpy.rint), bin measured values (for example with pandas.qcut), or pass text where "
        'each value is a class (.astype(str)); h_score(..., task="regression") takes continuous '
        "targets"
    )


def _is_whole(label: Any) -> bool:
    if isinstance(label, int):
        return True
    try:
        return bool(math.isfinite(label) and label == math.floor(label))
    except (TypeError, ValueError, OverflowError):  # a number that is not real
        return not isinstance(label, Real)


_MOST_LETTERS = 1 << 20  # that an array of labels may have room for


def _is_wide_text(labels: Any) -> bool:
    """Whether NumPy would give each of a list of strings the room of a long one."""
    if not isinstance(labels, (list, tuple)) or not labels:
        return False
    if not all(isinstance(label, str) for label in labels):
        return False
    return len(labels) * max(map(len, labels)) > _MOST_LETTERS


def _refuse_units(labels: Sequence[Any], name: str) -> None:
    """Refuse dates of different units, whose common unit takes a month for its first day."""
    of = (np.datetime64, np.timedelta64)
    units = {np.datetime_data(label.dtype)[0] for label in labels if isinstance(label, of)}
    units.discard("generic")
    if len(units) > 1:
        raise ValueError(
            f"{name} has dates of different units ({', '.join(sorted(units))}), which NumPy would "
            "bring to one: pass text, or convert them with numpy.array(labels, 'datetime64[D]')"
        )


def _as_array(labels: Any, name: str) -> NDArray[Any]:
    if _is_wide_text(labels):
        return np.array(labels, dtype=object)
    if is_label_address(labels):
        raise ValueError(
            f"{name} must be one label for each row here, got the text or address {labels!r}: load "
            "a file with hscore_fast.readers.open_array"
        )
    if isinstance(labels, Mapping):
        raise TypeError(
            f"{name} is a {type(labels).__name__} of arrays ({', '.join(map(repr, labels))}), and "
            f"one label for each row is needed: pass one of them, as in {name}[...]"
        )
    try:
        array, bfloat16 = as_numpy(labels, name)
    except ValueError:
        if isinstance(labels, (list, tuple)) and all(np.ndim(each) == 1 for each in labels):
            raise ValueError(
                f"{name} is a list of {len(labels)} arrays of different lengths: join them, for "
                "example with numpy.concatenate"
            ) from None
        raise
    if bfloat16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    if array.dtype.kind == "T":  # NumPy's strings of variable length
        return array.astype(object)
    if array.dtype.kind in "Mm" and isinstance(labels, (list, tuple)):
        _refuse_units(labels, name)
    if isinstance(labels, (list, tuple)) and _loses(array, labels):
        objects = np.array(labels, dtype=object)
        # NumPy's integers of different types are compared as floats, too.
        plain = [label.item() if isinstance(label, np.number) else label for label in objects.flat]
        objects.reshape(-1)[:] = plain
        return objects
    return array


def _loses(array: NDArray[Any], labels: Sequence[Any]) -> bool:
    """Whether NumPy's common type for a list makes one label of two."""
    kind = array.dtype.kind
    if kind == "f":
        # NumPy makes floats of a list in which integers beyond int64 and others are mixed.
        if not (np.abs(array) > _EXACT).any():
            return False
        each = np.array(labels, dtype=object).flat
        return any(isinstance(label, (int, np.integer)) for label in each)
    if kind not in "US":
        return False
    # It writes out what is no string: 1 would be "1", and a NaN among strings "nan". It takes b"a"
    # for "a", and drops zeros at the end.
    each = np.array(labels, dtype=object).flat
    own, end = (str, "\0") if kind == "U" else (bytes, b"\0")
    return not all(isinstance(label, own) and label[-1:] != end for label in each)


def _as_vector(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.ndim == 1:
        return array
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "iubf" and array.shape[1] >= 2:
        is_zero_or_one = (array == 0) | (array == 1)
        if is_zero_or_one.all() and (np.count_nonzero(array, axis=1) == 1).all():
            one_hot: NDArray[Any] = np.argmax(array, axis=1)
            return one_hot
        raise ValueError(
            f"{name} of shape {array.shape} are neither one column nor one-hot: a one-hot row is "
            "all 0 but for a single 1; pass one label per sample instead, or score several labels "
            'a row with h_score(..., task="multilabel")'
        )
    raise ValueError(
        f"{name} must have shape (n_samples,), (n_samples, 1) or be one-hot "
        f"(n_samples, n_classes), got shape {array.shape}"
    )


def _encode_categorical(labels: Any, name: str) -> tuple[Codes, list[Any]] | None:
    """Take the codes of a pandas Categorical or a Series of one; None for anything else."""
    values = getattr(labels, "cat", labels)
    codes, categories = getattr(values, "codes", None), getattr(values, "categories", None)
    if codes is None or categories is None:
        return None
    codes = np.array(codes, dtype=np.int32)
    if codes.size and codes.min() < 0:
        _refuse_missing(int(np.argmin(codes)), int((codes < 0).sum()), name)
    present, inverse = np.unique(codes, return_inverse=True)
    names = list(categories)
    if codes.size and present[-1] >= len(names):
        raise ValueError(
            f"{name} has the category code {int(present[-1])}, but {len(names)} categories: it was "
            "changed during the call"
        )
    return inverse.astype(np.int32).reshape(-1), [names[code] for code in present]


def _encode_objects(array: NDArray[Any], name: str) -> tuple[Codes, list[Any]]:
    missing = [row for row, label in enumerate(array) if _is_missing(label)]
    if missing:
        _refuse_missing(missing[0], len(missing), name)
    try:
        code_of = {label: code for code, label in enumerate(dict.fromkeys(array))}
    except TypeError as error:
        raise TypeError(f"{name} must be hashable objects: {error}") from None
    try:
        ordered: Sequence[Any] = sorted(code_of)
    except TypeError:  # a mixture such as 1 and "a" keeps the order of appearance
        ordered = list(code_of)
    code_of = {label: code for code, label in enumerate(ordered)}
    try:
        codes = np.fromiter((code_of[label] for label in array), dtype=np.int32, count=len(array))
    except KeyError as error:
        label = error.args[0]
        raise TypeError(
            f"{name} has a {type(label).__name__} that is not equal to itself, or whose hash "
            "changes: pass text or numbers that name the classes"
        ) from None
    return codes, list(ordered)


def _is_missing(label: Any) -> bool:
    pandas = sys.modules.get("pandas")
    # pandas.NA is neither equal nor unequal to itself.
    if label is None or (pandas is not None and label is pandas.NA):
        return True
    try:
        return bool(label != label)
    except (TypeError, ValueError):  # an array of objects: not missing, and refused as unhashable
        return False


def _refuse_missing(first: int, count: int, name: str) -> None:
    raise ValueError(
        f"{name} has {count} missing value{'s' if count > 1 else ''} (None or NaN), "
        f"the first in row {first}: drop those rows from features and labels"
    )
