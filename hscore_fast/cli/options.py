"""Options that several commands have, the same in each."""

from __future__ import annotations

from typing import Annotated

import typer

from hscore_fast.cli.messages import BadInput

__all__ = [
    "ColumnsOption",
    "CsvOption",
    "DropOption",
    "JsonOption",
    "KeepOption",
    "PrecisionOption",
    "ThreadsOption",
    "refuse_both",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Write CSV, with a line of headings.")]
PrecisionOption = Annotated[
    str,
    typer.Option(
        help="Arithmetic of the products: auto, float64, float32 or high.",
        autocompletion=lambda: ["auto", "float64", "float32", "high"],
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(help="Threads to use; by default OMP_NUM_THREADS or all processors allowed."),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES",
        help="Take only these columns of a table: a name, or a pattern such as 'f*'. This and the "
        "next two may be given several times.",
    ),
]
DropOption = Annotated[
    list[str] | None, typer.Option(metavar="NAMES", help="Leave these columns out.")
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES",
        help="Take these columns although they would be left out or warned of.",
    ),
]


def refuse_both(as_json: bool, as_csv: bool) -> None:
    """Refuse two forms of output at once."""
    if as_json and as_csv:
        raise BadInput("--json and --csv exclude each other")
