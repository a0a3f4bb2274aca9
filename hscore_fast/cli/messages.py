"""Errors and warnings, each as one line on standard error."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import hscore_fast
from hscore_fast._results.display import left_out_text

_MOST_NAMES = 8


class BadInput(Exception):  # noqa: N818
    """Raised for input that cannot be used; the message says why in one line."""


def printable(text: str) -> str:
    r"""Write line ends, tabs and other controls as escapes, so that text stays in its place."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def complain(message: str) -> None:
    """Print one line on standard error."""
    print(f"hscore-fast: {printable(' '.join(message.splitlines()))}", file=sys.stderr)


def tell_left_out(tables: Mapping[str, tuple[int, Mapping[str, str]]]) -> None:
    """Say in one line which columns of each table were left out of how many; nothing if none."""
    lines: dict[str, list[str]] = {}
    for name, (n_features, left_out) in tables.items():
        if left_out:
            columns = "1 column" if n_features == 1 else f"{n_features:,} columns"
            text = f"{columns} taken as features (left out: {left_out_text(left_out)})"
            lines.setdefault(text, []).append(name)
    for text, names in lines.items():
        shown = ", ".join(names[:_MOST_NAMES])
        if len(names) > _MOST_NAMES:
            shown += f" and {len(names) - _MOST_NAMES} more"
        complain(f"{shown}: {text}" if shown else text)


@contextmanager
def one_line_each() -> Iterator[None]:
    """Run library calls: their errors become `BadInput`, and each warning one line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", hscore_fast.HScoreWarning)
        try:
            yield
        except (ValueError, TypeError, OSError, MemoryError, ModuleNotFoundError) as error:
            raise BadInput(str(error) or type(error).__name__) from error
        finally:
            for line in dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in caught):
                complain(line)
