"""Feature sets over the same rows, read side by side, and the statistics of all together."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.blocks import read_side_by_side
from hscore_fast._files.rows import check_rows, refuse_column_name
from hscore_fast._files.source import Source, width_of
from hscore_fast._inputs.address import Address
from hscore_fast._inputs.checks import check_lengths, check_two_rows, overflow, refuse_non_finite
from hscore_fast._inputs.column_doubts import Suspect, column_doubt
from hscore_fast._inputs.columns import ColumnRequest
from hscore_fast._inputs.features import Features
from hscore_fast._inputs.frames import Column, side_by_side
from hscore_fast._inputs.options import Progress, as_names
from hscore_fast._moments.moments import Moments
from hscore_fast._problem import InputOptions, Target, ask_several, open_features, open_target
from hscore_fast._results.warnings import warn_caller
from hscore_fast._scores.held_out import Kept
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["Joint", "Sources", "read_joint"]

Sources = Mapping[str, "ArrayLike | Address"]
"""Names and what they stand for."""


class _Part(NamedTuple):
    """One feature set: in memory, or to be read in blocks."""

    name: str
    columns: list[Column]
    source: Source | None
    n_samples: int
    n_features: int
    left_out: Mapping[str, str]
    suspects: Sequence[Suspect]


class Joint:
    """The statistics of feature sets side by side.

    Attributes
    ----------
    names : list of str
    codes : ndarray of int32, shape (n_samples,)
    classes : list
    n_classes : int
    first_columns : list of int
        Where each set begins among all columns; one entry more than there are sets.
    moments : core.Moments
        Of all columns, once they are gathered.
    left_out : dict of str to mapping
        For each set, the columns of its table that are not among the features, and why.
    """

    def __init__(self, parts: list[_Part], target: Target) -> None:
        self._parts = parts
        self.kept = Kept(target.kept, target.n_rows)
        self.names = [part.name for part in parts]
        self.left_out = {part.name: dict(part.left_out) for part in parts}
        self.codes = target.codes
        self.classes = list(target.classes)
        self.n_classes = len(self.classes)
        ends = np.cumsum([part.n_features for part in parts]).tolist()
        self.first_columns: list[int] = [0, *ends]
        self.moments = core.Moments(ends[-1])

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return len(self.codes)

    def n_features(self, chosen: Sequence[int]) -> int:
        """Count the columns of some sets."""
        return sum(self._parts[s].n_features for s in chosen)

    def gather(self, threads: int, progress: Progress | None) -> None:
        """Read all rows once."""
        everything = range(len(self._parts))
        in_memory = all(part.source is None for part in self._parts)
        blocks = self.blocks(everything, threads)
        try:
            for first, x in blocks:
                end = first + int(x.shape[0])
                finite = self.moments.update(
                    *(x, self.codes[first:end], self.n_classes, None, False, True, threads),
                    progress if in_memory else None,
                )
                if not finite:
                    self.refuse(first, end, threads)
                if progress is not None and not in_memory:
                    progress(end, self.n_samples)
        finally:
            blocks.close()

    def refuse(self, first: int, end: int, threads: int) -> None:
        """Say which value of these rows is not finite."""
        for s, part in enumerate(self._parts):
            for start, x in self.blocks([s], threads):
                if start + int(x.shape[0]) <= first or start >= end:
                    continue
                row = start if self.kept.rows is None else int(self.kept.rows[start])
                with _naming(part.name):
                    refuse_non_finite(Features(x), threads, row)
        raise overflow()

    def blocks(
        self, chosen: Sequence[int], threads: int
    ) -> Generator[tuple[int, NDArray[Any] | core.Columns | core.KeptRows], None, None]:
        """Give the rows of some sets side by side, as number of the first row and matrix.

        Rows that are ignored are not there and have no number.
        """
        blocks = self._all_blocks(chosen, threads)
        if self.kept.rows is None:
            yield from blocks
            return
        try:
            for start, x in blocks:
                first, end = np.searchsorted(self.kept.rows, [start, start + int(x.shape[0])])
                if end > first:
                    yield int(first), core.KeptRows(x, self.kept.rows[first:end] - start)
        finally:
            blocks.close()

    def _all_blocks(
        self, chosen: Sequence[int], threads: int
    ) -> Generator[tuple[int, NDArray[Any] | core.Columns], None, None]:
        parts = [self._parts[s] for s in chosen]
        if all(part.source is None for part in parts):
            yield 0, side_by_side([column for part in parts for column in part.columns])
            return
        yield from read_side_by_side(
            [part.columns if part.source is None else part.source for part in parts],
            self.kept.n_given,
            sum(part.n_features for part in parts),
            threads,
        )

    def matrix(self, chosen: Sequence[int], threads: int) -> Any:
        """Give some sets side by side as the core takes them, to be read as often as it needs."""
        if all(self._parts[s].source is None for s in chosen):
            x = side_by_side([column for s in chosen for column in self._parts[s].columns])
            return x if self.kept.rows is None else core.KeptRows(x, self.kept.rows)

        def begin() -> Generator[NDArray[Any] | core.Columns | core.KeptRows, None, None]:
            blocks = self.blocks(chosen, threads)
            try:
                for _, x in blocks:
                    yield x
            finally:
                blocks.close()

        return core.Blocks(begin, self.n_samples, self.n_features(chosen), False)

    def columns(self, chosen: Sequence[int]) -> list[int]:
        """Give the columns of some sets, in the order of the sets given."""
        first = self.first_columns
        return [j for s in chosen for j in range(first[s], first[s + 1])]

    def score(self, chosen: Sequence[int], tol: float, threads: int) -> HScore:
        """Score some sets side by side."""
        result = self.moments.columns(self.columns(chosen)).h_score(tol, threads)
        assert result is not None  # only finite values were let in
        return result

    def influence(self, chosen: Sequence[int], tol: float, threads: int) -> NDArray[np.float64]:
        """Give each row's influence on the score of some sets side by side; reads the rows."""
        function = core.InfluenceFunction(self.moments.columns(self.columns(chosen)), tol, threads)
        values = np.empty(self.n_samples)
        blocks = self.blocks(chosen, threads)
        try:
            for first, x in blocks:
                end = first + int(x.shape[0])
                values[first:end] = function(x, self.codes[first:end], False, threads)
        finally:
            blocks.close()
        return values


