"""Statistics of blocks of rows, each of which has its share of every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs.features import as_features
from hscore_fast._inputs.options import as_n_blocks
from hscore_fast._moments.moments import Moments, relabel
from hscore_fast._variants import core

__all__ = [
    "BlockedMoments",
    "block_places",
    "indexable",
    "total_of",
]


class BlockedMoments:
    """Statistics of `n_blocks` parts of a stream.

    Row p of class c is in block (p + c) modulo the number of blocks, so that every block has its
    share of every class however the rows are sorted, and small classes do not all begin in the
    first. The blocks of every fifth number, of which there are 5 to 20, are then a fold of
    :func:`hscore_fast.cross_validated_h_score`.
    """

    def __init__(self, n_blocks: int) -> None:
        self._parts = [Moments() for _ in range(as_n_blocks(n_blocks))]
        self._seen = np.zeros(0, np.int64)  # rows per class

    def update(
        self,
        features: Any,
        codes: NDArray[np.int32],
        *,
        n_threads: int | None,
        check_finite: bool,
        block: NDArray[np.int32] | None = None,
    ) -> None:
        """Add rows, whose labels are codes of classes that keep their meaning.

        `block` may say which block each row belongs to, where rows must stay together.
        """
        array = indexable(features)
        if block is None:
            block = ((self._places(codes) + codes) % len(self._parts)).astype(np.int32)
        for number, part in enumerate(self._parts):
            rows = np.flatnonzero(block == number)
            if rows.size:
                part.update(
                    array[rows], codes[rows], n_threads=n_threads, check_finite=check_finite
                )
        core.refuse_shortened(array)  # whose rows were copied

    def finish(self, classes: Sequence[Any]) -> list[Moments]:
        """Give the parts, with the codes' labels in place of the codes."""
        for part in self._parts:
            relabel(part, classes)
        return self._parts

    def _places(self, codes: NDArray[np.int32]) -> NDArray[np.int64]:
        """Give each row its running number within its class, in all that was seen."""
        n_classes = max(int(codes.max(initial=-1)) + 1, len(self._seen))
        seen = np.zeros(n_classes, np.int64)
        seen[: len(self._seen)] = self._seen
        places = block_places(codes) + seen[codes]
        self._seen = seen + np.bincount(codes, minlength=n_classes)
        return places


def block_places(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give each row its running number within its class."""
    counts = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    places = np.empty(len(codes), np.int64)
    places[order] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places


def indexable(features: Any) -> NDArray[Any]:
    """Give features as one array whose rows NumPy can choose from."""
    x = as_features(features)
    if x.whole is not None:
        return indexable(replace(x, array=x.whole, whole=None))[x.rows]
    if not isinstance(x.array, np.ndarray):  # columns apart, or batches one below the other
        found = np.concatenate([x.piece(column) for column in x.columns], axis=1)
    elif x.bfloat16:
        found = (x.array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    else:
        return x.array
    core.refuse_shortened(x.array)
    return found


def total_of(parts: Sequence[Moments]) -> Moments:
    """Merge all into a new object."""
    total = Moments()
    for part in parts:
        total.merge(part)
    return total
