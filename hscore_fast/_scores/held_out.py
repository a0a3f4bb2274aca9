"""One source's held-out score together with what each row, group or fold adds to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.columns import refuse_request
from hscore_fast._inputs.features import as_weights
from hscore_fast._inputs.labels import encode
from hscore_fast._inputs.options import Progress, as_integer
from hscore_fast._moments.folds import N_FOLDS, hold_out_moments
from hscore_fast._moments.moments import Moments
from hscore_fast._problem import InputOptions, Problem, open_problem
from hscore_fast._results.cross_validation import HeldOut, error_of_sum
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import CrossValidation as CoreResult

__all__ = ["Folds", "Kept", "fold_rows", "hold_out", "hold_out_problem", "hold_out_rows"]

Values = NDArray[np.float64]


def hold_out(
    features: Any,
    labels: Any,
    options: InputOptions,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_folds: int = N_FOLDS,
    ridge: str | float = "auto",
) -> HeldOut | None:
    """Check the arguments and score; None if values are not finite and that is allowed."""
    ridges = as_ridges(ridge)
    n_folds = as_n_folds(n_folds)
    if _are_moments(features):
        for name, given in (("labels", labels), ("groups", groups), ("weights", weights)):
            if given is not None:
                raise TypeError(
                    f"{name} must be None where features are Moments: those bring their own"
                )
        refuse_request(options.columns, "a list of Moments")
        if options.ignored:
            raise TypeError(
                "ignore_label must be None where features are Moments: pass it to Moments.update"
            )
        return hold_out_moments(features, ridges=ridges, threads=options.threads)
    if labels is None:
        raise TypeError("labels must be given, except where features are the Moments of each fold")
    problem = open_problem(features, labels, options, groups=groups, weights=weights)
    return hold_out_problem(problem, groups=groups, weights=weights, n_folds=n_folds, ridges=ridges)


def hold_out_problem(
    problem: Problem,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_folds: int = N_FOLDS,
    fewer_folds: bool = False,
    again: bool = False,
    ridges: Sequence[float] = (),
) -> HeldOut | None:
    """Score what was opened; with `fewer_folds`, by as many folds as rows or groups allow.

    `again` says that the rows have been read before, so that progress counts no more.
    """
    progress = problem.progress
    if again and progress is not None:
        tell = progress

        def progress(done: int, rows: int) -> object:
            return tell(rows, rows)

    row_weights = problem.rows_of(as_weights(weights, problem.n_given))
    kept = Kept(problem.kept, problem.n_given)
    folds = fold_rows(
        problem.codes, problem.n_classes, groups, n_folds, fewer_folds=fewer_folds, kept=kept
    )
    found = hold_out_rows(
        *(problem.for_core(), problem.classes, folds),
        weights=row_weights,
        ridges=ridges,
        threads=problem.threads,
        progress=progress,
    )
    if not problem.is_scored(found is not None) or found is None:
        return None
    return replace(found, left_out=dict(problem.left_out))


class Kept(NamedTuple):
    """Which of the rows that were given count; None for all."""

    rows: NDArray[np.intp] | None
    n_given: int


class Folds(NamedTuple):
    """Which rows are held out together."""

    of_row: NDArray[np.int32]
    n_folds: int
    groups: NDArray[np.int32] | None
    n_groups: int


def fold_rows(
    codes: NDArray[np.int32],
    n_classes: int,
    groups: ArrayLike | None = None,
    n_folds: int = N_FOLDS,
    *,
    fewer_folds: bool = False,
    kept: Kept | None = None,
) -> Folds:
    """Deal rows, or whole groups of them, to folds; to as many as there can be if that is fewer."""
    n_rows = len(codes)
    group_codes, n_groups = _as_groups(groups, kept or Kept(None, n_rows))
    units, what = (n_rows, "rows") if groups is None else (n_groups, "groups")
    if n_folds > units:
        if not fewer_folds or units < 2:
            raise ValueError(
                f"n_folds must be at most the number of {what}, {units}, got {n_folds}"
                + (f": pass n_folds={units}" if units > 1 else "")
            )
        n_folds = units
    of_row = core.folds_of_rows(codes, n_classes, group_codes, n_groups, n_folds)
    return Folds(of_row, n_folds, group_codes, n_groups)


def hold_out_rows(
    for_core: tuple[Any, NDArray[np.int32], int, bool],
    classes: Sequence[Any],
    folds: Folds,
    *,
    weights: Values | None = None,
    ridges: Sequence[float] = (),
    threads: int = 0,
    progress: Progress | None = None,
) -> HeldOut | None:
    """Score rows as the core takes them; None if values are not finite."""
    result = core.cross_validate(
        *(*for_core, folds.of_row, folds.n_folds, weights),
        *(list(ridges), threads, progress),
    )
    if not result.finite:
        return None
    return _held_out_rows(result, for_core[1], classes, weights, folds)


def _held_out_rows(
    result: CoreResult,
    codes: NDArray[np.int32],
    classes: Sequence[Any],
    weights: Values | None,
    folds: Folds,
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
    if folds.groups is not None:
        basis = "groups"
        deviations, of_accuracy, of_balanced = (
            np.asarray(np.bincount(folds.groups, values, folds.n_groups), np.float64)
            for values in (deviations, of_accuracy, of_balanced)
        )
    return HeldOut(
        result,
        dict(zip(classes, counts.tolist(), strict=True)),
        shares,
        deviations,
        basis,
        folds.n_folds,
        (accuracy, error_of_sum(of_accuracy)),
        (balanced, error_of_sum(of_balanced)),
        np.bincount(folds.of_row, gains, folds.n_folds).astype(np.float64),
    )


def _are_moments(features: Any) -> bool:
    return (
        isinstance(features, (list, tuple)) and bool(features) and isinstance(features[0], Moments)
    )


def _as_groups(groups: ArrayLike | None, kept: Kept) -> tuple[NDArray[np.int32] | None, int]:
    """Give the groups of the rows that are kept as codes, and their number."""
    if groups is None:
        return None, 0
    n_rows = kept.n_given
    codes, names = encode(groups, "groups", whole=False)
    if len(codes) != n_rows:
        raise ValueError(
            f"groups must have one entry per row of features, got {len(codes)} for {n_rows} rows"
        )
    if kept.rows is None:
        return codes, len(names)
    present, places = np.unique(codes[kept.rows], return_inverse=True)
    return places.astype(np.int32).reshape(-1), len(present)


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
    return as_integer(n_folds, "n_folds", least=2, most=10_000, hint="5 is a good number")
