"""Inputs on which the published NumPy definition is wrong, and the table of them for the docs.

``python tests/support/published.py`` prints the table of docs/score.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from oracles import gold, make_problem

from hscore_fast import h_score

Features = NDArray[np.generic]
Labels = NDArray[np.int64]


def covariance(rows: NDArray) -> NDArray:
    centred = rows - rows.mean(axis=0, keepdims=True)
    return centred.T @ centred / (len(rows) - 1)


def published(features: NDArray, labels: NDArray) -> float:
    """Evaluate the definition as the public copies do.

    Everything stays in the features' own dtype, class means included, and the classes are taken
    to be 0, 1, ..., max.
    """
    means = np.zeros_like(features)
    for label in range(int(labels.max()) + 1):
        if (labels == label).any():
            means[labels == label] = features[labels == label].mean(axis=0)
    inverse = np.linalg.pinv(covariance(features), rcond=1e-15)
    return float(np.trace(inverse @ covariance(means)))


@dataclass(frozen=True)
class Failure:
    """An input and its exact score."""

    features: Features
    labels: Labels
    truth: float


def fewer_rows() -> Failure:
    x, y = make_problem(200, 300)
    return Failure(x.astype(np.float32), y, 9.0)


def about_as_many_rows() -> Failure:
    x, y = make_problem(200, 100)
    x = np.round(x * 64)
    x = np.hstack([x, x[:, :95] + x[:, 5:]]).astype(np.float32)
    return Failure(x, y, gold(x, y, np.arange(100)).h_score)


def low_rank() -> Failure:
    x, y = make_problem(2000, 24)
    mix = np.random.default_rng(0).integers(-9, 10, (24, 96))
    x = (np.round(x * 256) @ mix).astype(np.float32)
    return Failure(x, y, gold(x, y).h_score)


def offset() -> Failure:
    x, y = make_problem(2000, 48)
    x = (x + 1e6).astype(np.float32)
    return Failure(x, y, gold(x, y).h_score)


def column_scales() -> Failure:
    x, y = make_problem(2000, 16)
    x[:, ::2] *= 1e9
    return Failure(x, y, gold(x, y).h_score)


def integers() -> Failure:
    x, y = make_problem(2000, 16)
    x = np.round(x).astype(np.int64)
    return Failure(x, y, gold(x, y).h_score)


def negative_label() -> Failure:
    x, y = make_problem(2000, 16)
    return Failure(x + 2, y - 1, gold(x + 2, y).h_score)


def float16() -> Failure:
    x, y = make_problem(2000, 16)
    x = x.astype(np.float16)
    return Failure(x, y, gold(x, y).h_score)


FAILURES: dict[str, Callable[[], Failure]] = {
    "float32, 200 rows of 300 features": fewer_rows,
    "float32, 200 rows of 195 features, 95 of them sums of two others": about_as_many_rows,
    "float32, 96 features of rank 24": low_rank,
    "float32, offset of a million standard deviations": offset,
    "float64, every other feature in units 1e9 times smaller": column_scales,
    "int64, small whole numbers": integers,
    "float64, one label is -1": negative_label,
    "float16": float16,
}


def table_row(name: str) -> str:
    """Make one row of the table."""
    case = FAILURES[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = f"{published(case.features, case.labels):.4g}"
        except Exception as error:  # whatever it is, the table says it
            theirs = type(error).__name__
        ours = h_score(case.features, case.labels)
    return f"| {name} | {case.truth:.6f} | {theirs} | {ours:.6f} |"


def main() -> None:
    """Print the table."""
    print("| features | exact score | published definition | hscore_fast |")
    print("| --- | --: | --: | --: |")
    for name in FAILURES:
        print(table_row(name))


if __name__ == "__main__":
    main()
