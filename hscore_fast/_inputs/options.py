"""Check options, once and alike in every function that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from hscore_fast._inputs.progress_bar import ProgressBar

__all__ = [
    "Progress",
    "TargetOptions",
    "as_confidence",
    "as_convention",
    "as_integer",
    "as_n_blocks",
    "as_n_threads",
    "as_names",
    "as_one_of",
    "as_precision",
    "as_progress",
    "as_shrinkage",
    "as_target_options",
    "as_tol",
]

Progress: TypeAlias = Callable[[int, int], object]
"""Called with the rows done and the rows in all; True stands for a bar of tqdm's."""

PRECISIONS = ("auto", "float64", "float32", "high")
TARGET_PRECISIONS = ("auto", "float64", "float32")
SHRINKAGES = ("ledoit_wolf", "oas")
CONVENTIONS = ("tllib", "paper")


def as_integer(
    value: Any,
    name: str,
    *,
    kind: str = "an integer",
    least: int = 1,
    most: int | None = None,
    hint: str = "",
) -> int:
    """Check an option that is a whole number; what None stands for is the caller's to decide."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be {kind}, got {value!r} of type {type(value).__name__}")
    if value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"between {least:,} and {most:,}"
        hint = f": {hint}" if hint else ""
        raise ValueError(f"{name} must be {kind} {limits}, got {value}{hint}")
    return int(value)


def as_n_threads(n_threads: int | None) -> int:
    """Return the number the core takes: 0 for "what the environment allows"."""
    if n_threads is None:
        return 0
    hint = "use None for as many as OMP_NUM_THREADS and the CPU affinity allow"
    return as_integer(
        n_threads, "n_threads", most=4096, kind="a positive integer or None", hint=hint
    )


def as_n_blocks(n_blocks: int) -> int:
    """Check a number of blocks of rows."""
    return as_integer(n_blocks, "n_blocks", least=2, most=10_000, hint="20 is a good number")


def as_names(given: Mapping[str, Any], what: str, each: str = "features") -> tuple[str, ...]:
    """Check that an argument maps names to something, and give the names."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{what} must be a mapping of names to {each}, such as {{'name': {each}}}, got "
            f"{type(given).__name__}"
        )
    if not given:
        raise ValueError(f"{what} must hold at least one entry, such as {{'name': {each}}}")
    for name in given:
        if not isinstance(name, str):
            raise TypeError(f"the names of {what} must be str, got {name!r}")
    return tuple(given)


def as_precision(precision: str, known_names: tuple[str, ...] = PRECISIONS) -> str:
    """Check the name of a precision."""
    return as_one_of("precision", precision, known_names)


def as_one_of(option: str, value: str, known: Sequence[str]) -> str:
    """Check that an option's value is one of those that there are."""
    if value not in known:
        raise ValueError(f"{option} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def as_confidence(confidence: float) -> float:
    """Check the probability that an interval is to have."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    return float(confidence)


def as_tol(tol: float | None, precision: str = "float64") -> float:
    """Return the tolerance of the rank rule; 0 is as little as rounding allows."""
    if tol is None:
        if precision == "high":
            return 0.0
        return 2.0**-42  # numerics: four orders above the rounding of a float64 scatter
    if isinstance(tol, bool) or not isinstance(tol, (int, float, np.floating, np.integer)):
        raise TypeError(f"tol must be a number or None, got {tol!r} of type {type(tol).__name__}")
    if not 0.0 < tol < 1.0:
        raise ValueError(
            f"tol must lie between 0 and 1, got {tol}: it is the share of a feature's variance "
            "below which what other features leave of it counts as noise (default 2**-42)"
        )
    return float(tol)


def as_progress(progress: Progress | bool | None, unit: str = "rows") -> Progress | None:
    """Check that progress can be called; True is a bar that counts `unit`."""
    if progress is None or progress is False:
        return None
    if progress is True:
        return ProgressBar(unit)
    if not callable(progress):
        raise TypeError(
            "progress must be True, None or a function of two numbers, what is done and the total, "
            f"got {progress!r} of type {type(progress).__name__}"
        )
    return progress


def as_shrinkage(shrinkage: str | float) -> tuple[str, float]:
    """Return the method that the core knows, and the intensity if it is given."""
    if isinstance(shrinkage, str):
        if shrinkage in SHRINKAGES:
            return shrinkage, 0.0
        raise ValueError(
            f"shrinkage must be 'ledoit_wolf', 'oas' or a number from 0 to 1, got {shrinkage!r}"
        )
    if isinstance(shrinkage, bool) or not isinstance(
        shrinkage, (int, float, np.floating, np.integer)
    ):
        raise TypeError(
            f"shrinkage must be 'ledoit_wolf', 'oas' or a number from 0 to 1, got {shrinkage!r} of "
            f"type {type(shrinkage).__name__}"
        )
    intensity = float(shrinkage)
    if not 0.0 <= intensity <= 1.0:
        raise ValueError(f"shrinkage must lie between 0 and 1, got {shrinkage}")
    return "fixed", intensity


def as_convention(convention: str) -> str:
    """Check the name of a convention."""
    return as_one_of("convention", convention, CONVENTIONS)


class TargetOptions(NamedTuple):
    """Options of the scores of several targets, as the core takes them."""

    regularized: bool
    shrinkage: str
    intensity: float
    paper: bool
    precision: str
    tol: float
    n_threads: int


def as_target_options(
    regularized: bool,
    shrinkage: str | float,
    convention: str,
    precision: str,
    tol: float | None,
    n_threads: int | None,
) -> TargetOptions:
    """Check the options."""
    precision = as_precision(precision, TARGET_PRECISIONS)
    method, intensity = as_shrinkage(shrinkage)
    paper = as_convention(convention) == "paper"
    return TargetOptions(
        regularized, method, intensity, paper, precision, as_tol(tol), as_n_threads(n_threads)
    )
