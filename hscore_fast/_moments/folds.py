"""The held-out score of statistics whose rows are gone, from those of each fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from hscore_fast._inputs.checks import overflow
from hscore_fast._moments.state import MomentsState, copied_core
from hscore_fast._results.cross_validation import HeldOut
from hscore_fast._variants import core

__all__ = ["N_FOLDS", "hold_out_blocks", "hold_out_moments"]

N_FOLDS = 5


def hold_out_moments(
    parts: Sequence[MomentsState], *, ridges: Sequence[float] = (), threads: int = 0
) -> HeldOut:
    """Score the statistics of the folds; their classes are matched by their labels."""
    for place, part in enumerate(parts):
        if not isinstance(part, MomentsState):
            raise TypeError(f"features[{place}] must be a Moments, got {type(part).__name__}")
    used = [part for part in parts if part.n_samples]
    if len(used) < 2:
        raise ValueError(
            f"at least two folds must hold rows, got {len(used)} of {len(parts)} Moments that do"
        )
    labels: dict[Any, int] = {}
    copies = [copied_core(part) for part in used]
    maps = [[labels.setdefault(label, len(labels)) for label in own] for _, own in copies]
    rows = [statistics.counts() for statistics, _ in copies]  # the copies are used up
    result = core.cross_validate_moments(
        [statistics for statistics, _ in copies], maps, list(ridges), threads
    )
    if not result.finite:
        raise overflow()
    nothing = (math.nan, math.nan)
    counts, shares = result.counts(), result.class_shares()
    deviations = result.fold_deviations()
    share_of_row = np.where(counts > 0, shares / np.maximum(counts, 1e-300), 0.0)
    expected = [np.sum(own * share_of_row[places]) for own, places in zip(rows, maps, strict=True)]
    return HeldOut(
        result,
        dict(zip(labels, counts.tolist(), strict=True)),
        shares,
        deviations,
        "folds",
        len(used),
        nothing,
        nothing,
        deviations + np.array(expected),
    )


def hold_out_blocks(blocks: Sequence[Any], threads: int) -> HeldOut | None:
    """Score statistics of blocks of rows, several to a fold; None for fewer than two."""
    used = [block for block in blocks if block.n_samples]
    if len(used) < 2:
        return None
    n_folds = N_FOLDS if len(blocks) >= 2 * N_FOLDS else len(blocks)
    return hold_out_moments(
        [reduce(add, blocks[fold::n_folds]) for fold in range(n_folds)], threads=threads
    )
