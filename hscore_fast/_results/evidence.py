"""One source's score together with what each row, or each block of rows, does to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.column_doubts import column_doubt
from hscore_fast._inputs.columns import EVERY_COLUMN, ColumnRequest
from hscore_fast._inputs.features import (
    Address,
    Progress,
    as_n_threads,
    as_precision,
    as_progress,
    as_tol,
    is_address,
    is_label_address,
)
from hscore_fast._inputs.labels import encode
from hscore_fast._moments.blocks import as_n_blocks, leave_one_out, total_of
from hscore_fast._moments.moments import Moments
from hscore_fast._results.distributions import student_quantile
from hscore_fast._results.warnings import ColumnWarning
from hscore_fast._scores.adjusted import adjusted_value
from hscore_fast._scores.h_score import as_problem, overflow, refuse_non_finite
from hscore_fast._scores.regularized import as_convention, as_shrinkage
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["Evidence", "evidence_of_blocks", "evidence_of_moments", "evidence_of_sums", "influence"]

Values = NDArray[np.float64]

_SATURATED = "none: the rank is the number of samples less one"
_ROWS_GONE = "none: the rows are gone and no blocks of them were kept"


@dataclass(frozen=True)
class Evidence:
    """A score and what it rests on.

    Attributes
    ----------
    result : HScore
        Of the core.
    class_counts : mapping of label to float
        Rows of each class.
    values : ndarray or None
        What each row, or each block of rows, does to the adjusted score: jackknife values, whose
        mean is 0. Their root mean square over the square root of their number is its standard
        error; two sources over the same rows are compared by the differences of their values.
    basis : str
        "influence" if the values are of rows, "jackknife" if of blocks, or "none: " and why.
    error : float
        The standard error of the adjusted score.
    regularized : float
        The regularized score; nan unless it was asked for.
    squared_leverages : float
        Sum of the squared leverages; nan unless it was asked for.
    left_out : mapping of str to str
        Columns of a table that are not among the features, and why.
    column_doubt : ColumnWarning or None
        What speaks against columns that are.
    """

    result: HScore
    class_counts: Mapping[Any, float]
    values: Values | None
    basis: str
    error: float
    regularized: float = math.nan
    squared_leverages: float = math.nan
    left_out: Mapping[str, str] = field(default_factory=dict)
    column_doubt: ColumnWarning | None = None

    @property
    def adjusted(self) -> float:
        """The adjusted score."""
        return adjusted_value(self.result)

    @property
    def free_share(self) -> float:
        """How much of the room there is the features leave: 1 - rank / (N - 1)."""
        return 1 - self.result.rank / (self.result.total_weight - 1)

    def quantile(self, confidence: float) -> float:
        """How many standard errors an interval reaches to either side."""
        if self.basis == "jackknife" and self.values is not None:
            return student_quantile(confidence, len(self.values) - 1)
        from statistics import NormalDist  # takes longer to import than all of this package

        return NormalDist().inv_cdf((1 + confidence) / 2)


def influence(
    features: ArrayLike | Address,
    labels: ArrayLike | Address,
    *,
    regularized: bool = False,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    leverages: bool = False,
    n_blocks: int = 20,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
    request: ColumnRequest = EVERY_COLUMN,
) -> Evidence | None:
    """Score one source and say what each row does to the score.

    Takes what :func:`hscore_fast.h_score` does. The rows are read twice, at little more than the
    price of the score; of a file that is read in blocks, once, only blocks of rows can be told
    apart, and the statistics of all `n_blocks` are kept. None if values are not finite and that is
    allowed.

    Notes
    -----
    A row's value is ``(N - 1) (H - H without the row)``, centred, over ``sqrt(1 - k)`` with
    ``k = rank / (N - 1)``. That the row is left out takes ``1 / (1 - k)`` for the adjusted score;
    jackknife estimates are too large by ``1 / sqrt(1 - k)``, since each row that is left out makes
    the others weigh more: in simulations from ``k`` = .02 to .9 the standard error was 0.99 to 1.07
    of the true one, and more where nothing is to be found.
    """
    precision = as_precision(precision)
    tolerance = as_tol(tol, precision)
    method, intensity = as_shrinkage(shrinkage)
    paper = as_convention(convention) == "paper"
    as_n_blocks(n_blocks)
    threads = as_n_threads(n_threads)
    progress = as_progress(progress)
    if is_address(features) or is_label_address(labels):
        from hscore_fast._moments import from_files  # reads files only when asked to

        source, labels = from_files.open_inputs(features, labels, request)
        if source.mapped is None:
            from_files.check_read_once(source, precision)
            if leverages:
                raise _no_leverages(f"{source.what}, which is read in blocks, once")
            parts = from_files.stream_parts(
                *(source, labels, n_blocks),
                n_threads=n_threads,
                check_finite=check_finite,
                progress=progress,
            )
            evidence = evidence_of_blocks(
                total_of(parts),
                parts,
                shrinkage=shrinkage if regularized else None,
                convention=convention,
                tol=tol,
                n_threads=n_threads,
            )
            codes, classes = encode(cast(ArrayLike, labels))
            doubt = column_doubt(source.suspects, codes, len(classes))
            if evidence is None:
                return None
            return replace(evidence, left_out=source.left_out, column_doubt=doubt)
        features = source.mapped
    x, codes, classes = as_problem(features, labels, request)
    found = core.evaluate(
        *(x.array, codes, len(classes), x.bfloat16, precision, tolerance, leverages),
        *(regularized, method, intensity, paper, threads, progress),
    )
    if found is None:
        if not check_finite:
            return None
        refuse_non_finite(x, threads)
        raise overflow()
    result, rows, squared_leverages, shrunk = found
    counts = np.bincount(codes, minlength=len(classes)).astype(float)
    evidence = _evidence(
        result,
        dict(zip(classes, counts.tolist(), strict=True)),
        rows,
        "influence",
        math.nan if shrunk is None else shrunk.score,
        squared_leverages,
    )
    doubt = column_doubt(x.suspects, codes, len(classes))
    return replace(evidence, left_out=x.left_out, column_doubt=doubt)


def evidence_of_moments(
    moments: Moments,
    *,
    shrinkage: str | float | None = None,
    convention: str = "tllib",
    tol: float | None = None,
    n_threads: int | None = None,
) -> Evidence | None:
    """Score statistics; without rows there is no standard error."""
    return evidence_of_blocks(
        moments, (), shrinkage=shrinkage, convention=convention, tol=tol, n_threads=n_threads
    )


def evidence_of_blocks(
    total: Moments,
    parts: Sequence[Moments],
    *,
    shrinkage: str | float | None = None,
    convention: str = "tllib",
    tol: float | None = None,
    n_threads: int | None = None,
) -> Evidence | None:
    """Score statistics of which `parts` are the parts, or nothing; the regularized score too."""
    result = total._result(tol, n_threads)
    if result is None:
        return None
    regularized = math.nan
    if shrinkage is not None:
        regularized = total._regularized(shrinkage, convention, n_threads).score
    scores = np.array([r.score for r in leave_one_out(total, parts, tol, n_threads)])
    values = None
    if len(scores) > 1:
        values = (len(scores) - 1) * (result.score - scores)
    return _evidence(result, total._class_counts(), values, "jackknife", regularized)


def _evidence(
    result: HScore,
    class_counts: Mapping[Any, float],
    values: Values | None,
    basis: str,
    regularized: float = math.nan,
    squared_leverages: float = math.nan,
) -> Evidence:
    """Scale and centre jackknife values of the plain score."""
    scale = _scale(result)
    error = math.nan
    if values is None:
        basis = _ROWS_GONE
    elif scale is None:
        values, basis = None, _SATURATED
    else:
        values = (values - values.mean()) * scale
        n = len(values)
        error = math.sqrt(float(np.sum(values * values)) / (n * (n - 1)))
    return Evidence(result, class_counts, values, basis, error, regularized, squared_leverages)


def evidence_of_sums(
    moments: Moments,
    n: int,
    total: float,
    squares: float,
    *,
    shrinkage: str | float,
    convention: str,
    tol: float | None,
) -> Evidence | None:
    """Score statistics whose rows' jackknife values were summed elsewhere."""
    evidence = evidence_of_moments(moments, shrinkage=shrinkage, convention=convention, tol=tol)
    if evidence is None:
        return None
    scale = _scale(evidence.result)
    if scale is None:
        return replace(evidence, basis=_SATURATED)
    variance = max(squares - total * total / n, 0.0) / (n * (n - 1))
    return replace(evidence, basis="influence", error=scale * math.sqrt(variance))


def _scale(result: HScore) -> float | None:
    """Return the factor from jackknife values of the plain score to those of the adjusted one."""
    share = 1 - result.rank / (result.total_weight - 1)
    return 1 / math.sqrt(share) if share > 0 else None


def _no_leverages(what: str) -> ValueError:
    return ValueError(
        f"method='permutation' needs the leverage of every row, which cannot be had from {what}: "
        "use method='pillai', or pass the features as an array or a file that is mapped"
    )
