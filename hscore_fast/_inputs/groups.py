"""Which rows belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs.labels import encode

__all__ = ["Groups", "encode_groups"]


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of each row that is scored, numbered from 0."""

    codes: NDArray[np.int32]
    count: int


def encode_groups(groups: Any, n_rows: int, kept: NDArray[np.intp] | None = None) -> Groups:
    """Encode the groups of `n_rows` rows, or of those `kept`; there must be at least two."""
    codes, names = encode(groups, "groups", whole=False)
    if len(codes) != n_rows:
        raise ValueError(
            f"groups must have one entry per row of features, got {len(codes)} for {n_rows} rows"
        )
    count = len(names)
    if kept is not None:
        found, own = np.unique(codes[kept], return_inverse=True)
        codes, count = own.astype(np.int32).reshape(-1), len(found)
    if count < 2:
        raise ValueError(
            f"groups must hold at least 2 groups, got {count}: one group says nothing of another"
        )
    return Groups(codes, count)
