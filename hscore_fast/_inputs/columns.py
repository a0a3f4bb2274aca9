"""Which columns of a table are features: one decision for tables in memory and in files.

No library is imported here and no value is read: whoever has a table describes its columns as
`Field`, and looks into those that `Choice` calls suspects.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeAlias

from hscore_fast._inputs.column_doubts import Field, listed, shown, suspicion_by_name

__all__ = [
    "EVERY_COLUMN",
    "Choice",
    "ColumnNames",
    "ColumnRequest",
    "as_column_request",
    "choose",
    "nothing_left",
    "refuse_request",
    "same_names",
]

ColumnNames: TypeAlias = "Hashable | Sequence[Hashable]"
"""One column or several, by name or by a pattern such as ``"f*"``."""

OPTIONS = ("columns", "drop", "keep")

_MOST_SHOWN = 20  # names in a message
_FLOATS_PER_INTEGER = 4  # from here on a table's columns are "nearly all floats"
_MOST_SUSPECTS = 16
_INDEX_OF_PANDAS = re.compile(r"__index_level_\d+__")


class Choice(NamedTuple):
    """The decision.

    Attributes
    ----------
    taken : list of int
        Places of the columns that are features.
    left_out : dict of str to str
        Names of the others, each with the reason.
    suspects : list of int
        Places, among `taken`, of integer and boolean columns in a table of floats: their names and
        values may tell that they number the rows or the classes. Also of floats with such a name.
    """

    taken: list[int]
    left_out: dict[str, str]
    suspects: list[int]


@dataclass(frozen=True)
class ColumnRequest:
    """The caller's choice of columns, and the names of the labels' columns.

    Attributes
    ----------
    columns : tuple or None
        Take only these.
    drop, keep : tuple
        Leave these out; take these although they would be left out or warned of.
    labels : frozenset
        Names of the labels' columns.
    numbered : tuple of (name, labels)
        Labels whose name is a number, which is a name only if the column has their values.
    several : bool
        Whether there are other tables, in one of which `drop` and `keep` match something.
    """

    columns: tuple[Hashable, ...] | None = None
    drop: tuple[Hashable, ...] = ()
    keep: tuple[Hashable, ...] = ()
    labels: frozenset[Hashable] = frozenset()
    numbered: tuple[tuple[Hashable, Any], ...] = field(default=(), compare=False)
    several: bool = False

    @property
    def given(self) -> bool:
        """Whether the caller asked for anything."""
        return self.columns is not None or bool(self.drop) or bool(self.keep)

    def among(self, tables: Iterable[Sequence[Hashable] | None]) -> ColumnRequest:
        """Ask several sources: what `drop` and `keep` name must be in one of them, not in each.

        Parameters
        ----------
        tables : iterable
            The names of each table's columns; None for a source whose columns have no names.

        Raises
        ------
        ValueError
            If a name or pattern matches no column of any table.
        """
        names = [name for table in tables if table is not None for name in table]
        if names:
            self.places(names, "any source", ("drop", "keep"))
        return replace(self, several=bool(names))

    def without(self, names: Iterable[Hashable]) -> ColumnRequest:
        """Add names of labels' columns."""
        labels = self.labels | frozenset(names)
        return self if labels == self.labels else replace(self, labels=labels)

    def places(
        self, names: Sequence[Hashable], what: str, options: Sequence[str] = OPTIONS
    ) -> dict[str, set[int]]:
        """Find what each option matches among the names; refuse what matches none."""
        by_name: dict[Hashable, list[int]] = {}
        for place, name in enumerate(names):
            by_name.setdefault(name, []).append(place)
        matched: dict[str, set[int]] = {option: set() for option in OPTIONS}
        for option in options:
            for wanted in getattr(self, option) or ():
                found = by_name.get(wanted) or _matching(wanted, names)
                if not found and not (self.several and option != "columns"):
                    raise ValueError(_unknown(option, wanted, names, what))
                matched[option].update(found)
        return matched


EVERY_COLUMN = ColumnRequest()


