"""Tasks on images of digits: those that the sources learned, and those to transfer to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RANDOM", "SOURCES", "TARGETS", "UNTRAINED", "labels_of"]

RANDOM = "random labels"
UNTRAINED = "untrained"

# Tasks that a network is trained on, less the two that teach it nothing.
SOURCES = ("digit", "odd or even", "above four", "has a loop", "how much ink", "top or bottom")
# No source has seen the labels of these.
TARGETS = ("modulo three", "prime", "pairs", "straight lines")


def labels_of(task: str, images: NDArray[Any], digits: NDArray[Any]) -> NDArray[np.int64]:
    """Label images for a task.

    Parameters
    ----------
    task : str
        One of the tasks.
    images : ndarray of shape (n_images, 64)
        Pixels, row by row.
    digits : ndarray of shape (n_images,)
        Which digit each shows.

    Returns
    -------
    ndarray of int64, shape (n_images,)
    """
    if task == "digit":
        labels = digits
    elif task == "odd or even":
        labels = digits % 2
    elif task == "above four":
        labels = digits > 4
    elif task == "has a loop":
        labels = np.isin(digits, [0, 6, 8, 9])
    elif task == "how much ink":
        ink = images.sum(axis=1, dtype=np.int64)
        labels = np.searchsorted(np.quantile(ink, [1 / 3, 2 / 3]), ink)
    elif task == "top or bottom":
        ink = images.reshape(-1, 2, 32).sum(axis=2, dtype=np.int64)
        labels = ink[:, 0] > ink[:, 1]
    elif task == "modulo three":
        labels = digits % 3
    elif task == "prime":
        labels = np.isin(digits, [2, 3, 5, 7])
    elif task == "pairs":
        labels = digits // 2
    elif task == "straight lines":
        labels = np.isin(digits, [1, 4, 7])
    else:
        raise ValueError(f"there is no task {task!r}")
    return np.asarray(labels, dtype=np.int64)
