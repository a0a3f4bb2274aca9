"""``hscore-fast demo``: real images against several targets, beside the NumPy reference."""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import typer
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import hscore_fast
from hscore_fast import reference
from hscore_fast.cli._messages import one_line_each
from hscore_fast.cli._tables import Column, Value, write_json, write_rows
from hscore_fast.datasets import load_digits
from hscore_fast.readers import AnyArray

_MIN_REPEATS = 5
_MIN_SECONDS = 0.3
_SEED = 0


def _milliseconds(value: float) -> str:
    return f"{1000 * value:.2f}"


_COLUMNS = (
    Column("target", "Target"),
    Column("classes", "Classes"),
    Column("h_score", "H-score", "{:.6f}".format),
    Column("upper_bound", "At\nmost"),
    Column("reference_h_score", "NumPy's\nH-score", "{:.6f}".format),
    Column("seconds", "Time\n(ms)", _milliseconds),
    Column("reference_seconds", "NumPy's\n(ms)", _milliseconds),
    Column("ratio", "Times\nfaster", "{:.1f}".format),
)


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Score the pixels of real handwritten digits against several targets.

    Each score stands beside that of the NumPy reference, the published definition.
    """
    images, digits = load_digits()
    targets = {
        "which digit": digits,
        "odd or even": digits % 2,
        "above four": digits > 4,
        "shuffled": np.random.default_rng(_SEED).permutation(digits),
    }
    rows: list[dict[str, Value]] = []
    with one_line_each():
        for target, labels in targets.items():
            value, expected, ours, numpys = _compare(images, labels)
            classes = len(np.unique(labels))
            rows.append(
                {
                    "target": target,
                    "classes": classes,
                    "h_score": value,
                    "upper_bound": classes - 1,
                    "reference_h_score": expected,
                    "seconds": ours,
                    "reference_seconds": numpys,
                    "ratio": numpys / ours,
                }
            )
    n_samples, n_features = images.shape
    if as_json:
        write_json(
            {
                "data": "UCI handwritten digits",
                "rows": n_samples,
                "columns": n_features,
                "dtype": str(images.dtype),
                "threads": 1,
                "seed": _SEED,
                "targets": rows,
            }
        )
        return
    # Over all orders of the labels the mean score is exactly this; the pixels that vary are
    # linearly independent here, so their number is the rank.
    rank = int(np.count_nonzero(np.ptp(images, axis=0)))
    chance = rank * (10 - 1) / (n_samples - 1)
    write_rows(
        f"Handwritten digits: {n_samples:,} images of {n_features} pixels",
        _COLUMNS,
        rows,
        "How to read it. An H-score says how much of the classes a linear map of the features can "
        "explain, from 0 (nothing) to the number of classes less one (everything). Compare "
        "different features on the same target; scores on targets with different numbers of "
        "classes do not compare.\n\n"
        "The shuffled digits have nothing to do with the images and still score above 0: with "
        f"{rank} independent pixels and {n_samples:,} images, shuffled labels score {chance:.3f} "
        "on average. The more features and the fewer samples, the more of any score is chance.\n\n"
        f"Times are the best of at least {_MIN_REPEATS} runs on one thread each, here and now; "
        "NumPy's are of the published definition. The matrix is small: on larger ones, with more "
        "threads, or with another BLAS under NumPy, the ratio is another.",
    )


def _compare(images: AnyArray, labels: AnyArray) -> tuple[float, float, float, float]:
    """Return our score, the reference's, and the shortest time of each in seconds."""
    ours: list[float] = []
    numpys: list[float] = []
    # One thread each, for times that mean something. On a busy machine the threads of NumPy's BLAS
    # wait for one another, all of its runs take up to hundreds of times longer, and the shortest
    # does too; and threads of ours and of NumPy's that take turns get in each other's way.
    with threadpool_limits(limits=1):
        begin = time.perf_counter()
        while len(ours) < _MIN_REPEATS or time.perf_counter() - begin < _MIN_SECONDS:
            start = time.perf_counter()
            value = hscore_fast.h_score(images, labels, n_threads=1)
            between = time.perf_counter()
            expected = reference.h_score(images, labels)
            end = time.perf_counter()
            ours.append(between - start)
            numpys.append(end - between)
    return value, expected, min(ours), min(numpys)
