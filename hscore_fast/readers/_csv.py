"""``.csv``: one column of labels, as text, integers or floats."""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path

import numpy as np

from hscore_fast.readers._members import choose_member
from hscore_fast.readers._source import AnyArray, Mapped, Source

__all__ = ["open_source"]


def open_source(path: Path, member: str | None, without: str | None) -> Source:
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
        column = rows[0].index(choose_member(path, rows[0], member, "column"))
        rows = rows[1:]
    words = [row[column].strip() for row in rows]
    what = repr(str(path) if member is None else f"{path}:{member}")
    for number, word in enumerate(words):
        if not word:
            raise ValueError(f"{what} has no label in row {number}: fill it in or drop the row")
    return Mapped(what, _typed(words))


def _typed(words: list[str]) -> AnyArray:
    """Take numbers for numbers if all are."""
    array = np.array(words, dtype=str)
    with suppress(ValueError, OverflowError):
        return array.astype(np.int64)
    with suppress(ValueError):
        return array.astype(np.float64)
    return array
