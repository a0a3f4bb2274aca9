"""Which of several sources to start from, and whether the difference is real.

Long because the docstring of one public function is half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast

from numpy.typing import ArrayLike

from hscore_fast._files.rows import check_rows, refuse_column_name
from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import (
    as_integer,
    as_names,
    as_progress,
)
from hscore_fast._moments.moments import Moments
from hscore_fast._problem import (
    as_input_options,
    ask_several,
)
from hscore_fast._results.evidence import Evidence
from hscore_fast._results.warnings import ColumnWarning, SaturationWarning, warn_caller
from hscore_fast._sources.evidence_of_source import (
    Labels,
    Settings,
    brings_labels,
    score_rows,
    score_statistics,
)
from hscore_fast._sources.order import CROSS_VALIDATED, rank
from hscore_fast._sources.ranking import SourceRanking
from hscore_fast._variants import core

__all__ = ["rank_sources"]

_MOST_BYTES = 4 << 30  # of statistics of the sources that are scored at the same time


def rank_sources(
    sources: Mapping[
        str,
        ArrayLike | Address | Moments | Sequence[Moments] | Iterable[tuple[ArrayLike, ArrayLike]],
    ],
    labels: ArrayLike | Address | None = None,
    *,
    by: str = CROSS_VALIDATED,
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
        a file; an iterable of blocks ``(features, labels)``, which is read once; a sequence of
        :class:`Moments`, one of each fold, of the same rows for all sources; or one
        :class:`Moments` of all rows, which cannot be held out and has no standard error: rank such
        by another score than the default.
    labels : array_like of shape (n_samples,), or address, optional
        As for :func:`h_score`. Not needed where all sources bring their own, as blocks and Moments
        do; where both are there they must agree.
    by : {"cross_validated_h_score", "adjusted_h_score", "h_score", "regularized_h_score"}
        The score to rank by. The default, the first, predicts best what a model trained on these
        samples will reach, and is defined for sources of more features than samples, too.
    groups : array_like of shape (n_samples,), optional
        As for :func:`cross_validated_h_score`, where the ranking is by it: then two sources are
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
        A source has no score by which to rank, so that the best is not known: with
        "adjusted_h_score" one of as many features as samples.

    Notes
    -----
    The default compares sources of different width: the plain score rises with every feature, also
    of noise, by about one part in ``n_samples`` of what is left to explain, the adjusted one is
    undefined where there are as many features as samples, and the regularized one depends on the
    features' units and shrinks more where there are more of them. docs/choose.md has measurements.

    The first of many sources may be first by luck. What its score would be without that is
    estimated from the folds: each fold in turn is scored with the source that is the best on the
    other folds (``choice_score`` of :class:`SourceRanking`). That takes out most of it, not all.

    All sources see the same samples, so that much of their errors is common. What each row adds to
    each score is known (see :func:`cross_validate` and :func:`evaluate`), and the standard error of
    a difference is that of the rows' differences. Where a source is read once, the same holds of
    blocks of rows. Of "regularized_h_score" no standard errors are known: there are no ties then,
    nor between sequences of :class:`Moments` and other sources, whose rows are cut otherwise.

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
    settings = Settings(
        by, groups, confidence, shrinkage, convention, n_blocks, precision, tol, options
    )
    progress = as_progress(progress)
    for name, source in sources.items():
        refuse_column_name(source, labels, f"sources[{name!r}]")
    n_draws = as_integer(n_draws, "n_draws", most=10_000_000)
    target = Labels(labels, settings.input)
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


def _score_all(
    sources: Mapping[str, Any],
    target: Labels,
    settings: Settings,
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
    rows = [name for name, source in sources.items() if not brings_labels(source)]
    for name, source in sources.items():
        if name not in rows:
            finish(name, _attempt(score_statistics, source, target, settings, n_threads))
    workers = max(1, min(threads, len(rows), _MOST_BYTES // _bytes_of(sources[n] for n in rows)))
    if workers == 1:
        for name in rows:
            finish(name, _attempt(score_rows, sources[name], target, settings, n_threads, None))
    else:
        share = max(1, threads // workers)
        for name, result in _side_by_side(
            {name: sources[name] for name in rows}, target, settings, share, workers
        ):
            finish(name, result)
    return cast("dict[str, Evidence | Exception]", found)


def _side_by_side(
    sources: Mapping[str, Any], target: Labels, settings: Settings, n_threads: int, workers: int
) -> Iterator[tuple[str, Evidence | Exception]]:
    """Score in threads, which share the processors; an interrupt ends them all."""
    from hscore_fast._files.threads import Stop, side_by_side

    stop = Stop()

    def watch(done: int, rows: int) -> None:
        if stop.asked:
            raise KeyboardInterrupt

    names = list(sources)
    tasks = [
        partial(_attempt, score_rows, sources[name], target, settings, n_threads, watch)
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


def _bytes_of(sources: Iterable[Any]) -> int:
    """Guess the statistics of the widest."""
    widths = [2048]
    for source in sources:
        shape = getattr(source, "shape", None)
        if shape is not None and len(shape) == 2:
            widths.append(int(shape[1]))
    return 16 * max(widths) ** 2
