"""The categories of this package's warnings."""

import sys
import warnings

__all__ = [
    "AlignmentWarning",
    "ColumnWarning",
    "HScoreWarning",
    "PrecisionWarning",
    "RepeatedRowsWarning",
    "SaturationWarning",
    "SingleClassWarning",
    "TrainingModeWarning",
    "UnwrittenRowsWarning",
    "warn_caller",
]


class HScoreWarning(UserWarning):
    """Base class of all warnings of this package; docs/warnings.md lists causes and remedies."""


class SaturationWarning(HScoreWarning):
    """The score is at its bound, or near it, whatever the labels or whatever the features are.

    With rank ``N - 1`` features separate any labels; with every row a class of its own any features
    explain the labels.
    """


class PrecisionWarning(HScoreWarning):
    """Fewer digits are certain than expected, or features were dropped that differ from others."""


class AlignmentWarning(HScoreWarning):
    """The rows of features and labels may not belong together: their indexes differ in order."""


class SingleClassWarning(HScoreWarning):
    """There is only one class, so the score is 0 by definition."""


class ColumnWarning(HScoreWarning):
    """A column that was taken as a feature seems to number the rows or to hold the labels."""


class RepeatedRowsWarning(HScoreWarning):
    """The same samples came twice, as in a second pass over a loader."""


class TrainingModeWarning(HScoreWarning):
    """A model runs as in training, so that its layers give random numbers or those of a batch."""


class UnwrittenRowsWarning(HScoreWarning):
    """The last rows of a file are all zeros, as in one that was not filled to its end."""


def warn_caller(warning: Warning) -> None:
    """Issue a warning at the line that called this package, however deep the caller is in it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]
