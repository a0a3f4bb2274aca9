"""The streaming form for many targets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.checks import check_two_rows, overflow
from hscore_fast._inputs.columns import ColumnNames, same_names
from hscore_fast._inputs.options import TargetOptions, as_target_options
from hscore_fast._moments.format import pack, unpack
from hscore_fast._moments.lock import Guard
from hscore_fast._problem import as_input_options, open_batch_of_targets
from hscore_fast._results.doubts import ScoredTargets, warn_about_targets
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import TargetMoments as CoreTargetMoments
    from hscore_fast._core import TargetScores

__all__ = ["TargetMoments", "score_sums"]

_STATE_VERSION = 1


class TargetMoments:
    """Sufficient statistics of features and many targets, for rows that arrive in batches.

    One scatter, and the class sums of every target: memory is ``8 * n_features**2`` bytes and
    ``8 * n_features`` for each class of each target.

    Notes
    -----
    Scores are those of :func:`h_scores` of all rows at once. There are no weights and merges here,
    as :class:`Moments` of a single target have them. Pickles and copies are exact to the last bit.
    Safe to use from several threads.

    Examples
    --------
    >>> from hscore_fast import TargetMoments
    >>> moments = TargetMoments()
    >>> _ = moments.update([[0.0], [1.0]], [["a", "a"], [0, 1]])
    >>> _ = moments.update([[2.0], [3.0]], [["b", "b"], [0, 1]])
    >>> moments.h_scores().round(12)
    array([0.8, 0.2])
    """

    def __init__(self) -> None:
        self._core: CoreTargetMoments | None = None
        self._classes: list[dict[Any, int]] = []
        self._names: Sequence[Hashable] | None = None  # of the columns, where they have names
        self._unchecked = False  # whether a NaN may have come in
        self._guard = Guard()

    @property
    def n_samples(self) -> int:
        """Number of rows seen."""
        return 0 if self._core is None else self._core.n_samples

    @property
    def n_features(self) -> int | None:
        """Number of columns, None before the first update."""
        return None if self._core is None else self._core.n_features

    @property
    def n_targets(self) -> int:
        """Number of targets, 0 before the first update."""
        return len(self._classes)

    @property
    def classes(self) -> list[list[Any]]:
        """The labels seen of each target, in the order in which they were first seen."""
        return [list(classes) for classes in self._classes]

    def update(
        self,
        features: ArrayLike,
        targets: ArrayLike | Iterable[ArrayLike],
        *,
        columns: ColumnNames | None = None,
        drop: ColumnNames | None = None,
        keep: ColumnNames | None = None,
        n_threads: int | None = None,
        check_finite: bool = True,
        ignore_label: Any = None,
    ) -> TargetMoments:
        """Add a batch of rows; if it raises, the statistics are as before.

        Parameters
        ----------
        features : array_like of shape (n_rows, n_features)
            As for :func:`h_score`, in any number of rows.
        targets : array_like of shape (n_targets, n_rows), or iterable of label vectors
            As for :func:`h_scores`: as many targets as before, in the same order.
        columns, drop, keep : str or sequence of str, optional
            As for :func:`h_score`, of a table.
        n_threads : int, optional
            As for :func:`h_score`.
        check_finite : bool, default True
            Refuse NaN and infinity. If False they stay in the statistics for good.
        ignore_label : object or list of objects, optional
            As for :func:`h_score`: a label, or several, whose rows are not added. All targets share
            the statistics, so that the rows must be the same in each.

        Returns
        -------
        TargetMoments
            The object itself.

        Raises
        ------
        ValueError
            If lengths differ, the number of columns or of targets changes, a value is not finite,
            or targets ignore different rows.

        Examples
        --------
        >>> TargetMoments().update([[0.0, 1.0]], [[7], ["a"]]).n_targets
        2
        """
        options = as_input_options(
            columns=columns,
            drop=drop,
            keep=keep,
            n_threads=n_threads,
            check_finite=check_finite,
            ignore_label=ignore_label,
        )
        batch = open_batch_of_targets(features, targets, options)
        with self._guard.lock():
            if self.n_features not in (None, batch.n_features):
                raise ValueError(
                    f"features must have {self.n_features} columns as before, got "
                    f"{batch.n_features}"
                )
            if self._classes and len(batch.codes) != len(self._classes):
                raise ValueError(
                    f"targets must be {len(self._classes)} label vectors as before, got "
                    f"{len(batch.codes)}"
                )
            names = same_names(self._names, batch.in_memory.names)
            known = self._classes or [{} for _ in batch.codes]
            all_classes, all_codes = [], []
            for before, local_codes, local_classes in zip(
                known, batch.codes, batch.classes, strict=True
            ):
                classes = dict(before)
                for label in local_classes:
                    classes.setdefault(label, len(classes))
                code_of = np.array([classes[label] for label in local_classes], dtype=np.int32)
                all_codes.append(code_of[local_codes] if len(code_of) else local_codes)
                all_classes.append(classes)
            statistics = self._core or core.TargetMoments(batch.n_features)
            n_classes = [len(classes) for classes in all_classes]
            n_samples, added = statistics.n_samples, False
            try:
                added = statistics.update(
                    *(batch.in_memory.array, all_codes, n_classes, batch.bfloat16, check_finite),
                    batch.threads,
                )
            finally:
                # An interrupt may fall when the core is done. Nothing here is a call that would let
                # one in.
                if added or statistics.n_samples != n_samples:
                    self._core, self._classes = statistics, all_classes
                    self._unchecked |= not check_finite
            if not added:
                raise batch.not_finite()
            self._names = names
        return self

    def h_scores(
        self,
        *,
        regularized: bool = False,
        shrinkage: str | float = "ledoit_wolf",
        convention: str = "tllib",
        tol: float | None = None,
        n_threads: int | None = None,
    ) -> NDArray[np.float64]:
        """Compute the scores of all targets from the rows seen.

        Parameters
        ----------
        regularized, shrinkage, convention, tol, n_threads
            As for :func:`hscore_fast.h_scores`.

        Returns
        -------
        ndarray of float64, shape (n_targets,)
            As :func:`hscore_fast.h_scores` of all rows at once.

        Raises
        ------
        ValueError
            If fewer than two rows were seen, an option is unknown or the sums overflowed.

        Examples
        --------
        >>> moments = TargetMoments()
        >>> _ = moments.update([[0.0], [1.0], [2.0], [3.0]], [["a", "a", "b", "b"]])
        >>> moments.h_scores().round(12)
        array([0.8])
        """
        options = as_target_options(regularized, shrinkage, convention, "float64", tol, n_threads)
        with self._guard.lock():
            check_two_rows(self.n_samples, "the statistics", ": call update first")
            assert self._core is not None
            result = score_sums(self._core, options)
        if not result.finite:
            if not self._unchecked:
                raise overflow()
            return np.full(self.n_targets, np.nan)
        places = list(range(len(result.n_classes)))
        warn_about_targets([ScoredTargets(places, result)], len(places), regularized)
        return np.array(result.scores)

    def __getstate__(self) -> dict[str, Any]:
        with self._guard.lock():
            parts = None if self._core is None else self._core.parts()
            classes = [list(own) for own in self._classes]
        state: dict[str, Any] = {"version": _STATE_VERSION, "classes": classes}
        if parts is not None:
            statistics, centre, counts, sums = parts
            state |= {
                "statistics": pack(statistics, None),
                "centre": centre,
                "counts": counts,
                "sums": sums,
            }
        return state | {"unchecked": self._unchecked, "names": self._names}

    def __setstate__(self, state: Any) -> None:
        version = state.get("version") if isinstance(state, dict) else None
        if version != _STATE_VERSION:
            raise ValueError(
                f"this TargetMoments was pickled in format {version}, and this version of "
                f"hscore_fast reads format {_STATE_VERSION}: use the version that wrote it"
            )
        self.__init__()  # type: ignore[misc]
        self._unchecked = bool(state.get("unchecked"))
        self._names = state.get("names")
        if "statistics" not in state:
            return
        try:
            statistics, _ = unpack(state["statistics"])
            assert statistics is not None
            counts = state["counts"]
            classes = [{label: c for c, label in enumerate(own)} for own in state["classes"]]
            fit = [len(own) for own in classes] == list(map(len, counts))
            self._core = core.TargetMoments.from_parts(
                statistics, state["centre"], counts if fit else [], state["sums"]
            )
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the pickle of this TargetMoments is damaged: {error}") from None
        self._classes = classes

    def __copy__(self) -> TargetMoments:
        result = type(self).__new__(type(self))
        result.__setstate__(self.__getstate__())
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> TargetMoments:
        return self.__copy__()

    def __repr__(self) -> str:
        return (
            f"TargetMoments(n_samples={self.n_samples}, n_features={self.n_features}, "
            f"n_targets={self.n_targets})"
        )


def score_sums(moments: CoreTargetMoments, options: TargetOptions) -> TargetScores:
    """Score targets whose class sums were gathered."""
    return moments.h_scores(
        options.tol,
        options.regularized,
        options.shrinkage,
        options.intensity,
        options.paper,
        options.n_threads,
    )
