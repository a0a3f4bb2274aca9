"""Which of several sources to start from, and whether the difference is real.

Long because the docstring of one public function is half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from hscore_fast._files.rows import check_rows, refuse_column_name, row_doubt
from hscore_fast._inputs.address import Address, is_address
from hscore_fast._inputs.columns import ColumnNames, same_names
from hscore_fast._inputs.options import (
    as_confidence,
    as_convention,
    as_integer,
    as_n_blocks,
    as_names,
    as_one_of,
    as_precision,
    as_progress,
    as_shrinkage,
    as_tol,
)
from hscore_fast._moments.blocks import BlockedMoments, total_of
from hscore_fast._moments.folds import hold_out_blocks
from hscore_fast._moments.jackknife import evidence_of_blocks, evidence_of_moments
from hscore_fast._moments.moments import Moments
from hscore_fast._problem import (
    InputOptions,
    Target,
    as_input_options,
    ask_several,
    open_batch,
    open_target,
)
from hscore_fast._results.evidence import Evidence
from hscore_fast._results.warnings import (
    AlignmentWarning,
    ColumnWarning,
    SaturationWarning,
    warn_caller,
)
from hscore_fast._scores.influence import influence
from hscore_fast._sources.order import CROSS_VALIDATED, rank
from hscore_fast._sources.ranking import SourceRanking
from hscore_fast._variants import core

__all__ = ["rank_sources"]

BY = ("adjusted_h_score", "h_score", "regularized_h_score", CROSS_VALIDATED)

_MOST_BYTES = 4 << 30  # of statistics of the sources that are scored at the same time


def rank_sources(
    sources: Mapping[str, ArrayLike | Address | Moments | Iterable[tuple[ArrayLike, ArrayLike]]],
    labels: ArrayLike | Address | None = None,
    *,
    by: str = "adjusted_h_score",
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    n_blocks: int = 20,
    n_draws: int = 10_000,
    seed: int = 0,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    precision: str = "auto",
    tol: float | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    ignore_label: Any = None,
    progress: Callable[[int, int], object] | None = None,
) -> SourceRanking:
    r"""Rank sources for a target by their scores, and say which cannot be told apart.

    Parameters
    ----------
    sources : mapping of str to source
        Features of the same samples, in the same order, from each source: a matrix; the address of
        a file; an iterable of blocks ``(features, labels)``, which is read once; or a
        :class:`Moments`, which has no standard error.
    labels : array_like of shape (n_samples,), or address, optional
        As for :func:`h_score`. Not needed where all sources bring their own, as blocks and Moments
        do; where both are there they must agree.
    by : {"adjusted_h_score", "cross_validated_h_score", "h_score", "regularized_h_score"}
        The score to rank by. "cross_validated_h_score" predicts best what a model trained on these
        samples will reach, and is defined for sources of more features than samples, too.
    groups : array_like of shape (n_samples,), optional
        As for :func:`cross_validated_h_score`, where that is asked for: then two sources are
        compared by groups.
    confidence : float, default 0.95
        Two sources are tied unless their difference is significant at this level, each pair on its
        own.
    shrinkage, convention
        As for :func:`regularized_h_score`, where that is asked for.
    n_blocks : int, default 20
        As for :func:`evaluate`; of blocks and of files that are read in blocks.
    n_draws : int, default 10000
        Random draws for the probabilities and the stability.
    seed : int, default 0
        Of the draws.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of all tables; `drop` and `keep` need to be in one of them only.
    precision, tol, check_finite, ignore_label
        As for :func:`h_score`; iterables are scored in float64.
    n_threads : int, optional
        In all; the sources share them.
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of sources, from the calling thread.

    Returns
    -------
    SourceRanking
        The best first; sources that could not be scored last, with the reason.

    Raises
    ------
    ValueError, TypeError
        If there is no source, an option is unknown or the labels cannot be used. What is wrong with
        a single source is reported in its entry; if it is wrong with all, the first is raised.

    Warns
    -----
    SaturationWarning
        A source has no score by which to rank, so that the best is not known.

    Notes
    -----
    The default compares sources of different width: the plain score rises with every feature, also
    of noise, by about one part in ``n_samples`` of what is left to explain, and the regularized one
    depends on the features' units and shrinks more where there are more of them. docs/choose.md has
    a simulation.

    All sources see the same samples, so that much of their errors is common. What each row does to
    each score is known (see :func:`evaluate`), and the standard error of a difference is that of
    the rows' differences. Where a source is read once, the same holds of blocks of rows. Of
    "regularized_h_score" no standard errors are known: there are no ties then.

    The probability of being the best is the share of draws from the normal distribution with these
    scores and their covariance in which a source comes first; the stability is the mean of
    Kendall's tau between this ranking and that of a draw.

    Iterables are read one after the other in the calling thread; then matrices and files are scored
    side by side, with one thread each where there are as many sources as threads. Memory: that of
    :func:`h_score` for each at work, 8 bytes a row for each source, and `n_blocks` times the
    statistics of one source that is read in blocks.

    Examples
    --------
    >>> from hscore_fast import rank_sources
    >>> from hscore_fast.datasets import load_digits
    >>> images, digits = load_digits()
    >>> ranking = rank_sources({"top": images[:, :32], "bottom": images[:, 32:]}, digits)
    >>> ranking.best.name, [source.name for source in ranking.tied_with_best]
    ('bottom', ['bottom'])
    """
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        check_finite=check_finite,
        ignore_label=ignore_label,
    )
    as_names(sources, "sources")
    options = ask_several(sources.values(), options)
    settings = _Settings(
        by, groups, confidence, shrinkage, convention, n_blocks, precision, tol, options
    )
    progress = as_progress(progress)
    for name, source in sources.items():
        refuse_column_name(source, labels, f"sources[{name!r}]")
    n_draws = as_integer(n_draws, "n_draws", most=10_000_000)
    target = _Labels(labels, settings.input)
    found = _score_all(sources, target, settings, options.threads, progress)
    failures = [error for error in found.values() if isinstance(error, Exception)]
    if len(failures) == len(found):
        name, error = next(iter(found.items()))
        failure = cast(Exception, error)
        failure.args = (f"sources[{name!r}]: {failure}",)
        raise failure
    for name, evidence in found.items():
        if isinstance(evidence, Evidence) and evidence.column_doubt is not None:
            warn_caller(ColumnWarning(f"sources[{name!r}]: {evidence.column_doubt}"))
    ranking = rank(found, target.codes, by, confidence, n_draws, seed)
    if ranking.undefined:
        warn_caller(SaturationWarning(ranking.caution()))
    return ranking


class _Settings:
    """Options and labels that all sources share, checked once."""

    def __init__(
        self,
        by: str,
        groups: ArrayLike | None,
        confidence: float,
        shrinkage: str | float,
        convention: str,
        n_blocks: int,
        precision: str,
        tol: float | None,
        options: InputOptions,
    ) -> None:
        as_one_of("by", by, BY)
        as_confidence(confidence)
        as_shrinkage(shrinkage)
        as_convention(convention)
        as_tol(tol)
        self.regularized = by == "regularized_h_score"
        self.held_out = by == CROSS_VALIDATED
        if groups is not None and not self.held_out:
            raise ValueError(f"groups need by={CROSS_VALIDATED!r}, got by={by!r}")
        self.groups = groups
        self.shrinkage = shrinkage
        self.convention = convention
        self.n_blocks = as_n_blocks(n_blocks)
        self.precision = as_precision(precision)
        self.tol = tol
        self.input = options


class _Labels:
    """The labels of all sources, encoded once; or None, where the sources bring their own."""

    def __init__(self, labels: Any, options: InputOptions) -> None:
        self.target = (
            None if labels is None else open_target(labels, options.columns, options.ignored)
        )
        self.ignored = options.ignored
        self.columns = options.columns if self.target is None else self.target.columns
        self.codes = None if self.target is None else self.target.codes
        self.classes = [] if self.target is None else self.target.classes

    def known(self) -> Target:
        """Give the target where a source does not bring its own."""
        if self.target is None:
            raise ValueError("labels are missing: only blocks and Moments bring their own")
        return self.target

    def check_counts(self, counts: Mapping[Any, float]) -> None:
        """Refuse statistics of other rows."""
        if self.codes is None:
            return
        own = dict(zip(self.classes, np.bincount(self.codes).tolist(), strict=True))
        if own != {label: count for label, count in counts.items() if count}:
            raise ValueError(
                f"these are the statistics of other rows: {sum(counts.values()):.10g} in "
                f"{len(counts)} classes, and labels has {len(self.codes)} in {len(own)}"
            )


def _score_all(
    sources: Mapping[str, Any],
    target: _Labels,
    settings: _Settings,
    n_threads: int,
    progress: Callable[[int, int], object] | None,
) -> dict[str, Evidence | Exception]:
    """Score every source, or keep what went wrong."""
    found: dict[str, Evidence | Exception | None] = dict.fromkeys(sources)
    done = 0

    def finish(name: str, result: Evidence | Exception) -> None:
        nonlocal done
        found[name] = result
        done += 1
        if progress is not None:
            progress(done, len(sources))

    if target.target is not None:
        for name, source in sources.items():
            with suppress(ValueError):  # which its entry reports
                check_rows(
                    source,
                    f"sources[{name!r}]",
                    labels=target.target.given,
                    groups=settings.groups,
                )
    threads = core.thread_count(n_threads)
    rows = [name for name, source in sources.items() if not _brings_labels(source)]
    for name, source in sources.items():
        if name not in rows:
            finish(name, _attempt(_score_statistics, source, target, settings, n_threads))
    workers = max(1, min(threads, len(rows), _MOST_BYTES // _bytes_of(sources[n] for n in rows)))
    if workers == 1:
        for name in rows:
            finish(name, _attempt(_score_rows, sources[name], target, settings, n_threads, None))
    else:
        share = max(1, threads // workers)
        for name, result in _side_by_side(
            {name: sources[name] for name in rows}, target, settings, share, workers
        ):
            finish(name, result)
    return cast("dict[str, Evidence | Exception]", found)


def _side_by_side(
    sources: Mapping[str, Any], target: _Labels, settings: _Settings, n_threads: int, workers: int
) -> Iterator[tuple[str, Evidence | Exception]]:
    """Score in threads, which share the processors; an interrupt ends them all."""
    from hscore_fast._files.threads import Stop, side_by_side

    stop = Stop()

    def watch(done: int, rows: int) -> None:
        if stop.asked:
            raise KeyboardInterrupt

    names = list(sources)
    tasks = [
        partial(_attempt, _score_rows, sources[name], target, settings, n_threads, watch)
        for name in names
    ]
    scored = side_by_side(tasks, workers, "hscore_fast source", stop)
    try:
        for number, result in scored:
            yield names[number], result
    finally:
        scored.close()


def _attempt(work: Callable[..., Evidence], *arguments: Any) -> Evidence | Exception:
    try:
        return work(*arguments)
    except Exception as error:  # of one source; the others go on
        return error


def _score_rows(
    source: Any,
    target: _Labels,
    settings: _Settings,
    n_threads: int,
    watch: Callable[[int, int], object] | None,
) -> Evidence:
    evidence = influence(
        source,
        target.known(),
        options=replace(settings.input, threads=n_threads, progress=watch),
        regularized=settings.regularized,
        shrinkage=settings.shrinkage,
        convention=settings.convention,
        n_blocks=settings.n_blocks,
        precision=settings.precision,
        tol=settings.tol,
        held_out=settings.held_out,
        groups=settings.groups,
    )
    return _known(evidence)


def _score_statistics(
    source: Any, target: _Labels, settings: _Settings, n_threads: int
) -> Evidence:
    options: dict[str, Any] = {
        "shrinkage": settings.shrinkage if settings.regularized else None,
        "convention": settings.convention,
        "tol": settings.tol,
        "n_threads": n_threads or None,
    }
    if isinstance(source, Moments):
        evidence = _known(evidence_of_moments(source, **options))
        target.check_counts(evidence.class_counts)
        if settings.held_out:
            raise ValueError(
                "Moments of all rows cannot be held out: pass the features, their blocks, or by="
                "'adjusted_h_score'"
            )
        return evidence
    codes: dict[Any, int] = {label: code for code, label in enumerate(target.classes)}
    blocks = BlockedMoments(settings.n_blocks)
    how = replace(settings.input, columns=target.columns)
    left_out: dict[str, str] = {}
    doubt: ColumnWarning | None = None
    other_order: str | None = None
    names: Sequence[Hashable] | None = None
    done = 0
    for number, block in enumerate(source):
        if not isinstance(block, (tuple, list)) or len(block) != 2:
            raise TypeError(
                f"blocks must be pairs (features, labels), got {type(block).__name__} in place "
                f"{number}"
            )
        batch = open_batch(block[0], block[1], how, warn=False)
        other_order = other_order or row_doubt(block[0], {"labels": block[1]})
        names = same_names(names, batch.in_memory.names)
        left_out.update(batch.left_out)
        doubt = doubt or batch.column_doubt()
        places = [codes.setdefault(label, len(codes)) for label in batch.classes]
        own = np.array(places, np.int32)[batch.codes]
        if target.codes is not None:
            expected = target.codes[done : done + len(own)]
            if len(expected) < len(own) or (expected != own).any():
                raise ValueError(f"the labels of block {number} are not those given as labels")
        done += len(own)
        blocks.update(
            batch.in_memory,
            own,
            n_threads=n_threads or None,
            check_finite=settings.input.check_finite,
        )
    if target.codes is not None and done != len(target.codes):
        raise ValueError(f"the blocks have {done} rows, and there are {len(target.codes)} labels")
    if other_order is not None:
        warn_caller(AlignmentWarning(other_order))
    parts = blocks.finish(list(codes))
    evidence = _known(evidence_of_blocks(total_of(parts), parts, **options))
    if settings.held_out:
        if settings.groups is not None:
            raise ValueError("groups need the rows again, and blocks are read once")
        held_out = hold_out_blocks(parts, n_threads)
        if held_out is None:
            raise ValueError("at least two blocks must hold rows, to hold them out")
        evidence = replace(evidence, held_out=held_out)
    return replace(evidence, left_out=left_out, column_doubt=doubt)


def _known(evidence: Evidence | None) -> Evidence:
    if evidence is None:
        raise ValueError("features has values that are not finite, so that there is no score")
    return evidence


def _brings_labels(source: Any) -> bool:
    """Whether a source is statistics or blocks: iterable, but no matrix and no address."""
    if isinstance(source, Moments):
        return True
    if is_address(source) or hasattr(source, "shape") or hasattr(source, "__array__"):
        return False
    if isinstance(source, (list, tuple)):
        return (
            bool(source)
            and isinstance(source[0], tuple)
            and len(source[0]) == 2
            and (np.ndim(source[0][0]) == 2)
        )
    return isinstance(source, Iterable) and not hasattr(source, "__dlpack__")


def _bytes_of(sources: Iterable[Any]) -> int:
    """Guess the statistics of the widest."""
    widths = [2048]
    for source in sources:
        shape = getattr(source, "shape", None)
        if shape is not None and len(shape) == 2:
            widths.append(int(shape[1]))
    return 16 * max(widths) ** 2
