"""Many sources against many targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.rows import check_rows, refuse_column_name
from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames, ColumnRequest
from hscore_fast._inputs.labels import Encoded
from hscore_fast._inputs.options import (
    TargetOptions,
    as_names,
    as_one_of,
    as_progress,
    as_target_options,
)
from hscore_fast._inputs.targets import check_ignored, encode_target
from hscore_fast._problem import (
    InputOptions,
    Problem,
    Target,
    as_input_options,
    ask_several,
    count_rows,
    group_targets,
    open_features,
    read_labels,
    warn_of_columns,
)
from hscore_fast._results.doubts import ScoredTargets, target_doubt, warn_of_single_classes
from hscore_fast._results.warnings import warn_caller
from hscore_fast._scores.h_scores import score_targets
from hscore_fast._scores.held_out import hold_out_problem
from hscore_fast._transfer.matrix import TransferMatrix

if TYPE_CHECKING:
    from hscore_fast._core import TargetScores

__all__ = ["transfer_matrix"]

# Rows from which a standard error is estimated; the figure is in the docstring.
ERROR_ROWS = 2048

CROSS_VALIDATED = "cross_validated_h_score"
REGULARIZED = "regularized_h_score"
BY = (CROSS_VALIDATED, "adjusted_h_score", "h_score", REGULARIZED)

Tell = Callable[[int], None]


def transfer_matrix(
    sources: Mapping[str, ArrayLike | Address],
    targets: Mapping[str, ArrayLike | Address],
    *,
    by: str = CROSS_VALIDATED,
    groups: ArrayLike | None = None,
    errors: bool = True,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    ignore_label: Any = None,
    progress: Callable[[int, int], object] | None = None,
) -> TransferMatrix:
    """Score every source's features against every target's labels.

    Parameters
    ----------
    sources : mapping of str to array_like of shape (n_samples, n_features), or address
        Features of the same samples from each source; their widths may differ. An address names a
        file, as for :func:`h_score`, which is read into memory unless it can be mapped, one source
        at a time.
    targets : mapping of str to array_like of shape (n_samples,), or address
        Labels of the same samples for each target, of any kind that :func:`h_score` takes.
    by : {"cross_validated_h_score", "adjusted_h_score", "h_score", "regularized_h_score"}
        Which score. The default, the first, predicts best what a model trained on these samples
        will reach, and takes sources of any width; it is computed for each pair by itself. Of the
        others each source's covariance is formed and factored once, however many targets there are.
    groups : array_like of shape (n_samples,), optional
        As for :func:`cross_validated_h_score`, where that is computed.
    errors : bool, default True
        Estimate standard errors; there are none of regularized scores.
    shrinkage, convention
        As for :func:`regularized_h_score`, where that is computed.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`rank_sources`.
    precision, tol
        As for :func:`h_scores`; of no effect on cross-validated scores.
    n_threads, ignore_label
        As for :func:`h_scores`.
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of scores, now and then and at the end.

    Returns
    -------
    TransferMatrix
        With the scores asked for, their standard errors, and the plain scores beside them.

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`h_scores`, :func:`cross_validated_h_score` and :func:`h_score` do; the message
        names the source or the target. Also if the sources differ in their numbers of rows.

    Warns
    -----
    SaturationWarning, PrecisionWarning
        As :func:`h_scores` does, once each, of plain and adjusted scores.
    SingleClassWarning
        Some targets have one class, and the score 0.

    Notes
    -----
    A cross-validated score is that of :func:`rank_sources`, so that the best source for a target is
    the same. Each costs what :func:`cross_validated_h_score` does: for hundreds of targets take
    ``by="adjusted_h_score"`` where there are five times as many samples as features, or
    ``by="regularized_h_score"``. Its standard error is that of :func:`cross_validate`.

    The standard error of a plain or adjusted score is that of :func:`evaluate`, from the influence
    of single rows on the score: of 2,048 rows, one from each of as many equal stretches, or of all
    if there are fewer. That adds about 2 % (one standard deviation) to the error of the standard
    error, and about a tenth to the cost where it was measured (22,045 x 512, 64 targets of 16
    classes).

    Examples
    --------
    >>> from hscore_fast import transfer_matrix
    >>> from hscore_fast.datasets import load_digits
    >>> images, digits = load_digits()
    >>> matrix = transfer_matrix(
    ...     {"upper half": images[:, :32], "lower half": images[:, 32:]},
    ...     {"digit": digits, "odd or even": digits % 2},
    ... )
    >>> print(matrix)
    cross-validated H-score, +- standard error
                         digit     odd or even
    upper half  3.925 +- 0.078  0.480 +- 0.021
    lower half  4.269 +- 0.081  0.564 +- 0.023
    >>> matrix.best
    {'digit': 'lower half', 'odd or even': 'lower half'}
    """
    as_one_of("by", by, BY)
    if groups is not None and by != CROSS_VALIDATED:
        raise ValueError(f"groups need by={CROSS_VALIDATED!r}, got by={by!r}")
    how = as_target_options(by == REGULARIZED, shrinkage, convention, precision, tol, n_threads)
    options = as_input_options(
        columns=columns, drop=drop, keep=keep, n_threads=n_threads, ignore_label=ignore_label
    )
    progress = as_progress(progress)
    names = as_names(sources, "sources")
    target_names = as_names(targets, "targets", "labels")
    encoded = []
    options = ask_several(sources.values(), options)
    request = options.columns  # less those of all targets, whatever table they are in
    for name in target_names:
        for source, features in sources.items():
            refuse_column_name(
                features, targets[name], f"sources[{source!r}]", f"targets[{name!r}]"
            )
        labels, request = read_labels(targets[name], request)
        encoded.append(encode_target(labels, f"targets[{name!r}]", options.ignored))
    check_ignored(encoded, options.ignored)
    given = {f"targets[{name!r}]": targets[name] for name in target_names}
    n_classes = [len(target.classes) for target in encoded]
    pairs = _Pairs(target_names, encoded, request, options, how, by, groups, errors)
    rows: list[_Row] = []
    total = len(names) * len(target_names)
    for number, name in enumerate(names):
        before = number * len(target_names)

        def tell(done: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        try:
            check_rows(sources[name], **given, groups=groups)
            rows.append(pairs.score(sources[name], f"sources[{name!r}]", tell))
        except (ValueError, TypeError, OSError) as error:
            if type(error) not in (ValueError, TypeError, OSError, FileNotFoundError):
                raise
            raise type(error)(f"sources[{name!r}]: {error}") from error
    _warn(names, target_names, n_classes, rows, by)
    plain = _of_each(rows, lambda result: result.scores)
    held_out = by == CROSS_VALIDATED
    scores = np.array([row.scores for row in rows]) if held_out else plain
    standard_errors = None
    if errors and held_out:
        standard_errors = np.array([row.errors for row in rows])
    elif errors and by != REGULARIZED:
        standard_errors = _of_each(rows, lambda result: result.standard_errors)
    matrix = TransferMatrix(
        sources=names,
        targets=target_names,
        scores=scores,
        standard_errors=standard_errors,
        ranks=_of_each(rows, lambda result: result.rank).astype(np.int64),
        n_samples=np.array([len(target.codes) for target in encoded], dtype=np.int64),
        n_classes=np.array(n_classes, dtype=np.int64),
        by=by,
        n_features=np.array([row.n_features for row in rows], dtype=np.int64),
        left_out={name: row.left_out for name, row in zip(names, rows, strict=True)},
        h_scores=None if by == REGULARIZED else plain,
    )
    return _adjusted(matrix) if by == "adjusted_h_score" else matrix


class _Row(NamedTuple):
    """One source against all targets."""

    scores: list[float]  # of held-out rows, if those were asked for
    errors: list[float]
    plain: list[ScoredTargets]  # of all rows; regularized where that was asked for
    n_features: int
    left_out: dict[str, str]


class _Pairs:
    """Targets, and how sources are scored against them."""

    def __init__(
        self,
        names: tuple[str, ...],
        targets: Sequence[Encoded],
        columns: ColumnRequest,
        options: InputOptions,
        how: TargetOptions,
        by: str,
        groups: ArrayLike | None,
        errors: bool,
    ) -> None:
        self._names = names
        self._targets = targets
        self._columns = columns
        self._options = options
        self._how = how
        self._held_out = by == CROSS_VALIDATED
        self._groups = groups
        self._error_rows = ERROR_ROWS if errors and not self._held_out else 0

    def score(self, source: Any, what: str, tell: Tell) -> _Row:
        """Score one source."""
        x = open_features(source, self._columns, in_memory=True)
        _check_lengths(count_rows(x), self._targets, self._names)
        problems = group_targets(x, self._targets, self._options)
        warn_of_columns(*problems, what=what)
        watch = (lambda done: tell(0)) if self._held_out else tell
        plain = score_targets(problems, self._how, watch, self._error_rows)
        scores: list[float] = []
        errors: list[float] = []
        if self._held_out:
            for done, own in enumerate(self._targets):
                target = Target(own.codes, own.classes, self._columns, own.kept, own.n_rows)
                within = replace(self._options, progress=lambda *_, done=done: tell(done))
                held_out = hold_out_problem(
                    Problem(x, target, within), groups=self._groups, fewer_folds=True
                )
                assert held_out is not None
                scores.append(held_out.result.score)
                errors.append(held_out.error)
                tell(done + 1)
        first = problems[0]
        return _Row(scores, errors, plain, first.n_features, dict(first.left_out))


def _adjusted(matrix: TransferMatrix) -> TransferMatrix:
    """Put adjusted scores in the place of plain ones."""
    scores, errors = matrix.adjusted, matrix.standard_errors
    assert scores is not None
    if errors is not None:
        free = 1 - matrix.ranks / (matrix.n_samples - 1)
        errors = errors / np.where(free > 0, free, np.nan)
    return replace(matrix, scores=scores, standard_errors=errors)


def _of_each(rows: Sequence[_Row], value: Callable[[TargetScores], Any]) -> NDArray[np.float64]:
    """Put what the targets of each source have into their places."""
    table = np.full((len(rows), sum(len(scored.places) for scored in rows[0].plain)), np.nan)
    for line, row in zip(table, rows, strict=True):
        for places, result in row.plain:
            line[places] = value(result)
    return table


def _check_lengths(n_rows: int, targets: Sequence[Encoded], target_names: tuple[str, ...]) -> None:
    for name, target in zip(target_names, targets, strict=True):
        if target.n_rows != n_rows:
            raise ValueError(
                f"features must have one row per label of every target, got {n_rows} rows, and "
                f"{target.n_rows} labels in targets[{name!r}]"
            )


def _warn(
    names: tuple[str, ...],
    target_names: tuple[str, ...],
    n_classes: list[int],
    rows: list[_Row],
    by: str,
) -> None:
    """Issue each warning once."""
    if 1 in n_classes:
        first = f"targets[{target_names[n_classes.index(1)]!r}]"
        warn_of_single_classes(n_classes.count(1), len(n_classes), first)
    found: dict[type[Warning], list[str]] = {}
    for name, row in zip(names, rows, strict=True):
        own: dict[type[Warning], Warning] = {}
        for places, result in row.plain if by != CROSS_VALIDATED else ():
            named = [f"targets[{target_names[place]!r}]" for place in places]
            warning = target_doubt(result, by == REGULARIZED, named)
            if warning is not None:
                own.setdefault(type(warning), warning)
        for category, warning in own.items():
            found.setdefault(category, []).append(f"sources[{name!r}]: {warning}")
    for category, messages in found.items():
        several = "" if len(messages) == 1 else f"{len(messages)} sources, the first "
        warn_caller(category(several + messages[0]))
