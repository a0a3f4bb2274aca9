"""What the script ``hscore-fast`` starts.

It stands outside the library because importing the library can fail, when ``HSCORE_FAST_ISA`` names
an instruction set that this machine cannot run, and a command should then say so in one line.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line.

    Returns
    -------
    int
        The exit code; see :func:`hscore_fast.cli.main`.

    Examples
    --------
    >>> from hscore_fast_cli import main
    """
    try:
        from hscore_fast.cli import main as run
    except ImportError as error:
        print(f"hscore-fast: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("hscore-fast: interrupted", file=sys.stderr)
        return 130
    return run()
