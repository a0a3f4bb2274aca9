"""Pick the compiled core for this CPU.

The wheel carries the core once per instruction set, each in an extension module of its own:
``_core`` is the portable baseline and knows which of the others the CPU can run. The environment
variable ``HSCORE_FAST_ISA`` forces one.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["available_isas", "core", "load"]

# From the most portable to the newest; the order in which CPUs gained them.
_ISAS = ("baseline", "v3", "v4")


def _import(name: str) -> ModuleType:
    return importlib.import_module(f"hscore_fast.{name}")


# The instructions that the baseline may use beyond the first x86-64 processors, by NumPy's names.
_NEEDED = ("SSE3", "SSSE3", "SSE41", "POPCNT", "SSE42")


def _cpu_features() -> Mapping[str, bool]:
    """Return what NumPy found this CPU to have; nothing if NumPy does not tell."""
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        try:
            found: Mapping[str, bool] = importlib.import_module(name).__cpu_features__
        except (ImportError, AttributeError):
            continue
        return found
    return {}


def _check_cpu() -> None:
    """Raise ImportError on an x86-64 CPU on which the baseline would be an illegal instruction."""
    if platform.machine() != "x86_64":  # of Windows, AMD64: nothing beyond the first is used there
        return
    features = _cpu_features()
    missing = [name for name in _NEEDED if not features.get(name, True)]
    if missing:
        raise ImportError(
            f"hscore_fast needs a CPU of x86-64-v2 (of 2009 or later), and this one lacks "
            f"{', '.join(missing)}: under an emulator choose a newer CPU, such as -cpu Nehalem; if "
            "the package was built for this very CPU, set HSCORE_FAST_ISA=baseline"
        )


def _import_baseline() -> ModuleType:
    try:
        return _import("_core")
    except ModuleNotFoundError as error:
        if error.name != "hscore_fast._core":
            raise
    # The source tree shadows the installed package when Python starts in the repository's root.
    import importlib.metadata  # slow to import, and rarely needed

    here = Path(__file__).parent
    package = importlib.import_module("hscore_fast")
    for distribution in importlib.metadata.distributions(name="hscore-fast"):
        installed = Path(str(distribution.locate_file("hscore_fast")))
        if installed.is_dir() and installed != here:
            package.__path__.append(str(installed))
            importlib.invalidate_caches()
            return _import("_core")
    raise ImportError(
        f"hscore_fast was imported from {here}, which holds no compiled core: "
        f"run `pip install {here.parent}`, or start Python elsewhere"
    ) from None


def _name(isa: str) -> str:
    return "_core" if isa == "baseline" else f"_core_{isa}"


def _runnable(baseline: ModuleType) -> list[str]:
    best = _ISAS.index(baseline.best_isa())
    return [
        isa
        for isa in _ISAS[: best + 1]
        if isa == "baseline" or importlib.util.find_spec(f"hscore_fast.{_name(isa)}") is not None
    ]


def available_isas() -> list[str]:
    """List the instruction sets that are installed and that this CPU can run."""
    return _runnable(_import_baseline())


def load(isa: str | None = None) -> ModuleType:
    """Import the core for an instruction set, or the best one.

    Parameters
    ----------
    isa : str, optional
        One of :func:`available_isas`, the best by default.

    Raises
    ------
    ImportError
        If the name is unknown, not installed, or not for this CPU; or if the CPU is older than
        x86-64-v2.
    """
    if isa is None:
        _check_cpu()
    baseline = _import_baseline()
    runnable = _runnable(baseline)
    if isa is None:
        isa = runnable[-1]
    if isa not in runnable:
        raise ImportError(
            f"HSCORE_FAST_ISA is {isa!r}, but this machine can run {', '.join(runnable)}: "
            "unset it to take the best one"
        )
    return baseline if isa == "baseline" else _import(_name(isa))


def _started_as_command() -> bool:
    """Tell whether this process is ``hscore-fast`` or ``python -m hscore_fast``."""
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":  # until the module is found, which imports its package first
        return "hscore_fast" in sys.orig_argv
    return Path(program).stem.removesuffix("-script") == "hscore-fast"


if TYPE_CHECKING:  # every variant has the baseline's interface
    from hscore_fast import _core as core
else:
    try:
        core = load(os.environ.get("HSCORE_FAST_ISA") or None)
    except ImportError as error:
        # A command says in one line what is wrong; the script that pip writes for it imports the
        # package outside of any handler.
        if not _started_as_command():
            raise
        print(f"hscore-fast: {error}", file=sys.stderr)
        raise SystemExit(2) from None
