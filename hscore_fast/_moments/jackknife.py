"""Standard errors of scores whose rows are seen once: leave out blocks of rows, one by one.

The statistics of each block are kept, so that leaving it out is a subtraction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hscore_fast._moments.state import (
    MomentsState,
    class_counts_of,
    regularized_result_of,
    result_of,
)
from hscore_fast._results.adjustment import Grouping
from hscore_fast._results.evidence import (
    SATURATED,
    Evidence,
    evidence_of_values,
    scale_of_values,
)

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["evidence_of_blocks", "evidence_of_moments", "evidence_of_sums"]


def evidence_of_moments(
    moments: MomentsState,
    *,
    shrinkage: str | float | None = None,
    convention: str = "tllib",
    tol: float | None = None,
    n_threads: int | None = None,
) -> Evidence | None:
    """Score statistics; without rows there is no standard error."""
    return evidence_of_blocks(
        moments, (), shrinkage=shrinkage, convention=convention, tol=tol, n_threads=n_threads
    )


def evidence_of_blocks(
    total: MomentsState,
    parts: Sequence[MomentsState],
    *,
    shrinkage: str | float | None = None,
    convention: str = "tllib",
    tol: float | None = None,
    n_threads: int | None = None,
    grouping: Grouping | None = None,
) -> Evidence | None:
    """Score statistics of which `parts` are the parts, or nothing; the regularized score too."""
    result = result_of(total, tol, n_threads)
    if result is None:
        return None
    regularized = math.nan
    if shrinkage is not None:
        regularized = regularized_result_of(total, shrinkage, convention, n_threads).score
    scores = np.array([r.score for r in _leave_one_out(total, parts, tol, n_threads)])
    values = None
    if len(scores) > 1:
        values = (len(scores) - 1) * (result.score - scores)
    return evidence_of_values(
        result, class_counts_of(total), values, "jackknife", regularized, grouping=grouping
    )


def evidence_of_sums(
    moments: MomentsState,
    n: int,
    total: float,
    squares: float,
    *,
    shrinkage: str | float,
    convention: str,
    tol: float | None,
) -> Evidence | None:
    """Score statistics whose rows' jackknife values were summed elsewhere."""
    evidence = evidence_of_moments(moments, shrinkage=shrinkage, convention=convention, tol=tol)
    if evidence is None:
        return None
    scale = scale_of_values(evidence.result)
    if scale is None:
        return replace(evidence, basis=SATURATED)
    variance = max(squares - total * total / n, 0.0) / (n * (n - 1))
    return replace(evidence, basis="influence", error=scale * math.sqrt(variance))


def _leave_one_out(
    total: MomentsState, parts: Sequence[MomentsState], tol: float | None, n_threads: int | None
) -> list[HScore]:
    """Score all rows but those of each part in turn, the parts without rows aside."""
    # With very few rows one block may hold them all; nothing is left then to score.
    left = [part for part in parts if 0 < part.n_samples <= total.n_samples - 2]
    results = [result_of(total - part, tol, n_threads) for part in left]
    return [result for result in results if result is not None]