def as_column_request(
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
) -> ColumnRequest:
    """Check the options of a public function."""
    if columns is None and drop is None and keep is None:
        return EVERY_COLUMN
    return ColumnRequest(
        None if columns is None else _as_names(columns, "columns"),
        () if drop is None else _as_names(drop, "drop"),
        () if keep is None else _as_names(keep, "keep"),
    )


def _as_names(given: Any, option: str) -> tuple[Hashable, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        names: tuple[Any, ...] = (given,)
    elif isinstance(given, Mapping):
        raise TypeError(f"{option} must be names of columns, got a {type(given).__name__}")
    else:
        names = tuple(given)
    if not names:
        raise ValueError(f"{option} names no column: leave it out, or name at least one")
    for name in names:
        if not isinstance(name, Hashable) or name is None or isinstance(name, (bytes, float)):
            raise TypeError(
                f"{option} must be the name of a column, a pattern such as 'f*', or a list of "
                f"them, got {name!r} of type {type(name).__name__}"
            )
    return names


def choose(
    fields: Sequence[Field],
    request: ColumnRequest = EVERY_COLUMN,
    *,
    index: Iterable[Hashable] = (),
    what: str = "features",
) -> Choice:
    """Decide which columns of a table are features.

    Parameters
    ----------
    fields : sequence of Field
        All columns of the table.
    request : ColumnRequest
        Names that match no column are refused.
    index : iterable
        Names of columns that the table's metadata calls its index.
    what : str
        The table, for messages.

    Returns
    -------
    Choice
        Nothing may be taken.

    Raises
    ------
    TypeError
        If a column that is asked for, or that holds numbers and is not left out, cannot be read.
    ValueError
        If a name is unknown, or vectors stand beside other columns and nothing says what is meant.

    Notes
    -----
    In this order: what `drop` matches is left out; so is what `columns`, if given, does not match;
    what `keep` matches is taken; the labels' columns are left out; what `columns` names in full is
    taken; an index is left out, and so is what holds no numbers.
    """
    matched = request.places([field.name for field in fields], what)
    index, named = frozenset(index), frozenset(request.columns or ())
    taken: list[int] = []
    explicit: set[int] = set()
    left_out: dict[str, str] = {}
    for place, column in enumerate(fields):
        if place in matched["drop"]:
            reason = "drop"
        elif request.columns is not None and place not in matched["columns"]:
            reason = "not in columns"
        elif place in matched["keep"]:
            reason = ""
            explicit.add(place)
        elif column.name in request.labels:
            reason = "labels"
        elif column.name in named:
            reason = ""
            explicit.add(place)
        elif column.name in index or _INDEX_OF_PANDAS.fullmatch(str(column.name)):
            reason = "index"
        elif column.kind == "other":
            reason = f"no numbers ({column.type.partition('(')[0]})"
        else:
            reason = ""
        if reason:
            left_out[str(column.name)] = reason
        else:
            taken.append(place)
            if column.kind in ("other", "refused"):
                raise _unreadable(column, what)
    _check_vectors(fields, taken, explicit, what)
    return Choice(taken, left_out, _suspects(fields, taken, explicit))


def _check_vectors(
    fields: Sequence[Field], taken: list[int], explicit: set[int], what: str
) -> None:
    """Refuse vectors beside other columns unless all of them were named."""
    vectors = [place for place in taken if fields[place].kind == "vectors"]
    if not vectors or len(taken) == 1 or explicit.issuperset(taken):
        return
    first = fields[vectors[0]].name
    others = [fields[place].name for place in taken if place != vectors[0]]
    raise ValueError(
        f"{what} holds the column of lists {first!r} beside others ({listed(others)}); say which "
        f"are meant, as in columns={first!r}"
    )


def _suspects(fields: Sequence[Field], taken: list[int], explicit: set[int]) -> list[int]:
    kinds = [fields[place].kind for place in taken]
    whole = [place for place in taken if fields[place].kind in ("integer", "boolean")]
    candidates = [place for place in whole if place not in explicit]
    unnamed = sum(suspicion_by_name(fields[place]) is None for place in whole)
    # A float column is suspected only by its name and if it holds whole numbers.
    named = [
        place
        for place in taken
        if fields[place].kind == "float" and suspicion_by_name(fields[place]) is not None
    ]
    floats = kinds.count("float") - len(named)
    found = [place for place in named if place not in explicit]
    if floats < max(_FLOATS_PER_INTEGER * unnamed, 1):
        found = []
    for place in candidates:
        others = unnamed - (suspicion_by_name(fields[place]) is None)
        if floats >= max(_FLOATS_PER_INTEGER * others, 1):
            found.append(place)
    found.sort()
    if len(found) > _MOST_SUSPECTS:  # so many are data, and looking at their values takes time
        return [place for place in found if suspicion_by_name(fields[place]) is not None]
    return found


def same_names(
    before: Sequence[Hashable] | None, names: Sequence[Hashable] | None
) -> Sequence[Hashable] | None:
    """Refuse columns in another order, or of other names, than those of earlier rows.

    Parameters
    ----------
    before, names : sequence or None
        Of the columns seen before, and of those that come now. Only text counts: the numbers that
        pandas gives columns without names say nothing.

    Returns
    -------
    sequence or None
        What is known of the names now.

    Raises
    ------
    ValueError
        If the names differ.
    """
    if names is None or not all(isinstance(name, str) for name in names):
        return before
    if before is None or list(before) == list(names):
        return names
    if len(before) != len(names):  # which is told otherwise
        return before
    place = next(k for k, (a, b) in enumerate(zip(before, names, strict=True)) if a != b)
    if set(before) == set(names):
        text = "the columns of earlier rows in another order"
    else:
        text = "other columns than earlier rows"
    raise ValueError(
        f"features has {text}: column {place} is {names[place]!r}, and was {before[place]!r}: "
        "select the columns in one order, for example frame[names], or pass .to_numpy()"
    )


def refuse_request(request: ColumnRequest, what: str) -> None:
    """Refuse names of columns where the columns have no names."""
    for option in ("columns",) if request.several else OPTIONS:
        if getattr(request, option):
            raise ValueError(
                f"{option}={shown(getattr(request, option))} needs a table, whose columns have "
                f"names, and {what} is none: choose columns by their numbers, as in "
                "features[:, 2:]"
            )


def nothing_left(choice: Choice, what: str, remedy: str) -> Exception:
    """Build the error for a table of which no column is a feature."""
    reasons = [f"{name!r}: {reason}" for name, reason in choice.left_out.items()]
    shown = ", ".join(reasons[:_MOST_SHOWN])
    if len(reasons) > _MOST_SHOWN:
        shown += f" and {len(reasons) - _MOST_SHOWN} more"
    text = f"{what} has no numeric columns that could be features; left out are {shown}"
    if not reasons:
        return ValueError(f"{what} has no numeric columns, nor any other")
    if all(reason.startswith("no numbers") for reason in choice.left_out.values()):
        return TypeError(f"{text}: {remedy}")
    return ValueError(f"{text}: keep= takes a column all the same")


def _matching(wanted: Hashable, names: Sequence[Hashable]) -> list[int]:
    """Find the columns that a pattern matches."""
    if not isinstance(wanted, str):
        return []
    return [place for place, name in enumerate(names) if fnmatchcase(str(name), wanted)]


def _unknown(option: str, wanted: Hashable, names: Sequence[Hashable], what: str) -> str:
    close = get_close_matches(str(wanted).lower(), [str(name).lower() for name in names], 3, 0.6)
    near = [name for name in names if str(name).lower() in close]
    text = f"{option}={wanted!r} matches no column of {what}"
    if near:
        return f"{text}; near it are {listed(near)}"
    return f"{text}, which has {listed(names)}"


def _unreadable(field: Field, what: str) -> TypeError:
    advice = f"{field.remedy}, or leave" if field.remedy else "leave"
    return TypeError(
        f"{what} has the column {field.name!r} of type {field.type}, which are no real numbers: "
        f"{advice} it out with drop={field.name!r}"
    )
