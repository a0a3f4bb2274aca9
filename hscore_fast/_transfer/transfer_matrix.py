"""Many sources against many targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.rows import check_rows, refuse_column_name
from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.labels import Encoded
from hscore_fast._inputs.options import as_names, as_progress, as_target_options
from hscore_fast._inputs.targets import check_ignored, encode_target
from hscore_fast._problem import (
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
from hscore_fast._transfer.matrix import TransferMatrix

if TYPE_CHECKING:
    from hscore_fast._core import TargetScores

__all__ = ["transfer_matrix"]

# Rows from which a standard error is estimated; the figure is in the docstring.
ERROR_ROWS = 2048


def transfer_matrix(
    sources: Mapping[str, ArrayLike | Address],
    targets: Mapping[str, ArrayLike | Address],
    *,
    errors: bool = True,
    regularized: bool = False,
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

    Each source's covariance is formed and factored once, however many targets there are.

    Parameters
    ----------
    sources : mapping of str to array_like of shape (n_samples, n_features), or address
        Features of the same samples from each source; their widths may differ. An address names a
        file, as for :func:`h_score`, which is read into memory unless it can be mapped, one source
        at a time.
    targets : mapping of str to array_like of shape (n_samples,), or address
        Labels of the same samples for each target, of any kind that :func:`h_score` takes.
    errors : bool, default True
        Estimate standard errors of plain scores.
    regularized : bool, default False
        Compute what :func:`regularized_h_score` does instead.
    shrinkage, convention
        As for :func:`regularized_h_score`; of no effect on plain scores.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`rank_sources`.
    precision, tol, n_threads, ignore_label
        As for :func:`h_scores`.
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of scores, now and then and at the end.

    Returns
    -------
    TransferMatrix
        With plain scores, adjusted ones and their standard errors, or with regularized scores.

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`h_scores` and :func:`h_score` do; the message names the source or the target.
        Also if the sources differ in their numbers of rows.

    Warns
    -----
    SaturationWarning, PrecisionWarning, SingleClassWarning
        As :func:`h_scores` does, once each.

    Notes
    -----
    The standard error is that of :func:`evaluate`, from the influence of single rows on the score:
    of 2,048 rows, one from each of as many equal stretches, or of all if there are fewer. That adds
    about 2 % (one standard deviation) to the error of the standard error, and about a tenth to the
    cost where it was measured (22,045 x 512, 64 targets of 16 classes).

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
    H-score, +- standard error
                         digit     odd or even
    upper half  4.080 +- 0.055  0.509 +- 0.014
    lower half  4.384 +- 0.058  0.586 +- 0.016
    """
    how = as_target_options(regularized, shrinkage, convention, precision, tol, n_threads)
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
    results: list[list[ScoredTargets]] = []
    widths: list[int] = []
    left_out: dict[str, Mapping[str, str]] = {}
    total = len(names) * len(target_names)
    for number, name in enumerate(names):
        before = number * len(target_names)

        def tell(done: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        try:
            check_rows(sources[name], **given)
            x = open_features(sources[name], request, in_memory=True)
            _check_lengths(count_rows(x), encoded, target_names)
            problems = group_targets(x, encoded, options)
            warn_of_columns(*problems, what=f"sources[{name!r}]")
            found = score_targets(problems, how, tell, ERROR_ROWS if errors else 0)
        except (ValueError, TypeError, OSError) as error:
            if type(error) not in (ValueError, TypeError, OSError, FileNotFoundError):
                raise
            raise type(error)(f"sources[{name!r}]: {error}") from error
        results.append(found)
        widths.append(problems[0].n_features)
        left_out[name] = dict(problems[0].left_out)
    _warn(names, target_names, n_classes, results, regularized)
    return TransferMatrix(
        sources=names,
        targets=target_names,
        scores=_of_each(results, lambda result: result.scores),
        standard_errors=(
            _of_each(results, lambda result: result.standard_errors)
            if errors and not regularized
            else None
        ),
        ranks=_of_each(results, lambda result: result.rank).astype(np.int64),
        n_samples=np.array([len(target.codes) for target in encoded], dtype=np.int64),
        n_classes=np.array(n_classes, dtype=np.int64),
        regularized=regularized,
        n_features=np.array(widths, dtype=np.int64),
        left_out=left_out,
    )


def _of_each(
    results: Sequence[Sequence[ScoredTargets]], value: Callable[[TargetScores], Any]
) -> NDArray[np.float64]:
    """Put what the targets of each source have into their places."""
    table = np.full((len(results), sum(len(scored.places) for scored in results[0])), np.nan)
    for row, found in zip(table, results, strict=True):
        for places, result in found:
            row[places] = value(result)
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
    results: Sequence[Sequence[ScoredTargets]],
    regularized: bool,
) -> None:
    """Issue each warning once."""
    if 1 in n_classes:
        first = f"targets[{target_names[n_classes.index(1)]!r}]"
        warn_of_single_classes(n_classes.count(1), len(n_classes), first)
    found: dict[type[Warning], list[str]] = {}
    for name, groups in zip(names, results, strict=True):
        own: dict[type[Warning], Warning] = {}
        for places, result in groups:
            named = [f"targets[{target_names[place]!r}]" for place in places]
            warning = target_doubt(result, regularized, named)
            if warning is not None:
                own.setdefault(type(warning), warning)
        for category, warning in own.items():
            found.setdefault(category, []).append(f"sources[{name!r}]: {warning}")
    for category, messages in found.items():
        several = "" if len(messages) == 1 else f"{len(messages)} sources, the first "
        warn_caller(category(several + messages[0]))
