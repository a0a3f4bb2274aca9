"""Small tables of text and HTML, and values that JSON can hold."""

from __future__ import annotations

import html
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = [
    "SCORE_NAMES",
    "WritesJson",
    "html_table",
    "left_out_notes",
    "left_out_text",
    "number",
    "plain",
    "text_table",
]

SCORE_NAMES = {
    "cross_validated_h_score": "cross-validated H-score",
    "adjusted_h_score": "adjusted H-score",
    "h_score": "H-score",
    "regularized_h_score": "regularized H-score",
}

_MOST_NAMES = 8  # of columns or sources in a line

Rows = Sequence[Sequence[str]]


def text_table(rows: Rows, header: Sequence[str] | None = None) -> str:
    """Align columns: to the left, or under a header all but the first to the right."""
    lines = list(rows) if header is None else [header, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    aligned = [
        "  ".join(
            cell.ljust(width) if place == 0 or header is None else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join(aligned)


def html_table(rows: Rows, header: Sequence[str] | None = None, caption: str = "") -> str:
    """Make an HTML table; every cell is escaped."""
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    head = "" if header is None else f"<thead>{_html_row(header, 'th')}</thead>"
    body = "".join(_html_row(row, "td") for row in rows)
    return f"<table>{title}{head}<tbody>{body}</tbody></table>"


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def number(value: float, digits: int = 4) -> str:
    """Show a number with that many significant digits."""
    return "-" if math.isnan(value) else f"{value:.{digits}g}"


def left_out_text(left_out: Mapping[str, str]) -> str:
    """Name the columns of a table that are not among the features, a few of them if many."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        by_reason.setdefault(reason, []).append(name)
    parts = []
    for reason, names in by_reason.items():
        shown = ", ".join(names[:_MOST_NAMES])
        if len(names) > _MOST_NAMES:
            shown += f" and {len(names) - _MOST_NAMES:,} more"
        parts.append(f"{shown} ({reason})")
    return ", ".join(parts)


def left_out_notes(left_out: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Say which columns were left out of which sources' tables, in one line for equal ones."""
    sources: dict[str, list[str]] = {}
    for name, columns in left_out.items():
        if columns:
            sources.setdefault(left_out_text(columns), []).append(name)
    notes = []
    for text, names in sources.items():
        shown = ", ".join(names[:_MOST_NAMES])
        if len(names) > _MOST_NAMES:
            shown += f" and {len(names) - _MOST_NAMES:,} more"
        notes.append(f"left out of {shown}: {text}")
    return notes


class WritesJson(ABC):
    """Return an object that has ``to_dict`` as JSON."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain objects."""

    def to_json(self, indent: int | None = None) -> str:
        """Write what `to_dict` returns as JSON: nan becomes null, other objects their text.

        Parameters
        ----------
        indent : int, optional
            Spaces for each level; by default all is on one line.

        Returns
        -------
        str
        """
        return json.dumps(plain(self.to_dict()), indent=indent)


def plain(value: Any) -> Any:
    """Turn a value into one that JSON can hold: nan and infinity become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
