"""Figures asked for with ``--plot``: looked at before the work, not after it."""

from __future__ import annotations

import importlib
from pathlib import Path

from hscore_fast.cli.messages import BadInput

__all__ = ["check_figure", "check_folder", "require"]

FORMATS = (".png", ".svg", ".pdf")

_NAMES = {"sklearn": "scikit-learn"}  # of packages that pip calls otherwise


def check_figure(path: Path) -> None:
    """Refuse a file that no figure can be written to, and a missing matplotlib."""
    if path.suffix.lower() not in FORMATS:
        raise BadInput(f"--plot must end in one of {', '.join(FORMATS)}, got {str(path)!r}")
    check_folder(path)
    require("matplotlib", "plot")


def check_folder(path: Path) -> None:
    """Refuse a file whose folder is not there."""
    if not path.absolute().parent.is_dir():
        raise BadInput(f"the folder of {str(path)!r} does not exist")


def require(package: str, extra: str) -> None:
    """Refuse to go on without an optional package."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise BadInput(
            f"this needs {package}, which is not installed: pip install "
            f"{_NAMES.get(package, package)}, or everything that it needs with the extra '{extra}'"
        ) from error
