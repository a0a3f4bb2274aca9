"""Targets that are values: opened beside features, and the statistics of both together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.blocks import read_side_by_side
from hscore_fast._files.opened import Opened
from hscore_fast._files.rows import check_rows
from hscore_fast._files.source import Source
from hscore_fast._inputs.address import Address
from hscore_fast._inputs.checks import check_lengths, check_two_rows
from hscore_fast._inputs.column_doubts import column_doubt
from hscore_fast._inputs.features import Features
from hscore_fast._inputs.frames import Column, side_by_side
from hscore_fast._inputs.values import as_values
from hscore_fast._problem import (
    DEFAULT_INPUT,
    InputOptions,
    open_features,
    read_labels,
    warn_of_columns,
)
from hscore_fast._results.warnings import ColumnWarning
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore, RegularizedHScore

__all__ = [
    "ValueProblem",
    "joint_moments",
    "open_values",
    "regularized_value_result",
    "value_result",
]


class ValueProblem(Opened):
    """Features and targets that are values, one column of `values` for each."""

    def __init__(
        self, x: Features | Source, values: NDArray[np.float64], options: InputOptions
    ) -> None:
        super().__init__(x, options)
        check_lengths(self.n_samples, len(values), x.what if isinstance(x, Source) else "")
        self.values = values

    def column_doubt(self, what: str = "features") -> ColumnWarning | None:
        """Say which columns were taken as features that are probably none."""
        return column_doubt(self._suspects, [np.zeros(self.n_samples, np.int32)], [1], what)


def open_values(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    task: str,
    options: InputOptions = DEFAULT_INPUT,
) -> ValueProblem:
    """Open features and targets that are values, either of which may be in files."""
    if options.ignored:
        raise ValueError(
            f'ignore_label is for task="classes", got task={task!r}: drop the rows without a target'
        )
    check_rows(features, labels=labels)
    found, columns = read_labels(labels, options.columns)
    x = open_features(features, columns)
    problem = ValueProblem(x, as_values(found, task), options)
    check_two_rows(problem.n_samples)
    warn_of_columns(problem)
    return problem


def joint_moments(problem: ValueProblem) -> core.Moments | None:
    """Gather the statistics of the features and, as further columns behind them, the targets.

    The rows are one class. None if values are not finite and that is allowed.
    """
    width = problem.n_features + problem.values.shape[1]
    statistics = core.Moments(width)
    one_class = np.zeros(problem.n_samples, dtype=np.int32)
    targets = Column("targets", [problem.values])
    check, threads = problem.check_finite, problem.threads
    if problem.source is None:
        x = side_by_side([*problem.in_memory.as_columns(), targets])
        finite = statistics.update(x, one_class, 1, None, False, check, threads, problem.progress)
    else:
        finite = True
        walk = read_side_by_side([problem.source, [targets]], problem.n_samples, width, threads)
        try:
            for first, x in walk:
                last = first + int(x.shape[0])
                finite = statistics.update(
                    x, one_class[first:last], 1, None, False, check, threads, None
                )
                if not finite:
                    break
                if problem.read_progress is not None:
                    problem.read_progress(last, problem.n_samples)
        finally:
            walk.close()
    return statistics if problem.is_scored(finite and statistics.finite) else None


def value_result(problem: ValueProblem, tol: float) -> tuple[HScore, NDArray[np.float64]] | None:
    """Score, and give the R^2 of each target; None if values are not finite."""
    moments = joint_moments(problem)
    if moments is None:
        return None
    return moments.h_score_of_values(problem.values.shape[1], tol, problem.threads)


def regularized_value_result(
    problem: ValueProblem, shrinkage: str, intensity: float, paper: bool
) -> RegularizedHScore | None:
    """Score with a shrunk covariance; None if values are not finite.

    Ledoit and Wolf's intensity depends on the features' norms, which statistics of features and
    targets together do not have: it takes one more pass over the features.
    """
    moments = joint_moments(problem)
    if moments is None:
        return None
    n_targets = problem.values.shape[1]
    if shrinkage == "ledoit_wolf":
        one_class = np.zeros(problem.n_samples, dtype=np.int32)
        alone = core.regularized_h_score(
            *(problem.matrix, one_class, 1, problem.bfloat16, "auto"),
            *(shrinkage, intensity, paper, problem.threads, problem.progress),
        )
        shrinkage, intensity = "fixed", alone.intensity
    return moments.regularized_h_score_of_values(
        n_targets, shrinkage, intensity, paper, problem.threads
    )
