"""Held-out results: :class:`hscore_fast.CrossValidation` and its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._results.display import WritesJson, left_out_text, number, text_table
from hscore_fast._results.distributions import student_quantile

if TYPE_CHECKING:
    from hscore_fast._core import CrossValidation as CoreResult

__all__ = ["CrossValidation", "HeldOut", "error_of_sum", "no_summary"]

Values = NDArray[np.float64]

WIDENING = 1.4
"""Two folds' fits share most of their rows, which the spread of the held-out rows' losses does not
show. Measured: see docs/cross_validated.md."""


@dataclass(frozen=True, repr=False)
class CrossValidation(WritesJson):
    """Result of :func:`hscore_fast.cross_validate`: a held-out score and its errors.

    Attributes
    ----------
    score : float
        As :func:`hscore_fast.cross_validated_h_score`.
    standard_error : float
        Of the score, as an estimate of its mean over samples of this size.
    confidence : float
        Probability of the interval.
    confidence_interval : tuple of float
        For that mean.
    accuracy : float
        Share of the held-out rows whose own class has the largest fit; nan where rows are gone.
    accuracy_standard_error : float
        Of it.
    balanced_accuracy : float
        The mean of that share over the classes.
    balanced_accuracy_standard_error : float
        Of it.
    ridge : float
        The one chosen, as a share of the trace of the scatter.
    n_folds : int
        Folds that hold rows.
    n_groups : int
        Groups of rows that are held out together; 0 without groups.
    errors_from : str
        "rows", "groups" or "folds".
    n_samples, n_features, n_classes : int
        Of the data.
    n_lone_classes : int
        Classes of a single row, which no fit can know when that row is held out. Each takes up to
        1 from the score.
    class_shares : mapping of label to float
        Contributions to the score; they sum to it.
    left_out : mapping of str to str
        Columns of a table that are not among the features, and why.
    """

    score: float
    standard_error: float
    confidence: float
    confidence_interval: tuple[float, float]
    accuracy: float
    accuracy_standard_error: float
    balanced_accuracy: float
    balanced_accuracy_standard_error: float
    ridge: float
    n_folds: int
    n_groups: int
    errors_from: str
    n_samples: int
    n_features: int
    n_classes: int
    n_lone_classes: int
    class_shares: Mapping[Any, float]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        own = {"class_shares": dict(self.class_shares), "left_out": dict(self.left_out)}
        return {**vars(self), **own}

    def __str__(self) -> str:
        low, high = self.confidence_interval
        rows = [
            ["cross-validated H-score", f"{number(self.score, 6)} of at most {self.n_classes - 1}"],
            ["  standard error", f"{number(self.standard_error, 2)} (from {self.errors_from})"],
            [f"  {100 * self.confidence:g} % interval", f"{number(low)} to {number(high)}"],
        ]
        if not math.isnan(self.accuracy):
            rows += [
                [name, f"{number(value, 3)} +- {number(error, 2)}"]
                for name, value, error in (
                    ("accuracy", self.accuracy, self.accuracy_standard_error),
                    (
                        "balanced accuracy",
                        self.balanced_accuracy,
                        self.balanced_accuracy_standard_error,
                    ),
                )
            ]
        groups = f", {self.n_groups:,} groups" if self.n_groups else ""
        rows += [
            ["ridge", f"{number(self.ridge, 3)} of the trace"],
            ["folds", f"{self.n_folds}{groups}"],
            ["samples", f"{self.n_samples:,}"],
            ["features", f"{self.n_features:,}"],
            *([["  left out", left_out_text(self.left_out)]] if self.left_out else []),
            ["classes", f"{self.n_classes:,}"],
        ]
        if self.n_lone_classes:
            rows.append(["  of a single row", f"{self.n_lone_classes:,}"])
        return text_table(rows)

    def __repr__(self) -> str:
        return (
            f"<CrossValidation: H-score {number(self.score)} +- {number(self.standard_error, 2)}>"
        )


@dataclass(frozen=True)
class HeldOut:
    """The core's result and what each independent unit adds to it.

    Attributes
    ----------
    result : core.CrossValidation
        Its rows' gains and predictions are handed over to the other attributes.
    counts : mapping of label to float
        Rows of each class, or their weight.
    shares : ndarray
        The score's parts, in the order of the classes.
    deviations : ndarray
        What each row, group or fold adds to the deviation of the score from its expectation.
    basis : str
        "rows", "groups" or "folds".
    accuracy, balanced : tuple of float
        Value and standard error; nan where rows are gone.
    fold_gains : ndarray
        The score's parts by fold, in the order of the folds.
    """

    result: CoreResult
    counts: Mapping[Any, float]
    shares: Values
    deviations: Values
    basis: str
    n_folds: int
    accuracy: tuple[float, float]
    balanced: tuple[float, float]
    fold_gains: Values
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> Values:
        """Give the deviations as those of a mean: of sources over the same rows they are paired."""
        return WIDENING * len(self.deviations) * self.deviations

    @property
    def error(self) -> float:
        """The standard error of the score."""
        return error_of_sum(self.deviations)

    def quantile(self, confidence: float) -> float:
        """How many standard errors an interval reaches to either side."""
        return student_quantile(confidence, max(len(self.deviations) - 1, 1))

    def summary(self, confidence: float) -> CrossValidation:
        """Write everything into one object."""
        result = self.result
        reach = self.quantile(confidence) * self.error
        counts = list(self.counts.values())
        return CrossValidation(
            score=result.score,
            standard_error=self.error,
            confidence=float(confidence),
            confidence_interval=(result.score - reach, result.score + reach),
            accuracy=self.accuracy[0],
            accuracy_standard_error=self.accuracy[1],
            balanced_accuracy=self.balanced[0],
            balanced_accuracy_standard_error=self.balanced[1],
            ridge=result.ridge,
            n_folds=self.n_folds,
            n_groups=len(self.deviations) if self.basis == "groups" else 0,
            errors_from=self.basis,
            n_samples=result.n_samples,
            n_features=result.n_features,
            n_classes=result.n_classes,
            n_lone_classes=sum(count == 1 for count in counts),
            class_shares=dict(zip(self.counts, self.shares.tolist(), strict=True)),
            left_out=self.left_out,
        )


def error_of_sum(deviations: Values) -> float:
    """Return the standard error of a sum of deviations whose mean is 0, widened."""
    n = len(deviations)
    return WIDENING * math.sqrt(n / (n - 1) * float(deviations @ deviations)) if n > 1 else math.nan


def no_summary(confidence: float) -> CrossValidation:
    """Say that there is no score because of values that are not finite."""
    nan = math.nan
    return CrossValidation(
        *(nan, nan, float(confidence), (nan, nan)),
        *(nan, nan, nan, nan, nan),
        n_folds=0,
        n_groups=0,
        errors_from="none: the features have values that are not finite",
        n_samples=0,
        n_features=0,
        n_classes=0,
        n_lone_classes=0,
        class_shares={},
    )
