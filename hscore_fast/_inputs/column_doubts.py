"""Columns that were taken as features and are probably none: row numbers, parts, the labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hscore_fast._results.warnings import ColumnWarning

__all__ = [
    "Field",
    "Kind",
    "Suspect",
    "column_doubt",
    "is_row_number",
    "listed",
    "shown",
    "suspicion_by_name",
    "suspicion_by_values",
]

Kind: TypeAlias = Literal["float", "integer", "boolean", "vectors", "other", "refused"]

_MOST_SHOWN = 20  # names in a message
_FEWEST_ROWS = 100  # below, values that look like row numbers or classes may be so by chance
_ROWS_PER_CLASS = 5
_EPOCH = 10**8  # seconds: 1973. Row numbers are smaller, times since 1970 larger.

# Names of row numbers and of the parts that a data set was cut into.
_NUMBERING = re.compile(
    r"(.*[ _.-])?(id|idx|fold|split)|.*[a-z](Id|ID)|index|set|row_?nr|rownames"
    r"|unnamed: ?\d+(\.\d+)?"
)
_OF_TIME = re.compile(r"(.*[ _.-])?(time|timestamp|date|datetime|year|month|day|hour|minute|second"
                      r"|epoch|ts|t)s?([ _.-].*)?")  # fmt: skip


class Field(NamedTuple):
    """Facts about a column that are known before any value is read.

    `kind` is "float", "integer" or "boolean"; "vectors" for a column with a vector in each row;
    "other" for text, categories, dates and whatever else cannot be a feature; "refused" for numbers
    of a type that cannot be read, where `remedy` says what to do.
    """

    name: Hashable
    kind: Kind
    type: str
    remedy: str = ""


class Suspect(NamedTuple):
    """A column that is taken and may be no feature, and how to have its values."""

    field: Field
    values: Callable[[], NDArray[Any]]


def suspicion_by_name(field: Field) -> str | None:
    """Say what a name tells of a column, if it tells that it is no feature."""
    if isinstance(field.name, str) and _is_numbering(field.name.strip()):
        return "by the name numbers the rows or the parts of the data"
    return None


def _is_numbering(name: str) -> bool:
    return bool(_NUMBERING.fullmatch(name) or _NUMBERING.fullmatch(name.lower()))


def suspicion_by_values(
    field: Field,
    values: NDArray[Any],
    codes: Sequence[NDArray[np.int32]],
    n_classes: Sequence[int],
    kept: NDArray[np.intp] | None = None,
) -> str | None:
    """Say what the values of an integer or boolean column tell, if it is no feature."""
    if len(values) < _FEWEST_ROWS:
        return None
    timed = isinstance(field.name, str) and _OF_TIME.fullmatch(field.name.lower())
    if not timed and is_row_number(values):
        return "runs through the rows in order"
    if kept is not None:
        values = values[kept]
    for own, most in zip(codes, n_classes, strict=True):
        enough = len(own) == len(values) and 2 <= most <= len(values) // _ROWS_PER_CLASS
        if enough and _is_class(values, own, most):
            return "has one value for each class"
    return None


def column_doubt(
    suspects: Sequence[Suspect],
    codes: Sequence[NDArray[np.int32]],
    n_classes: Sequence[int],
    what: str = "features",
    kept: NDArray[np.intp] | None = None,
) -> ColumnWarning | None:
    """Say which columns that were taken are probably no features, if there are any.

    Parameters
    ----------
    suspects : sequence of Suspect
        Their values are read unless the name says it all.
    codes, n_classes
        Of each target.
    what : str
        The table, for the message.
    kept : ndarray of intp, optional
        The rows that have codes; by default all.
    """
    found: dict[str, list[Hashable]] = {}
    for suspect in suspects:
        reason = suspicion_by_name(suspect.field)
        if suspect.field.kind == "float":  # its name is the reason why it is here
            reason = reason if _are_whole(suspect.values()) else None
        elif reason is None:
            reason = suspicion_by_values(suspect.field, suspect.values(), codes, n_classes, kept)
        if reason is not None:
            found.setdefault(reason, []).append(suspect.field.name)
    if not found:
        return None
    reasons = "; ".join(f"{listed(names)} {reason}" for reason, names in found.items())
    every = tuple(name for names in found.values() for name in names)
    them = "it" if len(every) == 1 else "them"
    return ColumnWarning(
        f"{what} takes columns that are probably no features: {reasons}; leave {them} out with "
        f"drop={shown(every)}, or say keep={shown(every)} to take {them} without this warning"
    )


def _are_whole(values: NDArray[Any]) -> bool:
    """Whether there are values, and all are whole numbers."""
    if not len(values) or values.dtype.kind != "f":
        return False
    # The first rows decide almost always.
    return all(bool((part == np.floor(part)).all()) for part in (values[:_FEWEST_ROWS], values))


def is_row_number(values: NDArray[Any]) -> bool:
    """Whether values rise or fall by the same step from each row to the next."""
    if values.dtype.kind not in "iu" or max(abs(int(values[0])), abs(int(values[-1]))) >= _EPOCH:
        return False
    step = int(values[1]) - int(values[0])
    if step == 0:
        return False
    # The first rows decide almost always; unsigned values wrap around, which keeps equal steps.
    for stop in (_FEWEST_ROWS, len(values)):
        head = values[:stop].astype(np.int64)
        if (np.diff(head) != step).any():
            return False
    return True


def _is_class(values: NDArray[Any], codes: NDArray[np.int32], n_classes: int) -> bool:
    """Whether all rows of a class have one value, and no two classes the same."""
    first = np.zeros(n_classes, np.intp)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    of_class = values[first]
    return len(np.unique(of_class)) == n_classes and bool((of_class[codes] == values).all())


def listed(names: Sequence[Hashable]) -> str:
    """Write names for a message, a few of them if they are many."""
    shown = ", ".join(map(repr, names[:_MOST_SHOWN]))
    return shown if len(names) <= _MOST_SHOWN else f"{shown} and {len(names) - _MOST_SHOWN} more"


def shown(names: tuple[Hashable, ...]) -> str:
    """Write names as an option takes them."""
    return repr(names[0]) if len(names) == 1 else repr(list(names))
