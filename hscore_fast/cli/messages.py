"""Errors and warnings, each as one line on standard error."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import hscore_fast
from hscore_fast._results.display import left_out_text

_MOST_NAMES = 8
_QUIET = ContextVar("quiet", default=False)

# Options of functions that the command calls otherwise; messages begin with their names.
_OPTION = re.compile(
    r"^(by|columns|confidence|drop|ignore_label|keep|method|n_threads|precision|tol)\b(?= must)"
)
_NAMES = {"n_threads": "threads"}
_SCORE = re.compile(r"'(adjusted|cross_validated|regularized)_h_score'")


class BadInput(Exception):  # noqa: N818
    """Raised for input that cannot be used; the message says why in one line."""


def printable(text: str) -> str:
    r"""Write line ends, tabs and other controls as escapes, so that text stays in its place."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def quiet() -> Iterator[None]:
    """Tell nothing but errors meanwhile."""
    token = _QUIET.set(True)
    try:
        yield
    finally:
        _QUIET.reset(token)


def is_quiet() -> bool:
    """Say whether nothing but errors is to be told."""
    return _QUIET.get()


def in_words_of_the_command(message: str) -> str:
    """Name options as the command line does, where a function's message names its arguments."""
    message = _OPTION.sub(lambda found: f"--{_option(found[1])}", message)
    if message.startswith("--by "):
        message = _SCORE.sub(r"'\1'", message)
    if message.startswith("--confidence ") and (given := re.search(r"got (\d+)(\.0)?$", message)):
        message += f": {given[1]} % is {int(given[1]) / 100:g}"
    if message.startswith("--threads "):
        message = message.replace(" or None", "").replace("use None for", "leave it out for")
    return message


def _option(argument: str) -> str:
    return _NAMES.get(argument, argument).replace("_", "-")


def tell(message: str) -> None:
    """Print one line on standard error unless the command is to be quiet."""
    if not is_quiet():
        complain(message)


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
        tell(f"{shown}: {text}" if shown else text)


@contextmanager
def one_line_each(hint: Callable[[str], str] = str) -> Iterator[None]:
    """Run library calls: their errors become `BadInput` with a hint, each warning one line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", hscore_fast.HScoreWarning)
        try:
            yield
        except (ValueError, TypeError, OSError, MemoryError, ModuleNotFoundError) as error:
            text = in_words_of_the_command(str(error) or type(error).__name__)
            raise BadInput(hint(text)) from error
        finally:
            for line in dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in caught):
                tell(line)
