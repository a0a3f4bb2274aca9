"""What :func:`hscore_fast.cross_validate` returns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hscore_fast._results.display import WritesJson, number, text_table

__all__ = ["CrossValidation"]


@dataclass(frozen=True, repr=False)
class CrossValidation(WritesJson):
    """What :func:`hscore_fast.cross_validate` returns: a held-out score and its errors.

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

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        return {**vars(self), "class_shares": dict(self.class_shares)}

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
            ["classes", f"{self.n_classes:,}"],
        ]
        if self.n_lone_classes:
            rows.append(["  of a single row", f"{self.n_lone_classes:,}"])
        return text_table(rows)

    def __repr__(self) -> str:
        return (
            f"<CrossValidation: H-score {number(self.score)} +- {number(self.standard_error, 2)}>"
        )
