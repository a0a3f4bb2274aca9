"""Addresses of arrays in files: which file, which member of it, one file or several."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

from hscore_fast._inputs.address import Address

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

__all__ = ["Place", "allow_external", "by_number", "places", "split"]


class Place(NamedTuple):
    """One array: the file's path, and the member's name if it was given."""

    path: Path
    member: str | None
    anywhere: bool = False  # whether it may lie in further files, in any folder


class _External(str):
    """An address whose file may name further files in other folders."""

    __slots__ = ()


def allow_external(address: str | os.PathLike[str]) -> str:
    """Mark an address whose file may take its numbers from files in other folders.

    Datasets of .h5 with external storage, virtual datasets, and .zarr stores with symbolic links
    name other files. Those of a .h5 are read where they are regular files in its own folder, the
    links of a .zarr store not at all: a file from a stranger could name any file of this machine.

    Parameters
    ----------
    address : str or path-like
        As for :func:`open_array`. The sources must still be there and be regular files, and no
        dataset may be its own source.

    Returns
    -------
    str
        The same address, for any function that takes one. What is made from it by slicing or
        formatting is an ordinary string again.

    Examples
    --------
    >>> from hscore_fast.readers import allow_external
    >>> allow_external("scan.h5:/entry/data")
    'scan.h5:/entry/data'
    """
    return _External(os.fspath(address))


def places(address: Address, endings: Container[str]) -> list[Place]:
    """Find the files that an address names, in order.

    Parameters
    ----------
    address : str, path-like or list of them
        A path, in which a first ``~`` is the home folder; in a string also ``path:member``, and
        ``*``, ``?`` and ``[...]`` in a path that does not exist as it is. A path-like object is
        always a whole path.
    endings : container of str
        The known endings of files, behind which a colon begins a member's name.

    Returns
    -------
    list of Place
        The files of a pattern are sorted by name, numbers in it by value: part2 before part10.

    Raises
    ------
    FileNotFoundError
        If a pattern matches no file.
    """
    several = address if isinstance(address, (list, tuple)) else [address]
    if not several:
        raise ValueError("the list of files is empty; name at least one")
    found = []
    for one in several:
        if not isinstance(one, (str, os.PathLike)):
            raise TypeError(f"an address must be a str or path-like, got {type(one).__name__}")
        place = split(one, endings)._replace(anywhere=isinstance(one, _External))
        found += _expand(place) if isinstance(one, str) else [place]
    return found


def split(address: str | os.PathLike[str], endings: Container[str]) -> Place:
    """Part a file's path from a member's name; ``~`` is the home folder."""
    path = Path(address)
    if isinstance(address, str) and _URL.match(address) and not path.exists():
        raise ValueError(
            f"{address!r} is a URL, and only files of this machine are read: copy it to a file "
            "first, for example with fsspec or the storage's own program, or give the rows in "
            "blocks to Moments.update"
        )
    if str(path).startswith("~") and not path.exists():
        path = path.expanduser()
        address = str(path) if isinstance(address, os.PathLike) else os.path.expanduser(address)
    if not isinstance(address, str) or path.exists():
        return Place(path, None)
    # A colon parts file from member only right behind a known ending: "C:\data\f.npz:a" has one
    # such colon, and a member's name may hold further ones.
    colon = address.find(":")
    while colon >= 0:
        if Path(address[:colon]).suffix.lower() in endings:
            return Place(Path(address[:colon]), address[colon + 1 :])
        colon = address.find(":", colon + 1)
    return Place(path, None)


def _expand(place: Place) -> list[Place]:
    pattern = str(place.path)
    if not glob.has_magic(pattern) or place.path.exists():
        return [place]
    paths = sorted(glob.glob(pattern), key=by_number)
    if not paths:
        raise FileNotFoundError(f"no file matches {pattern!r}; check the pattern")
    return [place._replace(path=Path(path)) for path in paths]


def by_number(path: str) -> list[tuple[int, str]]:
    """Order part2 before part10."""
    pieces = re.split(r"(\d+)", path)
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]
