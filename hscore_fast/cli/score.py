"""``hscore-fast score``: one file of features, one of labels, one report."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Annotated

import typer

import hscore_fast
from hscore_fast import HScoreReport
from hscore_fast._results.report import single_values
from hscore_fast.cli.messages import one_line_each, printable, tell_left_out
from hscore_fast.cli.options import (
    ColumnsOption,
    CsvOption,
    DropOption,
    ExternalOption,
    IgnoreOption,
    JsonOption,
    KeepOption,
    PrecisionOption,
    ThreadsOption,
    address_marker,
    labels_of,
    refuse_both,
)
from hscore_fast.cli.progress import row_bar
from hscore_fast.cli.tables import Column, Value, seconds, write_csv, write_facts, write_json


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
    columns: ColumnsOption = None,
    drop: DropOption = None,
    keep: KeepOption = None,
    tol: Annotated[
        float | None, typer.Option(help="Relative tolerance of the rank decision.")
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            help="File with a group for each row: errors and p-value go by groups of rows that "
            "belong together, such as crops of one picture."
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="Of the p-value: pillai (the default without groups), or permutation, which is "
            "right for heavy tails as well.",
            autocompletion=lambda: ["pillai", "permutation"],
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Of the interval.")] = 0.95,
    ignore_label: IgnoreOption = None,
    external: ExternalOption = False,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Score a matrix of features against class labels: the score and the evidence for it.

    Files may be larger than the memory: they are mapped where their format allows and read in
    blocks, in float64, otherwise. A pattern in quotes, such as 'parts/*.h5:/layer4', is one matrix.
    """
    refuse_both(as_json, as_csv)
    marked = address_marker(external)
    with one_line_each():
        start = time.perf_counter()
        with row_bar() as progress:
            report = hscore_fast.evaluate(
                marked(features),
                marked(labels),
                confidence=confidence,
                method=method,
                groups=None if groups is None else marked(groups),
                precision=precision,
                tol=tol,
                columns=columns or None,
                drop=drop or None,
                keep=keep or None,
                n_threads=threads,
                ignore_label=labels_of(ignore_label),
                progress=progress,
            )
        elapsed = time.perf_counter() - start
    tell_left_out({"": (report.n_features, report.left_out)})
    files: dict[str, Value] = {"features": features, "labels": labels}
    if as_json:
        write_json({**files, **report.to_dict(), "seconds": elapsed})
        return
    facts = {**files, **single_values(report), "seconds": elapsed}
    if as_csv:
        write_csv(list(facts), [facts])
    elif sys.stdout.isatty():
        _show(report, features, labels, elapsed)
    else:
        write_facts("", [Column(key, key) for key in facts], facts)


def _show(report: HScoreReport, features: str, labels: str, elapsed: float) -> None:
    # Warnings have been told, each in a line of its own.
    lines = str(replace(report, warnings=())).splitlines()
    lines += ["", f"{features} for {labels}, in {seconds(elapsed)}"]
    print(*map(printable, lines), sep="\n")
