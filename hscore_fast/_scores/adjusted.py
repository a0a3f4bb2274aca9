"""The H-score corrected for what random labels would give."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from hscore_fast._inputs.features import Address, Progress
from hscore_fast._results.warnings import SaturationWarning
from hscore_fast._scores.h_score import doubt, score_result

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = [
    "adjusted",
    "adjusted_doubt",
    "adjusted_h_score",
    "adjusted_value",
    "chance",
    "chance_level",
]


def adjusted_h_score(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
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
    precision, tol, n_threads, check_finite, progress
        As for :func:`h_score`.

    Returns
    -------
    float
        At most ``n_classes - 1``; negative when the features do worse than chance; nan where it is
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
    For two classes it is the adjusted :math:`R^2` of the least-squares fit to the 0/1 label. The
    cost is that of :func:`h_score`.

    Examples
    --------
    >>> import numpy as np
    >>> from hscore_fast import adjusted_h_score, h_score
    >>> noise = np.random.default_rng(0).standard_normal((200, 100))
    >>> labels = np.arange(200) % 3
    >>> round(h_score(noise, labels), 1), round(adjusted_h_score(noise, labels), 1)
    (1.0, 0.1)
    """
    result = score_result(features, labels, precision, tol, n_threads, check_finite, progress)
    return float("nan") if result is None else adjusted(result)


def chance_level(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
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
        As for :func:`h_score`; only their number of classes matters.
    precision, tol, n_threads, check_finite, progress
        As for :func:`h_score`.

    Returns
    -------
    float
        Between 0 and ``n_classes - 1``.

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
    result = score_result(features, labels, precision, tol, n_threads, check_finite, progress)
    return float("nan") if result is None else chance(result)


def chance(result: HScore) -> float:
    """Give the mean score under permuted labels."""
    if not result.total_weight > 1:
        raise ValueError(f"the weights must sum to more than 1, got {result.total_weight}")
    return result.rank * (result.n_classes - 1) / (result.total_weight - 1)


def adjusted(result: HScore, stacklevel: int = 3) -> float:
    """Adjust a score, and warn the caller's caller where that is not possible or not precise."""
    reason = adjusted_doubt(result)
    if reason is not None:
        warnings.warn(reason, stacklevel=stacklevel)
    return adjusted_value(result)


def adjusted_value(result: HScore) -> float:
    """Adjust a score; nan where that is not possible."""
    freedom = result.total_weight - 1 - result.rank
    if result.n_classes == 1:
        return 0.0
    if freedom <= 0:
        return float("nan")
    most = result.n_classes - 1
    return most - (most - result.score) * (result.total_weight - 1) / freedom


def adjusted_doubt(result: HScore) -> Warning | None:
    """Say why an adjusted score means little or nothing, if that is so."""
    if result.total_weight - 1 - result.rank <= 0 and result.n_classes > 1:
        return SaturationWarning(
            f"the features have rank {result.rank} for {result.total_weight:.10g} samples, so that "
            "the H-score is the same whatever the labels are and the adjusted score is undefined "
            "(nan): use more samples, fewer features or regularized_h_score"
        )
    return doubt(result)
