"""``hscore-fast score``: one file of features, one of labels, one score."""

from __future__ import annotations

import time
from typing import Annotated

import typer

import hscore_fast
from hscore_fast._labels import encode
from hscore_fast.cli._messages import one_line_each
from hscore_fast.cli._options import (
    CsvOption,
    JsonOption,
    PrecisionOption,
    ThreadsOption,
    refuse_both,
)
from hscore_fast.cli._progress import row_bar
from hscore_fast.cli._tables import Column, Value, seconds, write_csv, write_facts, write_json
from hscore_fast.readers._stream import Inputs, open_inputs, scorable_moments

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
            metavar="FEATURES",
            help="One row a sample: .npy, .npz, .h5, .parquet, .arrow, .feather, .safetensors, "
            ".zarr or .pt; file.h5:/name for one of several.",
        ),
    ],
    labels: Annotated[
        str,
        typer.Argument(
            metavar="LABELS",
            help="One class label a sample: a file as for FEATURES, or .csv; file.csv:column.",
        ),
    ],
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    tol: Annotated[
        float | None, typer.Option(help="Relative tolerance of the rank decision.")
    ] = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Score a matrix of features against class labels.

    Files may be larger than the memory: they are mapped where their format allows and read in
    blocks, in float64, otherwise. A pattern in quotes, such as 'parts/*.h5:/layer4', is one matrix.
    """
    refuse_both(as_json, as_csv)
    with one_line_each():
        x, y = open_inputs(features, labels)
        start = time.perf_counter()
        if x.mapped is not None:
            value = hscore_fast.h_score(
                x.mapped, y, precision=precision, tol=tol, n_threads=threads
            )
        else:
            with row_bar() as progress:
                moments = scorable_moments(Inputs(x, y), precision, threads, True, progress)
            value = moments.h_score(tol=tol, n_threads=threads)
        elapsed = time.perf_counter() - start
    # The score cannot exceed min(rank, classes - 1), nor the rank min(columns, rows - 1).
    rows, columns = x.shape if len(x.shape) == 2 else (x.shape[0], 1)
    classes = len(encode(y)[1])
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
    elif as_csv:
        write_csv(list(facts), [facts])
    else:
        write_facts("H-score", _COLUMNS, facts)
