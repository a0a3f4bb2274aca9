"""``hscore-fast score``: one file of features, one of labels, one score."""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import typer

import hscore_fast
from hscore_fast.cli._messages import one_line_each
from hscore_fast.cli._tables import Column, Value, seconds, write_facts, write_json
from hscore_fast.readers import open_array

_COLUMNS = (
    Column("features", "Features"),
    Column("labels", "Labels"),
    Column("rows", "Rows", "{:,}".format),
    Column("columns", "Columns", "{:,}".format),
    Column("dtype", "Type"),
    Column("classes", "Classes", "{:,}".format),
    Column("h_score", "H-score", "{:.10g}".format),
    Column("upper_bound", "At most", "{:,}".format),
    Column("seconds", "Time", seconds),
)


def score(
    features: Annotated[
        str,
        typer.Argument(
            metavar="FEATURES", help="One row a sample: file.npy, file.npz or file.npz:name."
        ),
    ],
    labels: Annotated[
        str,
        typer.Argument(
            metavar="LABELS", help="One class label a sample: file.npy, file.npz or file.npz:name."
        ),
    ],
    precision: Annotated[
        str, typer.Option(help="Arithmetic of the products: auto, float64 or float32.")
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(help="Threads to use; by default OMP_NUM_THREADS or all processors allowed."),
    ] = None,
    tol: Annotated[
        float | None, typer.Option(help="Relative tolerance of the rank decision.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Score a matrix of features against class labels.

    Files are memory-mapped where their format allows, so they may be larger than the memory.
    """
    with one_line_each():
        x = open_array(features)
        y = open_array(labels)
        start = time.perf_counter()
        value = hscore_fast.h_score(x, y, precision=precision, tol=tol, n_threads=threads)
        elapsed = time.perf_counter() - start
    # The score cannot exceed min(rank, classes - 1), nor the rank min(columns, rows - 1).
    rows, columns = x.shape if x.ndim == 2 else (x.shape[0], 1)
    classes = y.shape[1] if y.ndim == 2 and y.shape[1] > 1 else len(np.unique(y))
    facts: dict[str, Value] = {
        "features": features,
        "labels": labels,
        "rows": rows,
        "columns": columns,
        "dtype": str(x.dtype),
        "classes": classes,
        "h_score": value,
        "upper_bound": min(columns, rows - 1, classes - 1),
        "seconds": elapsed,
    }
    if as_json:
        write_json(facts)
    else:
        write_facts("H-score", _COLUMNS, facts)
