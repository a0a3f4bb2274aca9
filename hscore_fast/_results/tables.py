"""One style of tables for results: as text, as HTML for light and dark notebooks, as Markdown."""

from __future__ import annotations

import html
import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hscore_fast._results.display import WritesJson

__all__ = ["Displayed", "Page", "Table", "aligned", "measured", "quantity"]

_MOST_DECIMALS = 6  # rounding errors are smaller; they show as 0
_PLAIN_DIGITS = 4  # of a number whose error is not known


@dataclass(frozen=True)
class Table:
    """A table to be shown.

    Attributes
    ----------
    rows : sequence of sequence of str
        The first column holds names, on the left; the others are numbers, on the right.
    header : sequence of str
        Over the columns; a table of facts has none, and its second column is on the left.
    caption : str
        Over the table; in text, only HTML and Markdown show it.
    """

    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()
    caption: str = ""


@dataclass(frozen=True)
class Page:
    """Everything that a result shows: lines before its tables, the tables, lines after them."""

    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    before: Sequence[str] = ()
    tree: str = ""


class Displayed(WritesJson):
    """A result that terminals, notebooks and Markdown show as the same tables."""

    @abstractmethod
    def _page(self) -> Page:
        """Return what is shown."""

    def to_markdown(self) -> str:
        """Write what ``print`` shows as Markdown.

        Returns
        -------
        str
            Tables and lines of text, for a report or an issue.
        """
        page = self._page()
        parts = [_plain_markdown(line) for line in page.before]
        parts += [_markdown(table) for table in page.tables if table.rows]
        parts += [f"```\n{page.tree}\n```"] if page.tree else []
        parts += [_plain_markdown(line) for line in page.notes]
        return "\n\n".join(parts) + "\n"

    def __str__(self) -> str:
        page = self._page()
        tables = "\n\n".join(_text(table) for table in page.tables if table.rows)
        return "\n".join(filter(None, [*page.before, tables, page.tree, *page.notes]))

    def _repr_html_(self) -> str:
        page = self._page()
        parts = [_STYLE]
        parts += [f'<p class="caution">{html.escape(line)}</p>' for line in page.before]
        parts += [_html(table) for table in page.tables if table.rows]
        parts += [f"<pre>{html.escape(page.tree)}</pre>"] if page.tree else []
        parts += [f"<p>{html.escape(line)}</p>" for line in page.notes]
        return f'<div class="hscore-fast">{"".join(parts)}</div>'

    def _repr_pretty_(self, printer: _Printer, cycle: bool) -> None:
        """Show the table where IPython would show one line."""
        printer.text("..." if cycle else str(self))


class _Printer(Protocol):
    """The printer that IPython hands to ``_repr_pretty_``."""

    def text(self, text: str) -> Any:
        """Write text."""


# Lines and secondary text are transparent shades of the text's own colour, so that one style serves
# light and dark pages. Jupyter's own rules for tables have the specificity (0, 1, 1).
_STYLE = (
    "<style>"
    "div.hscore-fast{font-size:13px;line-height:1.45;max-width:62em}"
    "div.hscore-fast table{border-collapse:collapse;margin:.5em 0}"
    "div.hscore-fast table td{font-variant-numeric:tabular-nums}"
    "div.hscore-fast table caption{caption-side:top;text-align:left;font-weight:600;"
    "padding:0 0 .3em;color:inherit}"
    "div.hscore-fast table th,div.hscore-fast table td{text-align:right;padding:.2em .9em;border:0;"
    "white-space:nowrap;max-width:none}"
    "div.hscore-fast table thead th{font-weight:600;border-bottom:1px solid #8888;opacity:.75}"
    "div.hscore-fast table tbody tr{border-bottom:1px solid #8883;background:transparent}"
    "div.hscore-fast table tbody th{font-weight:400}"
    "div.hscore-fast table th:first-child,div.hscore-fast table td:first-child,"
    "div.hscore-fast table.facts td{text-align:left}"
    "div.hscore-fast table.facts td{white-space:normal}"
    "div.hscore-fast p{margin:.25em 0;text-align:left;opacity:.75}"
    "div.hscore-fast p.caution{opacity:1;font-weight:600}"
    "div.hscore-fast pre{background:transparent;color:inherit;line-height:1.35}"
    "</style>"
)


