"""A score with the evidence for it."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from hscore_fast._files.rows import check_rows
from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import Progress, as_confidence, as_one_of
from hscore_fast._problem import as_input_options
from hscore_fast._results.report import HScoreReport
from hscore_fast._results.reporting import report_of
from hscore_fast._scores.influence import influence

__all__ = ["evaluate"]

METHODS = ("pillai", "permutation")


def evaluate(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    confidence: float = 0.95,
    method: str | None = None,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    groups: ArrayLike | None = None,
    n_blocks: int = 20,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
    progress: Progress | None = None,
) -> HScoreReport:
    r"""Compute the H-score with its chance level, standard error, confidence interval and p-value.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`h_score`: in memory, or the address of a file.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`.
    confidence : float, default 0.95
        Of the interval for the adjusted score.
    method : {"pillai", "permutation"}, optional
        Where the p-value comes from. "pillai", the default without groups, is the F test of a
        one-way MANOVA, right for features that are not too far from Gaussian: with heavy tails and
        rare classes it finds too much (up to five times too often at the 5 % level).
        "permutation", the default with groups, compares with labels dealt anew to the rows, or to
        whole groups: with all deals where these are few, by their mean and variance [1]_ where
        those describe them, otherwise with up to 9,999 random deals, always the same.
    shrinkage, convention
        Of the regularized score, as for :func:`regularized_h_score`.
    groups : array_like of shape (n_samples,), or address, optional
        Labels of any kind: rows of the same group belong together, as crops of one picture or
        frames of one recording do. Errors, interval, chance level and p-value then go by groups,
        and whole groups are held out together. Needed wherever rows are no separate observations:
        see docs/assumptions.md.
    n_blocks : int, default 20
        For features that can be read only once: the number of blocks of the jackknife. The
        statistics of all are kept, ``8 * n_features**2`` bytes each. Of no effect otherwise.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of a table.
    precision, tol, n_threads, check_finite, ignore_label, progress
        As for :func:`h_score`. If values are not finite and that is allowed, all results are nan.

    Returns
    -------
    HScoreReport

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`h_score` and :func:`regularized_h_score` do; also for a confidence that is not
        between 0 and 1, an unknown method, fewer than 2 blocks or groups, "permutation" of
        features that are read in blocks, and "pillai" with groups.

    Warns
    -----
    SaturationWarning, PrecisionWarning, SingleClassWarning
        As :func:`adjusted_h_score` does. The report holds the text, too.

    Notes
    -----
    The standard error is that of the delete-one jackknife, from what each row does to the score.
    The row's leverage is exact, or comes from a random sketch where there are many features and at
    least eight times as many rows; that moves the error by less than one percent. A correction for
    the number of features follows: :math:`\mathrm{SE}_J / \sqrt{1 - k}` for the adjusted score and
    :math:`\mathrm{SE}_J \sqrt{1 - k}` for the plain one, :math:`k = r / (N-1)`.
    In simulations with :math:`k` from .02 to .9 its 95 % intervals covered the mean in 93 to 99 %
    of the cases. Features that are read in blocks get the same from blocks of rows that are left
    out together; a block is every `n_blocks`-th row of each class. With groups every group is left
    out in turn, exactly, and of features that are read in blocks every block has whole groups. The
    chance level is then

    .. math:: \frac{q_b r_b}{G - 1} + \frac{(q - q_b) (r - r_b)}{N - G}

    with the :math:`q_b` of the :math:`q = C - 1` dimensions of the classes, and the :math:`r_b` of
    the rank r of the features, that lie between the G groups. It takes the place of
    :math:`q r / (N - 1)`, and its share of q that of k. The error says how the score varies
    with the samples, not how the features would do on other data.

    The held-out score and the accuracy are those of :func:`cross_validate`, at its price. The rest
    reads the rows three times. The fits of all rows cost ``2 n_samples n_features n_classes``
    operations, their leverages ``128 n_samples n_features`` from a sketch and ``n_samples
    n_features**2``, as much as the score in float64, without.

    References
    ----------
    .. [1] F. Kazi-Aoual, S. Hitier, R. Sabatier, J.-D. Lebreton, "Refined approximations to
       permutation tests for multivariate inference", Computational Statistics & Data Analysis 20
       (1995).

    Examples
    --------
    >>> import numpy as np
    >>> from hscore_fast import evaluate
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(["cat", "dog"], 100)
    >>> features = rng.standard_normal((200, 5)) + (labels == "dog")[:, None]
    >>> report = evaluate(features, labels)
    >>> round(report.adjusted_h_score, 2), round(report.standard_error, 2)
    (0.54, 0.04)
    >>> report.p_value < 1e-20
    True
    """
    as_confidence(confidence)
    if method is None:
        # Rows of a file that is read once cannot be permuted.
        method = "pillai" if groups is None else "groups"
    else:
        as_one_of("method", method, METHODS)
        if groups is not None and method == "pillai":
            raise ValueError(
                "method='pillai' takes every row as a separate observation, which rows of a group "
                "are not: leave method out or pass method='permutation'"
            )
    check_rows(features, labels=labels, groups=groups)
    evidence = influence(
        features,
        labels,
        options=as_input_options(
            columns=columns,
            drop=drop,
            keep=keep,
            n_threads=n_threads,
            check_finite=check_finite,
            ignore_label=ignore_label,
            progress=progress,
        ),
        regularized=True,
        shrinkage=shrinkage,
        convention=convention,
        permute=method != "pillai",
        must_permute=method == "permutation",
        n_blocks=n_blocks,
        precision=precision,
        tol=tol,
        held_out=True,
        groups=groups,
    )
    return report_of(evidence, confidence, "permutation" if method == "groups" else method)
