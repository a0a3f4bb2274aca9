"""Real data inside the package, for the demo, the examples and the tests."""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_digits"]


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Load 1,797 images of handwritten digits.

    The test set of the UCI "Optical Recognition of Handwritten Digits" [1]_: 8 x 8 pixels an
    image, 174 to 183 images of each digit, licensed CC BY 4.0.

    Returns
    -------
    images : ndarray of shape (1797, 64), dtype uint8
        One image a row, its pixels row by row, from 0 (blank) to 16 (full ink).
    labels : ndarray of shape (1797,), dtype int64
        The digit of each image, 0 to 9.

    Notes
    -----
    Three pixels are blank in every image, so the covariance of the images is singular: its rank
    is 61. Each call returns arrays of its own, which the caller may change.

    References
    ----------
    .. [1] E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
       Learning Repository, 1998. https://doi.org/10.24432/C50P49

    Examples
    --------
    >>> from hscore_fast.datasets import load_digits
    >>> images, labels = load_digits()
    >>> images.shape, labels.shape
    ((1797, 64), (1797,))
    >>> labels[:10].tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    source = resources.files("hscore_fast").joinpath("data", "digits.npz")
    with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        images: NDArray[np.uint8] = archive["images"]
        labels: NDArray[np.int64] = archive["labels"].astype(np.int64)
    return images, labels
