"""A report on a terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from hscore_fast.bench.report import Table, notes, tables

__all__ = ["show"]

_TEXT_WIDTH = 100


def show(report: dict[str, Any], console: Console | None = None) -> None:
    """Print tables and notes; a table that is too wide comes in parts, its keys repeated."""
    console = console or Console()
    for table in tables(report):
        for part in _fit(table, console.width):
            console.print(_rich(part))
            console.print()
    for note in notes(report):
        bad = note.startswith("WRONG")
        console.print(Text(note, style="bold red" if bad else ""), width=_text_width(console))


def _fit(table: Table, width: int) -> list[Table]:
    """Cut a table into parts that fit, if it does not."""
    widths = [
        2 + max(len(line) for cell in column for line in cell.split("\n"))
        for column in zip(table.headings, *table.rows, strict=True)
    ]
    keys = list(range(table.keys))
    parts: list[list[int]] = [[]]
    used = taken = sum(widths[: table.keys])
    for column in range(table.keys, len(widths)):
        if parts[-1] and used + widths[column] > width:
            parts.append([])
            used = taken
        parts[-1].append(column)
        used += widths[column]
    return [
        Table(
            table.title + (", continued" if number else ""),
            tuple(table.headings[k] for k in keys + part),
            [tuple(row[k] for k in keys + part) for row in table.rows],
            table.keys,
        )
        for number, part in enumerate(parts)
    ]


def _rich(table: Table) -> RichTable:
    made = RichTable(
        title=table.title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_header=any(table.headings),
        show_edge=False,
        pad_edge=False,
    )
    for number, heading in enumerate(table.headings):
        left = number < table.keys or not heading
        made.add_column(heading, justify="left" if left else "right", overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    return made


def _style(cell: str) -> str:
    if cell.endswith("WRONG"):
        return "bold red"
    return "yellow" if cell.endswith(" !") else ""


def _text_width(console: Console) -> int:
    return min(console.width, _TEXT_WIDTH)
