"""The command ``hscore-fast``; what it needs beyond the library comes with the extra ``cli``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

_EXTRA = {"typer", "rich"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``hscore-fast``; by default, those the program was started with.

    Returns
    -------
    int
        The exit code: 0 if all went well; 1 if the benchmark got a wrong answer, or the reader of
        the output went away; 2 for bad usage, bad input, a missing library or output that cannot be
        written; 3 if `rank` left out a source; 130 if interrupted. Each but 0 and the last of 1
        comes with a line on standard error.

    Examples
    --------
    >>> from hscore_fast.cli import main
    >>> main(["score", "missing.npy", "labels.npy"])
    2
    """
    try:
        # Imported here so that `import hscore_fast.cli` needs none of the extra.
        from hscore_fast.cli.app import run

        code = run(sys.argv[1:] if arguments is None else arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(
            f"hscore-fast: the command line needs {error.name}, which is not installed: "
            "pip install typer rich",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        code = 130
    if code == 130:
        print("hscore-fast: interrupted", file=sys.stderr)
    return code
