"""One feature matrix against many targets."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.columns import EVERY_COLUMN, ColumnRequest
from hscore_fast._inputs.features import (
    Address,
    Features,
    as_features,
    as_n_threads,
    as_precision,
    as_progress,
    as_tol,
    is_address,
    is_label_address,
)
from hscore_fast._inputs.frames import labels_request
from hscore_fast._inputs.labels import encode
from hscore_fast._results.warnings import PrecisionWarning, SaturationWarning, SingleClassWarning
from hscore_fast._scores.h_score import check_two_rows, overflow, refuse_non_finite, warn_of_columns
from hscore_fast._scores.regularized import as_convention, as_shrinkage
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import TargetMoments as CoreTargetMoments
    from hscore_fast._core import TargetScores
    from hscore_fast._files.source import Source

__all__ = ["h_scores"]

PRECISIONS = ("auto", "float64", "float32")


def h_scores(
    features: ArrayLike | Address,
    targets: ArrayLike | Iterable[ArrayLike],
    *,
    regularized: bool = False,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
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
    options = target_options(regularized, shrinkage, convention, precision, tol, n_threads)
    progress = as_progress(progress)
    targets, request = read_targets(targets)
    source = None
    if is_address(features):
        from hscore_fast._moments.from_files import open_features  # reads files only when asked to

        source = open_features(cast(Address, features), request)
    if source is None or source.mapped is not None:
        x = as_features(features if source is None else source.mapped, request)
        codes, n_classes = _encode_all(targets, x.n_samples)
        warn_of_columns(x, codes, n_classes)
        total = len(codes)
        tell = None if progress is None else lambda done: progress(done, total)
        result = score_targets(x, codes, n_classes, options, check_finite, tell)
    else:
        codes, n_classes = _encode_all(targets, source.shape[0])
        warn_of_columns(source, codes, n_classes)
        total = len(codes)
        tell = None if progress is None else lambda done: progress(done, total)
        result = _score_stream(source, codes, n_classes, options, check_finite, tell)
    if result is None:
        return np.full(total, np.nan)
    warn_about_targets(result, regularized)
    return np.array(result.scores)


class TargetOptions(NamedTuple):
    """Options as the core takes them."""

    regularized: bool
    shrinkage: str
    intensity: float
    paper: bool
    precision: str
    tol: float
    n_threads: int


def target_options(
    regularized: bool,
    shrinkage: str | float,
    convention: str,
    precision: str,
    tol: float | None,
    n_threads: int | None,
) -> TargetOptions:
    """Check the options."""
    precision = as_precision(precision, PRECISIONS)
    method, intensity = as_shrinkage(shrinkage)
    paper = as_convention(convention) == "paper"
    return TargetOptions(
        regularized, method, intensity, paper, precision, as_tol(tol), as_n_threads(n_threads)
    )


def score_targets(
    x: Features,
    codes: Sequence[NDArray[np.int32]],
    n_classes: Sequence[int],
    options: TargetOptions,
    check_finite: bool = True,
    progress: Callable[[int], object] | None = None,
    error_rows: int = 0,
) -> TargetScores | None:
    """Score encoded targets; None if values are not finite and that is allowed."""
    check_two_rows(x)
    precision = options.precision
    result = core.h_scores(
        x.array,
        x.bfloat16,
        codes,
        n_classes,
        precision == "float32" or (precision == "auto" and x.narrow),
        options.tol,
        options.regularized,
        options.shrinkage,
        options.intensity,
        options.paper,
        error_rows,
        options.n_threads,
        progress,
    )
    if not result.finite:
        if not check_finite:
            return None
        refuse_non_finite(x, options.n_threads)
        raise overflow()
    return result


def _score_stream(
    source: Source,
    codes: Sequence[NDArray[np.int32]],
    n_classes: Sequence[int],
    options: TargetOptions,
    check_finite: bool,
    progress: Callable[[int], object] | None,
) -> TargetScores | None:
    """Score encoded targets against features that are read in blocks; None as above."""
    from hscore_fast._moments.from_files import check_read_once, stream_targets

    check_read_once(source, options.precision)
    moments = stream_targets(source, codes, n_classes, options.n_threads, check_finite, progress)
    result = score_sums(moments, options)
    if progress is not None:
        progress(len(codes))
    if result.finite:
        return result
    if check_finite:
        raise overflow()
    return None


def score_sums(moments: CoreTargetMoments, options: TargetOptions) -> TargetScores:
    """Score targets whose class sums were gathered."""
    return moments.h_scores(
        options.tol,
        options.regularized,
        options.shrinkage,
        options.intensity,
        options.paper,
        options.n_threads,
    )


def read_targets(targets: Any, request: ColumnRequest = EVERY_COLUMN) -> tuple[Any, ColumnRequest]:
    """Read targets that are in files, and ask for tables without any target's columns."""
    if isinstance(targets, np.ndarray):
        return targets, request
    found = []
    for target in [targets] if isinstance(targets, (str, os.PathLike)) else targets:
        if _names_file(target):
            from hscore_fast._moments.from_files import (
                open_labels,  # reads files only when asked to
            )

            target, request = open_labels(target, request)
        else:
            request = labels_request(request, target)
        found.append(target)
    return found, request


