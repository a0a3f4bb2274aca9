"""One feature matrix against many targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.checks import check_two_rows
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import TargetOptions, as_progress, as_target_options
from hscore_fast._moments.from_files import target_sums_of
from hscore_fast._moments.target_moments import score_sums
from hscore_fast._problem import Problems, as_input_options, open_problems
from hscore_fast._results.doubts import ScoredTargets, warn_about_targets
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import TargetScores

__all__ = ["h_scores", "score_targets"]


def h_scores(
    features: ArrayLike | Address,
    targets: ArrayLike | Iterable[ArrayLike],
    *,
    regularized: bool = False,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
    progress: Callable[[int, int], object] | None = None,
) -> NDArray[np.float64]:
    """Compute the H-scores of one feature matrix for many targets.

    The covariance is formed and factored once, so that a target costs little more than summing the
    rows by class. The published study of 3-D scenes, for one, scores 4,096 targets at a time [1]_.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`h_score`; or the address of a file, which is read once, in blocks, where it
        cannot be mapped.
    targets : array_like of shape (n_targets, n_samples), or iterable of label vectors
        Each target's labels, of any kind that :func:`h_score` takes, or the address of a file; the
        targets need not have the same classes, nor labels of the same kind.
    regularized : bool, default False
        Compute what :func:`regularized_h_score` does instead.
    shrinkage, convention
        As for :func:`regularized_h_score`; of no effect on plain scores.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of a table.
    precision : {"auto", "float64", "float32"}, default "auto"
        Where the rows are whitened (see Notes), the type in which they are kept and added up:
        "float32" is about twice as fast and right to about 1e-7. "auto" takes it for float32 and
        narrower features, float64 for all others. The covariance is computed in float64 always.
    tol : float, optional
        As for :func:`h_score`.
    n_threads : int, optional
        As for :func:`h_score`.
    check_finite : bool, default True
        Refuse NaN and infinity. If False all results are then NaN.
    ignore_label : object or list of objects, optional
        As for :func:`h_score`, of each target by itself: its score is that of its own rows. Targets
        that ignore the same rows share one covariance; each other set of rows costs another one.
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of targets, now and then and at the end.

    Returns
    -------
    ndarray of float64, shape (n_targets,)
        What :func:`h_score`, or :func:`regularized_h_score`, returns for each target.

    Raises
    ------
    ValueError
        If there is no target, a target's length is not the number of rows, a label is missing, a
        value is not finite, or an option is unknown. The message names the target.
    TypeError
        If the features are not real numbers or a target's labels cannot be told apart.
    MemoryError
        If the statistics or the whitened rows do not fit.
    FileNotFoundError, OSError, ModuleNotFoundError
        As :func:`h_score` does for files.

    Warns
    -----
    SaturationWarning
        The features have rank ``n_samples - 1``: every score is its number of classes less one.
    PrecisionWarning
        Fewer than six digits of some score are certain.
    SingleClassWarning
        Some targets have one class, and the score 0.

    Notes
    -----
    Beyond the scatter and its factor, ``16 * n_features**2`` bytes, the class codes take
    ``4 * n_targets * n_samples``. Where all targets together have fewer classes than there are
    rows, their class sums are whitened: ``8 * n_features`` bytes for each class. Otherwise all rows
    are whitened once: ``4 * n_samples * n_features`` bytes with "float32", twice that with
    "float64". A file that is read in blocks takes the first way always, in float64. For rows that
    come from elsewhere in batches there is :class:`TargetMoments`.

    References
    ----------
    .. [1] Y. Bao, Y. Li, S.-L. Huang, L. Zhang, L. Zheng, A. Zamir, L. Guibas, "An
       Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019.

    Examples
    --------
    >>> from hscore_fast import h_scores
    >>> features = [[0.0], [1.0], [2.0], [3.0]]
    >>> h_scores(features, [["a", "a", "b", "b"], [0, 1, 0, 1], [1, 2, 3, 4]]).round(12)
    array([0.8, 0.2, 1. ])
    """
    how = as_target_options(regularized, shrinkage, convention, precision, tol, n_threads)
    progress = as_progress(progress)
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        check_finite=check_finite,
        ignore_label=ignore_label,
    )
    problems = open_problems(features, targets, options)
    total = sum(len(group.places) for group in problems)
    tell = None if progress is None else lambda done: progress(done, total)
    scores = np.full(total, np.nan)
    found = score_targets(problems, how, tell)
    for scored in found:
        scores[scored.places] = scored.result.scores
    warn_about_targets(found, total, regularized)
    return scores


def score_targets(
    problems: Sequence[Problems],
    how: TargetOptions,
    progress: Callable[[int], object] | None = None,
    error_rows: int = 0,
) -> list[ScoredTargets]:
    """Score several targets, but for those with values that are not finite where that is allowed.

    Parameters
    ----------
    problems : sequence of Problems
        Of targets that count the same rows each.
    how : TargetOptions
    progress : callable, optional
        Told how many targets are done.
    error_rows : int
        Rows from which standard errors are estimated; 0 for none.
    """
    found = []
    before = 0
    for group in problems:

        def tell(done: int, before: int = before) -> object:
            return None if progress is None else progress(before + done)

        result = _score_group(group, how, None if progress is None else tell, error_rows)
        if result is not None:
            found.append(ScoredTargets(list(group.places), result))
        before += len(group.places)
    return found


def _score_group(
    problems: Problems,
    how: TargetOptions,
    progress: Callable[[int], object] | None,
    error_rows: int,
) -> TargetScores | None:
    check_two_rows(problems.n_samples, n_given=problems.n_given)
    if problems.source is None:
        x = problems.in_memory
        narrow_rows = how.precision == "float32" or (how.precision == "auto" and x.narrow)
        result = core.h_scores(
            x.array,
            x.bfloat16,
            problems.codes,
            problems.n_classes,
            narrow_rows,
            how.tol,
            how.regularized,
            how.shrinkage,
            how.intensity,
            how.paper,
            error_rows,
            problems.threads,
            progress,
        )
    else:
        problems.check_read_once(how.precision)
        result = score_sums(target_sums_of(problems, progress), how)
        if progress is not None:
            progress(len(problems.codes))
    return result if problems.is_scored(result.finite) else None
