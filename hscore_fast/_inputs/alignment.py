"""Whether rows that are given side by side belong together, as far as their indexes tell."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from hscore_fast._inputs.arrays import is_from

__all__ = ["check_alignment"]


def check_alignment(*named: tuple[str, Any]) -> str | None:
    """Compare the pandas indexes of arguments that have a row for each of the same samples.

    Rows are paired by position. That is right where all indexes are the same, and where one is the
    default one, 0 to n - 1, which says nothing. It is wrong where two indexes name the same rows in
    another order.

    Parameters
    ----------
    *named : tuple of str and object
        Arguments with their names, for messages; those without an index are passed over, and so are
        lengths that differ, which are refused elsewhere.

    Returns
    -------
    str or None
        What to warn of: one index is the default one, and another has the same numbers in another
        order.

    Raises
    ------
    ValueError
        If two indexes differ and neither is the default one.
    """
    doubt = None
    different: list[tuple[str, Any]] = []  # of many targets most have the same index
    for name, value in named:
        index = _index_of(value)
        if index is None or any(_same(other, index) for _, other in different):
            continue
        for other_name, other in different:
            if len(index) == len(other):
                doubt = doubt or _compare(other_name, other, name, index)
        different.append((name, index))
    return doubt


def _index_of(value: Any) -> Any:
    """Return the index of a pandas frame or series; None of anything else."""
    if is_from(value, "pandas") and hasattr(value, "iloc"):
        return value.index
    return None


def _compare(name: str, index: Any, other_name: str, other: Any) -> str | None:
    """Judge two indexes of one length that differ."""
    if _is_default(index) or _is_default(other):
        numbers = other if _is_default(index) else index
        if _is_permutation(numbers):
            return (
                f"the indexes of {name} and {other_name} have the same row numbers in another "
                f"order: {_first_difference(name, index, other_name, other)}. Rows are paired by "
                "position: where that is wrong, align them with .sort_index(); where it is right, "
                "pass .to_numpy() of both"
            )
        return None
    difference = _first_difference(name, index, other_name, other)
    if Counter(index) == Counter(other):
        raise ValueError(
            f"{name} and {other_name} have the same index in another order: {difference}. Align "
            f"them, for example with {other_name}.loc[{name}.index], or pass .to_numpy() of both "
            "to pair rows by position"
        )
    raise ValueError(
        f"{name} and {other_name} have different indexes: {difference}. If their rows belong "
        "together in this order, pass .to_numpy() of both; otherwise join them by index first"
    )


def _first_difference(name: str, index: Any, other_name: str, other: Any) -> str:
    mine, theirs = index.tolist(), other.tolist()
    row = next((i for i, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b), 0)
    return f"row {row} is {mine[row]!r} in {name} and {theirs[row]!r} in {other_name}"


def _same(index: Any, other: Any) -> bool:
    return index is other or bool(index.equals(other))


def _is_default(index: Any) -> bool:
    """Whether an index is 0 to n - 1 as pandas makes it."""
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1


def _is_permutation(index: Any) -> bool:
    """Whether an index has each of the numbers 0 to n - 1 once."""
    values = np.asarray(index)
    if values.ndim != 1 or values.dtype.kind not in "iu" or not len(values):
        return False
    if values.min() != 0 or values.max() != len(values) - 1:
        return False
    return bool((np.bincount(values) == 1).all())
