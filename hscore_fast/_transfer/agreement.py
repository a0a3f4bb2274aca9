"""One ranking of sources from their scores on many targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.options import as_one_of

__all__ = ["consensus", "pairwise_wins", "priority_weights"]

Floats = NDArray[np.float64]

METHODS = ("mean", "spectral")


def consensus(
    scores: ArrayLike, *, method: str = "mean", clip: float = 0.001, rtol: float = 1e-9
) -> Floats:
    """Combine the scores of sources on many targets into one number for each source.

    Parameters
    ----------
    scores : array_like of shape (n_sources, n_targets)
        Larger is better.
    method : {"mean", "spectral"}, default "mean"
        "mean" is the mean over the targets. It compares scores of different targets, which differ
        in their number of classes and in how hard they are: divide by an optimum first, as
        :func:`transferability` does. "spectral" looks only at which of two sources does better on
        each target, so that the scale of a target does not matter: the weights of
        :func:`hscore_fast.consensus.priority_weights` for the ratios of pairwise wins. Taskonomy
        orders the sources of a task so [1]_, and the study of the H-score follows it [2]_.
    clip : float, default 0.001
        For "spectral": shares of wins are kept within ``clip`` and ``1 - clip``, so that a source
        that always wins is ``(1 - clip) / clip`` times as good and not infinitely better.
    rtol : float, default 1e-9
        For "spectral": relative difference up to which two scores are a tie, half a win for each.

    Returns
    -------
    ndarray of float64, shape (n_sources,)
        Larger is better. Mean scores, or positive weights that sum to 1.

    Raises
    ------
    ValueError
        If the scores are not a matrix, hold a NaN or an infinity (the message says where), or an
        option is out of range.
    TypeError
        If the scores are not real numbers.

    Notes
    -----
    A source that scores at least as well as another on every target is ranked at least as high by
    both methods. ``numpy.argsort(-weights, kind="stable")`` gives the order. Of sources among which
    no target sees a difference all weights are equal.

    References
    ----------
    .. [1] A. Zamir, A. Sax, W. Shen, L. Guibas, J. Malik, S. Savarese, "Taskonomy: Disentangling
       Task Transfer Learning", CVPR 2018.
    .. [2] Y. Bao, Y. Li, S.-L. Huang, L. Zhang, L. Zheng, A. Zamir, L. Guibas, "An
       Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019.

    Examples
    --------
    >>> from hscore_fast import consensus
    >>> scores = [[0.9, 0.8, 3.0], [0.7, 0.6, 9.0], [0.1, 0.2, 1.0]]
    >>> consensus(scores).round(3)
    array([1.567, 3.433, 0.433])
    >>> consensus(scores, method="spectral").round(3)
    array([0.613, 0.386, 0.   ])
    """
    as_one_of("method", method, METHODS)
    table = _as_scores(scores)
    if method == "mean":
        means: Floats = table.mean(axis=1)
        return means
    if not 0 < clip < 0.5:
        raise ValueError(f"clip must lie between 0 and 0.5, got {clip}")
    wins = np.clip(pairwise_wins(table, rtol=rtol), clip, 1 - clip)
    return priority_weights(wins / wins.T)


def pairwise_wins(scores: ArrayLike, *, rtol: float = 1e-9) -> Floats:
    """Count how often each source does better than each other one.

    Parameters
    ----------
    scores : array_like of shape (n_sources, n_targets)
        Larger is better.
    rtol : float, default 1e-9
        Relative difference up to which two scores are a tie, half a win for each.

    Returns
    -------
    ndarray of float64, shape (n_sources, n_sources)
        Entry (i, j) is the share of the targets on which source i does better than source j; it and
        entry (j, i) sum to 1, and the diagonal is 0.5.

    Raises
    ------
    ValueError, TypeError
        As :func:`hscore_fast.consensus` does.

    Examples
    --------
    >>> from hscore_fast.consensus import pairwise_wins
    >>> pairwise_wins([[0.9, 0.8, 3.0, 1.0], [0.7, 0.6, 9.0, 1.0]])
    array([[0.5  , 0.625],
           [0.375, 0.5  ]])
    """
    table = _as_scores(scores)
    if not 0 <= rtol < 1:
        raise ValueError(f"rtol must be at least 0 and below 1, got {rtol}")
    wins = np.empty((len(table), len(table)))
    for source, own in zip(wins, table, strict=True):
        ahead = own - table
        tied = np.abs(ahead) <= rtol * np.maximum(np.abs(own), np.abs(table))
        source[:] = np.where(tied, 0.5, ahead > 0).mean(axis=1)
    return wins


def priority_weights(ratios: ArrayLike) -> Floats:
    r"""Compute the weights behind a matrix of pairwise ratios, as the analytic hierarchy does.

    They are the principal eigenvector :math:`w` of the matrix of the estimates of
    :math:`w_i / w_j` [1]_, and exactly :math:`w` where the estimates do not contradict each other.

    Parameters
    ----------
    ratios : array_like of shape (n, n)
        How many times better i is than j; positive, with ``ratios[i, j] * ratios[j, i] == 1``.

    Returns
    -------
    ndarray of float64, shape (n,)
        Positive weights that sum to 1.

    Raises
    ------
    ValueError
        If the matrix is not square, not positive or not reciprocal.
    TypeError
        If the entries are not real numbers.

    References
    ----------
    .. [1] T. L. Saaty, "A Scaling Method for Priorities in Hierarchical Structures", Journal of
       Mathematical Psychology 15 (1977).

    Examples
    --------
    >>> from hscore_fast.consensus import priority_weights
    >>> priority_weights([[1, 2, 6], [1 / 2, 1, 3], [1 / 6, 1 / 3, 1]]).round(12)
    array([0.6, 0.3, 0.1])
    """
    matrix = _as_matrix(ratios, "ratios")
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"ratios must be square, got shape {matrix.shape}")
    if not (np.isfinite(matrix).all() and (matrix > 0).all()):
        row, column = np.argwhere(~((matrix > 0) & np.isfinite(matrix)))[0].tolist()
        raise ValueError(
            f"ratios must be positive and finite, got {matrix[row, column]} in [{row}, {column}]"
        )
    if np.abs(matrix * matrix.T - 1).max() > 1e-6:
        row, column = np.argwhere(np.abs(matrix * matrix.T - 1) > 1e-6)[0].tolist()
        raise ValueError(
            f"ratios must be reciprocal, got {matrix[row, column]} in [{row}, {column}] and "
            f"{matrix[column, row]} in [{column}, {row}]: their product must be 1"
        )
    values, vectors = np.linalg.eig(matrix)
    weights: Floats = np.abs(vectors[:, np.argmax(values.real)].real)
    # The solver's error is relative to the largest weight; a product of positive numbers loses no
    # digits of small ones.
    for _ in range(8):
        weights = matrix @ weights
        weights /= weights.sum()
    return weights


def _as_scores(scores: Any) -> Floats:
    table = _as_matrix(scores, "scores")
    bad = ~np.isfinite(table)
    if bad.any():
        source, target = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"scores must be finite, got {table[source, target]} for source {source} and target "
            f"{target}{f', and {bad.sum() - 1} more' if bad.sum() > 1 else ''}: leave out the "
            "sources or the targets whose scores are undefined"
        )
    return table


def _as_matrix(values: Any, name: str) -> Floats:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        wanted = "(n_sources, n_targets)" if name == "scores" else "(n, n)"
        raise ValueError(f"{name} must have shape {wanted}, not empty, got {array.shape}")
    return array.astype(np.float64)
