"""The state of an object of statistics, and the core's results for it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from hscore_fast._inputs.checks import check_two_rows, overflow
from hscore_fast._inputs.options import as_convention, as_n_threads, as_shrinkage, as_tol
from hscore_fast._moments.lock import Guard
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore, RegularizedHScore
    from hscore_fast._core import Moments as CoreMoments

__all__ = [
    "MomentsState",
    "class_counts_of",
    "copied_core",
    "regularized_result_of",
    "result_of",
    "scorable_core",
]


class MomentsState:
    """The core's statistics and the labels that their classes stand for."""

    _core: CoreMoments | None
    _classes: dict[Any, int]
    _names: Sequence[Hashable] | None  # of the columns, where they have names
    _unchecked: bool  # whether a value that is not finite may have come in
    _guard: Guard

    @property
    def n_samples(self) -> int:
        """Number of rows seen, those with the weight 0 left out."""
        return 0 if self._core is None else self._core.n_samples

    @property
    def total_weight(self) -> float:
        """Sum of the weights: the number of rows N in every formula."""
        return 0.0 if self._core is None else self._core.total_weight

    def __sub__(self, other: Any) -> MomentsState:
        """Leave rows out; `Moments` does it."""
        raise NotImplementedError

    def _regularized(
        self, shrinkage: str | float, convention: str, n_threads: int | None
    ) -> RegularizedHScore:
        method, intensity = as_shrinkage(shrinkage)
        paper = as_convention(convention) == "paper"
        threads = as_n_threads(n_threads)
        with self._guard.lock():
            result = core.regularized_h_score_of_moments(
                self._scorable(), method, intensity, paper, threads
            )
        if not result.finite and not self._unchecked:
            raise overflow()
        return result

    def _class_counts(self) -> dict[Any, float]:
        """Rows of each class, or their weight."""
        with self._guard.lock():
            return dict(zip(self._classes, self._scorable().counts().tolist(), strict=True))

    def _result(self, tol: float | None, n_threads: int | None) -> HScore | None:
        with self._guard.lock():
            result = self._scorable().h_score(as_tol(tol), as_n_threads(n_threads))
        if result is None and not self._unchecked:
            raise overflow()
        return result

    def _scorable(self) -> CoreMoments:
        check_two_rows(self.n_samples, "the statistics", ": call update first")
        assert self._core is not None
        return self._core


def result_of(moments: MomentsState, tol: float | None, n_threads: int | None) -> HScore | None:
    """Give the plain score with all that the core says of it; None if values are not finite."""
    return moments._result(tol, n_threads)


def regularized_result_of(
    moments: MomentsState, shrinkage: str | float, convention: str, n_threads: int | None
) -> RegularizedHScore:
    """Give the regularized score with all that the core says of it."""
    return moments._regularized(shrinkage, convention, n_threads)


def class_counts_of(moments: MomentsState) -> dict[Any, float]:
    """Give the rows of each class, or their weight."""
    return moments._class_counts()


def copied_core(moments: MomentsState) -> tuple[CoreMoments, list[Any]]:
    """Give a copy of the core's statistics, which may be used up, and the labels of its classes."""
    with moments._guard.lock():
        assert moments._core is not None  # no rows, no statistics
        return moments._core.copy(), list(moments._classes)


def scorable_core(moments: MomentsState) -> CoreMoments:
    """Give the core's statistics of at least two rows."""
    return moments._scorable()
