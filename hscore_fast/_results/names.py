"""Errors for names that are not there, with those that come close."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

__all__ = ["UnknownNameError", "place_of"]

_MOST_NAMES = 8


class UnknownNameError(KeyError):
    """A KeyError whose message is shown as it is, not as the text of a key."""

    def __str__(self) -> str:
        return str(self.args[0])


def place_of(name: str, known: Sequence[str], what: str) -> int:
    """Return the place of a name, or raise an error that proposes close ones."""
    if name in known:
        return list(known).index(name)
    close = difflib.get_close_matches(str(name), known, n=3)
    proposed = f"did you mean {' or '.join(map(repr, close))}?" if close else ""
    if not proposed:
        proposed = f"there are {', '.join(map(repr, known[:_MOST_NAMES]))}"
        proposed += f" and {len(known) - _MOST_NAMES:,} more" if len(known) > _MOST_NAMES else ""
    raise UnknownNameError(f"there is no {what} {name!r}: {proposed}")
