"""``hscore-fast bench``: this machine, this library beside NumPy and the BLAS."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hscore_fast.cli.figures import check_figure, check_folder, require
from hscore_fast.cli.messages import BadInput, complain
from hscore_fast.cli.progress import share_bar
from hscore_fast.cli.tables import write_csv

_MOST_THREADS = 4096


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Take under half a minute.")] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Run the whole grid, about an hour on two processors, with a memory-mapped file "
            "of 10.5 GB if there is room.",
        ),
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="Run cases whose name holds this; * and ? are wild."),
    ] = None,
    threads: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Numbers of threads, such as 1,4; by default 1 and all."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write Markdown.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything to a file.")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every time to a file.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the ratios: .png, .svg or .pdf.")
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(help="Let the threads of one contender fall asleep before the next begins."),
    ] = True,
    folder: Annotated[
        Path | None, typer.Option(help="Where large files go; by default the temporary folder.")
    ] = None,
) -> int:
    """Time this library beside the NumPy reference, NumPy written well and the machine's BLAS.

    Takes about two minutes. Nothing is judged but the answers: every timed result is compared with
    one computed by other means, and a wrong one ends the command with exit code 1. On a terminal
    there are tables; in a pipe, Markdown.
    """
    if quick and full:
        raise BadInput("--quick and --full exclude each other")
    for package in ("scipy", "threadpoolctl"):
        require(package, "bench")
    from hscore_fast.bench import cases, machine, run

    if plot is not None:
        check_figure(plot)
    for path in (json_file, csv_file):
        if path is not None:
            check_folder(path)
    if folder is not None and not folder.is_dir():
        raise BadInput(f"--folder must be a folder, got {str(folder)!r}")
    plan = cases.QUICK if quick else cases.FULL if full else cases.DEFAULT
    every = plan.cases(_numbers(threads) if threads else machine.thread_counts())
    chosen = cases.select(every, only)
    if not chosen:
        names = "; ".join(case.name for case in every)
        raise BadInput(f"no case's name holds {only!r}; the names are: {names}")
    facts = machine.facts()
    with share_bar() as progress:
        results = run.run_cases(chosen, plan, wait=wait, folder=folder, progress=progress)
    report = run.as_dict(results, plan, wait, facts)
    _write(report, markdown or not sys.stdout.isatty(), json_file, csv_file, plot)
    for wrong in report["wrong"]:
        complain(f"wrong answer: {wrong}")
    return 1 if report["wrong"] else 0


def _numbers(text: str) -> list[int]:
    """Read ``1,2``."""
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = [0]
    if not all(1 <= number <= _MOST_THREADS for number in numbers):
        raise BadInput(f"--threads must be positive integers such as 1,4, got {text!r}")
    return numbers


def _write(
    report: dict[str, Any],
    markdown: bool,
    json_file: Path | None,
    csv_file: Path | None,
    plot: Path | None,
) -> None:
    from hscore_fast.bench import figure, results
    from hscore_fast.bench import report as text

    if markdown:
        print(text.markdown(report), end="")
    else:
        from hscore_fast.bench import terminal

        terminal.show(report)
    try:
        if json_file is not None:
            json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        if csv_file is not None:
            with csv_file.open("w", encoding="utf-8", newline="") as file:
                write_csv(results.TIME_KEYS, results.times(report["rows"]), file)
        if plot is not None:
            figure.save(report, plot)
    except (OSError, ValueError) as error:
        raise BadInput(str(error)) from error
