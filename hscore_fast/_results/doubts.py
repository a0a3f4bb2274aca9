"""Decide which warnings a result deserves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hscore_fast._results.warnings import (
    PrecisionWarning,
    SaturationWarning,
    SingleClassWarning,
    warn_caller,
)

if TYPE_CHECKING:
    from hscore_fast._core import HScore, TargetScores
    from hscore_fast._results.cross_validation import HeldOut

__all__ = [
    "ScoredTargets",
    "doubt",
    "dropped_doubt",
    "held_out_doubt",
    "target_doubt",
    "warn_about",
    "warn_about_targets",
    "warn_if_single_class",
    "warn_of_single_classes",
]


def warn_about(result: HScore, task: str = "classes") -> None:
    """Issue the warning that a result deserves."""
    reason = doubt(result, task)
    if reason is not None:
        warn_caller(reason)


def warn_if_single_class(n_classes: int, task: str = "classes") -> None:
    """Say why the score is 0."""
    if n_classes == 1:
        warn_caller(_single_class() if task == "classes" else _constant())


def doubt(result: HScore, task: str = "classes") -> Warning | None:
    """Say why a score means little or nothing, if that is so.

    With targets that are values `n_classes` is their rank plus one.
    """
    if result.n_classes == 1:
        return _single_class() if task == "classes" else _constant()
    if result.rank >= result.n_samples - 1:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.n_samples} samples, so that the "
            f"H-score is {result.n_classes - 1} whatever the labels are: use more samples or fewer "
            "features"
        )
    if result.dropped_above_noise:
        return dropped_doubt(result)
    # float32 gives about six digits at best, so warn only below three.
    share = 1e-3 if result.precision_used == "float32" else 1e-6
    if result.error_bound > max(share * result.score, 1e-9):
        return PrecisionWarning(
            f"{_DEPENDENT}: the H-score is certain to {result.error_bound:.1g} only. "
            f"{_more_digits(result.precision_used)}"
        )
    return _near_bound(result, task)


def dropped_doubt(result: HScore) -> PrecisionWarning | None:
    """Say that columns hide behind a few large rows, if that is so."""
    if not result.dropped_above_noise:
        return None
    return PrecisionWarning(
        f"columns were dropped as noise beside others ({result.n_features - result.rank} of "
        f"{result.n_features}), though more is left of at least {result.dropped_above_noise} "
        "than the rounding of their values: the H-score lacks what they know. A few rows that "
        "are far larger than all others do that, such as a code for missing values, and so do "
        'near-duplicates: look for such rows, or use precision="high"'
    )


_DEPENDENT = (
    "the features depend linearly on each other but for rounding, as they do behind a LayerNorm or "
    "with near-duplicates"
)
_NEAR = 0.9  # of the samples less one
_FEW_SAMPLES = 100  # sets with one row a class are made that small on purpose


def _more_digits(precision_used: str) -> str:
    """Say what helps against features that depend on each other."""
    noise = "tol=1e-6 takes such a direction for noise"
    if precision_used == "float32":
        return f'precision="auto" has more digits, and {noise}'
    if precision_used == "high":
        return noise[0].upper() + noise[1:]
    return f'precision="high" tells them apart, and {noise}'


def _near_bound(result: HScore, task: str) -> Warning | None:
    """Say that a score is near its bound by the numbers of rows, features and classes alone."""
    freedom = result.n_samples - 1
    most = result.n_classes - 1
    if result.rank >= _NEAR * freedom:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.n_samples} samples, so that the "
            f"H-score is near its bound of {most} for any labels, by chance "
            f"{result.rank * most / freedom:.3g}: use more samples or fewer features, or compare "
            "adjusted scores"
        )
    if task != "classes":
        if most < _NEAR * freedom:
            return None
        return SaturationWarning(
            f"labels has columns of rank {most} for {result.n_samples} samples, so that the "
            f"H-score is near its bound of {min(result.rank, most)} for any features: use more "
            "samples or fewer targets"
        )
    if most >= _NEAR * freedom and result.n_samples >= _FEW_SAMPLES:
        return SaturationWarning(
            f"labels has {result.n_classes} classes for {result.n_samples} samples, so that the "
            f"H-score is near its bound of {min(result.rank, most)} for any features: if they are "
            "ids, pass the column of the classes; if they are measured, bin them"
        )
    return None


def held_out_doubt(held_out: HeldOut | None) -> Warning | str | None:
    """Say why a held-out score means little, if that is so."""
    if held_out is None:
        return None
    if held_out.result.n_classes == 1:
        return _single_class()
    lone = sum(count == 1 for count in held_out.counts.values())
    if lone:
        return (
            f"{lone} of {held_out.result.n_classes} classes have a single row, which no fit knows"
        )
    return None


def _constant() -> SingleClassWarning:
    return SingleClassWarning("labels varies in no column, so the H-score is 0 by definition")


def _single_class() -> SingleClassWarning:
    return SingleClassWarning(
        "labels has a single class, so the H-score is 0 by definition: pass the labels of a task "
        "with at least two classes"
    )


class ScoredTargets(NamedTuple):
    """Scores of targets that count the same rows, and the targets' places among all."""

    places: list[int]
    result: TargetScores


def warn_about_targets(found: Sequence[ScoredTargets], total: int, regularized: bool) -> None:
    """Issue each warning that the scores of several targets deserve once."""
    alone = sorted(
        place
        for places, result in found
        for place, n_classes in zip(places, result.n_classes, strict=True)
        if n_classes == 1
    )
    if alone:
        warn_of_single_classes(len(alone), total, f"targets[{alone[0]}]")
    reasons: dict[type[Warning], Warning] = {}  # the first of each kind
    for places, result in found:
        names = [f"targets[{place}]" for place in places]
        reason = target_doubt(result, regularized, names)
        if reason is not None:
            reasons.setdefault(type(reason), reason)
    for reason in reasons.values():
        warn_caller(reason)


def warn_of_single_classes(single: int, total: int, first: str) -> None:
    """Say why some scores are 0."""
    warn_caller(
        SingleClassWarning(
            f"{single} of {total} targets, the first {first}, have a single class, so that their "
            "H-score is 0 by definition"
        )
    )


def target_doubt(result: TargetScores, regularized: bool, names: Sequence[str]) -> Warning | None:
    """Say what the features' rank does to the targets' scores, if there is something to say."""
    if regularized or set(result.n_classes) == {1}:
        return None
    if result.rank >= result.n_samples - 1:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.n_samples} samples, so that every "
            "H-score is the number of classes less one whatever the labels are: use more samples, "
            "fewer features or the regularized score"
        )
    if result.error_bound > 1e-6 * max(1e-3, max(result.scores)):
        return PrecisionWarning(
            f"{_DEPENDENT}: the H-scores are certain to {result.error_bound:.1g} only. tol=1e-6 "
            "takes such a direction for noise"
        )
    freedom = result.n_samples - 1
    if result.rank >= _NEAR * freedom:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.n_samples} samples, so that every "
            f"H-score is near its bound for any labels: use more samples, fewer features or "
            "the regularized score"
        )
    most = max(result.n_classes)
    if most - 1 >= _NEAR * freedom and result.n_samples >= _FEW_SAMPLES:
        return SaturationWarning(
            f"{names[result.n_classes.index(most)]} has {most} classes for {result.n_samples} "
            "samples, so that its H-score is near its bound for any features: if they are ids, "
            "pass the column of the classes; if they are measured, bin them"
        )
    return None