def read_joint(
    sources: Sources,
    labels: ArrayLike | Address,
    options: InputOptions,
    *,
    gather: bool = True,
) -> Joint:
    """Open all feature sets, check that they fit, and gather their statistics."""
    as_names(sources, "sources")
    options = ask_several(sources.values(), options)
    for name, features in sources.items():
        refuse_column_name(features, labels, f"sources[{name!r}]")
    target = open_target(labels, options.columns, options.ignored)
    parts = []
    for name, features in sources.items():
        with _naming(name):
            check_rows(features, labels=labels)
            parts.append(_open(name, features, target.columns))
            check_lengths(parts[-1].n_samples, target.n_rows)
    check_two_rows(len(target.codes), "sources", n_given=target.n_rows)
    codes, n_classes = [target.codes], [len(target.classes)]
    for part in parts:
        what = f"sources[{part.name!r}]"
        doubt = column_doubt(part.suspects, codes, n_classes, what, target.kept)
        if doubt is not None:
            warn_caller(doubt)
    joint = Joint(parts, target)
    if gather:
        joint.gather(options.threads, options.progress)
    return joint


def _open(name: str, features: Any, columns: ColumnRequest) -> _Part:
    if isinstance(features, Moments):
        raise TypeError(
            "Moments of one feature set do not say how it varies with another: give the features "
            "or the address of a file"
        )
    x = open_features(features, columns)
    if isinstance(x, Source):
        return _Part(name, [], x, x.shape[0], width_of(x), x.left_out, x.suspects)
    if isinstance(x.array, np.ndarray):
        # The core takes two bytes without a meaning for a bfloat16.
        apart = [Column(name, [x.array.view("V2") if x.bfloat16 else x.array])]
    else:
        apart = list(x.columns)
    return _Part(name, apart, None, x.n_samples, x.n_features, x.left_out, x.suspects)


@contextmanager
def _naming(name: str) -> Generator[None, None, None]:
    """Say in an error whose features it is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"sources[{name!r}]: {error}") from None
