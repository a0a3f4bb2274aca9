"""Results as a table on a terminal, tab-separated in a pipe, JSON or CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TextIO, TypeAlias

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hscore_fast._results.display import plain
from hscore_fast.cli.messages import printable

Value: TypeAlias = "str | int | float | None"

_TEXT_WIDTH = 88


class Column(NamedTuple):
    """One value of a result: its name for machines, and how a person sees it."""

    key: str
    heading: str
    shown: Callable[..., str] = str


def seconds(value: float) -> str:
    """Show a time in seconds or milliseconds."""
    return f"{value:,.2f} s" if value >= 1 else f"{1000 * value:.2f} ms"


def write_facts(title: str, columns: Sequence[Column], facts: Mapping[str, Value]) -> None:
    """Write one result: a line for each value."""
    if not sys.stdout.isatty():
        for column in columns:
            print(column.key, _plain(facts[column.key]), sep="\t")
        return
    table = _table(title, show_header=False)
    for column in columns:
        table.add_row(column.heading, _cell(column, facts))
    Console().print(table)


def write_rows(
    title: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Value]], text: str
) -> None:
    """Write results as rows; ``text`` stands under the table on a terminal."""
    if not sys.stdout.isatty():
        print(*(column.key for column in columns), sep="\t")
        for row in rows:
            print(*(_plain(row[column.key]) for column in columns), sep="\t")
        return
    console = Console()
    table = _table(title, show_header=True)
    for number, column in enumerate(columns):
        table.add_column(column.heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(_cell(column, row) for column in columns))
    console.print(table)
    console.print()
    console.print(Text(text), width=min(console.width, _TEXT_WIDTH))


def write_json(result: object) -> None:
    """Write a result as JSON, which has no word for what is not a finite number: null."""
    print(json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False))


def write_csv(
    keys: Sequence[str], rows: Iterable[Mapping[str, Value]], file: TextIO | None = None
) -> None:
    """Write rows as CSV under a line of headings; what is None or not a number stays empty."""
    lines = csv.writer(file or sys.stdout, lineterminator="\n")
    lines.writerow(keys)
    lines.writerows([plain(row[key]) for key in keys] for row in rows)


def _table(title: str, *, show_header: bool) -> Table:
    """Begin a table that is as narrow as can be, for terminals of 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_header=show_header,
        show_edge=False,
        pad_edge=False,
    )


def _cell(column: Column, row: Mapping[str, Value]) -> Text:
    value = row[column.key]
    # Text, not str: a file's name may hold what rich would read as markup.
    return Text("" if value is None else printable(column.shown(value)))


def _plain(value: Value) -> str:
    value = plain(value)
    return "" if value is None else printable(str(value))
