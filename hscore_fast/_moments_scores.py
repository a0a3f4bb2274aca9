"""The scores of statistics that were gathered batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hscore_fast._guard import Guard
from hscore_fast._inputs import as_n_threads, as_tol
from hscore_fast._variants import core
from hscore_fast.adjusted import adjusted, chance
from hscore_fast.regularized import as_convention, as_shrinkage
from hscore_fast.scores import overflow, warn_about, warn_if_single_class

if TYPE_CHECKING:
    from hscore_fast._core import HScore
    from hscore_fast._core import Moments as CoreMoments

__all__ = ["MomentsScores"]


class MomentsScores:
    """What :class:`hscore_fast.Moments` can be asked once rows have been seen."""

    _core: CoreMoments | None
    _unchecked: bool
    _guard: Guard

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
        >>> from hscore_fast import Moments
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
        >>> from hscore_fast import Moments
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
        >>> from hscore_fast import Moments
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
        >>> from hscore_fast import Moments
        >>> moments = Moments().update([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        >>> round(moments.regularized_h_score(shrinkage=0.5), 12)
        0.533333333333
        """
        method, intensity = as_shrinkage(shrinkage)
        paper = as_convention(convention) == "paper"
        threads = as_n_threads(n_threads)
        with self._guard:
            result = core.regularized_h_score_of_moments(
                self._scorable(), method, intensity, paper, threads
            )
        if not result.finite:
            if not self._unchecked:
                raise overflow()
            return float("nan")
        warn_if_single_class(result.n_classes)
        return result.score

    def _result(self, tol: float | None, n_threads: int | None) -> HScore | None:
        with self._guard:
            result = self._scorable().h_score(as_tol(tol), as_n_threads(n_threads))
        if result is None and not self._unchecked:
            raise overflow()
        return result

    def _scorable(self) -> CoreMoments:
        n_samples = 0 if self._core is None else self._core.n_samples
        if self._core is None or n_samples < 2:
            raise ValueError(
                f"at least 2 rows are needed for a score, got {n_samples}: call update first"
            )
        return self._core
