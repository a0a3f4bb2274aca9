"""From labels of any kind to class codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._arrays import as_numpy
from hscore_fast._variants import core

__all__ = ["encode"]

Codes = NDArray[np.int32]


def encode(labels: ArrayLike) -> tuple[Codes, list[Any]]:
    """Turn labels into class codes.

    Parameters
    ----------
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        Integers, booleans, strings, floats, categories or hashable objects.

    Returns
    -------
    codes : ndarray of int32, shape (n_samples,)
    classes : list
        The label of each code; ascending where the labels can be ordered.

    Raises
    ------
    ValueError
        If the shape is wrong or a label is missing (None or NaN).
    TypeError
        If the labels are of a kind that cannot be compared.
    """
    categorical = _encode_categorical(labels)
    if categorical is not None:
        return categorical
    array = _as_vector(_as_array(labels))
    kind = array.dtype.kind
    if kind in "iub":
        codes, first_rows = core.encode_integers(array)
        return codes, array[first_rows].tolist()
    if kind == "O":
        return _encode_objects(array)
    if kind in "fUSMm":
        missing = np.flatnonzero(array != array)  # NaN and NaT differ from themselves
        if missing.size:
            _refuse_missing(int(missing[0]), int(missing.size))
        values, inverse = np.unique(array, return_inverse=True)
        return inverse.astype(np.int32).reshape(-1), values.tolist()
    raise TypeError(
        f"labels must be integers, booleans, strings, floats or objects, got dtype {array.dtype}"
    )


def _as_array(labels: Any) -> NDArray[Any]:
    array, bfloat16 = as_numpy(labels, "labels")
    if bfloat16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    if array.dtype.kind == "T":  # NumPy's strings of variable length
        return array.astype(object)
    if array.dtype.kind in "US" and isinstance(labels, (list, tuple)):
        # NumPy writes out what is no string: 1 would be "1", and a NaN among strings "nan".
        mixed = np.array(labels, dtype=object)
        if not all(isinstance(label, (str, bytes)) for label in mixed.flat):
            return mixed
    return array


def _as_vector(array: NDArray[Any]) -> NDArray[Any]:
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
            f"labels of shape {array.shape} are neither one column nor one-hot: a one-hot row is "
            "all 0 but for a single 1; pass one label per sample instead"
        )
    raise ValueError(
        f"labels must have shape (n_samples,), (n_samples, 1) or be one-hot "
        f"(n_samples, n_classes), got shape {array.shape}"
    )


def _encode_categorical(labels: Any) -> tuple[Codes, list[Any]] | None:
    """Take the codes of a pandas Categorical or a Series of one; None for anything else."""
    values = getattr(labels, "cat", labels)
    codes, categories = getattr(values, "codes", None), getattr(values, "categories", None)
    if codes is None or categories is None:
        return None
    codes = np.asarray(codes, dtype=np.int32)
    if codes.size and codes.min() < 0:
        _refuse_missing(int(np.argmin(codes)), int((codes < 0).sum()))
    present, inverse = np.unique(codes, return_inverse=True)
    names = list(categories)
    return inverse.astype(np.int32).reshape(-1), [names[code] for code in present]


def _encode_objects(array: NDArray[Any]) -> tuple[Codes, list[Any]]:
    missing = [row for row, label in enumerate(array) if _is_missing(label)]
    if missing:
        _refuse_missing(missing[0], len(missing))
    try:
        code_of = {label: code for code, label in enumerate(dict.fromkeys(array))}
    except TypeError as error:
        raise TypeError(f"labels must be hashable objects: {error}") from None
    try:
        ordered: Sequence[Any] = sorted(code_of)
    except TypeError:  # a mixture such as 1 and "a" keeps the order of appearance
        ordered = list(code_of)
    code_of = {label: code for code, label in enumerate(ordered)}
    codes = np.fromiter((code_of[label] for label in array), dtype=np.int32, count=len(array))
    return codes, list(ordered)


def _is_missing(label: Any) -> bool:
    if label is None or type(label).__name__ == "NAType":  # pandas.NA is neither equal nor unequal
        return True
    try:
        return bool(label != label)
    except (TypeError, ValueError):  # an array of objects: not missing, and refused as unhashable
        return False


def _refuse_missing(first: int, count: int) -> None:
    raise ValueError(
        f"labels has {count} missing value{'s' if count > 1 else ''} (None or NaN), "
        f"the first in row {first}: drop those rows from features and labels"
    )
