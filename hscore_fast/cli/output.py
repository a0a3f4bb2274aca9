"""The options that say where results go and in which form."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hscore_fast.cli.figures import check_folder
from hscore_fast.cli.messages import BadInput, quiet

__all__ = [
    "FormOption",
    "LabelsOption",
    "OutOption",
    "QuietOption",
    "TopOption",
    "form_of",
    "swapped",
    "written",
]

FORMS = ("table", "json", "csv", "markdown")
_ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown", ".txt": "table"}

FormOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORM",
        help="Write a table, json, csv or markdown; by default a table on a terminal and "
        "tab-separated lines in a pipe.",
        autocompletion=lambda: list(FORMS),
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to a file instead; .json, .csv, .md and .txt choose the form.",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no warnings, errors only.")
]
TopOption = Annotated[
    int | None,
    typer.Option(
        "--top",
        min=0,
        metavar="N",
        help="Show the best N only, 0 for all; by default 20 on a terminal.",
    ),
]
LabelsOption = Annotated[
    str,
    typer.Option(
        "--labels",
        "-l",
        metavar="LABELS",
        help="One class label per sample: a file as for FEATURES, or .csv; file.csv:column.",
    ),
]


def form_of(form: str | None, as_json: bool, as_csv: bool, out: Path | None) -> str:
    """Return the form to write; empty where standard output decides."""
    given = [name for name, wanted in (("json", as_json), ("csv", as_csv)) if wanted]
    if form is not None:
        if form not in FORMS:
            raise BadInput(f"--format must be one of {', '.join(FORMS)}, got {form!r}")
        given.append(form)
    if len(set(given)) > 1:
        words = [f"--{name}" if name in ("json", "csv") else f"--format {name}" for name in given]
        raise BadInput(f"{' and '.join(words)} exclude each other")
    if out is not None:
        check_folder(out)
    if given:
        return given[0]
    return "" if out is None else _ENDINGS.get(out.suffix.lower(), "table")


@contextmanager
def written(out: Path | None, be_quiet: bool = False) -> Iterator[None]:
    """Send what is printed to a file, whole or not at all; silence all but errors if asked."""
    with quiet() if be_quiet else contextlib.nullcontext():
        if out is None:
            yield
            return
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            yield
        try:
            _replace(out, text.getvalue())
        except OSError as error:
            raise BadInput(f"cannot write {str(out)!r}: {error.strerror or error}") from error


def _replace(path: Path, text: str) -> None:
    """Write beside the file and put it in its place, so that it is never half written."""
    if path.exists() and not path.is_file():  # a device or a pipe
        path.write_text(text, encoding="utf-8")
        return
    number, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def swapped(message: str) -> str:
    """Add to an error what is likely: that features and labels were exchanged."""
    signs = ("neither one column nor one-hot", "features must be a matrix", "must have two dim")
    if any(sign in message for sign in signs):
        return f"{message}; are they swapped? Features come first, labels after --labels"
    return message
