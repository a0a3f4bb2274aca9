"""One source's held-out score together with what each row, group or fold adds to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.features import (
    Progress,
    as_n_threads,
    as_progress,
    as_weights,
    is_address,
    is_label_address,
)
from hscore_fast._inputs.labels import encode
from hscore_fast._moments.blocks import total_of
from hscore_fast._moments.moments import Moments
from hscore_fast._results.cross_validation import CrossValidation
from hscore_fast._results.distributions import student_quantile
from hscore_fast._scores.h_score import (
    as_problem,
    overflow,
    refuse_non_finite,
    warn_of_columns,
)
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import CrossValidation as CoreResult

__all__ = [
    "HeldOut",
    "hold_out",
    "hold_out_blocks",
    "hold_out_moments",
    "hold_out_rows",
    "no_summary",
]

Values = NDArray[np.float64]

N_FOLDS = 5

WIDENING = 1.4
"""Two folds' fits share most of their rows, which the spread of the held-out rows' losses does not
show. Measured: see docs/cross_validated.md."""


@dataclass(frozen=True)
class HeldOut:
    """The core's result and what each independent unit adds to it.

    Attributes
    ----------
    result : core.CrossValidation
        Its rows' gains and predictions are handed over to the other attributes.
    counts : mapping of label to float
        Rows of each class, or their weight.
    shares : ndarray
        The score's parts, in the order of the classes.
    deviations : ndarray
        What each row, group or fold adds to the deviation of the score from its expectation.
    basis : str
        "rows", "groups" or "folds".
    accuracy, balanced : tuple of float
        Value and standard error; nan where rows are gone.
    """

    result: CoreResult
    counts: Mapping[Any, float]
    shares: Values
    deviations: Values
    basis: str
    n_folds: int
    accuracy: tuple[float, float]
    balanced: tuple[float, float]

    @property
    def values(self) -> Values:
        """Give the deviations as those of a mean: of sources over the same rows they are paired."""
        return WIDENING * len(self.deviations) * self.deviations

    @property
    def error(self) -> float:
        """The standard error of the score."""
        return WIDENING * _error(self.deviations)

    def quantile(self, confidence: float) -> float:
        """How many standard errors an interval reaches to either side."""
        return student_quantile(confidence, max(len(self.deviations) - 1, 1))

    def summary(self, confidence: float) -> CrossValidation:
        """Write everything into one object."""
        result = self.result
        reach = self.quantile(confidence) * self.error
        counts = list(self.counts.values())
        return CrossValidation(
            score=result.score,
            standard_error=self.error,
            confidence=float(confidence),
            confidence_interval=(result.score - reach, result.score + reach),
            accuracy=self.accuracy[0],
            accuracy_standard_error=self.accuracy[1],
            balanced_accuracy=self.balanced[0],
            balanced_accuracy_standard_error=self.balanced[1],
            ridge=result.ridge,
            n_folds=self.n_folds,
            n_groups=len(self.deviations) if self.basis == "groups" else 0,
            errors_from=self.basis,
            n_samples=result.n_samples,
            n_features=result.n_features,
            n_classes=result.n_classes,
            n_lone_classes=sum(count == 1 for count in counts),
            class_shares=dict(zip(self.counts, self.shares.tolist(), strict=True)),
        )


def hold_out(
    features: Any,
    labels: Any,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_folds: int = 5,
    ridge: str | float = "auto",
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
) -> HeldOut | None:
    """Check the arguments and score; None if values are not finite and that is allowed."""
    ridges = as_ridges(ridge)
    n_folds = as_n_folds(n_folds)
    threads = as_n_threads(n_threads)
    progress = as_progress(progress)
    if _are_moments(features):
        for name, given in (("labels", labels), ("groups", groups), ("weights", weights)):
            if given is not None:
                raise TypeError(
                    f"{name} must be None where features are Moments: those bring their own"
                )
        return hold_out_moments(features, ridges=ridges, threads=threads)
    if labels is None:
        raise TypeError("labels must be given, except where features are the Moments of each fold")
    options: dict[str, Any] = {
        "groups": groups,
        "weights": weights,
        "n_folds": n_folds,
        "ridges": ridges,
        "threads": threads,
    }
    if is_address(features) or is_label_address(labels):
        from hscore_fast._moments import from_files  # reads files only when asked to

        inputs = from_files.open_inputs(features, labels)
        if inputs.features.mapped is None:
            rows, codes, classes = from_files.rows_to_score(*inputs, threads, progress)
            found = hold_out_rows(rows.for_core(), codes, classes, **options)
            if found is None and check_finite:
                raise rows.not_finite(threads)
            return found
        features, labels = inputs.features.mapped, inputs.labels
    x, codes, classes = as_problem(features, labels)
    warn_of_columns(x, codes, len(classes))
    found = hold_out_rows(
        x.array, codes, classes, bfloat16=x.bfloat16, progress=progress, **options
    )
    if found is None and check_finite:
        refuse_non_finite(x, threads)
        raise overflow()
    return found


def hold_out_rows(
    rows: Any,
    codes: NDArray[np.int32],
    classes: Sequence[Any],
    *,
    groups: ArrayLike | None,
    weights: ArrayLike | None = None,
    n_folds: int = N_FOLDS,
    fewer_folds: bool = False,
    ridges: Sequence[float] = (),
    bfloat16: bool = False,
    threads: int,
    progress: Progress | None = None,
) -> HeldOut | None:
    """Score rows as the core takes them; None if values are not finite.

    With `fewer_folds` there are as many folds as rows or groups allow.
    """
    n_rows = len(codes)
    row_weights = as_weights(weights, n_rows)
    group_codes, n_groups = _as_groups(groups, n_rows)
    units, what = (n_rows, "rows") if group_codes is None else (n_groups, "groups")
    if n_folds > units:
        if not fewer_folds or units < 2:
            raise ValueError(
                f"n_folds must be at most the number of {what}, {units}, got {n_folds}"
                + (f": pass n_folds={units}" if units > 1 else "")
            )
        n_folds = units
    folds = core.folds_of_rows(codes, len(classes), group_codes, n_groups, n_folds)
    result = core.cross_validate(
        *(rows, codes, len(classes), bfloat16, folds, n_folds, row_weights),
        *(list(ridges), threads, progress),
    )
    if not result.finite:
        return None
    return _held_out_rows(result, codes, classes, row_weights, group_codes, n_groups, n_folds)


def _held_out_rows(
    result: CoreResult,
    codes: NDArray[np.int32],
    classes: Sequence[Any],
    weights: Values | None,
    groups: NDArray[np.int32] | None,
    n_groups: int,
    n_folds: int,
) -> HeldOut:
    counts, shares = result.counts(), result.class_shares()
    gains, predictions = result.gains(), result.predictions()
    w = np.ones(len(codes)) if weights is None else weights
    per_row = np.where(counts > 0, 1 / np.maximum(counts, 1e-300), 0.0)
    # With the class's size as it happens to be, a row more of a class is a row more to share with.
    deviations = gains - w * (shares * per_row)[codes]
    hits = (predictions == codes).astype(np.float64)
    accuracy = float(w @ hits / w.sum())
    hits_of_class = np.bincount(codes, w * hits, len(counts)) * per_row
    balanced = float(hits_of_class[counts > 0].mean())
    of_accuracy = w * (hits - accuracy) / w.sum()
    of_balanced = w * (hits - hits_of_class[codes]) * per_row[codes] / result.n_classes
    basis = "rows"
    if groups is not None:
        basis = "groups"
        deviations, of_accuracy, of_balanced = (
            np.asarray(np.bincount(groups, values, n_groups), np.float64)
            for values in (deviations, of_accuracy, of_balanced)
        )
    return HeldOut(
        result,
        dict(zip(classes, counts.tolist(), strict=True)),
        shares,
        deviations,
        basis,
        n_folds,
        (accuracy, WIDENING * _error(of_accuracy)),
        (balanced, WIDENING * _error(of_balanced)),
    )


def hold_out_moments(
    parts: Sequence[Moments], *, ridges: Sequence[float] = (), threads: int = 0
) -> HeldOut:
    """Score the statistics of the folds; their classes are matched by their labels."""
    for place, part in enumerate(parts):
        if not isinstance(part, Moments):
            raise TypeError(f"features[{place}] must be a Moments, got {type(part).__name__}")
    used = [part for part in parts if part.n_samples]
    if len(used) < 2:
        raise ValueError(
            f"at least two folds must hold rows, got {len(used)} of {len(parts)} Moments that do"
        )
    labels: dict[Any, int] = {}
    own = [part.copy() for part in used]  # which the core uses up
    maps = [[labels.setdefault(label, len(labels)) for label in part.classes] for part in own]
    result = core.cross_validate_moments(
        [part._core for part in own if part._core is not None], maps, list(ridges), threads
    )
    if not result.finite:
        raise overflow()
    nothing = (math.nan, math.nan)
    return HeldOut(
        result,
        dict(zip(labels, result.counts().tolist(), strict=True)),
        result.class_shares(),
        result.fold_deviations(),
        "folds",
        len(used),
        nothing,
        nothing,
    )


def hold_out_blocks(blocks: Sequence[Moments], threads: int) -> HeldOut | None:
    """Score statistics of blocks of rows, several to a fold; None for fewer than two."""
    used = [block for block in blocks if block.n_samples]
    if len(used) < 2:
        return None
    n_folds = N_FOLDS if len(blocks) >= 2 * N_FOLDS else len(blocks)
    return hold_out_moments(
        [total_of(blocks[fold::n_folds]) for fold in range(n_folds)], threads=threads
    )


def _error(deviations: Values) -> float:
    """Return the standard error of the sum of independent deviations, whose mean is 0."""
    n = len(deviations)
    return math.sqrt(n / (n - 1) * float(deviations @ deviations)) if n > 1 else math.nan


def _are_moments(features: Any) -> bool:
    return (
        isinstance(features, (list, tuple)) and bool(features) and isinstance(features[0], Moments)
    )


def _as_groups(groups: ArrayLike | None, n_rows: int) -> tuple[NDArray[np.int32] | None, int]:
    if groups is None:
        return None, 0
    try:
        codes, names = encode(groups)
    except (TypeError, ValueError) as error:
        raise type(error)(f"groups: {error}") from None
    if len(codes) != n_rows:
        raise ValueError(
            f"groups must have one entry per row of features, got {len(codes)} for {n_rows} rows"
        )
    return codes, len(names)


def as_ridges(ridge: str | float) -> list[float]:
    """Return the ridges to choose from."""
    if isinstance(ridge, str):
        if ridge == "auto":
            return cast("list[float]", list(core.RIDGES))
        raise ValueError(f"ridge must be 'auto' or a number, got {ridge!r}")
    if isinstance(ridge, bool) or not isinstance(ridge, (int, float, np.floating, np.integer)):
        raise TypeError(
            f"ridge must be 'auto' or a number, got {ridge!r} of type {type(ridge).__name__}"
        )
    if not 1e-9 <= ridge < math.inf:
        raise ValueError(
            f"ridge must be finite and at least 1e-9, got {ridge}: it is a share of the trace of "
            "the scatter"
        )
    return [float(ridge)]


def as_n_folds(n_folds: int) -> int:
    """Check a number of folds."""
    if isinstance(n_folds, bool) or not isinstance(n_folds, (int, np.integer)):
        raise TypeError(f"n_folds must be an integer, got {n_folds!r}")
    if not 2 <= n_folds <= 10_000:
        raise ValueError(
            f"n_folds must lie between 2 and 10,000, got {n_folds}: 5 is a good number"
        )
    return int(n_folds)


def no_summary(confidence: float) -> CrossValidation:
    """Say that there is no score because of values that are not finite."""
    nan = math.nan
    return CrossValidation(
        *(nan, nan, float(confidence), (nan, nan)),
        *(nan, nan, nan, nan, nan),
        n_folds=0,
        n_groups=0,
        errors_from="none: the features have values that are not finite",
        n_samples=0,
        n_features=0,
        n_classes=0,
        n_lone_classes=0,
        class_shares={},
    )
