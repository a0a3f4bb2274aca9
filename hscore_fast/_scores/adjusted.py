"""The H-score corrected for what random labels would give."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import Progress
from hscore_fast._problem import as_input_options
from hscore_fast._results.adjustment import adjusted, chance
from hscore_fast._scores.h_score import score_result

__all__ = ["adjusted_h_score", "chance_level"]


def adjusted_h_score(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    task: str = "classes",
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
    progress: Progress | None = None,
) -> float:
    r"""Compute the H-score adjusted for chance, to compare feature sets of different widths.

    .. math:: H_\mathrm{adj} = q - (q - H)\,\frac{M}{M - r}

    with :math:`q = C - 1`, :math:`M = N - 1` and the features' rank :math:`r`. Features that know
    nothing of the labels raise the H-score, to its maximum when there are enough of them; the
    adjusted score's mean under random labels is 0, like that of the adjusted :math:`R^2`.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`h_score`.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`.
    task : {"classes", "multilabel", "regression"}, default "classes"
        As for :func:`h_score`. With another task than classes q is the rank of the labels.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of a table.
    precision, tol, n_threads, check_finite, ignore_label, progress
        As for :func:`h_score`.

    Returns
    -------
    float
        At most q; negative when the features do worse than chance; nan where it is
        undefined, for features of rank ``n_samples - 1``.

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`h_score` does.

    Warns
    -----
    SaturationWarning
        The features have rank ``n_samples - 1``, so that the score is the same for any labels.
    PrecisionWarning, SingleClassWarning
        As :func:`h_score` does.

    Notes
    -----
    For two classes it is the adjusted :math:`R^2` of the least-squares fit to the 0/1 label, and
    for one continuous target that of the fit to it. The cost is that of :func:`h_score`.

    Examples
    --------
    >>> import numpy as np
    >>> from hscore_fast import adjusted_h_score, h_score
    >>> noise = np.random.default_rng(0).standard_normal((200, 100))
    >>> labels = np.arange(200) % 3
    >>> round(h_score(noise, labels), 1), round(adjusted_h_score(noise, labels), 1)
    (1.0, 0.1)
    """
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        check_finite=check_finite,
        ignore_label=ignore_label,
        progress=progress,
    )
    result = score_result(features, labels, precision, tol, options, task)
    return float("nan") if result is None else adjusted(result, task)


def chance_level(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    task: str = "classes",
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
    progress: Progress | None = None,
) -> float:
    r"""Compute the mean H-score of these features under all permutations of the labels.

    .. math:: E[H] = \frac{r\,q}{M}

    with :math:`q = C - 1`, :math:`M = N - 1` and the features' rank :math:`r`.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`h_score`.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`; only their number of classes matters, or their rank.
    task : {"classes", "multilabel", "regression"}, default "classes"
        As for :func:`h_score`. With another task than classes q is the rank of the labels.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of a table.
    precision, tol, n_threads, check_finite, ignore_label, progress
        As for :func:`h_score`.

    Returns
    -------
    float
        Between 0 and q.

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`h_score` does.

    Notes
    -----
    Exact, not an approximation. The cost is that of :func:`h_score`, because the rank has to be
    found; where the score is wanted too, :func:`adjusted_h_score` compares them.

    Examples
    --------
    >>> import numpy as np
    >>> from hscore_fast import chance_level
    >>> noise = np.random.default_rng(0).standard_normal((201, 100))
    >>> chance_level(noise, np.arange(201) % 3)
    1.0
    """
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        check_finite=check_finite,
        ignore_label=ignore_label,
        progress=progress,
    )
    result = score_result(features, labels, precision, tol, options, task)
    return float("nan") if result is None else chance(result)
