"""Results as a table on a terminal, tab-separated in a pipe, JSON or CSV."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TextIO, TypeAlias

from rich import box
from rich.cells import cell_len as _cells
from rich.cells import set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hscore_fast._results.display import plain
from hscore_fast.cli.messages import printable

Value: TypeAlias = "str | int | float | None"

_TEXT_WIDTH = 88
_WIDE = 160  # of a table in a file or a pipe
_LEAST_NAME = 12  # narrower than this, columns are left out


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
    table = _table(title)
    for column in columns:
        table.add_row(column.heading, _cell(column, facts))
    Console().print(table)


def write_rows(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Value]],
    text: str,
    form: str = "",
) -> None:
    """Write results as rows; ``text`` stands under a table, which a terminal or `form` asks for."""
    if form == "markdown":
        _write_markdown(title, columns, rows, text)
        return
    if form != "table" and not sys.stdout.isatty():
        print(*(column.key for column in columns), sep="\t")
        for row in rows:
            print(*(_plain(row[column.key]) for column in columns), sep="\t")
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    cells = [[_shown(column, row) for column in columns] for row in rows]
    print(*filter(None, [title, *_aligned([c.heading for c in columns], cells, width)]), sep="\n")
    for paragraph in text.splitlines():
        print(
            textwrap.fill(paragraph, min(width, _TEXT_WIDTH))
            if len(paragraph) > width
            else paragraph
        )


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Align columns, the first to the left; if too wide, cut names in the middle, then columns.

    A digit is never cut.
    """
    heads = [heading.split("\n") for heading in headings]
    height = max(map(len, heads))
    padded = [[""] * (height - len(head)) + head for head in heads]
    widths = [
        max(_cells(text) for text in [*head, *(row[place] for row in rows)])
        for place, head in enumerate(heads)
    ]
    while len(widths) > 2 and sum(widths[1:]) + 2 * (len(widths) - 1) + _LEAST_NAME > width:
        widths.pop()
    widths[0] = max(1, min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1)))
    lines = [[head[line] for head in padded] for line in range(height)]
    written = [_line(line, widths) for line in lines]
    written.append("─" * (sum(widths) + 2 * (len(widths) - 1)))
    return [*written, *(_line(row, widths) for row in rows)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name = shortened(cells[0], widths[0])
    parts = [name + " " * (widths[0] - _cells(name))]
    parts += [
        " " * (size - _cells(cell)) + cell
        for cell, size in zip(cells[1 : len(widths)], widths[1:], strict=True)
    ]
    return "  ".join(parts).rstrip()


def shortened(name: str, width: int) -> str:
    """Cut a name in the middle, since beginnings and ends tell names apart."""
    if _cells(name) <= width:
        return name
    front, back = width // 2, (width - 1) // 2
    return f"{set_cell_size(name, front).rstrip()}…{name[len(name) - back :] if back else ''}"


def _write_markdown(
    title: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Value]], text: str
) -> None:
    headings = [column.heading.replace("\n", " ") for column in columns]
    print(f"**{title}**\n")
    print(f"| {' | '.join(headings)} |")
    print(f"| {' | '.join(['---'] + ['--:'] * (len(columns) - 1))} |")
    for row in rows:
        cells = [_shown(column, row).replace("|", "\\|") for column in columns]
        print(f"| {' | '.join(cells)} |")
    print(f"\n{text}" if text else "")


def _shown(column: Column, row: Mapping[str, Value]) -> str:
    """Give a cell's text."""
    value = row[column.key]
    return "" if value is None else printable(column.shown(value))


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


def _table(title: str) -> Table:
    """Begin a table of facts that is as narrow as can be, for terminals of 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_header=False,
        show_edge=False,
        pad_edge=False,
    )


def _cell(column: Column, row: Mapping[str, Value]) -> Text:
    # Text, not str: a file's name may hold what rich would read as markup.
    return Text(_shown(column, row))


def _plain(value: Value) -> str:
    value = plain(value)
    return "" if value is None else printable(str(value))
