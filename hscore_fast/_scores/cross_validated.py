"""The H-score of rows that were held out, and what a linear probe reaches on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import Progress, as_confidence
from hscore_fast._moments.moments import Moments
from hscore_fast._problem import as_input_options
from hscore_fast._results.cross_validation import CrossValidation, no_summary
from hscore_fast._results.doubts import warn_if_single_class
from hscore_fast._scores.held_out import hold_out

__all__ = ["cross_validate", "cross_validated_h_score"]


def cross_validated_h_score(
    features: ArrayLike | Address | Sequence[Moments],
    labels: ArrayLike | Address | None = None,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_folds: int = 5,
    ridge: str | float = "auto",
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
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
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of a table.
    n_threads, check_finite, ignore_label, progress
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
    The features are standardized once, by the deviations over all rows. Row p of class c is held
    out in fold (p + c) modulo `n_folds`; groups are placed the largest first, each where the
    fewest rows of its classes are. One pass gathers each fold's statistics [1]_, which yield the
    score; another tells what each held-out row adds to it. With fewer rows than features
    everything comes from the rows' products with each other. All products are float64's. Memory:
    ``8 * (n_folds + 3) * n_features**2`` bytes or, if that is less, ``24 * n_samples**2``.

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
    (7.44, 6.39)
    """
    found = hold_out(
        features,
        labels,
        as_input_options(
            columns=columns,
            drop=drop,
            keep=keep,
            n_threads=n_threads,
            check_finite=check_finite,
            ignore_label=ignore_label,
            progress=progress,
        ),
        groups=groups,
        weights=weights,
        n_folds=n_folds,
        ridge=ridge,
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
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
    progress: Progress | None = None,
) -> CrossValidation:
    """Compute the held-out H-score and accuracy with their standard errors.

    Parameters
    ----------
    features, labels, groups, weights, n_folds, ridge
        As for :func:`cross_validated_h_score`.
    confidence : float, default 0.95
        Probability of the interval for the score.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of a table.
    n_threads, check_finite, ignore_label, progress
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
    these spreads know nothing [1]_: they are widened by a measured factor of 1.4.

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
    (6.39, 0.97)
    """
    as_confidence(confidence)
    found = hold_out(
        features,
        labels,
        as_input_options(
            columns=columns,
            drop=drop,
            keep=keep,
            n_threads=n_threads,
            check_finite=check_finite,
            ignore_label=ignore_label,
            progress=progress,
        ),
        groups=groups,
        weights=weights,
        n_folds=n_folds,
        ridge=ridge,
    )
    if found is None:
        return no_summary(confidence)
    warn_if_single_class(found.result.n_classes)
    return found.summary(confidence)
