"""Choosing one array of a file that may hold several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["choose_member", "refuse_member", "usual_name"]

_MOST_SHOWN = 20
_USUAL_NAMES = ("label", "labels", "target", "class", "y")  # of labels, the likeliest first


def usual_name(names: Sequence[str]) -> str | None:
    """Return the first name that labels usually have, if there is one."""
    by_usual = {name.strip().lower(): name for name in reversed(names)}
    return next((by_usual[usual] for usual in _USUAL_NAMES if usual in by_usual), None)


def choose_member(
    path: Path,
    names: Sequence[str],
    member: str | None,
    noun: str = "array",
    proposed: str | None = None,
) -> str:
    """Return the member asked for, or the only one; list the known ones and propose one otherwise.

    What is proposed is `proposed`, or the first where that is None; of columns, which may have ids
    first, none then.
    """
    known = ", ".join(map(repr, names[:_MOST_SHOWN]))
    if len(names) > _MOST_SHOWN:
        known += f" and {len(names) - _MOST_SHOWN} more"
    if not names:
        raise ValueError(f"{str(path)!r} holds no {noun}s")
    if member is None:
        if len(names) > 1:
            if proposed is None:
                proposed = "COLUMN" if noun == "column" else names[0]
            raise ValueError(
                f"{str(path)!r} holds {len(names)} {noun}s ({known}); say which one, as in "
                f"{f'{path.name}:{proposed}'!r}"
            )
        return names[0]
    if member not in names:
        raise ValueError(f"{str(path)!r} has no {noun} {member!r}; it holds {known}")
    return member


def refuse_member(path: Path, member: str | None) -> None:
    """Refuse a member's name where the file holds one array without a name."""
    if member is not None:
        raise ValueError(
            f"{str(path)!r} holds one array without a name, but the member {member!r} was asked "
            f"for; drop ':{member}'"
        )
