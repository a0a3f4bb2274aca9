"""Sets of sources that are to be chosen from."""

from __future__ import annotations

import numpy as np


def a_sum_beside_its_halves() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return three sources and labels: the best source alone adds nothing to the other two."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 2000)
    sign = np.where(labels == 1, 1.0, -1.0)
    common = rng.normal(size=2000)
    left = 0.5 * sign + common
    right = 0.5 * sign - common + 0.5 * rng.normal(size=2000)
    middle = (left + right) / 2 + 0.25 * rng.normal(size=2000)
    sources = {"middle": middle, "left": left, "right": right}
    return sources, labels
