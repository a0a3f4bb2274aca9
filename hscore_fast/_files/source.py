"""The interface of every format: an array that is somewhere else, given in blocks of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from hscore_fast._files import limits
from hscore_fast._inputs.arrays import is_narrow
from hscore_fast._inputs.column_doubts import Suspect
from hscore_fast._inputs.features import Features, as_features
from hscore_fast._variants import core

__all__ = ["AnyArray", "Bfloat16", "Joined", "Mapped", "Source", "block_rows", "slices", "width_of"]

AnyArray: TypeAlias = NDArray[Any]

_NUMBERS = "fiub"


class Source(ABC):
    """An array in a file, or in several, that is read in blocks of rows.

    It holds no open file: each walk over the blocks opens its own and closes it at the end.

    Attributes
    ----------
    what : str
        The address, for messages.
    shape : tuple of int
        The array's shape; its first entry counts the rows.
    dtype : dtype
        Of the blocks.
    narrow : bool
        Whether all values are floating-point numbers of 32 bits or fewer, which decides what
        precision is promised.
    mapped : array_like or None
        The whole array, or the table of its columns, where that costs no memory.
    rows_together : int
        Rows that the file stores as one piece, so that a part of it costs as much as all of it.
    column_names : tuple of str
        Of what is taken from a table; empty for what is none.
    left_out : mapping of str to str
        Columns of a table that are not taken, and why.
    suspects : sequence of Suspect
        Columns that are taken and may number the rows or the classes.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> from hscore_fast.readers import open_source
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "x.npz"
    >>> np.savez_compressed(path, np.arange(10.0).reshape(5, 2))
    >>> source = open_source(path)
    >>> source.shape, source.mapped is None
    ((5, 2), True)
    >>> [float(block.sum()) for block in source.blocks(2)]
    [6.0, 22.0, 17.0]
    >>> folder.cleanup()
    """

    what: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    narrow: bool
    mapped: Any = None
    rows_together: int = 1
    column_names: tuple[str, ...] = ()
    left_out: Mapping[str, str] = MappingProxyType({})
    suspects: Sequence[Suspect] = ()

    def __init__(self, what: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.what = what
        self.shape = shape
        self.dtype = dtype
        self.narrow = is_narrow(dtype)

    @abstractmethod
    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Give the array's rows in order, at most `n_rows` at a time."""

    def matrices(self, n_rows: int) -> Iterator[Features]:
        """Give the same rows as the core takes them."""
        for block in self.blocks(n_rows):
            yield as_features(block)
            del block  # before the next one comes: it may be large

    def read(self) -> AnyArray:
        """Give the whole array, read-only: mapped where it can be, read into memory otherwise."""
        if isinstance(self.mapped, np.ndarray):
            return self.mapped
        array: AnyArray = np.empty(self.shape, self.dtype)
        done = 0
        for block in self.blocks(block_rows(self)):
            array[done : done + len(block)] = block
            core.refuse_shortened(block)
            done += len(block)
            del block  # before the next one comes
        self.check_rows(done)
        array.setflags(write=False)
        return array

    def last_rows(self, n_rows: int) -> AnyArray | None:
        """Give the last rows, to see whether anybody wrote them; None if that is not in doubt."""
        return None

    def check_rows(self, n_rows: int) -> None:
        """Refuse a file that gave fewer or more rows than it said it has."""
        if n_rows != self.shape[0]:
            raise ValueError(
                f"{self.what} is truncated: it says that it has {self.shape[0]} rows, {n_rows} are "
                "there; write it again"
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.what}, shape {self.shape}, {self.dtype}>"


class Mapped(Source):
    """An array that is in memory already, or mapped into it."""

    def __init__(self, what: str, array: AnyArray) -> None:
        super().__init__(what, array.shape, array.dtype)
        self.mapped = array

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Give views."""
        assert self.mapped is not None
        return slices(self.mapped, n_rows)


class Bfloat16(Source):
    """The bits of a bfloat16 array; in blocks each value is the float32 that equals it."""

    def __init__(self, what: str, bits: AnyArray) -> None:
        super().__init__(what, bits.shape, np.dtype(np.float32))
        self._bits = bits
        if bits.ndim in (1, 2):
            self.mapped = Features(bits.reshape(len(bits), -1), bfloat16=True)

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Give blocks widened one by one."""
        for bits in slices(self._bits, n_rows):
            block = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
            core.refuse_shortened(self._bits)
            yield block


