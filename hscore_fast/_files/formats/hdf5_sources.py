"""Datasets of .h5 files whose numbers lie in other files.

A stranger's file may name any file of this machine: HDF5 would read it, wait for ever where it is a
pipe, and crash where a virtual dataset is its own source. So the sources are looked at before
anything is read. HDF5's own rules for finding them fall back on the working directory; here a
source lies beside the file that names it, or where an absolute path or the user's environment
(HDF5_VDS_PREFIX, HDF5_EXTFILE_PREFIX) says.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import h5py

__all__ = ["check_sources", "dataset_of"]

_MOST_LEVELS = 16  # of virtual datasets that are each other's sources: HDF5 calls itself for each
_MOST_READINGS = 1_000_000  # of datasets, for one virtual dataset


def dataset_of(file: Any, name: str) -> Any:
    """Open a dataset so that files of external storage are looked for beside its file."""
    dataset = file[name]
    if dataset.external is None:
        return dataset
    # Only where it is needed: all who have the dataset open must give HDF5 the same prefix.
    del dataset
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_efile_prefix(b"${ORIGIN}")
    return h5py.Dataset(h5py.h5d.open(file.id, name.encode("utf-8", "surrogateescape"), access))


def check_sources(path: Path, dataset: Any, anywhere: bool) -> None:
    """Refuse a dataset whose numbers lie where they should not.

    Parameters
    ----------
    path : Path
        Its file.
    dataset : h5py.Dataset
        Only its creation properties are looked at if it is virtual: its shape may need the sources.
    anywhere : bool
        Whether the caller allows other folders than that of the file.

    Raises
    ------
    ValueError
        If a source is missing or no regular file, in another folder, or, at any depth, the dataset
        itself; or if external files are too short, which HDF5 would read as zeros.
    """
    if dataset.external is not None:
        _Sources(path, dataset.name, anywhere).check_external(dataset)
    elif dataset.is_virtual:
        _Sources(path, dataset.name, anywhere).measure(path, dataset)


class _Size(NamedTuple):
    """How many datasets are read for one, and through how many levels."""

    levels: int
    readings: int


class _Sources:
    def __init__(self, path: Path, name: str, anywhere: bool) -> None:
        self._address = f"{path}:{name}"
        self._path = path
        self._folder = path.parent.resolve()
        self._anywhere = anywhere
        self._sizes: dict[tuple[Path, str], _Size | None] = {}  # None: being measured

    def check_external(self, dataset: Any) -> None:
        left = dataset.size * dataset.dtype.itemsize
        for name, offset, size in dataset.external:
            file = self._found(self._path.parent, name, "HDF5_EXTFILE_PREFIX")
            needed = min(size, left)
            if file.stat().st_size < offset + needed:
                raise ValueError(
                    f"{self._address!r} is truncated: {needed} bytes of it are behind byte "
                    f"{offset} of {str(file)!r}, which has {file.stat().st_size}"
                )
            left -= needed
        if left:
            raise ValueError(
                f"{self._address!r} is truncated: its external files lack {left} bytes"
            )

    def measure(self, path: Path, dataset: Any) -> _Size:
        """Follow a virtual dataset to its sources."""
        place = path.resolve(), dataset.name
        if place in self._sizes:
            size = self._sizes[place]
            if size is None:
                raise self._error(f"the virtual dataset {dataset.name!r} is its own source")
            return size
        self._sizes[place] = None
        levels = readings = 1
        if dataset.is_virtual:
            for (file, name), count in _mappings(dataset).items():
                if "%" in file + name:
                    if self._anywhere:
                        continue
                    raise self._error("its sources are named by a pattern", or_allow=True)
                below = self._measure_source(path, file, name)
                levels = max(levels, below.levels + 1)
                readings += count * below.readings
        elif dataset.external is not None:
            raise self._error(f"its source {dataset.name!r} lies in further files")
        if levels > _MOST_LEVELS or readings > _MOST_READINGS:
            raise self._error(
                f"{readings} readings through {levels} levels, more than {_MOST_READINGS} or "
                f"{_MOST_LEVELS}"
            )
        self._sizes[place] = _Size(levels, readings)
        return _Size(levels, readings)

    def _measure_source(self, path: Path, file: str, name: str) -> _Size:
        if len([size for size in self._sizes.values() if size is None]) > _MOST_LEVELS:
            raise self._error(f"its sources have sources, through more than {_MOST_LEVELS} levels")
        source = path if file == "." else self._found(path.parent, file, "HDF5_VDS_PREFIX")
        try:
            with h5py.File(source, "r") as opened:
                return self.measure(source, self._at(opened, name, source))
        except OSError as error:
            raise self._error(f"its source {str(source)!r} cannot be read ({error})") from error

    def _at(self, file: Any, name: str, source: Path) -> Any:
        """Go to a dataset, through no link that may lead to another file."""
        thing = file
        for part in filter(None, name.split("/")):
            link = thing.get(part, getlink=True) if isinstance(thing, h5py.Group) else None
            if not isinstance(link, h5py.HardLink):
                raise self._error(f"{str(source)!r} has no dataset {name!r} that is not a link")
            thing = thing[part]
        if not isinstance(thing, h5py.Dataset):
            raise self._error(f"{str(source)!r} has no dataset {name!r}")
        return thing

    def _found(self, folder: Path, name: str, variable: str) -> Path:
        prefix = os.environ.get(variable, "").replace("${ORIGIN}", str(folder))
        found = Path(prefix or folder) / name
        real = found.resolve()
        if not real.is_file():
            raise self._error(f"its source {str(found)!r} is missing or no regular file")
        if not self._anywhere and real.parent != self._folder:
            raise self._error(f"{str(real)!r} is not in its folder", or_allow=True)
        return found

    def _error(self, reason: str, or_allow: bool = False) -> ValueError:
        repair = "copy the numbers into one file"
        if or_allow:
            repair += (
                f", or, if you trust it, pass hscore_fast.readers.allow_external({self._address!r})"
            )
        return ValueError(
            f"{self._address!r} takes its numbers from other files: {reason}; {repair}"
        )


def _mappings(dataset: Any) -> Counter[tuple[str, str]]:
    stored = dataset.id.get_create_plist()
    return Counter(
        (stored.get_virtual_filename(k), stored.get_virtual_dsetname(k))
        for k in range(stored.get_virtual_count())
    )
