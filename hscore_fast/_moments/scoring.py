"""The scores of statistics that were gathered batch by batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from hscore_fast._inputs.options import as_confidence, as_n_threads
from hscore_fast._moments.folds import hold_out_blocks
from hscore_fast._moments.jackknife import evidence_of_blocks
from hscore_fast._moments.state import MomentsState
from hscore_fast._results.adjustment import adjusted, chance
from hscore_fast._results.doubts import warn_about, warn_if_single_class
from hscore_fast._results.report import HScoreReport
from hscore_fast._results.reporting import report_of

__all__ = ["MomentsScores"]


class MomentsScores(MomentsState):
    """Methods of :class:`hscore_fast.Moments` that compute scores from the rows seen so far."""

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
        result = self._regularized(shrinkage, convention, n_threads)
        if not result.finite:
            return float("nan")
        warn_if_single_class(result.n_classes)
        return result.score

    def evaluate(
        self,
        *,
        blocks: Sequence[MomentsScores] = (),
        confidence: float = 0.95,
        shrinkage: str | float = "ledoit_wolf",
        convention: str = "tllib",
        tol: float | None = None,
        n_threads: int | None = None,
    ) -> HScoreReport:
        """Evaluate the score of all rows seen, as :func:`hscore_fast.evaluate` does.

        Parameters
        ----------
        blocks : sequence of Moments, optional
            Statistics that merged are these: then the standard error is that of the jackknife,
            which leaves them out one by one. Without them it is nan, as the rows are gone. Each
            should have its share of every class, as every 20th row has; 20 are enough.
        confidence, shrinkage, convention, tol, n_threads
            As for :func:`hscore_fast.evaluate`.

        Returns
        -------
        HScoreReport
            As :func:`hscore_fast.evaluate` of all rows at once, the standard error aside. The
            p-value is Pillai's.

        Raises
        ------
        ValueError
            If fewer than two rows were seen, an option is unknown, the sums overflowed, or the
            blocks are not the parts of these statistics.
        TypeError
            If a block is not a Moments.

        Examples
        --------
        >>> import numpy as np
        >>> from hscore_fast import Moments
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(0, 5, 2000)
        >>> features = rng.standard_normal((2000, 8)) + labels[:, None] / 3
        >>> blocks = [Moments().update(features[i::20], labels[i::20]) for i in range(20)]
        >>> total = Moments()
        >>> for block in blocks:
        ...     _ = total.merge(block)
        >>> report = total.evaluate(blocks=blocks)
        >>> round(report.adjusted_h_score, 2), round(report.standard_error, 2)
        (0.63, 0.01)
        """
        confidence = as_confidence(confidence)
        parts = list(blocks)
        for number, part in enumerate(parts):
            if not isinstance(part, MomentsScores):
                raise TypeError(f"blocks[{number}] must be a Moments, got {type(part).__name__}")
        if parts:
            weight = sum(part.total_weight for part in parts)
            if not math.isclose(weight, self.total_weight, rel_tol=1e-9) or len(parts) < 2:
                raise ValueError(
                    f"blocks must be two or more that merged are these statistics: {len(parts)} "
                    f"with {weight:.10g} rows were given for {self.total_weight:.10g}"
                )
        evidence = evidence_of_blocks(
            self, parts, shrinkage=shrinkage, convention=convention, tol=tol, n_threads=n_threads
        )
        if evidence is not None and parts:
            held_out = hold_out_blocks(parts, as_n_threads(n_threads))
            evidence = replace(evidence, held_out=held_out)
        return report_of(evidence, confidence, "pillai")
