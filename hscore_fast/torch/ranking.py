"""Layers compared: by their rows while those are kept, by statistics of blocks afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hscore_fast._inputs.options import as_n_threads
from hscore_fast._moments.blocks import total_of
from hscore_fast._moments.folds import hold_out_blocks
from hscore_fast._moments.jackknife import evidence_of_blocks
from hscore_fast._moments.moments import Moments
from hscore_fast._results.evidence import Evidence
from hscore_fast._sources.order import CROSS_VALIDATED, rank
from hscore_fast._sources.rank_sources import rank_sources
from hscore_fast._sources.ranking import SourceRanking, SourceScore
from hscore_fast.torch.rows import RowStore, Stored

__all__ = ["rank_layers"]


def rank_layers(
    store: RowStore,
    *,
    by: str,
    confidence: float,
    n_threads: int | None,
    check_finite: bool,
    failed: Mapping[str, Exception] | None = None,
) -> SourceRanking:
    """Rank the layers of a store; those that failed stand at the end.

    Raises
    ------
    ValueError
        If no rows were seen, or the layers have rows of different positions.
    """
    counts = store.n_rows
    if not counts or not any(counts.values()):
        raise ValueError("no rows were seen: run batches with labels first")
    if len(set(counts.values())) > 1:
        several = ", ".join(f"{name!r} {count}" for name, count in list(counts.items())[:5])
        raise ValueError(
            f"layers can be compared over the same rows only, and have different numbers ({several}"
            "): pool them to one row per sample"
        )
    rows = store.rows()
    if rows is not None:
        ranking = _rank_rows(rows, store.groups_matter, by, confidence, n_threads, check_finite)
    else:
        ranking = _rank_blocks(store.blocks(), store.groups_matter, by, confidence, n_threads)
    return _with_failures(ranking, failed or {})


def _rank_rows(
    rows: Mapping[str, Stored],
    grouped: bool,
    by: str,
    confidence: float,
    n_threads: int | None,
    check_finite: bool,
) -> SourceRanking:
    first = next(iter(rows.values()))
    return rank_sources(
        {name: own.values for name, own in rows.items()},
        first.codes,
        by=by,
        groups=first.groups if grouped else None,
        confidence=confidence,
        n_threads=n_threads,
        check_finite=check_finite,
    )


def _rank_blocks(
    blocks: Mapping[str, list[Moments]],
    grouped: bool,
    by: str,
    confidence: float,
    n_threads: int | None,
) -> SourceRanking:
    threads = as_n_threads(n_threads)
    if grouped and by != CROSS_VALIDATED:
        raise ValueError(f"groups need by={CROSS_VALIDATED!r}, got by={by!r}")
    found = {name: _attempt(parts, by, threads) for name, parts in blocks.items()}
    failures = [error for error in found.values() if isinstance(error, Exception)]
    if len(failures) == len(found):
        raise failures[0]
    return rank(found, None, by, confidence, n_draws=10_000, seed=0)


def _attempt(parts: list[Moments], by: str, threads: int) -> Evidence | Exception:
    try:
        return _evidence(parts, by, threads)
    except (ValueError, ArithmeticError, MemoryError) as error:  # of one layer; the others go on
        return error


def _evidence(parts: list[Moments], by: str, threads: int) -> Evidence:
    shrinkage = "ledoit_wolf" if by == "regularized_h_score" else None
    evidence = evidence_of_blocks(
        total_of(parts), parts, shrinkage=shrinkage, n_threads=threads or None
    )
    if evidence is None:
        raise ValueError("there are values that are not finite, so that there is no score")
    if by != CROSS_VALIDATED:
        return evidence
    return replace(evidence, held_out=hold_out_blocks(parts, threads))


def _with_failures(ranking: SourceRanking, failed: Mapping[str, Exception]) -> SourceRanking:
    """Put what could not be run at the end."""
    if not failed:
        return ranking
    entries = [
        SourceScore(name=name, error=f"{type(error).__name__}: {error}")
        for name, error in failed.items()
    ]
    n = len(ranking.entries) + len(entries)
    covariance = np.full((n, n), np.nan)
    covariance[: len(ranking.entries), : len(ranking.entries)] = ranking.covariance
    return replace(ranking, entries=(*ranking.entries, *entries), covariance=covariance)
