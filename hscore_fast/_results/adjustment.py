"""A score corrected for what random labels would give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hscore_fast._results.doubts import doubt
from hscore_fast._results.warnings import SaturationWarning, warn_caller

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["Grouping", "adjusted", "adjusted_doubt", "adjusted_value", "chance", "free_share"]

_NO_ROOM = 1e-9  # rounding of the chance level


@dataclass(frozen=True, slots=True)
class Grouping:
    """How features and classes vary between groups of rows that belong together.

    Attributes
    ----------
    n_groups : int
        Number of groups.
    rank_between : float
        How much of the features' rank lies between groups; the rest lies within. It is the score of
        the features with the groups as classes.
    classes_between : float
        How many of the dimensions of the classes, one less than classes, lie between groups: all of
        them where every group is of one class.
    """

    n_groups: int
    rank_between: float
    classes_between: float


def chance(result: HScore, grouping: Grouping | None = None) -> float:
    """Give the mean score under permuted labels.

    With groups, labels are permuted between groups as far as they vary between them and within as
    far as they vary within. That is exact for groups of one size.
    """
    if not result.total_weight > 1:
        raise ValueError(f"the weights must sum to more than 1, got {result.total_weight}")
    most = result.n_classes - 1
    if grouping is None:
        return result.rank * most / (result.total_weight - 1)
    between, within = grouping.n_groups - 1, result.total_weight - grouping.n_groups
    level = grouping.classes_between * grouping.rank_between / between
    if within > 0:
        level += (most - grouping.classes_between) * (result.rank - grouping.rank_between) / within
    return level


def free_share(result: HScore, grouping: Grouping | None = None) -> float:
    """Return which share of the score's room chance leaves: 1 - rank / (N - 1) without groups."""
    if grouping is None:
        return 1 - result.rank / (result.total_weight - 1)
    most = result.n_classes - 1
    share = 1 - chance(result, grouping) / most if most > 0 else 1.0
    return share if share > _NO_ROOM else 0.0


def adjusted(result: HScore, task: str = "classes") -> float:
    """Adjust a score, and warn where that is not possible or not precise."""
    reason = adjusted_doubt(result, task)
    if reason is not None:
        warn_caller(reason)
    return adjusted_value(result)


def adjusted_value(result: HScore, grouping: Grouping | None = None) -> float:
    """Adjust a score; nan where that is not possible."""
    if result.n_classes == 1:
        return 0.0
    most = result.n_classes - 1
    if grouping is not None:
        share = free_share(result, grouping)
        return most - (most - result.score) / share if share > 0 else float("nan")
    freedom = result.total_weight - 1 - result.rank
    if freedom <= 0:
        return float("nan")
    return most - (most - result.score) * (result.total_weight - 1) / freedom


def adjusted_doubt(
    result: HScore, task: str = "classes", grouping: Grouping | None = None
) -> Warning | None:
    """Say why an adjusted score means little or nothing, if that is so."""
    if result.total_weight - 1 - result.rank <= 0 and result.n_classes > 1:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.total_weight:.10g} samples, so that "
            "the H-score is the same whatever the labels are and the adjusted score is undefined "
            "(nan): use more samples, fewer features or regularized_h_score"
        )
    if grouping is not None and result.n_classes > 1 and not free_share(result, grouping) > 0:
        return SaturationWarning(
            f"the features tell all {grouping.n_groups} groups apart (rank {result.rank}), so that "
            "the H-score is the same whatever the labels of the groups are and the adjusted score "
            "is undefined (nan): use more groups, fewer features or cross_validated_h_score"
        )
    return doubt(result, task)
