"""Families of tasks on the same kind of image, for a curriculum."""

from dataclasses import dataclass

import numpy as np

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """Images, and for each task a label of each image."""

    images: np.ndarray  # (n, n_pixels), of mean 0
    labels: dict  # of str to integers from 0


def digits(seed):
    """Return the tasks of ``hscore-fast demo`` on its 1,797 handwritten digits."""
    from hscore_fast.datasets import load_digits
    from hscore_fast.demo.tasks import SOURCES, TARGETS, labels_of

    images, numbers = load_digits()
    order = np.random.default_rng(seed).permutation(len(images))
    images, numbers = images[order], numbers[order]
    labels = {task: labels_of(task, images, numbers) for task in (*SOURCES, *TARGETS)}
    return Family(images / 16 - 0.3, labels)


def photographs(seed, n=1800, side=12):
    """Return tasks on grey patches of photographs that scikit-image and scikit-learn carry."""
    from .tasks import pictures

    rng = np.random.default_rng(seed)
    taken = {name: picture.mean(axis=2) / 255 for name, picture in pictures().items()}
    names = sorted(taken)
    textures = [names.index(name) for name in ("brick", "grass", "gravel", "ihc")]
    which = rng.integers(len(names), size=n)
    zoom, turns = rng.integers(1, 4, size=n), rng.integers(4, size=n)
    negative, blurred = rng.integers(2, size=n), rng.integers(2, size=n)
    patches = np.empty((n, side, side))
    for row in range(n):
        picture, span = taken[names[which[row]]], side * zoom[row]
        top = rng.integers(picture.shape[0] - span + 1)
        left = rng.integers(picture.shape[1] - span + 1)
        patch = picture[top : top + span, left : left + span]
        patch = patch.reshape(side, zoom[row], side, zoom[row]).mean(axis=(1, 3))
        if blurred[row]:
            patch = _blurred(patch)
        patch = np.rot90(patch, turns[row])
        patches[row] = 1 - patch if negative[row] else patch
    across = np.abs(np.diff(patches, axis=2)).sum(axis=(1, 2))
    down = np.abs(np.diff(patches, axis=1)).sum(axis=(1, 2))
    labels = {
        "picture": which,
        "texture": np.isin(which, textures).astype(int),
        "zoom": zoom - 1,
        "negative": negative,
        "blurred": blurred,
        "brightness": _thirds(patches.mean(axis=(1, 2))),
        "contrast": _thirds(patches.std(axis=(1, 2))),
        "direction": (across > down).astype(int),
    }
    return Family(patches.reshape(n, -1) - patches.mean(), labels)


def _blurred(patch):
    padded = np.pad(patch, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9


def _thirds(values):
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)


FAMILIES = {"digits": digits, "photographs": photographs}