def _names_file(target: Any) -> bool:
    """Whether a target is the address of a file, and not a label of a single vector of labels."""
    if not isinstance(target, str):
        return is_label_address(target)
    from hscore_fast._files.addresses import split
    from hscore_fast._files.opening import FORMATS

    return split(target, FORMATS).path.suffix.lower() in FORMATS


def _encode_all(targets: Any, n_samples: int) -> tuple[list[NDArray[np.int32]], list[int]]:
    """Turn every target into class codes and their number."""
    encoded = encode_each(targets, n_samples)
    return [codes for codes, _ in encoded], [len(classes) for _, classes in encoded]


def encode_each(targets: Any, n_samples: int) -> list[tuple[NDArray[np.int32], list[Any]]]:
    """Turn every target into class codes and the classes that they stand for."""
    if isinstance(targets, np.ndarray) and targets.ndim != 2:
        raise ValueError(
            f"targets must have shape (n_targets, n_samples), got {targets.ndim} dimensions "
            f"{targets.shape}: for a single target use h_score"
        )
    encoded = []
    for number, labels in enumerate(targets):
        if isinstance(labels, str) or np.ndim(labels) == 0:
            raise ValueError(
                f"targets must have shape (n_targets, n_samples), but targets[{number}] is the "
                f"single value {labels!r}: for a single target use h_score"
            )
        codes, classes = _encode_named(labels, f"targets[{number}]")
        if len(codes) != n_samples:
            hint = ""
            if isinstance(targets, np.ndarray) and targets.shape[0] == n_samples:
                hint = ": its rows must be targets, so transpose it"
            raise ValueError(
                f"targets[{number}] must have one entry per row of features, got {len(codes)} "
                f"labels for {n_samples} rows{hint}"
            )
        encoded.append((codes, classes))
    if not encoded:
        raise ValueError("targets must hold at least one label vector, got none")
    return encoded


def encode_target(labels: Any, name: str) -> tuple[NDArray[np.int32], int]:
    """Turn one target into class codes and their number; errors begin with its name."""
    codes, classes = _encode_named(labels, name)
    return codes, len(classes)


def _encode_named(labels: Any, name: str) -> tuple[NDArray[np.int32], list[Any]]:
    try:
        return encode(labels)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def warn_about_targets(result: TargetScores, regularized: bool) -> None:
    """Issue each warning once, to the caller's caller."""
    single = result.n_classes.count(1)
    if single:
        first = result.n_classes.index(1)
        warn_of_single_classes(single, len(result.n_classes), f"targets[{first}]", stacklevel=4)
    warning = rank_warning(result, regularized)
    if warning is not None:
        warnings.warn(*warning, stacklevel=3)


def warn_of_single_classes(single: int, total: int, first: str, stacklevel: int) -> None:
    """Say why some scores are 0."""
    warnings.warn(
        f"{single} of {total} targets, the first {first}, have a single class, so that their "
        "H-score is 0 by definition",
        SingleClassWarning,
        stacklevel=stacklevel,
    )


def rank_warning(result: TargetScores, regularized: bool) -> tuple[str, type[Warning]] | None:
    """Say what the features' rank does to the scores, if there is something to say."""
    if regularized or set(result.n_classes) == {1}:
        return None
    if result.rank >= result.n_samples - 1:
        return (
            f"the features have rank {result.rank} for {result.n_samples} samples, so that every "
            "H-score is the number of classes less one whatever the labels are: use more samples, "
            "fewer features or regularized=True"
        ), SaturationWarning
    if result.error_bound > 1e-6 * max(1e-3, max(result.scores)):
        return (
            f"the features are nearly linearly dependent: the H-scores are certain to "
            f"{result.error_bound:.1g} only; drop near-duplicate features or raise tol"
        ), PrecisionWarning
    return None
