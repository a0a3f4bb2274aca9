"""LogME, from statistics or features, of one target or of thousands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import as_integer
from hscore_fast._inputs.values import as_task
from hscore_fast._moments.from_files import moments_of_problem, target_sums_of
from hscore_fast._moments.joint import joint_moments, open_values
from hscore_fast._moments.moments import Moments
from hscore_fast._moments.state import scorable_core
from hscore_fast._problem import (
    InputOptions,
    Problems,
    as_input_options,
    open_problem,
    open_problems,
)
from hscore_fast._results.warnings import PrecisionWarning, SingleClassWarning, warn_caller
from hscore_fast._variants import core
from hscore_fast.rivals.evidence import Coordinates, fixed_point, largest_evidence
from hscore_fast.rivals.spectrum import (
    Spectrum,
    spectrum_of_moments,
    spectrum_of_rows,
)

__all__ = ["log_me", "log_me_of_targets"]

Array = NDArray[np.float64]

_CLASSES = 1024  # of a group of targets that are worked on together


def log_me(
    features: ArrayLike | Address | Moments,
    labels: ArrayLike | Address | None = None,
    *,
    task: str = "classes",
    rounds: int | None = None,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    n_threads: int | None = None,
    ignore_label: Any = None,
) -> float:
    r"""Compute LogME: the largest log evidence per sample of a linear model of the target.

    .. math:: \frac{1}{N} \max_{\alpha, \beta}
        \log \mathcal{N}\big(y;\, 0,\ \beta^{-1} I + \alpha^{-1} F F^\top\big)

    where :math:`F` are the features and :math:`y` is the 0/1 indicator of a class, or a target that
    is continuous. Of several classes or targets the score is the mean [1]_.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features), address or Moments
        As for :func:`hscore_fast.h_score`; or the statistics of features and labels, which must
        then not be given. The features are taken as they are, not centred: their mean matters.
    labels : array_like of shape (n_samples,) or (n_samples, n_targets), or address
        As `task` says.
    task : {"classes", "multilabel", "regression"}
        Whether the labels are classes, as for :func:`hscore_fast.h_score`, columns of 0 and 1, or
        columns of numbers.
    rounds : int, optional
        Stop MacKay's iteration after at most so many rounds, or where a round changes
        :math:`\alpha / \beta` by less than a thousandth. The published code takes 11. By default
        the maximum is found, which fewer samples than features often need many more rounds for.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`hscore_fast.h_score`, of a table.
    n_threads : int, optional
        As for :func:`hscore_fast.h_score`; the eigen-decomposition is NumPy's and takes the threads
        of its LAPACK.
    ignore_label : object or list of objects, optional
        As for :func:`hscore_fast.h_score`, of classes.

    Returns
    -------
    float
        More is better. It has no scale: it depends on the number of classes and on their sizes, so
        that it compares features for one target. Infinite for a class that the features give
        exactly, with more samples than features.

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`hscore_fast.h_score` does, or if a target is 0 in all rows.

    Warns
    -----
    PrecisionWarning
        Fewer than six digits are certain: the features' mean is far larger than their spread, or
        they give a target almost exactly.
    SingleClassWarning
        There is one class.

    Notes
    -----
    For :math:`t = \alpha / \beta` the best :math:`\beta` is known, which leaves a function of one
    variable; its largest value over all t is looked for, so that a second, lower maximum is not
    mistaken for it. One eigen-decomposition of :math:`F^\top F` (of :math:`F F^\top` for arrays of
    fewer samples than features) serves all classes.

    References
    ----------
    .. [1] K. You, Y. Liu, J. Wang, M. Long, "LogME: Practical Assessment of Pre-trained Models for
       Transfer Learning", ICML 2021.

    Examples
    --------
    >>> from hscore_fast.datasets import load_digits
    >>> from hscore_fast.rivals import log_me
    >>> images, digits = load_digits()
    >>> round(log_me(images, digits), 4), round(log_me(images[:, :32], digits), 4)
    (0.2703, 0.0512)
    """
    task = as_task(task)
    rounds = None if rounds is None else as_integer(rounds, "rounds")
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        ignore_label=ignore_label,
    )
    if isinstance(features, Moments):
        _refuse_with_moments(labels, task, options)
        spectrum, products, norms = spectrum_of_moments(scorable_core(features))
    elif labels is None:
        raise TypeError("labels must be given unless features is a Moments")
    elif task == "classes":
        spectrum, products, norms = _of_classes(features, labels, options)
    else:
        spectrum, products, norms = _of_values(features, labels, task, options)
    _warn_of_offset(spectrum)
    return float(np.mean(_evidence(spectrum.coordinates(products, norms), rounds)))


def _refuse_with_moments(labels: Any, task: str, options: InputOptions) -> None:
    if labels is not None:
        raise TypeError("labels must not be given with a Moments, which holds their classes")
    if task != "classes":
        raise ValueError(f'a Moments holds classes: task must be "classes" with it, got {task!r}')
    if options.columns.given or options.ignored:
        raise TypeError(
            "columns, drop, keep and ignore_label must not be given with a Moments: its rows have "
            "been read"
        )


def _of_classes(features: Any, labels: Any, options: InputOptions) -> tuple[Spectrum, Array, Array]:
    problem = open_problem(features, labels, options)
    if problem.n_classes == 1:
        warn_caller(
            SingleClassWarning("labels has a single class, so that LogME says nothing of features")
        )
    if problem.source is None and problem.n_samples < problem.n_features:
        rows = problem.matrix
        if isinstance(rows, np.ndarray) and not problem.bfloat16:
            spectrum = spectrum_of_rows(rows)
            if spectrum is None:
                raise problem.not_finite()
            indicators = np.zeros((problem.n_classes, problem.n_samples))
            indicators[problem.codes, np.arange(problem.n_samples)] = 1
            return spectrum, indicators, indicators.sum(axis=1)
    return spectrum_of_moments(scorable_core(moments_of_problem(problem)))


def _of_values(
    features: Any, labels: Any, task: str, options: InputOptions
) -> tuple[Spectrum, Array, Array]:
    problem = open_values(features, labels, task, options)
    empty = np.flatnonzero(~problem.values.any(axis=0))
    if empty.size:
        raise ValueError(
            f"labels is 0 in all rows of column {empty[0]}, whose evidence has no maximum: leave "
            "the column out"
        )
    moments = joint_moments(problem)
    assert moments is not None  # only finite values were let in
    return spectrum_of_moments(moments, problem.values.shape[1])


def _warn_of_offset(spectrum: Spectrum) -> None:
    """Warn of means whose squares leave too few digits to the spread."""
    if spectrum.offset > 1e9:
        warn_caller(
            PrecisionWarning(
                f"a column's mean is {np.sqrt(spectrum.offset):.1g} times its deviation: LogME "
                "takes features as they are, and rounding leaves it fewer than six digits; "
                "subtract the mean of each column"
            )
        )


def _evidence(c: Coordinates, rounds: int | None) -> Array:
    if rounds is not None:
        return fixed_point(c, rounds)
    value, error = largest_evidence(c)
    worst = float(error.max())
    if worst > 1e-6:
        certain = "not certain at all" if not worst < 1 else f"certain to {worst:.1g} only"
        warn_caller(
            PrecisionWarning(
                f"LogME is {certain}: the features give a target almost exactly, or a few of their "
                "directions are far larger than all others"
            )
        )
    return value


def log_me_of_targets(
    features: ArrayLike | Address,
    targets: ArrayLike | Iterable[ArrayLike],
    *,
    rounds: int | None = None,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    n_threads: int | None = None,
    ignore_label: Any = None,
) -> NDArray[np.float64]:
    """Compute LogME of one feature matrix for many targets of classes.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features), or address
        As for :func:`log_me`.
    targets : array_like of shape (n_targets, n_samples), or iterable of label vectors
        As for :func:`hscore_fast.h_scores`.
    rounds, columns, drop, keep, n_threads
        As for :func:`log_me`.
    ignore_label : object or list of objects, optional
        As for :func:`hscore_fast.h_scores`.

    Returns
    -------
    ndarray of float64, shape (n_targets,)
        Each as :func:`log_me` of that target.

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`hscore_fast.h_scores` does.

    Warns
    -----
    PrecisionWarning
        As :func:`log_me` does.

    Notes
    -----
    One eigen-decomposition for all. Memory is that of :class:`hscore_fast.TargetMoments` twice,
    ``16 * n_features`` bytes for each class of each target.

    Examples
    --------
    >>> from hscore_fast.datasets import load_digits
    >>> from hscore_fast.rivals import log_me_of_targets
    >>> images, digits = load_digits()
    >>> log_me_of_targets(images, [digits, digits % 2]).round(4)
    array([ 0.2703, -0.1948])
    """
    rounds = None if rounds is None else as_integer(rounds, "rounds")
    options = as_input_options(
        columns=columns, drop=drop, keep=keep, n_threads=n_threads, ignore_label=ignore_label
    )
    problems = open_problems(features, targets, options)
    found = np.full(sum(len(problem.places) for problem in problems), np.nan)
    for problem in problems:
        found[list(problem.places)] = _of_targets(problem, rounds)
    return found


def _of_targets(problem: Problems, rounds: int | None) -> list[float]:
    """Score targets that count the same rows."""
    if problem.source is None:
        sums = core.TargetMoments(problem.n_features)
        finite = sums.update(
            *(problem.matrix, problem.codes, problem.n_classes, problem.bfloat16),
            *(True, problem.threads),
        )
        problem.is_scored(finite)
    else:
        sums = target_sums_of(problem, None)
    moments, padded_centre, counts, class_sums = sums.parts()
    centre = padded_centre[: problem.n_features]
    spectrum = spectrum_of_moments(moments)[0]
    _warn_of_offset(spectrum)
    scores: list[float] = []
    for group in _groups(counts):
        c = spectrum.coordinates(
            np.concatenate(
                [
                    class_sums[t].reshape(-1, problem.n_features) + np.outer(counts[t], centre)
                    for t in group
                ]
            ),
            np.concatenate([counts[t] for t in group]),
        )
        evidence = _evidence(c, rounds)
        ends = np.cumsum([len(counts[t]) for t in group])
        scores += [float(part.mean()) for part in np.split(evidence, ends[:-1])]
    return scores


def _groups(counts: list[Array]) -> list[list[int]]:
    """Cut the targets into groups of some hundred classes."""
    groups: list[list[int]] = []
    classes = _CLASSES
    for target, own in enumerate(counts):
        if classes + len(own) > _CLASSES:
            groups.append([])
            classes = 0
        groups[-1].append(target)
        classes += len(own)
    return groups
