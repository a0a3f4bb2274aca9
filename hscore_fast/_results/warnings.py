"""The categories of this package's warnings."""

import sys
import warnings

__all__ = [
    "ColumnWarning",
    "PrecisionWarning",
    "SaturationWarning",
    "SingleClassWarning",
    "warn_caller",
]


class SaturationWarning(UserWarning):
    """The features separate any labels: with rank N - 1 the score is C - 1 whatever they are."""


class PrecisionWarning(UserWarning):
    """Fewer than six digits of the score are certain, or three when float32 was asked for."""


class SingleClassWarning(UserWarning):
    """There is only one class, so the score is 0 by definition."""


class ColumnWarning(UserWarning):
    """A column that was taken as a feature seems to number the rows or to hold the labels."""


def warn_caller(warning: Warning) -> None:
    """Issue a warning at the line that called this package, however deep the caller is in it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]
