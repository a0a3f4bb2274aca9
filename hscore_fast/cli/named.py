"""Names for files that are given on the command line."""

from __future__ import annotations

from pathlib import Path

from hscore_fast._files.opening import FORMATS
from hscore_fast.cli.messages import BadInput

__all__ = ["named_files"]


def named_files(given: list[str], option: str) -> dict[str, str]:
    """Name the files, those in folders included.

    Parameters
    ----------
    given : list of str
        Each a file's address, NAME=FILE, or a folder of files; a file without a name has that of
        the array or of the file.
    option : str
        Where they were given, for messages.

    Returns
    -------
    dict of str to str
        Addresses by name.
    """
    found: dict[str, str] = {}
    for word in given:
        name, equals, address = word.partition("=")
        if not equals or Path(word).exists():
            name, address = "", word
        folder = Path(address)
        # A folder whose name ends as a format's does is a store of arrays.
        if folder.is_dir() and folder.suffix.lower() not in FORMATS:
            inside = sorted(p for p in folder.iterdir() if p.suffix.lower() in FORMATS)
            if not inside:
                raise BadInput(
                    f"{option}: no file in {address!r} is of a known format: {', '.join(FORMATS)}"
                )
            entries = {path.stem: str(path) for path in inside}
            if len(entries) < len(inside):
                raise BadInput(
                    f"{option}: two files in {address!r} differ in their ending only: name each"
                )
        else:
            entries = {name or _stem(address): address}
        for key, value in entries.items():
            if key in found:
                raise BadInput(
                    f"{option}: {value!r} and {found[key]!r} have the same name {key!r}: name one "
                    "otherwise, NAME=FILE"
                )
            found[key] = value
    return found


def _stem(address: str) -> str:
    """Name an address: a member by its own name, a file by the file's."""
    path, colon, member = address.rpartition(":")
    if colon and Path(path).suffix.lower() in FORMATS:
        return member.strip("/") or Path(path).stem
    return Path(address).stem
