"""Scores of a source model's predictions: LEEP and NCE."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.rows import check_rows
from hscore_fast._inputs.checks import check_lengths
from hscore_fast._inputs.labels import encode
from hscore_fast._inputs.values import as_values

__all__ = ["leep", "nce"]


def leep(predictions: ArrayLike, labels: ArrayLike) -> float:
    r"""Compute LEEP, the log expected empirical prediction.

    .. math:: \frac{1}{N} \sum_i \log \sum_z \hat P(y_i \mid z)\, \theta(x_i)_z

    where :math:`\theta(x)` are the probabilities that the source model gives its own classes z, and
    :math:`\hat P(y \mid z)` is found from them and the labels [1]_.

    Parameters
    ----------
    predictions : array_like of shape (n_samples, n_source_classes)
        Probabilities: not negative, each row of sum 1.
    labels : array_like of shape (n_samples,)
        The target's, as for :func:`hscore_fast.h_score`.

    Returns
    -------
    float
        At most 0, which is a target that the source's predictions give with certainty.

    Raises
    ------
    ValueError, TypeError
        If the predictions are not probabilities, the lengths differ or the labels are no classes.

    References
    ----------
    .. [1] C. V. Nguyen, T. Hassner, M. Seeger, C. Archambeau, "LEEP: A New Measure to Evaluate
       Transferability of Learned Representations", ICML 2020.

    Examples
    --------
    >>> from hscore_fast.rivals import leep
    >>> round(leep([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], ["cat", "cat", "dog"]), 4)
    -0.2449
    """
    check_rows(predictions, "predictions", labels=labels)
    theta = as_values(predictions, "regression", "predictions")
    codes, classes = encode(labels)
    check_lengths(len(theta), len(codes))
    sums = theta.sum(axis=1)
    bad = np.flatnonzero((np.abs(sums - 1) > 1e-3) | (theta < 0).any(axis=1))
    if bad.size:
        row = int(bad[0])
        raise ValueError(
            f"predictions must be probabilities, not negative and of sum 1 in each row; row {row} "
            f"has the sum {sums[row]:.6g} and the least value {theta[row].min():.6g}: apply a "
            "softmax to scores"
        )
    given = _conditional(_joint(theta, codes, len(classes)))
    return float(np.mean(np.log((theta * given[codes]).sum(axis=1))))


def nce(source_labels: ArrayLike, target_labels: ArrayLike) -> float:
    r"""Compute NCE, the negative conditional entropy :math:`-H(y \mid z)`.

    The target's labels y are in doubt by so much where the source's labels z of the same samples
    are known [1]_.

    Parameters
    ----------
    source_labels : array_like of shape (n_samples,)
        A label of each sample in the source task; of a source model, the class that it predicts.
    target_labels : array_like of shape (n_samples,)
        The target's. Both as for :func:`hscore_fast.h_score`.

    Returns
    -------
    float
        At most 0, which is a target that is a function of the source's labels.

    Raises
    ------
    ValueError, TypeError
        If the lengths differ or either are no classes.

    References
    ----------
    .. [1] A. T. Tran, C. V. Nguyen, T. Hassner, "Transferability and Hardness of Supervised
       Classification Tasks", ICCV 2019.

    Examples
    --------
    >>> from hscore_fast.rivals import nce
    >>> round(nce([0, 0, 1, 1], ["cat", "dog", "dog", "dog"]), 4)
    -0.3466
    """
    check_rows(source_labels, "source_labels", target_labels=target_labels)
    z, sources = encode(source_labels)
    codes, classes = encode(target_labels)
    if len(z) != len(codes):
        raise ValueError(
            f"source_labels and target_labels must be as many, got {len(z)} and {len(codes)}"
        )
    joint = np.zeros((len(classes), len(sources)))
    np.add.at(joint, (codes, z), 1)
    seen = joint > 0
    return float((joint[seen] * np.log(_conditional(joint)[seen])).sum() / len(z))


def _joint(
    theta: NDArray[np.float64], codes: NDArray[np.int32], n_classes: int
) -> NDArray[np.float64]:
    joint = np.zeros((n_classes, theta.shape[1]))
    np.add.at(joint, codes, theta)
    return joint


def _conditional(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give P(y | z); 0 for a z that never occurs."""
    given: NDArray[np.float64] = joint / np.where(joint.any(axis=0), joint.sum(axis=0), 1)
    return given
