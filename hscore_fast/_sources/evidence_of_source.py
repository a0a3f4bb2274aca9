"""One source of a ranking, of whatever kind, as a score and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hscore_fast._files.rows import row_doubt
from hscore_fast._inputs.address import is_address
from hscore_fast._inputs.columns import same_names
from hscore_fast._inputs.options import (
    as_confidence,
    as_convention,
    as_n_blocks,
    as_one_of,
    as_precision,
    as_shrinkage,
    as_tol,
)
from hscore_fast._moments.blocks import BlockedMoments, total_of
from hscore_fast._moments.folds import hold_out_blocks, hold_out_moments
from hscore_fast._moments.jackknife import evidence_of_blocks, evidence_of_moments
from hscore_fast._moments.moments import Moments
from hscore_fast._moments.state import class_counts_of
from hscore_fast._problem import InputOptions, Target, open_batch, open_target
from hscore_fast._results.evidence import Evidence
from hscore_fast._results.warnings import AlignmentWarning, ColumnWarning, warn_caller
from hscore_fast._scores.influence import influence
from hscore_fast._sources.order import BY, CROSS_VALIDATED

__all__ = ["Labels", "Settings", "brings_labels", "score_rows", "score_statistics"]


class Settings:
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


class Labels:
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


def score_rows(
    source: Any,
    target: Labels,
    settings: Settings,
    n_threads: int,
    watch: Callable[[int, int], object] | None,
) -> Evidence:
    """Score features that are a matrix or in a file."""
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


def score_statistics(source: Any, target: Labels, settings: Settings, n_threads: int) -> Evidence:
    """Score statistics, or blocks of rows that come once."""
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
                "Moments of all rows cannot be held out: pass a list of Moments, one of each fold, "
                "the features or their blocks; or rank all sources by='adjusted_h_score'"
            )
        return evidence
    if _are_moments(source):
        return _score_parts(source, target, settings, options)
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


def _score_parts(
    source: Sequence[Moments], target: Labels, settings: Settings, options: dict[str, Any]
) -> Evidence:
    """Score the statistics of folds that the caller has made."""
    if settings.groups is not None:
        raise ValueError("groups need the rows, and Moments have none: put whole groups in a fold")
    for place, part in enumerate(source):
        if not isinstance(part, Moments):
            raise TypeError(f"place {place} must hold a Moments, got {type(part).__name__}")
    parts = [part for part in source if part.n_samples]
    evidence = _known(evidence_of_blocks(total_of(parts), parts, **options))
    target.check_counts(evidence.class_counts)
    if settings.held_out:
        held_out = hold_out_moments(source, threads=options["n_threads"] or 0)
        evidence = replace(evidence, held_out=held_out)
    return replace(evidence, given_parts=tuple(class_counts_of(part) for part in parts))


def _known(evidence: Evidence | None) -> Evidence:
    if evidence is None:
        raise ValueError("features has values that are not finite, so that there is no score")
    return evidence


def brings_labels(source: Any) -> bool:
    """Whether a source is statistics or blocks: iterable, but no matrix and no address."""
    if isinstance(source, Moments):
        return True
    if is_address(source) or hasattr(source, "shape") or hasattr(source, "__array__"):
        return False
    if _are_moments(source):
        return True
    if isinstance(source, (list, tuple)):
        return (
            bool(source)
            and isinstance(source[0], tuple)
            and len(source[0]) == 2
            and (np.ndim(source[0][0]) == 2)
        )
    return isinstance(source, Iterable) and not hasattr(source, "__dlpack__")


def _are_moments(source: Any) -> bool:
    return isinstance(source, (list, tuple)) and bool(source) and isinstance(source[0], Moments)
