"""The streaming form: statistics that are updated, merged and scored.

Long because the docstrings of one public class are most of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hscore_fast._inputs.columns import ColumnNames, same_names
from hscore_fast._inputs.features import as_weights
from hscore_fast._inputs.options import Progress, as_integer
from hscore_fast._moments.lock import Guard, locks_of
from hscore_fast._moments.scoring import MomentsScores
from hscore_fast._moments.storage import MomentsStorage
from hscore_fast._problem import InputOptions, as_input_options, open_batch
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import Moments as CoreMoments

__all__ = ["Moments", "add_rows", "moments_of_core", "relabel"]


class Moments(MomentsScores, MomentsStorage):
    """Sufficient statistics of features and labels, for data that arrive in batches.

    Number of rows, mean, scatter matrix and class sums: all that a score needs, independent of the
    number of rows. Batches may come in any order and size, parts gathered elsewhere merge, and
    rows that were added can be subtracted. Memory is ``O(n_features**2 + n_classes * n_features)``.

    Parameters
    ----------
    n_features : int, optional
        Number of columns; taken from the first update by default.

    Raises
    ------
    ValueError
        If `n_features` is not positive.
    TypeError
        If `n_features` is not an integer.

    Notes
    -----
    Everything is kept about a shift near the mean and parts are merged by the rule of Chan, Golub
    and LeVeque [1]_, so a large offset costs no digits. Pickles and copies are exact to the last
    bit. Safe to use from several threads; a progress function that comes back to the object that
    is calling it gets a RuntimeError.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance:
       Analysis and Recommendations", The American Statistician 37 (1983).

    Examples
    --------
    >>> from hscore_fast import Moments
    >>> moments = Moments()
    >>> _ = moments.update([[0.0], [1.0]], ["a", "a"]).update([[2.0], [3.0]], ["b", "b"])
    >>> round(moments.h_score(), 12)
    0.8
    """

    def __init__(self, n_features: int | None = None) -> None:
        if n_features is not None:
            n_features = as_integer(
                n_features, "n_features", most=2**62 - 1, kind="a positive integer or None"
            )
        self._core: CoreMoments | None = None if n_features is None else core.Moments(n_features)
        self._classes: dict[Any, int] = {}
        self._names: Sequence[Hashable] | None = None  # of the columns, where they have names
        self._unchecked = False  # whether a NaN may have come in
        self._guard = Guard()

    @classmethod
    def from_blocks(
        cls,
        blocks: Iterable[tuple[ArrayLike, ...]],
        *,
        columns: ColumnNames | None = None,
        drop: ColumnNames | None = None,
        keep: ColumnNames | None = None,
        n_threads: int | None = None,
        check_finite: bool = True,
        ignore_label: Any = None,
    ) -> Moments:
        """Gather the statistics of an iterable of blocks of rows.

        Parameters
        ----------
        blocks : iterable of (features, labels) or (features, labels, weights)
            Each as for :meth:`update`. One block at a time is held.
        columns, drop, keep : str or sequence of str, optional
            As for :func:`h_score`, of tables.
        n_threads, check_finite, ignore_label
            As for :meth:`update`.

        Returns
        -------
        Moments

        Raises
        ------
        ValueError, TypeError
            As :meth:`update` does, and if a block is not such a pair or triple.

        Examples
        --------
        >>> blocks = (([[float(i)]], ["low" if i < 2 else "high"]) for i in range(4))
        >>> round(Moments.from_blocks(blocks).h_score(), 12)
        0.8
        """
        moments = cls()
        options = as_input_options(
            columns=columns,
            drop=drop,
            keep=keep,
            n_threads=n_threads,
            check_finite=check_finite,
            ignore_label=ignore_label,
        )
        done = 0
        for number, block in enumerate(blocks):
            if not isinstance(block, (tuple, list)) or len(block) not in (2, 3):
                raise TypeError(
                    "blocks must be pairs (features, labels) or triples (features, labels, "
                    f"weights), got {type(block).__name__} in place {number}"
                )
            weights = block[2] if len(block) == 3 else None
            done += moments._add(block[0], block[1], weights, options, done)
        return moments

    @property
    def n_features(self) -> int | None:
        """Number of columns, None before the first update."""
        return None if self._core is None else self._core.n_features

    @property
    def classes(self) -> list[Any]:
        """The labels seen, in the order in which they were first seen."""
        return list(self._classes)

    def update(
        self,
        features: ArrayLike,
        labels: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        columns: ColumnNames | None = None,
        drop: ColumnNames | None = None,
        keep: ColumnNames | None = None,
        n_threads: int | None = None,
        check_finite: bool = True,
        ignore_label: Any = None,
        progress: Progress | None = None,
    ) -> Moments:
        """Add a batch of rows; if it raises, the statistics are as before.

        Parameters
        ----------
        features : array_like of shape (n_rows, n_features)
            As for :func:`h_score`, in any number of rows.
        labels : array_like of shape (n_rows,)
            Labels already seen or new ones.
        weights : array_like of shape (n_rows,), optional
            Finite and not negative; 1 by default. They are frequencies: a row of weight 3 counts as
            three equal rows, and the number of rows N of every formula is the sum of the weights.
            So adjusted scores, chance levels and shrinkage, which depend on N - 1, mean what they
            say only if the weights count observations; the plain score is blind to their scale.
        columns, drop, keep : str or sequence of str, optional
            As for :func:`h_score`, of a table.
        n_threads : int, optional
            As for :func:`h_score`.
        check_finite : bool, default True
            Refuse NaN and infinity. If False they stay in the statistics for good.
        ignore_label : object or list of objects, optional
            As for :func:`h_score`: a label, or several, whose rows are not added.
        progress : callable, optional
            As for :func:`h_score`. What it raises leaves the statistics as before.

        Returns
        -------
        Moments
            The object itself.

        Raises
        ------
        ValueError
            If lengths differ, the number of columns changes, a table's columns have other names or
            another order than before, or a value is not finite.

        Notes
        -----
        A batch of one row costs one pass over the scatter, as many rows as fit the cache little
        more: hand over the rows of a batch together where they are together.

        Examples
        --------
        >>> Moments().update([[0.0, 1.0]], [7]).n_samples
        1
        """
        options = as_input_options(
            columns=columns,
            drop=drop,
            keep=keep,
            n_threads=n_threads,
            check_finite=check_finite,
            ignore_label=ignore_label,
            progress=progress,
        )
        self._add(features, labels, weights, options)
        return self

    def _add(
        self, features: Any, labels: Any, weights: Any, options: InputOptions, first_row: int = 0
    ) -> int:
        """Add rows, the first of them in this place of all, and return how many were given."""
        batch = open_batch(features, labels, options, first_row=first_row, weights=weights)
        row_weights = batch.rows_of(as_weights(weights, batch.n_given))
        with self._guard.lock():
            if self.n_features not in (None, batch.n_features):
                raise ValueError(
                    f"features must have {self.n_features} columns as before, got "
                    f"{batch.n_features}"
                )
            names = same_names(self._names, batch.in_memory.names)
            classes = self._with(batch.classes)
            code_of = np.array([classes[label] for label in batch.classes], dtype=np.int32)
            codes = code_of[batch.codes] if len(code_of) else batch.codes
            statistics = self._core or core.Moments(batch.n_features)
            added = self._change(
                *(
                    statistics,
                    classes,
                    not options.check_finite,
                    statistics.update,
                    batch.matrix,
                    codes,
                ),
                *(len(classes), row_weights, batch.bfloat16, options.check_finite),
                *(batch.threads, batch.progress),
            )
            if not added:
                raise batch.not_finite()
            self._names = names
        return batch.n_given

    def merge(self, other: Moments) -> Moments:
        """Add the rows of another object of the same features.

        Parameters
        ----------
        other : Moments
            Left as it is.

        Returns
        -------
        Moments
            The object itself.

        Raises
        ------
        TypeError
            If `other` is not a Moments.
        ValueError
            If the numbers of columns differ.

        Notes
        -----
        One pass over both scatter matrices, nothing copied: ``O(n_features**2 + n_classes *
        n_features)``.

        Examples
        --------
        >>> a = Moments().update([[0.0], [1.0]], [0, 0])
        >>> b = Moments().update([[2.0], [3.0]], [1, 1])
        >>> round(a.merge(b).h_score(), 12)
        0.8
        """
        other = _as_moments(other)
        first, second = locks_of(self._guard, other._guard)
        with first, second:
            if other._core is None:
                return self
            self._check_width(other._core)
            names = same_names(self._names, other._names)
            if self.n_samples == 0 and not self._classes:
                statistics, classes = other._core.copy(), dict(other._classes)
                self._core, self._classes = statistics, classes
                self._unchecked |= other._unchecked
                self._names = names
                return self
            classes = self._with(other._classes)
            statistics = self._core or core.Moments(other._core.n_features)
            codes = _codes(other, classes)
            self._change(
                *(statistics, classes, other._unchecked, statistics.merge, other._core, codes)
            )
            self._names = names
        return self

    def subtract(self, other: Moments) -> Moments:
        """Take away rows that were added before, for example to leave one block out.

        Parameters
        ----------
        other : Moments
            The rows to take away, each with the weight with which it was added. Left as it is.

        Returns
        -------
        Moments
            The object itself. A class of which no row is left stays in :attr:`classes` and counts
            no more.

        Raises
        ------
        TypeError
            If `other` is not a Moments.
        ValueError
            If these rows cannot have been added: a label is unknown, a class would have fewer than
            no rows, or a feature a negative sum of squares. The statistics are then as before.

        Notes
        -----
        Costs a merge. What is left keeps the rounding errors of what it was taken from, so a
        feature whose variance falls below 2**-42 of what it was counts as constant.

        Examples
        --------
        >>> a = Moments().update([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        >>> b = Moments().update([[9.0], [8.0]], [0, 1])
        >>> round((a + b).subtract(b).h_score(), 12)
        0.8
        """
        other = _as_moments(other)
        first, second = locks_of(self._guard, other._guard)
        with first, second:
            if other._core is None:
                return self
            self._check_width(other._core)
            same_names(self._names, other._names)
            mine: dict[Any, float] = {}
            if self._core is not None:
                mine = dict(zip(self._classes, self._core.counts(), strict=True))
            theirs = dict(zip(other._classes, other._core.counts(), strict=True))
            for label, count in theirs.items():
                # Weights that are no whole numbers leave rounding errors.
                if count > mine.get(label, 0.0) * (1 + 2**-36):
                    raise ValueError(
                        f"other has {count:.10g} rows of class {label!r} to subtract, but here are "
                        f"{mine.get(label, 0.0):.10g}: only rows that were added can be taken away"
                    )
            if self._core is not None:
                classes = self._with(other._classes)
                codes = _codes(other, classes)
                self._change(self._core, classes, False, self._core.subtract, other._core, codes)
        return self

    def __add__(self, other: Moments) -> Moments:
        """Merge into a new object."""
        if not isinstance(other, Moments):
            return NotImplemented
        return self.copy().merge(other)

    def __sub__(self, other: Moments) -> Moments:
        """Subtract into a new object."""
        if not isinstance(other, Moments):
            return NotImplemented
        return self.copy().subtract(other)

    def __repr__(self) -> str:
        return (
            f"Moments(n_samples={self.n_samples}, n_features={self.n_features}, "
            f"n_classes={len(self._classes)})"
        )

    def _change(
        self,
        statistics: CoreMoments,
        classes: dict[Any, int],
        unchecked: bool,
        change: Callable[..., Any],
        *arguments: Any,
    ) -> Any:
        """Call a method that changes statistics in place, and take the classes that they then have.

        All or none of it, also if an interrupt falls behind the method's last step: the statistics
        tell whether they have changed, and nothing in the ``finally`` is a call that would let an
        interrupt in.
        """
        n_classes, n_samples = len(classes), statistics.n_samples
        try:
            return change(*arguments)
        finally:
            if statistics.n_classes == n_classes:
                self._core, self._classes = statistics, classes
            if statistics.n_samples != n_samples:
                self._unchecked |= unchecked

    def _check_width(self, other: CoreMoments) -> None:
        if self.n_features not in (None, other.n_features):
            raise ValueError(f"other must have {self.n_features} features, got {other.n_features}")

    def _with(self, labels: Iterable[Any]) -> dict[Any, int]:
        """Return the class codes, extended by labels that are new."""
        new = [label for label in labels if label not in self._classes]
        if not new:
            return self._classes
        classes = dict(self._classes)
        for label in new:
            classes.setdefault(label, len(classes))
        return classes


def moments_of_core(statistics: CoreMoments, classes: Sequence[Any], unchecked: bool) -> Moments:
    """Make an object of the core's statistics, whose classes have the codes 0, 1, ...

    Parameters
    ----------
    unchecked : bool
        Whether a value that is not finite may have come in.
    """
    moments = Moments()
    moments._core, moments._unchecked = statistics, unchecked
    moments._classes = {label: code for code, label in enumerate(classes)}
    return moments


def relabel(moments: Moments, labels: Sequence[Any]) -> None:
    """Put labels in the place of codes that were given as labels."""
    moments._classes = {labels[code]: place for code, place in moments._classes.items()}


def _as_moments(other: Any) -> Moments:
    if not isinstance(other, Moments):
        raise TypeError(f"other must be a Moments, got {type(other).__name__}")
    return other


def _codes(other: Moments, classes: dict[Any, int]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array([classes[label] for label in other._classes], dtype=np.int32)


def add_rows(
    moments: Moments, features: Any, labels: Any, options: InputOptions, first_row: int
) -> None:
    """Add rows whose first has this place among all rows, for messages."""
    moments._add(features, labels, None, options, first_row)
