"""Features and labels to time, the same in every run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["blocks", "features_and_labels", "make_labels"]

_SEED = 2019
_ROWS = 8_192
_N_FACTORS = 8
_N_STRONG_FACTORS = 64


def make_labels(n_samples: int, n_classes: int) -> NDArray[np.int64]:
    """Draw labels in no order; every class has a row at least."""
    rng = np.random.default_rng(_SEED)
    labels = rng.integers(0, n_classes, n_samples)
    labels[rng.permutation(n_samples)[:n_classes]] = np.arange(min(n_classes, n_samples))
    return labels


def blocks(
    labels: NDArray[np.int64], n_features: int, dtype: str, dependent: bool = False
) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Draw features for labels, a block of rows at a time.

    Noise, class means, a few factors that many columns share, and columns of unequal size and
    mean: what a network's layer looks like, with a covariance of condition up to about 1e4.

    Parameters
    ----------
    labels : ndarray of int64, shape (n_samples,)
    n_features : int
    dtype : {"float64", "float32"}
    dependent : bool
        64 factors instead, which together are 64 times a column's own noise: the others predict all
        but about a tenth of every column. The condition stays below 1e4.

    Yields
    ------
    features : ndarray of shape (n_rows, n_features)
    labels : ndarray of shape (n_rows,)
    """
    kind: Any = np.dtype(dtype)
    rng = np.random.default_rng(_SEED + 1)
    n_classes = int(labels.max()) + 1
    size = np.exp(rng.uniform(-1, 1, n_features)).astype(kind)
    strength = np.ones(_N_STRONG_FACTORS) if dependent else 0.5 / (1 + np.arange(_N_FACTORS))
    loadings = rng.standard_normal((len(strength), n_features))
    loadings = (strength[:, None] * loadings).astype(kind)
    means = (0.3 * rng.standard_normal((n_classes, n_features)) + 0.5).astype(kind)
    for start in range(0, len(labels), _ROWS):
        part = labels[start : start + _ROWS]
        x = rng.standard_normal((len(part), n_features), dtype=kind)
        x += rng.standard_normal((len(part), len(strength)), dtype=kind) @ loadings
        x += means[part]
        x *= size
        yield x, part


@lru_cache(maxsize=1)
def features_and_labels(
    n_samples: int, n_features: int, n_classes: int, dtype: str, dependent: bool = False
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Make one problem; the last one made is kept, for cases that share it."""
    labels = make_labels(n_samples, n_classes)
    x = np.empty((n_samples, n_features), dtype)
    start = 0
    for block, _ in blocks(labels, n_features, dtype, dependent):
        x[start : start + len(block)] = block
        start += len(block)
    x.flags.writeable = False
    return x, labels
