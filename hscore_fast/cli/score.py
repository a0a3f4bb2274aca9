"""``hscore-fast score``: one file of features, one of labels, one report."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Annotated, Any

import typer

import hscore_fast
from hscore_fast import HScoreReport
from hscore_fast._results.report import single_values
from hscore_fast.cli.messages import BadInput, one_line_each, printable, tell_left_out
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
)
from hscore_fast.cli.output import FormOption, OutOption, QuietOption, form_of, swapped, written
from hscore_fast.cli.progress import row_bar
from hscore_fast.cli.tables import Column, Value, seconds, write_csv, write_facts, write_json


def score(
    features: Annotated[
        str,
        typer.Argument(
            metavar="FEATURES",
            help="One row per sample: .npy, .npz, .h5, .parquet, .arrow, .feather, .safetensors, "
            ".zarr or .pt; file.h5:/name for one of several.",
        ),
    ],
    labels: Annotated[
        str | None,
        typer.Argument(
            metavar="[LABELS]", help="As --labels, one of which is needed.", show_default=False
        ),
    ] = None,
    labels_file: Annotated[
        str | None,
        typer.Option(
            "--labels",
            "-l",
            metavar="LABELS",
            help="One class label per sample: a file as for FEATURES, or .csv; file.csv:column.",
        ),
    ] = None,
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
            help="How to find the p-value: pillai (an F test, the default without groups), or "
            "permutation, for heavy tails.",
            autocompletion=lambda: ["pillai", "permutation"],
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Confidence level of the interval.")] = 0.95,
    ignore_label: IgnoreOption = None,
    external: ExternalOption = False,
    form: FormOption = None,
    out: OutOption = None,
    be_quiet: QuietOption = False,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Score a matrix of features against class labels: the score and the evidence for it.

    Files may be larger than the memory. A pattern in quotes, such as 'parts/*.h5:/layer4', is one
    matrix.

    For example: hscore-fast score features.npy --labels labels.npy

    Or, of one layer in a file: hscore-fast score features.h5:/layer4 -l labels.csv:digit -o r.json
    """
    if (labels is None) == (labels_file is None):
        raise BadInput(
            "give the labels once: score FEATURES --labels LABELS; see 'hscore-fast score --help'"
        )
    given = labels_file if labels is None else labels
    assert given is not None  # by the check above
    form_name = form_of(form, as_json, as_csv, out)
    with written(out, be_quiet):
        _score(
            *(features, given, form_name, external),
            confidence=confidence,
            method=method,
            groups=None if groups is None else address_marker(external)(groups),
            precision=precision,
            tol=tol,
            columns=columns or None,
            drop=drop or None,
            keep=keep or None,
            n_threads=threads,
            ignore_label=labels_of(ignore_label),
        )


def _score(features: str, labels: str, form: str, external: bool, **options: Any) -> None:
    """Score and write."""
    marked = address_marker(external)
    with one_line_each(swapped):
        start = time.perf_counter()
        with row_bar() as progress:
            report = hscore_fast.evaluate(
                marked(features), marked(labels), **options, progress=progress
            )
        elapsed = time.perf_counter() - start
    tell_left_out({"": (report.n_features, report.left_out)})
    files: dict[str, Value] = {"features": features, "labels": labels}
    if form == "json":
        write_json({**files, **report.to_dict(), "seconds": elapsed})
        return
    facts = {**files, **single_values(report), "seconds": elapsed}
    if form == "csv":
        write_csv(list(facts), [facts])
    elif form == "markdown":
        print(report.to_markdown(), end="")
    elif form == "table" or sys.stdout.isatty():
        _show(report, features, labels, elapsed)
    else:
        write_facts("", [Column(key, key) for key in facts], facts)


def _show(report: HScoreReport, features: str, labels: str, elapsed: float) -> None:
    # Warnings have been told, each in a line of its own.
    lines = str(replace(report, warnings=())).splitlines()
    lines += ["", f"{features} for {labels}, in {seconds(elapsed)}"]
    print(*map(printable, lines), sep="\n")
