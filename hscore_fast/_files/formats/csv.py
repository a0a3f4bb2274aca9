"""``.csv``: one column of labels, as text, integers or floats."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hscore_fast._files.formats.members import choose_member, usual_name
from hscore_fast._files.source import AnyArray, Mapped, Source

__all__ = ["open_source"]

_MOST_LETTERS = 1 << 20  # that an array of labels may have room for, most of it empty
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.A | re.I)


def open_source(path: Path, member: str | None) -> Source:
    """Read a column.

    With a column's name the first line is the heading. Without one the file must have a single
    column and no heading: guessing would take a heading for a label, or a label for a heading.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{str(path)!r} is no CSV text in UTF-8 ({error})") from error
    if not rows:
        raise ValueError(f"{str(path)!r} is empty")
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(
                f"{str(path)!r} is truncated or uneven: row {number} has {len(row)} fields, the "
                f"first has {len(rows[0])}"
            )
    column = 0
    if member is not None or len(rows[0]) > 1:
        heading = rows[0]
        proposed = usual_name(heading) or _repeating(heading, rows[1:])
        column = heading.index(choose_member(path, heading, member, "column", proposed))
        rows = rows[1:]
    elif usual_name(rows[0]) and rows.count(rows[0]) == 1:
        raise ValueError(
            f"the first line of {str(path)!r}, {rows[0][0]!r}, reads as a heading: address the "
            f"column as {f'{path.name}:{rows[0][0]}'!r}, or remove that line"
        )
    words = [row[column].strip() for row in rows]
    what = repr(str(path) if member is None else f"{path}:{member}")
    for number, word in enumerate(words):
        if not word:
            raise ValueError(f"{what} has no label in row {number}: fill it in or drop the row")
    source = Mapped(what, _typed(words))
    if member is not None:
        source.column_names = (member,)
    return source


def _repeating(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """Return the first column that may hold labels: its values are not all different."""
    for column, name in enumerate(heading):
        if len({row[column] for row in rows}) < len(rows):
            return name
    return None


def _typed(words: list[str]) -> AnyArray:
    """Take numbers for numbers if all are, and if that makes no one label of two.

    A whole number counts as one only in its canonical form: 007 and 7, 1e3 and 1000, or 1_0 and 10
    are two labels each, and so are integers that no int64 holds.
    """
    if all(map(_NUMBER.fullmatch, words)):
        numbers = list(map(float, words))
        if not all(map(_is_whole, words, numbers)):
            return np.array(numbers)  # measured, or with missing values among them
        if all(map(_is_int64, words)):
            return np.array(list(map(int, words)), dtype=np.int64)
        if all(word == repr(value) for word, value in zip(words, numbers, strict=True)):
            return np.array(numbers)
    # NumPy's text drops zeros at the end.
    # And it gives every label the room of the longest.
    room = len(words) * max(map(len, words))
    is_wide = room > _MOST_LETTERS and room > 4 * sum(map(len, words))
    as_objects = is_wide or any(word[-1:] == "\0" for word in words)
    return np.array(words, dtype=object if as_objects else str)


def _is_int64(word: str) -> bool:
    if len(word) > 20 or not word.removeprefix("-").isdigit():
        return False
    return str(int(word)) == word and -(2**63) <= int(word) < 2**63


def _is_whole(word: str, value: float) -> bool:
    # Digits beyond the range of float64 become an infinity.
    return value.is_integer() or (math.isinf(value) and "inf" not in word.lower())
