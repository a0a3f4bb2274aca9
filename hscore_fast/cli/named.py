"""Names for files that are given on the command line."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import numpy as np

from hscore_fast._files.opening import FORMATS
from hscore_fast.cli.messages import BadInput

__all__ = ["named_files"]


def named_files(given: list[str], option: str) -> dict[str, str]:
    """Name the files, those in folders included.

    Parameters
    ----------
    given : list of str
        Each a file's address, NAME=FILE, a folder of files, a folder of folders with a file each,
        or FILE:PATTERN for arrays in a file. A file without a name has that of the array or of the
        file; a file in a folder of its own has the folder's.
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
        entries = _members(address) or _entries(name, address, option)
        for key, value in entries.items():
            if key in found:
                raise BadInput(
                    f"{option}: {value!r} and {found[key]!r} have the same name {key!r}: name one "
                    "otherwise, NAME=FILE"
                )
            found[key] = value
    return found


def _entries(name: str, address: str, option: str) -> dict[str, str]:
    """Name a file, or the files of a folder."""
    folder = Path(address)
    # A folder whose name ends as a format's does is a store of arrays.
    if not folder.is_dir() or folder.suffix.lower() in FORMATS:
        return {name or _stem(address): address}
    inside = sorted(p for p in folder.iterdir() if p.suffix.lower() in FORMATS)
    if inside:
        entries = {path.stem: str(path) for path in inside}
        if len(entries) < len(inside):
            raise BadInput(
                f"{option}: two files in {address!r} differ in their ending only: name each"
            )
        return entries
    # model/features.npy: the folders tell the models apart, the files do not.
    nested = sorted(p for p in folder.glob("*/*") if p.suffix.lower() in FORMATS)
    if not nested:
        raise BadInput(
            f"{option}: no file in {address!r} is of a known format: {', '.join(FORMATS)}"
        )
    alone = len({path.parent for path in nested}) == len(nested)
    return {p.parent.name if alone else f"{p.parent.name}/{p.stem}": str(p) for p in nested}


def _members(address: str) -> dict[str, str]:
    """Name the arrays of a file that ``file:pattern`` asks for; none if it is no pattern."""
    path, colon, pattern = address.rpartition(":")
    if not colon or not any(mark in pattern for mark in "*?[") or not Path(path).exists():
        return {}
    try:
        names = _arrays(Path(path))
    except (ValueError, OSError, ModuleNotFoundError) as error:
        raise BadInput(f"cannot list the arrays of {path!r}: {error}") from error
    wanted = [name for name in names if fnmatch.fnmatchcase(name, pattern.strip("/"))]
    if not wanted:
        raise BadInput(f"no array in {path!r} fits {pattern!r}; it has {', '.join(names[:8])}")
    return {name: f"{path}:{name}" for name in wanted}


def _arrays(path: Path) -> list[str]:
    """List the arrays in a file."""
    ending = path.suffix.lower()
    if ending == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return list(archive.files)
    if ending in (".h5", ".hdf5"):
        import h5py

        found: list[str] = []
        with h5py.File(path, "r") as file:
            file.visititems(
                lambda name, thing: found.append(name) if isinstance(thing, h5py.Dataset) else None
            )
        return found
    if ending == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            return sorted(file.keys())
    raise ValueError("patterns of arrays are for .npz, .h5, .hdf5 and .safetensors")


def _stem(address: str) -> str:
    """Name an address: a member by its own name, a file by the file's."""
    path, colon, member = address.rpartition(":")
    if colon and Path(path).suffix.lower() in FORMATS:
        return member.strip("/") or Path(path).stem
    return Path(address).stem