def _text(table: Table) -> str:
    """Align a table as text, with a rule under its header."""
    lines = [list(table.header), *table.rows] if table.header else list(table.rows)
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    aligned_lines = [
        "  ".join(
            cell.rjust(width) if place and table.header else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    if table.header:
        aligned_lines.insert(1, "─" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(aligned_lines)


def _html(table: Table) -> str:
    """Write a table as HTML; every cell is escaped."""
    kind = "" if table.header else ' class="facts"'
    title = f"<caption>{html.escape(table.caption)}</caption>" if table.caption else ""
    head = f"<thead>{_html_row(table.header, 'th')}</thead>" if table.header else ""
    body = "".join(_html_row(row, "td") for row in table.rows)
    return f"<table{kind}>{title}{head}<tbody>{body}</tbody></table>"


def _html_row(cells: Iterable[str], tag: str) -> str:
    """Write a row; spaces at the start of a cell, which indent it, are kept."""
    written = []
    for cell in cells:
        text = html.escape(cell)
        indent = len(text) - len(text.lstrip(" "))
        written.append(f"<{tag}>{'&nbsp;' * 2 * indent}{text.lstrip(' ')}</{tag}>")
    return f"<tr>{''.join(written)}</tr>"


def _markdown(table: Table) -> str:
    """Write a table as Markdown with aligned columns."""
    width = len(table.rows[0])
    header = list(table.header) or [""] * width
    lines = [header, *table.rows]
    rows = ["| " + " | ".join(_plain_markdown(cell) for cell in line) + " |" for line in lines]
    rule = ["---"] + (["--:"] if table.header else ["---"]) * (width - 1)
    rows.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join([f"**{table.caption}**\n"] * bool(table.caption) + rows)


def _plain_markdown(text: str) -> str:
    """Escape the characters of a name or sentence that Markdown would take as marks."""
    return "".join("\\" + c if c in "\\|*_`<~[" else c for c in " ".join(text.splitlines()))


def measured(values: Sequence[float], errors: Sequence[float]) -> list[tuple[str, str]]:
    """Show numbers and their errors with as many decimals as the errors have digits that count.

    All get the same number of decimals, so that points stand under each other: two significant
    digits of the median error, and at least one of the smallest.
    """
    known = sorted(error for error in errors if error > 0 and math.isfinite(error))
    if not known:
        return [(text, "-") for text in aligned(values)]
    decimals = max(
        _decimals(known[len(known) // 2], 2),
        _decimals(known[0], 1),
    )
    decimals = min(max(decimals, 0), _MOST_DECIMALS)
    return [
        (_fixed(value, decimals), _fixed(error, decimals))
        for value, error in zip(values, errors, strict=True)
    ]


def aligned(values: Sequence[float], digits: int = _PLAIN_DIGITS) -> list[str]:
    """Show numbers with the same decimals: so many significant digits of the largest."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    decimals = min(max(_decimals(largest, digits), 0), _MOST_DECIMALS) if largest else 0
    return [_fixed(value, decimals) for value in values]


def quantity(value: float, error: float) -> str:
    """Show a number with its error, as in ``9.520 ± 0.043``; alone if the error is not known."""
    ((number, spread),) = measured([value], [error])
    return number if spread == "-" else f"{number} ± {spread}"


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals show that many significant digits."""
    return digits - 1 - math.floor(math.log10(float(f"{value:.{digits - 1}e}")))


def _fixed(value: float, decimals: int) -> str:
    text = "-" if math.isnan(value) else f"{value:,.{decimals}f}"
    return text.removeprefix("-") if text.strip("-0.") == "" and text != "-" else text