class Joined(Source):
    """Several arrays of the same columns, one below the other."""

    def __init__(self, parts: Sequence[Source]) -> None:
        first = parts[0]
        for part in parts[1:]:
            if len(part.shape) != len(first.shape) or part.shape[1:] != first.shape[1:]:
                raise ValueError(
                    f"the parts of one matrix must have the same columns: {first.what} has shape "
                    f"{first.shape}, {part.what} has {part.shape}"
                )
            if _kind(part.dtype) != _kind(first.dtype):
                raise TypeError(
                    f"the parts of one matrix must be of one kind: {first.what} holds "
                    f"{first.dtype}, {part.what} holds {part.dtype}"
                )
            if first.column_names and part.column_names not in ((), first.column_names):
                raise ValueError(_other_columns(first, part))
        if not first.shape:
            raise ValueError(f"{first.what} holds a single number, not the rows of a matrix")
        rows = sum(part.shape[0] for part in parts)
        dtype = np.result_type(*{part.dtype for part in parts})
        what = f"{first.what} and {len(parts) - 1} more"
        super().__init__(what, (rows, *first.shape[1:]), dtype)
        self.parts = tuple(parts)
        self.narrow = all(part.narrow for part in parts)
        self.rows_together = max(part.rows_together for part in parts)
        self.column_names = first.column_names
        self.left_out = {name: why for part in parts for name, why in part.left_out.items()}
        self.suspects = [_joined(name, parts) for name in dict.fromkeys(_suspected(parts))]

    def read(self) -> AnyArray:
        """Give all parts as one array, of objects where a common type would round integers."""
        array = super().read()
        if array.dtype.kind == "f" and any(_is_long(part) for part in self.parts):
            exact = np.concatenate([part.read().astype(object) for part in self.parts])
            if (exact != array).any():
                return exact
        return array

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Give the blocks of each part in turn; no block spans two parts."""
        for part in self.parts:
            yield from _all_rows(part, part.blocks(n_rows))

    def matrices(self, n_rows: int) -> Iterator[Features]:
        """Give the blocks of each part as the core takes them."""
        for part in self.parts:
            yield from _all_rows(part, part.matrices(n_rows))


def _is_long(part: Source) -> bool:
    """Whether a part holds integers that float64 may not hold."""
    return part.dtype.kind in "iu" and part.dtype.itemsize == 8


def _other_columns(first: Source, part: Source) -> str:
    if set(first.column_names) == set(part.column_names):
        difference = "in another order"
    else:
        pairs = zip(first.column_names, part.column_names, strict=True)
        ours, theirs = next(pair for pair in pairs if pair[0] != pair[1])
        difference = f"{theirs!r} where the first has {ours!r}"
    return (
        f"the parts of one matrix must have the same columns: {part.what} has those of "
        f"{first.what} {difference}: write them alike, or name the columns, one file at a time"
    )


def _suspected(parts: Sequence[Source]) -> Iterator[Hashable]:
    for part in parts:
        for suspect in part.suspects:
            yield suspect.field.name


def _joined(name: Hashable, parts: Sequence[Source]) -> Suspect:
    """Join a column that is suspected in some part; in the others it may be of another type."""
    own = [[s for s in part.suspects if s.field.name == name] for part in parts]
    found = [suspects[0] for suspects in own if suspects]
    if len(found) < len(parts):
        return Suspect(found[0].field, lambda: np.zeros(0, np.int64))
    return Suspect(found[0].field, lambda: np.concatenate([s.values() for s in found]))


Block = TypeVar("Block", AnyArray, Features)


def _all_rows(part: Source, blocks: Iterator[Block]) -> Iterator[Block]:
    done = 0
    for block in blocks:
        done += len(block)
        yield block
        del block
    part.check_rows(done)


def block_rows(source: Source) -> int:
    """Count the rows to read at a time: about 16 MB, in pieces as the file stores them."""
    row_bytes = max(width_of(source) * source.dtype.itemsize, 1)
    rows = max(limits.BLOCK_BYTES // row_bytes, 1)
    together = source.rows_together
    if together * row_bytes > limits.MOST_CHUNK_BYTES:
        return rows
    return max(rows // together, 1) * together


def width_of(source: Source) -> int:
    """Count the columns, of which what has one dimension has one."""
    return source.shape[1] if len(source.shape) > 1 else 1


def slices(array: AnyArray, n_rows: int) -> Iterator[AnyArray]:
    """Cut an array into views of at most `n_rows` rows."""
    for start in range(0, len(array), n_rows):
        yield array[start : start + n_rows]


def _kind(dtype: np.dtype[Any]) -> str:
    return "numbers" if dtype.kind in _NUMBERS else "text" if dtype.kind in "OUST" else dtype.kind
