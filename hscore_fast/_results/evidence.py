"""A score together with what each row, or each block of rows, does to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._results.adjustment import Grouping, adjusted_value, free_share
from hscore_fast._results.cross_validation import HeldOut
from hscore_fast._results.distributions import student_quantile
from hscore_fast._results.significance import Significance
from hscore_fast._results.warnings import ColumnWarning

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["SATURATED", "Evidence", "evidence_of_values", "scale_of_values"]

Values = NDArray[np.float64]

SATURATED = "none: the rank is the number of samples less one"
_ROWS_GONE = "none: the rows are gone and no blocks of them were kept"


@dataclass(frozen=True)
class Evidence:
    """A score and what it rests on.

    Attributes
    ----------
    result : HScore
        Of the core.
    class_counts : mapping of label to float
        Rows of each class.
    values : ndarray or None
        What each row, or each block of rows, does to the adjusted score: jackknife values, whose
        mean is 0. Their root mean square over the square root of their number is its standard
        error; two sources over the same rows are compared by the differences of their values.
    basis : str
        "influence" if the values are of rows, "groups" if of groups, "jackknife" if of blocks, or
        "none: " and why.
    error : float
        The standard error of the adjusted score.
    regularized : float
        The regularized score; nan unless it was asked for.
    squared_leverages : float
        Sum of the squared leverages; nan unless it was asked for.
    held_out : HeldOut or None
        What held-out rows say, where that was asked for.
    grouping : Grouping or None
        What is known of the groups of rows, where there are any: chance goes by them.
    test : Significance or None
        Of permutations, where that was asked for.
    given_parts : tuple of mapping, or None
        Rows of each class in each part, where the caller cut the rows into parts: only sources that
        were cut alike can be compared by them. None where this library did, always alike.
    left_out : mapping of str to str
        Columns of a table that are not among the features, and why.
    column_doubt : ColumnWarning or None
        What speaks against columns that are.
    """

    result: HScore
    class_counts: Mapping[Any, float]
    values: Values | None
    basis: str
    error: float
    regularized: float = math.nan
    squared_leverages: float = math.nan
    held_out: HeldOut | None = None
    grouping: Grouping | None = None
    test: Significance | None = None
    given_parts: tuple[Mapping[Any, float], ...] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    column_doubt: ColumnWarning | None = None

    @property
    def adjusted(self) -> float:
        """The adjusted score."""
        return adjusted_value(self.result, self.grouping)

    @property
    def free_share(self) -> float:
        """How much of the room there is the features leave: 1 - rank / (N - 1) without groups."""
        return free_share(self.result, self.grouping)

    def quantile(self, confidence: float) -> float:
        """How many standard errors an interval reaches to either side."""
        if self.basis in ("jackknife", "groups") and self.values is not None:
            return student_quantile(confidence, len(self.values) - 1)
        from statistics import NormalDist  # takes longer to import than all of this package

        return NormalDist().inv_cdf((1 + confidence) / 2)


def evidence_of_values(
    result: HScore,
    class_counts: Mapping[Any, float],
    values: Values | None,
    basis: str,
    regularized: float = math.nan,
    squared_leverages: float = math.nan,
    grouping: Grouping | None = None,
) -> Evidence:
    """Scale and centre jackknife values of the plain score."""
    scale = scale_of_values(result, grouping)
    error = math.nan
    if values is None:
        basis = _ROWS_GONE
    elif scale is None:
        values, basis = None, SATURATED
    else:
        values = (values - values.mean()) * scale
        n = len(values)
        error = math.sqrt(float(np.sum(values * values)) / (n * (n - 1)))
    return Evidence(
        *(result, class_counts, values, basis, error, regularized, squared_leverages),
        grouping=grouping,
    )


def scale_of_values(result: HScore, grouping: Grouping | None = None) -> float | None:
    """Return the factor from jackknife values of the plain score to those of the adjusted one."""
    share = free_share(result, grouping)
    return 1 / math.sqrt(share) if share > 0 else None
