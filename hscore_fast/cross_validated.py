"""The H-score of rows that were held out, and what a linear probe reaches on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._distributions import student_quantile
from hscore_fast._inputs import (
    Address,
    Features,
    Progress,
    as_confidence,
    as_n_threads,
    as_progress,
    as_weights,
    is_address,
    is_label_address,
)
from hscore_fast._labels import encode
from hscore_fast._tables import WritesJson, number, text_table
from hscore_fast._variants import core
from hscore_fast.moments import Moments
from hscore_fast.scores import (
    as_problem,
    overflow,
    refuse_non_finite,
    warn_if_single_class,
)

if TYPE_CHECKING:
    from hscore_fast._core import CrossValidation as CoreResult

__all__ = ["CrossValidation", "cross_validate", "cross_validated_h_score"]

Values = NDArray[np.float64]

WIDENING = 1.3
"""The fits of two folds share most of their rows, which the spread of the held-out rows' losses does
not show. Measured: see docs/cross_validated.md."""


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


def cross_validated_h_score(
    features: ArrayLike | Address | Sequence[Moments],
    labels: ArrayLike | Address | None = None,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_folds: int = 5,
    ridge: str | float = "auto",
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
) -> float:
    r"""Compute how much of the classes the features explain of rows that were held out.

    .. math:: H_{cv} = \sum_k L_{0k} - \min_g \sum_k L_k(g), \qquad
        L_k(g) = \sum_{i \in k} \sum_c \frac{(y_{ic} - \hat y_{ic})^2}{n_c}

    where :math:`\hat y` is the ridge regression of the one-hot labels on the standardized features,
    fitted to the rows outside fold k, and :math:`L_{0k}` is the loss of predicting the class
    frequencies of those rows. It is on the scale of the H-score, defined for any number of rows,
    features and classes, and comparable between feature sets of different width.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`h_score`: in memory, or the address of a file. Or a sequence of
        :class:`Moments`, one of each fold, which bring their labels.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`.
    groups : array_like of shape (n_samples,), optional
        Labels of any kind; rows of the same group are held out together. Needed where rows are no
        separate observations: several crops of one picture, sentences of one document, frames of
        one recording. Without it the score finds the group and calls it the class.
    weights : array_like of shape (n_samples,), optional
        As for :meth:`Moments.update`; a row is held out as a whole.
    n_folds : int, default 5
        At most as many as there are rows, or groups.
    ridge : "auto" or float, default "auto"
        As a share of the trace of the scatter, which is the number of features times the number of
        rows: at least 1e-9. By default the best of 10, 0.2, 0.02, 0.004, 0.001, 1e-4 and 1e-6 for
        all folds together, the larger of two that are equally good.
    n_threads, check_finite, progress
        As for :func:`h_score`.

    Returns
    -------
    float
        0 where the class frequencies predict as well as the features do, about ``n_classes - 1``
        where the features tell the classes apart; below 0 where they mislead.

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`h_score` does; also for more folds than rows or groups, and for a ridge that is
        too small.

    Warns
    -----
    SingleClassWarning
        There is one class, so the score is 0.

    Notes
    -----
    The features are standardized once, by the deviations over all rows. Row p of class c is held out
    in fold (p + c) modulo `n_folds`; groups are placed the largest first, each where the fewest rows
    of its classes are. Each fold's statistics are gathered in one pass [1]_; what is held out is
    scored from them, without its rows. With fewer rows than features everything is computed from the
    rows' products with each other. All products are float64's. Memory: ``8 * (n_folds + 3)`` times
    ``n_features**2`` or, if that is less, ``24 * n_samples**2`` bytes.

    Choosing the ridge by the score makes it too large by about 0.01 for 50 independent rows or
    groups where nothing is to be found, and by less where there are more. The winner of many
    sources is too large by more than that.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance:
       Analysis and Recommendations", The American Statistician 37 (1983).
    .. [2] D. M. Allen, "The Relationship Between Variable Selection and Data Augmentation and a
       Method for Prediction", Technometrics 16 (1974).

    Examples
    --------
    >>> from hscore_fast import cross_validated_h_score, h_score
    >>> from hscore_fast.datasets import load_digits
    >>> images, digits = load_digits()
    >>> few = images[:200], digits[:200]
    >>> round(h_score(*few), 2), round(cross_validated_h_score(*few), 2)
    (0.0, 0.0)
    """
    found = hold_out(
        features,
        labels,
        groups=groups,
        weights=weights,
        n_folds=n_folds,
        ridge=ridge,
        n_threads=n_threads,
        check_finite=check_finite,
        progress=progress,
    )
    if found is None:
        return float("nan")
    warn_if_single_class(found.result.n_classes)
    return found.result.score


def cross_validate(
    features: ArrayLike | Address | Sequence[Moments],
    labels: ArrayLike | Address | None = None,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_folds: int = 5,
    ridge: str | float = "auto",
    confidence: float = 0.95,
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
) -> CrossValidation:
    """Compute the held-out H-score and accuracy with their standard errors.

    Parameters
    ----------
    features, labels, groups, weights, n_folds, ridge
        As for :func:`cross_validated_h_score`.
    confidence : float, default 0.95
        Probability of the interval for the score.
    n_threads, check_finite, progress
        As for :func:`h_score`. If values are not finite and that is allowed, all results are nan.

    Returns
    -------
    CrossValidation

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`cross_validated_h_score` does.

    Warns
    -----
    SingleClassWarning
        There is one class, so the score is 0.

    Notes
    -----
    The accuracy is that of the ridge regression that the score comes from: the class with the
    largest fit. Standard errors rest on what each held-out row, or each group, adds to the score,
    its class's size taken into account; from :class:`Moments`, on the folds, with
    ``n_folds - 1`` degrees of freedom. The folds' fits have most of their rows in common, of which
    these spreads know nothing [1]_: they are widened by a measured factor of 1.3.

    References
    ----------
    .. [1] Y. Bengio, Y. Grandvalet, "No Unbiased Estimator of the Variance of K-Fold
       Cross-Validation", Journal of Machine Learning Research 5 (2004).

    Examples
    --------
    >>> from hscore_fast import cross_validate
    >>> from hscore_fast.datasets import load_digits
    >>> images, digits = load_digits()
    >>> found = cross_validate(images[:200], digits[:200])
    >>> round(found.score, 2), round(found.accuracy, 2)
    (0.0, 0.0)
    """
    as_confidence(confidence)
    found = hold_out(
        features,
        labels,
        groups=groups,
        weights=weights,
        n_folds=n_folds,
        ridge=ridge,
        n_threads=n_threads,
        check_finite=check_finite,
        progress=progress,
    )
    if found is None:
        return _nothing(confidence)
    warn_if_single_class(found.result.n_classes)
    return found.summary(confidence)


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
    """

    result: CoreResult
    counts: Mapping[Any, float]
    shares: Values
    deviations: Values
    basis: str
    n_folds: int
    accuracy: tuple[float, float]
    balanced: tuple[float, float]

    @property
    def values(self) -> Values:
        """Give the deviations as those of a mean: of sources over the same rows they are paired."""
        return WIDENING * len(self.deviations) * self.deviations

    @property
    def error(self) -> float:
        """The standard error of the score."""
        return WIDENING * _error(self.deviations)

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
        )


def hold_out(
    features: Any,
    labels: Any,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_folds: int = 5,
    ridge: str | float = "auto",
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
    fewer_folds: bool = False,
) -> HeldOut | None:
    """Check the arguments and score; None if values are not finite and that is allowed.

    With `fewer_folds` there are as many folds as rows or groups allow.
    """
    ridges = as_ridges(ridge)
    n_folds = as_n_folds(n_folds)
    threads = as_n_threads(n_threads)
    progress = as_progress(progress)
    if _are_moments(features):
        for name, given in (("labels", labels), ("groups", groups), ("weights", weights)):
            if given is not None:
                raise TypeError(
                    f"{name} must be None where features are Moments: those bring their own"
                )
        return held_out_moments(features, ridges, threads)
    if labels is None:
        raise TypeError("labels must be given, except where features are the Moments of each fold")
    rows: Any = None
    x: Features | None = None
    if is_address(features) or is_label_address(labels):
        from hscore_fast.readers import _stream  # reads files only when asked to

        inputs = _stream.open_inputs(features, labels)
        if inputs.features.mapped is None:
            rows, codes, classes = _stream.rows_to_score(*inputs, threads, progress)
        features, labels = inputs.features.mapped, inputs.labels
    if rows is None:
        x, codes, classes = as_problem(features, labels)
    n_rows = len(codes)
    row_weights = as_weights(weights, n_rows)
    group_codes, n_groups = _as_groups(groups, n_rows)
    units, what = (n_rows, "rows") if group_codes is None else (n_groups, "groups")
    if n_folds > units:
        if not fewer_folds or units < 2:
            raise ValueError(
                f"n_folds must be at most the number of {what}, {units}, got {n_folds}"
                + (f": pass n_folds={units}" if units > 1 else "")
            )
        n_folds = units
    folds = core.folds_of_rows(codes, len(classes), group_codes, n_groups, n_folds)
    if x is None:
        result = core.cross_validate(
            *(rows.for_core(), codes, len(classes), False, folds, n_folds, row_weights),
            *(ridges, threads, None),
        )
    else:
        result = core.cross_validate(
            *(x.array, codes, len(classes), x.bfloat16, folds, n_folds, row_weights),
            *(ridges, threads, progress),
        )
    if not result.finite:
        if not check_finite:
            return None
        if x is None:
            raise rows.not_finite(threads)
        refuse_non_finite(x, threads)
        raise overflow()
    return _held_out_rows(result, codes, classes, row_weights, group_codes, n_groups, n_folds)


def _held_out_rows(
    result: CoreResult,
    codes: NDArray[np.int32],
    classes: Sequence[Any],
    weights: Values | None,
    groups: NDArray[np.int32] | None,
    n_groups: int,
    n_folds: int,
) -> HeldOut:
    counts, shares = result.counts(), result.class_shares()
    gains, predictions = result.gains(), result.predictions()
    w = np.ones(len(codes)) if weights is None else weights
    per_row = np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
    # With the class's size as it happens to be, a row more of a class is a row more to share with.
    deviations = gains - w * (shares * per_row)[codes]
    hits = (predictions == codes).astype(np.float64)
    accuracy = float(w @ hits / w.sum())
    hits_of_class = np.bincount(codes, w * hits, len(counts)) * per_row
    balanced = float(hits_of_class[counts > 0].mean())
    of_accuracy = w * (hits - accuracy) / w.sum()
    of_balanced = w * (hits - hits_of_class[codes]) * per_row[codes] / result.n_classes
    basis = "rows"
    if groups is not None:
        basis = "groups"
        deviations, of_accuracy, of_balanced = (
            np.bincount(groups, values, n_groups)
            for values in (deviations, of_accuracy, of_balanced)
        )
    return HeldOut(
        result,
        dict(zip(classes, counts.tolist(), strict=True)),
        shares,
        deviations,
        basis,
        n_folds,
        (accuracy, WIDENING * _error(of_accuracy)),
        (balanced, WIDENING * _error(of_balanced)),
    )


def held_out_moments(parts: Sequence[Moments], ridges: Sequence[float], threads: int) -> HeldOut:
    """Score the statistics of the folds; their classes are matched by their labels."""
    for place, part in enumerate(parts):
        if not isinstance(part, Moments):
            raise TypeError(f"features[{place}] must be a Moments, got {type(part).__name__}")
    used = [part for part in parts if part.n_samples]
    if len(used) < 2:
        raise ValueError(
            f"at least two folds must hold rows, got {len(used)} of {len(parts)} Moments that do"
        )
    labels: dict[Any, int] = {}
    maps = []
    for part in used:
        maps.append([labels.setdefault(label, len(labels)) for label in part.classes])
    cores = [part._core for part in used]
    result = core.cross_validate_moments(cores, maps, list(ridges), threads)
    if not result.finite:
        raise overflow()
    nothing = (math.nan, math.nan)
    return HeldOut(
        result,
        dict(zip(labels, result.counts().tolist(), strict=True)),
        result.class_shares(),
        result.fold_deviations(),
        "folds",
        len(used),
        nothing,
        nothing,
    )


def _error(deviations: Values) -> float:
    """Return the standard error of the sum of independent deviations, whose mean is 0."""
    n = len(deviations)
    return math.sqrt(n / (n - 1) * float(deviations @ deviations)) if n > 1 else math.nan


def _are_moments(features: Any) -> bool:
    return (
        isinstance(features, (list, tuple))
        and bool(features)
        and isinstance(features[0], Moments)
    )


def _as_groups(groups: ArrayLike | None, n_rows: int) -> tuple[NDArray[np.int32] | None, int]:
    if groups is None:
        return None, 0
    try:
        codes, names = encode(groups)
    except (TypeError, ValueError) as error:
        raise type(error)(f"groups: {error}") from None
    if len(codes) != n_rows:
        raise ValueError(
            f"groups must have one entry per row of features, got {len(codes)} for {n_rows} rows"
        )
    return codes, len(names)


def as_ridges(ridge: str | float) -> list[float]:
    """Return the ridges to choose from."""
    if isinstance(ridge, str):
        if ridge == "auto":
            return cast("list[float]", list(core.RIDGES))
        raise ValueError(f"ridge must be 'auto' or a number, got {ridge!r}")
    if isinstance(ridge, bool) or not isinstance(ridge, (int, float, np.floating, np.integer)):
        raise TypeError(
            f"ridge must be 'auto' or a number, got {ridge!r} of type {type(ridge).__name__}"
        )
    if not 1e-9 <= ridge < math.inf:
        raise ValueError(
            f"ridge must be finite and at least 1e-9, got {ridge}: it is a share of the trace of "
            "the scatter"
        )
    return [float(ridge)]


def as_n_folds(n_folds: int) -> int:
    """Check a number of folds."""
    if isinstance(n_folds, bool) or not isinstance(n_folds, (int, np.integer)):
        raise TypeError(f"n_folds must be an integer, got {n_folds!r}")
    if not 2 <= n_folds <= 10_000:
        raise ValueError(
            f"n_folds must lie between 2 and 10,000, got {n_folds}: 5 is a good number"
        )
    return int(n_folds)


def _nothing(confidence: float) -> CrossValidation:
    nan = math.nan
    return CrossValidation(
        *(nan, nan, float(confidence), (nan, nan)),
        *(nan, nan, nan, nan, nan),
        *(0, 0, "none: the features have values that are not finite"),
        *(0, 0, 0, 0, {}),
    )
