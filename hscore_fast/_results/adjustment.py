"""A score corrected for what random labels would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hscore_fast._results.doubts import doubt
from hscore_fast._results.warnings import SaturationWarning, warn_caller

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["adjusted", "adjusted_doubt", "adjusted_value", "chance", "free_share"]


def chance(result: HScore) -> float:
    """Give the mean score under permuted labels."""
    if not result.total_weight > 1:
        raise ValueError(f"the weights must sum to more than 1, got {result.total_weight}")
    return result.rank * (result.n_classes - 1) / (result.total_weight - 1)


def free_share(result: HScore) -> float:
    """Return which share of the freedom of the rows the features leave: 1 - rank / (N - 1)."""
    return 1 - result.rank / (result.total_weight - 1)


def adjusted(result: HScore, task: str = "classes") -> float:
    """Adjust a score, and warn where that is not possible or not precise."""
    reason = adjusted_doubt(result, task)
    if reason is not None:
        warn_caller(reason)
    return adjusted_value(result)


def adjusted_value(result: HScore) -> float:
    """Adjust a score; nan where that is not possible."""
    freedom = result.total_weight - 1 - result.rank
    if result.n_classes == 1:
        return 0.0
    if freedom <= 0:
        return float("nan")
    most = result.n_classes - 1
    return most - (most - result.score) * (result.total_weight - 1) / freedom


def adjusted_doubt(result: HScore, task: str = "classes") -> Warning | None:
    """Say why an adjusted score means little or nothing, if that is so."""
    if result.total_weight - 1 - result.rank <= 0 and result.n_classes > 1:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.total_weight:.10g} samples, so that "
            "the H-score is the same whatever the labels are and the adjusted score is undefined "
            "(nan): use more samples, fewer features or regularized_h_score"
        )
    return doubt(result, task)
