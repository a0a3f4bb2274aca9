"""What speaks against a score: the warnings that results deserve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hscore_fast._results.warnings import (
    PrecisionWarning,
    SaturationWarning,
    SingleClassWarning,
    warn_caller,
)

if TYPE_CHECKING:
    from hscore_fast._core import HScore, TargetScores

__all__ = [
    "doubt",
    "target_doubt",
    "warn_about",
    "warn_about_targets",
    "warn_if_single_class",
    "warn_of_single_classes",
]


def warn_about(result: HScore) -> None:
    """Issue the warning that a result deserves."""
    reason = doubt(result)
    if reason is not None:
        warn_caller(reason)


def warn_if_single_class(n_classes: int) -> None:
    """Say why the score is 0."""
    if n_classes == 1:
        warn_caller(_single_class())


def doubt(result: HScore) -> Warning | None:
    """Say why a score means little or nothing, if that is so."""
    if result.n_classes == 1:
        return _single_class()
    if result.rank >= result.n_samples - 1:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.n_samples} samples, so that the "
            f"H-score is {result.n_classes - 1} whatever the labels are: use more samples or fewer "
            "features"
        )
    # Who asks for float32 expects some six digits at best: warn where three are not certain.
    share = 1e-3 if result.precision_used == "float32" else 1e-6
    if result.error_bound > max(share * result.score, 1e-9):
        return PrecisionWarning(
            f"the features are nearly linearly dependent: the H-score is certain to "
            f"{result.error_bound:.1g} only; drop near-duplicate features or raise tol"
        )
    return None


def _single_class() -> SingleClassWarning:
    return SingleClassWarning(
        "labels has a single class, so the H-score is 0 by definition: pass the labels of a task "
        "with at least two classes"
    )


def warn_about_targets(result: TargetScores, regularized: bool) -> None:
    """Issue each warning that the scores of several targets deserve once."""
    single = result.n_classes.count(1)
    if single:
        first = result.n_classes.index(1)
        warn_of_single_classes(single, len(result.n_classes), f"targets[{first}]")
    reason = target_doubt(result, regularized)
    if reason is not None:
        warn_caller(reason)


def warn_of_single_classes(single: int, total: int, first: str) -> None:
    """Say why some scores are 0."""
    warn_caller(
        SingleClassWarning(
            f"{single} of {total} targets, the first {first}, have a single class, so that their "
            "H-score is 0 by definition"
        )
    )


def target_doubt(result: TargetScores, regularized: bool) -> Warning | None:
    """Say what the features' rank does to the scores, if there is something to say."""
    if regularized or set(result.n_classes) == {1}:
        return None
    if result.rank >= result.n_samples - 1:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.n_samples} samples, so that every "
            "H-score is the number of classes less one whatever the labels are: use more samples, "
            "fewer features or regularized=True"
        )
    if result.error_bound > 1e-6 * max(1e-3, max(result.scores)):
        return PrecisionWarning(
            f"the features are nearly linearly dependent: the H-scores are certain to "
            f"{result.error_bound:.1g} only; drop near-duplicate features or raise tol"
        )
    return None
