"""Whether the files of two patterns belong together, by what stands for the wildcards."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import Any

from hscore_fast._files.addresses import by_number, places, split
from hscore_fast._files.opening import FORMATS

__all__ = ["check_partners"]

_WILDCARD = re.compile(r"(\*+|\?|\[!?\]?[^\]]*\])")


def check_partners(
    features: Any, labels: Any, what: str = "features", other: str = "labels"
) -> None:
    """Refuse patterns of which one matches files that the other has no partner for.

    Parameters
    ----------
    features, labels
        Addresses, or anything else: only two patterns of several files can be compared.
    what, other : str
        Their names, for the message.

    Raises
    ------
    ValueError
        If a file has no partner; the message names it.
    """
    ours, theirs = _stand_ins(features), _stand_ins(labels)
    if not ours or not theirs or len(ours) == len(theirs) == 1:
        return
    if list(ours) == list(theirs):
        return
    alone = [path.name for key, path in ours.items() if key not in theirs]
    alone += [path.name for key, path in theirs.items() if key not in ours]
    if alone:
        shown = ", ".join(map(repr, alone[:5])) + (f" and {len(alone) - 5} more" * (len(alone) > 5))
        trouble = f"{shown} {'has' if len(alone) == 1 else 'have'} no partner"
    else:
        trouble = "they are in different orders"
    raise ValueError(
        f"{what} in {features!r} and {other} in {labels!r} are paired by what stands for the "
        f"wildcards, and {trouble}: complete the files, or pass lists of pathlib.Path, which are "
        "paired one by one"
    )


def _stand_ins(address: Any) -> dict[Any, Path] | None:
    """Map what the wildcards of a pattern stand for to the file, in the order of the files."""
    if not isinstance(address, str):
        return None
    pattern = split(address, FORMATS).path
    if not glob.has_magic(str(pattern)) or pattern.exists():
        return None
    pieces = _WILDCARD.split(str(pattern))
    regex = "".join(
        f"({_any_of(piece)})" if place % 2 else re.escape(piece)
        for place, piece in enumerate(pieces)
    )
    found = {}
    for place in places(address, FORMATS):
        match = re.fullmatch(regex, str(place.path))
        if match is None:  # a pattern that glob reads otherwise
            return None
        # x1 belongs to y01.
        found[tuple(tuple(by_number(part)) for part in match.groups())] = place.path
    return found


def _any_of(wildcard: str) -> str:
    return r"[^/\\]" if wildcard == "?" or wildcard[0] == "[" else r"[^/\\]*"
