"""Options that several commands have, the same in each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import typer

from hscore_fast.cli.messages import BadInput
from hscore_fast.readers import allow_external

__all__ = [
    "ByOption",
    "ColumnsOption",
    "CsvOption",
    "DropOption",
    "ExternalOption",
    "IgnoreOption",
    "JsonOption",
    "KeepOption",
    "PrecisionOption",
    "ThreadsOption",
    "address_marker",
    "labels_of",
    "refuse_both",
    "score_of",
]

_BY = {
    "cross_validated": "cross_validated_h_score",
    "adjusted": "adjusted_h_score",
    "regularized": "regularized_h_score",
    "h_score": "h_score",
}

ByOption = Annotated[
    str,
    typer.Option(
        help="The score to rank by: cross_validated, which predicts best and takes any number of "
        "features, adjusted, which needs more samples than features, regularized, or h_score.",
        autocompletion=lambda: list(_BY),
    ),
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
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-label",
        metavar="LABEL",
        help="Leave out the rows with this label, such as -100; may be given several times.",
    ),
]
ExternalOption = Annotated[
    bool,
    typer.Option(
        "--allow-external",
        help="Let .h5 files take numbers from files in other folders, and .zarr stores have links: "
        "for files that you trust.",
    ),
]


def address_marker(external: bool) -> Callable[[str], str]:
    """Give the function that every address of a command goes through."""
    return allow_external if external else str


def labels_of(words: list[str] | None) -> list[object] | None:
    """Read labels from the command line: as text, and as the number that is written so."""
    if not words:
        return None
    labels: list[object] = list(words)
    for word in words:
        with suppress(ValueError):
            labels.append(int(word))
    return labels


def refuse_both(as_json: bool, as_csv: bool) -> None:
    """Refuse two forms of output at once."""
    if as_json and as_csv:
        raise BadInput("--json and --csv exclude each other")


def score_of(by: str) -> str:
    """Give the name that the functions have for a score."""
    return _BY.get(by, by)
