"""``hscore-fast matrix``: many files of features, many of labels, every pair scored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import hscore_fast
from hscore_fast import Curriculum, Hierarchy, TransferMatrix
from hscore_fast._results.display import SCORE_NAMES
from hscore_fast.cli.figures import check_figure
from hscore_fast.cli.messages import one_line_each, printable, tell_left_out
from hscore_fast.cli.named import named_files
from hscore_fast.cli.options import (
    ByOption,
    ColumnsOption,
    CsvOption,
    DropOption,
    ExternalOption,
    IgnoreOption,
    JsonOption,
    KeepOption,
    ThreadsOption,
    address_marker,
    labels_of,
    refuse_both,
    score_of,
)
from hscore_fast.cli.progress import share_bar
from hscore_fast.cli.tables import Column, Value, write_csv, write_json, write_rows

_MOST_TARGETS_SIDE_BY_SIDE = 5

_COLUMNS: tuple[Column, ...] = (
    Column("source", "Source"),
    Column("target", "Target"),
    Column("classes", "Classes", "{:,}".format),
    Column("by", "By"),
    Column("score", "Score", "{:.4g}".format),
    Column("standard_error", "Standard\nerror", "{:.2g}".format),
    Column("h_score", "H-score", "{:.4g}".format),
    Column("adjusted_h_score", "Adjusted", "{:.4g}".format),
)


def matrix(
    features: Annotated[
        list[str],
        typer.Argument(
            metavar="FEATURES",
            help="A source each: a file of features, a folder of files, or file.h5:* for all "
            "arrays in it. NAME=FILE names a source.",
        ),
    ],
    labels: Annotated[
        list[str],
        typer.Option(
            "--labels",
            "-l",
            metavar="LABELS",
            help="A target: likewise a file of labels, or a folder; may be given several times.",
        ),
    ],
    by: ByOption = "cross_validated",
    start: Annotated[
        str | None, typer.Option(metavar="TASK", help="The first task of the curriculum.")
    ] = None,
    threads: ThreadsOption = None,
    columns: ColumnsOption = None,
    drop: DropOption = None,
    keep: KeepOption = None,
    ignore_label: IgnoreOption = None,
    external: ExternalOption = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw a heat map, .png, .svg or .pdf, and beside it FILE-hierarchy and "
            "FILE-curriculum.",
        ),
    ] = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Score every source's features against every target's labels.

    All files have one row or one label for each of the same samples. On a terminal the hierarchy of
    the sources follows, and, where sources and targets have the same names, the curriculum: from
    which task to learn each other task.

    For example: hscore-fast matrix features/ --labels tasks/
    """
    refuse_both(as_json, as_csv)
    if plot is not None:
        check_figure(plot)
    marked = address_marker(external)
    sources, targets = (
        {name: marked(address) for name, address in named_files(given, option).items()}
        for given, option in ((features, "FEATURES"), (labels, "--labels"))
    )
    with one_line_each():
        with share_bar() as bar:
            result = hscore_fast.transfer_matrix(
                sources,
                targets,
                by=score_of(by),
                columns=columns or None,
                drop=drop or None,
                keep=keep or None,
                n_threads=threads,
                ignore_label=labels_of(ignore_label),
                progress=lambda done, total: bar("scores", done / total),
            )
        hierarchy, no_hierarchy = _hierarchy(result)
        curriculum, no_curriculum = _curriculum(result, start)
        if plot is not None:
            _draw(plot, result, hierarchy, curriculum)
    widths = result.n_features.tolist()
    tell_left_out(
        {
            name: (width, result.left_out.get(name, {}))
            for name, width in zip(result.sources, widths, strict=True)
        }
    )
    rows = _rows(result)
    if as_json:
        write_json(
            {
                **result.to_dict(),
                "hierarchy": None if hierarchy is None else hierarchy.to_dict(),
                "curriculum": None if curriculum is None else curriculum.to_dict(),
            }
        )
    elif as_csv:
        write_csv([column.key for column in _COLUMNS], rows)
    else:
        shown = _COLUMNS
        # A pipe gets the same columns whatever the number of targets.
        if sys.stdout.isatty() and len(result.targets) <= _MOST_TARGETS_SIDE_BY_SIDE:
            shown, rows = _side_by_side(result)
        write_rows(
            f"Scores: {SCORE_NAMES[result.by]}",
            [column for column in shown if column.key != "by" or not sys.stdout.isatty()],
            rows,
            f"{_best(result)}\n\n"
            f"Hierarchy of the sources\n{hierarchy or no_hierarchy}\n\n"
            f"Curriculum\n{curriculum or no_curriculum}",
        )


def _best(result: TransferMatrix) -> str:
    """Name the best source for each target, in one line each."""
    lines = [f"best for {target}: {source}" for target, source in result.best.items()]
    unknown = [target for target in result.targets if target not in result.best]
    lines += [f"best for {target}: not known, some scores are undefined" for target in unknown]
    luck = "\nThe best of many may be so by luck: 'rank' says how much is left."
    ranked = f"Ranked by {SCORE_NAMES[result.by]}:"
    return "\n".join([ranked, *lines]) + (luck if len(result.sources) > 1 else "")


def _hierarchy(result: TransferMatrix) -> tuple[Hierarchy | None, str]:
    try:
        return result.hierarchy(), ""
    except (ValueError, ModuleNotFoundError) as error:
        return None, f"none: {error}"


def _curriculum(result: TransferMatrix, start: str | None) -> tuple[Curriculum | None, str]:
    try:
        return result.curriculum(start), ""
    except (ValueError, ModuleNotFoundError) as error:
        if start is not None:  # then it was asked for
            raise
        return None, f"none: {error}"


def _draw(
    path: Path,
    result: TransferMatrix,
    hierarchy: Hierarchy | None,
    curriculum: Curriculum | None,
) -> None:
    from hscore_fast import plots

    plots.save(result.plot(), path)
    if hierarchy is not None:
        plots.save(hierarchy.plot(), path.with_stem(f"{path.stem}-hierarchy"))
    if curriculum is not None:
        plots.save(curriculum.plot(), path.with_stem(f"{path.stem}-curriculum"))


def _rows(result: TransferMatrix) -> list[dict[str, Value]]:
    """Give one row for each pair."""
    plain, adjusted, errors = result.h_scores, result.adjusted, result.standard_errors
    return [
        {
            "source": source,
            "target": target,
            "classes": int(result.n_classes[column]),
            "by": result.by,
            "score": float(result.scores[row, column]),
            "standard_error": None if errors is None else float(errors[row, column]),
            "h_score": None if plain is None else float(plain[row, column]),
            "adjusted_h_score": None if adjusted is None else float(adjusted[row, column]),
        }
        for row, source in enumerate(result.sources)
        for column, target in enumerate(result.targets)
    ]


def _side_by_side(result: TransferMatrix) -> tuple[tuple[Column, ...], list[dict[str, Value]]]:
    """Give one row for each source, with its scores and their errors."""
    columns = [Column("source", "Source")]
    columns += [Column(f"target {target}", printable(target)) for target in result.targets]
    rows: list[dict[str, Value]] = []
    for row, source in enumerate(result.sources):
        cells: dict[str, Value] = {"source": source}
        for column, target in enumerate(result.targets):
            text = f"{result.scores[row, column]:.3f}"
            if result.standard_errors is not None:
                text += f" +-{result.standard_errors[row, column]:.3f}"
            cells[f"target {target}"] = text
        rows.append(cells)
    return tuple(columns), rows
