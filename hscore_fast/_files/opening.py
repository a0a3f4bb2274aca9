"""The table of formats, and opening by it."""

from __future__ import annotations

import errno
import importlib
import os
from typing import Any, NamedTuple, cast

from hscore_fast._files.addresses import Place, places
from hscore_fast._files.errors import clear_damage
from hscore_fast._files.source import AnyArray, Joined, Source
from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import (
    EVERY_COLUMN,
    ColumnNames,
    ColumnRequest,
    as_column_request,
    refuse_request,
)

__all__ = ["FORMATS", "Format", "open_array", "open_requested", "open_source"]


class Format(NamedTuple):
    """The module and the library that read a format.

    The module has ``open_source(path, member)``, and that of a table's format
    ``open_source(path, member, request)``: which of its columns to take.
    """

    module: str
    library: str | None = None  # what `import` and `pip install` call it
    folder: bool = False  # whether it is a folder rather than a file
    table: bool = False  # whether it has columns with names
    points: bool = False  # whether it can name other files: then `open_source` takes `anywhere`


# To add a format, write its module and enter it here.
FORMATS = {
    ".npy": Format("npy"),
    ".npz": Format("npz"),
    ".h5": Format("hdf5", "h5py", points=True),
    ".hdf5": Format("hdf5", "h5py", points=True),
    ".parquet": Format("parquet", "pyarrow", table=True),
    ".arrow": Format("arrow", "pyarrow", table=True),
    ".feather": Format("arrow", "pyarrow", table=True),
    ".safetensors": Format("safetensors", "safetensors"),
    ".zarr": Format("zarr", "zarr", folder=True, points=True),
    ".pt": Format("pt", "torch"),
    ".csv": Format("csv"),
}


def open_source(
    address: Address,
    *,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
) -> Source:
    """Open one array, or several files as one array, to be read in blocks.

    Parameters
    ----------
    address : str, path-like or list of them
        As for :func:`open_array`; also a pattern such as ``parts/*.h5:/layer4``, or a list, whose
        arrays are taken one below the other in that order. The files of a pattern are sorted by
        name, numbers in it by value.
    columns, drop, keep : str or sequence of str, optional
        Columns of a table (.parquet, .arrow, .feather), by name or by a pattern such as ``"f*"``:
        take only these; leave these out; take these although they are an index.

    Returns
    -------
    Source
        With ``shape``, ``dtype``, ``blocks(n_rows)``, ``read()``, ``left_out``: the columns of a
        table that are not taken, and why; and ``mapped``: the whole array, if it needs no memory.
        No file stays open.

    Raises
    ------
    FileNotFoundError, ValueError, OSError, ModuleNotFoundError
        As :func:`open_array` does.
    TypeError
        If the parts of one array are numbers here and text there.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> from hscore_fast.readers import open_source
    >>> folder = tempfile.TemporaryDirectory()
    >>> for part in range(3):
    ...     np.save(pathlib.Path(folder.name) / f"part{part}.npy", np.full((2, 4), part))
    >>> source = open_source(f"{folder.name}/part*.npy")
    >>> source.shape
    (6, 4)
    >>> [block.shape for block in source.blocks(5)]
    [(2, 4), (2, 4), (2, 4)]
    >>> folder.cleanup()
    """
    return open_requested(address, as_column_request(columns, drop, keep))


def open_requested(address: Address, request: ColumnRequest) -> Source:
    """Open what an address names, of a table the columns that are asked for."""
    parts = [_open(place, request) for place in places(address, FORMATS)]
    return parts[0] if len(parts) == 1 else Joined(parts)


def open_array(address: str | os.PathLike[str]) -> AnyArray:
    """Open the array that a file holds, read-only and without reading it where that can be.

    Parameters
    ----------
    address : str or path-like
        A file that holds one array, or ``file.npz:name`` for one array of several; a dataset's path
        in .h5 and .zarr, a tensor's name in .safetensors and .pt, a column in .parquet, .arrow,
        .feather and .csv. A path-like object is always a whole path; a string that is the path of
        an existing file is that file, even with a colon in its name.

    Returns
    -------
    ndarray
        The array, of the file's shape and dtype. ``.npy`` files, uncompressed ``.npz`` members
        (``numpy.savez``), ``.safetensors`` and ``.pt`` are mapped, bfloat16 ones aside; everything
        else is read into memory: take :func:`open_source` to read it in blocks.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file's ending is unknown, the file is truncated or is not what its ending says,
        the member is missing or ambiguous, it takes its numbers from files in other folders (see
        :func:`allow_external`), or the array holds Python objects: opening those would run code
        from the file, so they are never unpickled.
    ModuleNotFoundError
        If the library that reads the format is not installed; the message names it.
    OSError
        If the system cannot read the file.

    Notes
    -----
    An archive's members begin anywhere, so a mapped one may be unaligned (``flags.aligned``); this
    library and NumPy read it all the same. It is not checked against the archive's checksum, since
    that would read all of it. A mapping follows the file: do not overwrite a file while its array
    is in use. Functions of this library raise a ValueError if it got shorter; anything else that
    reads the array may read zeros then.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> from hscore_fast.readers import open_array
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "layers.npz"
    >>> np.savez_compressed(path, first=np.zeros((5, 3)), last=np.ones((5, 2)))
    >>> open_array(f"{path}:last").shape
    (5, 2)
    >>> folder.cleanup()
    """
    return open_source(address).read()


def _open(place: Place, request: ColumnRequest) -> Source:
    path = place.path
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        came = f"the ending {path.suffix!r}" if path.suffix else "no ending"
        known = ", ".join(FORMATS)
        raise ValueError(
            f"cannot tell the format of {str(path)!r} from {came}; expected one of {known}: "
            "save the array with numpy.save"
        )
    if not path.exists():
        raise FileNotFoundError(f"no such file: {str(path)!r}; check the path")
    if form.folder and not path.is_dir():
        raise ValueError(f"{str(path)!r} is not a folder, as a {path.suffix} store is")
    if not form.folder and not path.is_file():
        raise ValueError(
            f"{str(path)!r} is not a file but a folder or a device; name a file, or several with a "
            "pattern such as 'folder/*.npy'"
        )
    try:
        module = importlib.import_module(f"hscore_fast._files.formats.{form.module}")
    except ModuleNotFoundError as error:
        if form.library is None or (error.name or "").partition(".")[0] != form.library:
            raise
        raise ModuleNotFoundError(
            f"reading {str(path)!r} needs {form.library}, which is not installed: "
            f"pip install {form.library}",
            name=form.library,
        ) from error
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, "the file may not be read", str(path))
    with clear_damage(path):
        return cast(Source, _open_with(module, form, place, request))


def _open_with(module: Any, form: Format, place: Place, request: ColumnRequest) -> Any:
    path, member, anywhere = place
    if form.table and member is None:
        return module.open_source(path, None, request)
    if request.given:
        what = repr(str(path))
        refuse_request(request, what if member is None else f"the column {member!r} of {what}")
    if form.table:
        return module.open_source(path, member, EVERY_COLUMN)
    if form.points:
        return module.open_source(path, member, anywhere=anywhere)
    return module.open_source(path, member)
