"""Features that were opened: in memory, mapped, or to be read in blocks."""

from __future__ import annotations

from typing import Any, Protocol

from hscore_fast._files.blocks import Rows
from hscore_fast._files.source import Source, width_of
from hscore_fast._inputs.checks import overflow, refuse_non_finite
from hscore_fast._inputs.features import Features
from hscore_fast._inputs.options import Progress

__all__ = ["Opened", "Reading"]


class Reading(Protocol):
    """How a caller wants features to be read; see `InputOptions`."""

    @property
    def threads(self) -> int: ...
    @property
    def check_finite(self) -> bool: ...
    @property
    def progress(self) -> Progress | None: ...


class Opened:
    """Features that were opened, and how they are to be read.

    Attributes
    ----------
    source : Source or None
        What is read in blocks; None if the features are in memory or mapped.
    n_samples, n_features : int
    narrow : bool
        Whether every value is of a floating-point type of 32 bits or fewer.
    left_out : mapping of str to str
        Columns of a table that are not features, and why.
    threads : int
    progress : callable or None
        What the core tells of the rows done; None where the reader of blocks tells it.
    """

    def __init__(self, x: Features | Source, options: Reading) -> None:
        self.left_out, self.narrow = x.left_out, x.narrow
        self.threads = options.threads
        self.check_finite = options.check_finite
        self._suspects = x.suspects
        self._x = x
        if isinstance(x, Source):
            self.source: Source | None = x
            self.n_samples, self.n_features = x.shape[0], width_of(x)
            self.progress: Progress | None = None
            self.read_progress = options.progress
            self._rows = Rows(x, options.threads, options.progress)
        else:
            self.source = None
            self.n_samples, self.n_features = x.n_samples, x.n_features
            self.progress = options.progress

    @property
    def in_memory(self) -> Features:
        """The features, where they are not read in blocks."""
        assert isinstance(self._x, Features)
        return self._x

    @property
    def matrix(self) -> Any:
        """The features as the core reads them: an array, columns or blocks."""
        return self._rows.for_core() if isinstance(self._x, Source) else self._x.array

    @property
    def bfloat16(self) -> bool:
        """Whether an array holds the bits of bfloat16 values."""
        return isinstance(self._x, Features) and self._x.bfloat16

    def is_scored(self, finite: bool) -> bool:
        """Tell whether the core gave a result; raise if it did not and the caller wants to know.

        Parameters
        ----------
        finite : bool
            What the core says of the values, or of their sums.
        """
        if not finite and self.check_finite:
            raise self.not_finite()
        return finite

    def not_finite(self) -> ValueError:
        """Say where a value is not finite, or that squares overflow."""
        if isinstance(self._x, Source):
            return self._rows.not_finite(self.threads)
        refuse_non_finite(self._x, self.threads)
        return overflow()

    def check_read_once(self, precision: str) -> None:
        """Refuse a precision that features cannot have which are read in blocks, once."""
        if self.source is not None and precision not in ("auto", "float64"):
            raise ValueError(
                f"precision must be 'auto' or 'float64' for {self.source.what}, which is read in "
                f"blocks, got {precision!r}: load it first, with hscore_fast.readers.open_array"
            )
