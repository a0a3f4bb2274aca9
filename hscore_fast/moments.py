"""The streaming form: statistics that are updated, merged and scored."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hscore_fast._inputs import as_features, as_n_threads, as_tol
from hscore_fast._labels import encode
from hscore_fast._variants import core
from hscore_fast.adjusted import adjusted, chance
from hscore_fast.regularized import as_convention, as_shrinkage
from hscore_fast.scores import (
    check_lengths,
    overflow,
    refuse_non_finite,
    warn_about,
    warn_if_single_class,
)

if TYPE_CHECKING:
    from hscore_fast._core import HScore
    from hscore_fast._core import Moments as CoreMoments

__all__ = ["Moments"]

_STATE_VERSION = 1
_STATE_PARTS = (
    "shift",
    "scatter",
    "counts",
    "class_sums",
    "norm_unit",
    "norm_fourth",
    "norm_cubes",
)


class Moments:
    """Sufficient statistics of features and labels, for data that arrive in batches.

    Number of rows, mean, scatter matrix and class sums: all that a score needs, independent of the
    number of rows. Batches may come in any order and size, and parts gathered elsewhere merge
    exactly. Memory is ``O(n_features**2 + n_classes * n_features)``.

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
    and LeVeque [1]_, so a large offset costs no digits. Safe to update from several threads.

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
            if isinstance(n_features, bool) or not isinstance(n_features, (int, np.integer)):
                raise TypeError(
                    f"n_features must be a positive integer or None, got {n_features!r} of type "
                    f"{type(n_features).__name__}"
                )
            if not 1 <= n_features < 2**62:
                raise ValueError(f"n_features must be positive and below 2**62, got {n_features}")
        self._core = None if n_features is None else core.Moments(n_features)
        self._classes: dict[Any, int] = {}
        self._unchecked = False  # whether a NaN may have come in
        self._lock = threading.Lock()

    @property
    def n_samples(self) -> int:
        """Number of rows seen."""
        return 0 if self._core is None else self._core.n_samples

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
        n_threads: int | None = None,
        check_finite: bool = True,
    ) -> Moments:
        """Add a batch of rows; if it raises, the statistics are as before.

        Parameters
        ----------
        features : array_like of shape (n_rows, n_features)
            As for :func:`h_score`, in any number of rows.
        labels : array_like of shape (n_rows,)
            Labels already seen or new ones.
        n_threads : int, optional
            As for :func:`h_score`.
        check_finite : bool, default True
            Refuse NaN and infinity. If False they stay in the statistics for good.

        Returns
        -------
        Moments
            The object itself.

        Raises
        ------
        ValueError
            If lengths differ, the number of columns changes, or a value is not finite.
        TypeError
            If the features are not real numbers or the labels cannot be told apart.
        MemoryError
            If the statistics do not fit; raised before they are computed.

        Examples
        --------
        >>> Moments().update([[0.0, 1.0]], [7]).n_samples
        1
        """
        threads = as_n_threads(n_threads)
        x = as_features(features)
        local_codes, local_classes = encode(labels)
        check_lengths(x, len(local_codes))
        if self.n_features not in (None, x.n_features):
            raise ValueError(
                f"features must have {self.n_features} columns as before, got {x.n_features}"
            )
        new = core.Moments(x.n_features) if self._core is None else None  # sizes before values
        if check_finite:
            refuse_non_finite(x, threads)
        with self._lock:
            classes = self._with(local_classes)
            code_of = np.array([classes[label] for label in local_classes], dtype=np.int32)
            codes = code_of[local_codes] if len(code_of) else local_codes
            statistics = self._core or new or core.Moments(x.n_features)
            statistics.update(x.array, codes, len(classes), x.bfloat16, threads)
            self._core, self._classes = statistics, classes
            self._unchecked |= not check_finite
        return self

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

        Examples
        --------
        >>> a = Moments().update([[0.0], [1.0]], [0, 0])
        >>> b = Moments().update([[2.0], [3.0]], [1, 1])
        >>> round(a.merge(b).h_score(), 12)
        0.8
        """
        if not isinstance(other, Moments):
            raise TypeError(f"other must be a Moments, got {type(other).__name__}")
        part = other.copy()
        if part._core is None:
            return self
        if self.n_features not in (None, part.n_features):
            raise ValueError(f"other must have {self.n_features} features, got {part.n_features}")
        with self._lock:
            classes = self._with(part._classes)
            codes = np.array([classes[label] for label in part._classes], dtype=np.int32)
            statistics = self._core or core.Moments(part._core.n_features)
            statistics.merge(part._core, codes)
            self._core, self._classes = statistics, classes
            self._unchecked |= part._unchecked
        return self

    def __add__(self, other: Moments) -> Moments:
        """Merge into a new object."""
        if not isinstance(other, Moments):
            return NotImplemented
        return self.copy().merge(other)

    def h_score(self, *, tol: float | None = None, n_threads: int | None = None) -> float:
        """Compute the H-score of all rows seen.

        Parameters
        ----------
        tol, n_threads
            As for :func:`hscore_fast.h_score`.

        Returns
        -------
        float
            As :func:`hscore_fast.h_score` of all rows at once.

        Raises
        ------
        ValueError
            If fewer than two rows were seen or the sums overflowed.

        Examples
        --------
        >>> moments = Moments().update([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        >>> round(moments.h_score(), 12)
        0.8
        """
        result = self._result(tol, n_threads)
        if result is None:
            return float("nan")
        warn_about(result)
        return result.score

    def adjusted_h_score(self, *, tol: float | None = None, n_threads: int | None = None) -> float:
        """Compute the adjusted H-score of all rows seen.

        Parameters
        ----------
        tol, n_threads
            As for :func:`hscore_fast.h_score`.

        Returns
        -------
        float
            As :func:`hscore_fast.adjusted_h_score` of all rows at once.

        Raises
        ------
        ValueError
            If fewer than two rows were seen.

        Examples
        --------
        >>> moments = Moments().update([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        >>> round(moments.adjusted_h_score(), 12)
        0.7
        """
        result = self._result(tol, n_threads)
        return float("nan") if result is None else adjusted(result)

    def chance_level(self, *, tol: float | None = None, n_threads: int | None = None) -> float:
        """Compute the mean H-score under random labels of all rows seen.

        Parameters
        ----------
        tol, n_threads
            As for :func:`hscore_fast.h_score`.

        Returns
        -------
        float
            As :func:`hscore_fast.chance_level` of all rows at once.

        Raises
        ------
        ValueError
            If fewer than two rows were seen.

        Examples
        --------
        >>> moments = Moments().update([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        >>> round(moments.chance_level(), 12)
        0.333333333333
        """
        result = self._result(tol, n_threads)
        return float("nan") if result is None else chance(result)

    def regularized_h_score(
        self,
        *,
        shrinkage: str | float = "ledoit_wolf",
        convention: str = "tllib",
        n_threads: int | None = None,
    ) -> float:
        """Compute the H-score of all rows seen with a shrunk covariance.

        Parameters
        ----------
        shrinkage, convention, n_threads
            As for :func:`hscore_fast.regularized_h_score`.

        Returns
        -------
        float
            As :func:`hscore_fast.regularized_h_score` of all rows at once.

        Raises
        ------
        ValueError
            If fewer than two rows were seen, an option is unknown or the sums overflowed.

        Examples
        --------
        >>> moments = Moments().update([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        >>> round(moments.regularized_h_score(shrinkage=0.5), 12)
        0.533333333333
        """
        method, intensity = as_shrinkage(shrinkage)
        paper = as_convention(convention) == "paper"
        threads = as_n_threads(n_threads)
        with self._lock:
            result = core.regularized_h_score_of_moments(
                self._scorable(), method, intensity, paper, threads
            )
        if not result.finite:
            if not self._unchecked:
                raise overflow()
            return float("nan")
        warn_if_single_class(result.n_classes)
        return result.score

    def copy(self) -> Moments:
        """Return an independent copy."""
        return copy.copy(self)

    def __copy__(self) -> Moments:
        result = Moments()
        with self._lock:
            result._core = None if self._core is None else self._core.copy()
            result._classes = dict(self._classes)
            result._unchecked = self._unchecked
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> Moments:
        return copy.copy(self)

    def __eq__(self, other: object) -> bool:
        """Whether the statistics are the same to the last bit, classes in the same order."""
        if not isinstance(other, Moments):
            return NotImplemented
        mine, theirs = self.__getstate__(), other.__getstate__()
        if mine["classes"] != theirs["classes"]:
            return False
        if mine["shift"] is None or theirs["shift"] is None:
            return mine["shift"] is theirs["shift"]
        return all(
            np.array_equal(mine[part], theirs[part], equal_nan=True) for part in _STATE_PARTS
        )

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = (None,) * len(_STATE_PARTS) if self._core is None else self._core.state()
            classes = list(self._classes)
        parts = dict(zip(_STATE_PARTS, state, strict=True))
        flags = {"version": _STATE_VERSION, "unchecked": self._unchecked}
        return {**flags, "classes": classes, **parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        version = state.get("version")
        if version != _STATE_VERSION:
            raise ValueError(
                f"this Moments was written in format {version}, and this version of hscore_fast "
                f"reads format {_STATE_VERSION}: upgrade hscore_fast"
            )
        Moments.__init__(self)
        self._unchecked = state.get("unchecked", False)
        self._classes = {label: code for code, label in enumerate(state["classes"])}
        if state["shift"] is not None:
            self._core = core.Moments.from_state(**{part: state[part] for part in _STATE_PARTS})
            if self._core.n_classes != len(self._classes):
                raise ValueError(
                    f"the state of this Moments is damaged: {len(self._classes)} labels for "
                    f"{self._core.n_classes} classes"
                )

    def __repr__(self) -> str:
        return (
            f"Moments(n_samples={self.n_samples}, n_features={self.n_features}, "
            f"n_classes={len(self._classes)})"
        )

    def _result(self, tol: float | None, n_threads: int | None) -> HScore | None:
        with self._lock:
            result = self._scorable().h_score(as_tol(tol), as_n_threads(n_threads))
        if result is None and not self._unchecked:
            raise overflow()
        return result

    def _scorable(self) -> CoreMoments:
        if self._core is None or self.n_samples < 2:
            raise ValueError(
                f"at least 2 rows are needed for a score, got {self.n_samples}: call update first"
            )
        return self._core

    def _with(self, labels: Any) -> dict[Any, int]:
        """Return the class codes, extended by labels that are new."""
        classes = dict(self._classes)
        for label in labels:
            classes.setdefault(label, len(classes))
        return classes
