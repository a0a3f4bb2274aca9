"""Scores of sources compared: their order, ties, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._moments.blocks import block_places
from hscore_fast._results.adjustment import adjusted_doubt
from hscore_fast._results.cross_validation import HeldOut
from hscore_fast._results.distributions import student_quantile
from hscore_fast._results.doubts import dropped_doubt, held_out_doubt
from hscore_fast._results.evidence import Evidence
from hscore_fast._results.significance import pillai_test
from hscore_fast._sources.ranking import SourceRanking, SourceScore
from hscore_fast._variants import core

__all__ = ["BY", "CROSS_VALIDATED", "rank"]

CROSS_VALIDATED = "cross_validated_h_score"
BY = (CROSS_VALIDATED, "adjusted_h_score", "h_score", "regularized_h_score")

Floats = NDArray[np.float64]


def rank(
    found: Mapping[str, Evidence | Exception],
    codes: NDArray[np.int32] | None,
    by: str,
    confidence: float,
    n_draws: int,
    seed: int,
) -> SourceRanking:
    """Order evidence by score and compare."""
    scored = {name: e for name, e in found.items() if isinstance(e, Evidence)}
    _check_same_rows(scored)
    failed = {name: e for name, e in found.items() if not isinstance(e, Evidence)}
    scores = {name: _score(evidence, by) for name, evidence in scored.items()}
    # Those that differ by rounding stay in the order in which they were given.
    names = sorted(scored, key=lambda name: (math.isnan(scores[name]), -round(scores[name], 9)))
    evidence = [scored[name] for name in names]
    score = np.array([scores[name] for name in names])
    values, basis = _paired_values(evidence, by, codes)
    n = values.shape[1]
    covariance = values @ values.T / (n * (n - 1)) if n > 1 else values @ values.T
    known = np.isfinite(np.diag(covariance)) & np.isfinite(score)
    # A source without a score may be the best, or stand anywhere between the others.
    comparable = known if np.isfinite(score).all() else np.zeros_like(known)
    reach = student_quantile(confidence, n - 1) if basis != "none" else math.nan
    tied = _ties(score, covariance, comparable, reach)
    probability, stability = _draw(score, covariance, comparable, n_draws, seed)
    last = len(names) - 1
    entries = [
        SourceScore(
            name=name,
            score=float(score[i]),
            standard_error=math.sqrt(covariance[i, i]) if known[i] else math.nan,
            probability_best=float(probability[i]),
            tied_with_best=True if i == 0 and np.isfinite(score).all() else tied(0, i),
            tied_with_next=tied(i, i + 1) if i < last else (False if comparable[i] else None),
            **_facts(evidence[i], by),
        )
        for i, name in enumerate(names)
    ]
    entries += [
        SourceScore(name=name, error=f"{type(error).__name__}: {error}")
        for name, error in failed.items()
    ]
    full = np.full((len(entries), len(entries)), np.nan)
    full[: len(names), : len(names)] = covariance
    choice = _choice_score(evidence) if by == CROSS_VALIDATED else math.nan
    return SourceRanking(tuple(entries), by, confidence, full, stability, basis, choice)


def _choice_score(evidence: Sequence[Evidence]) -> float:
    """Score the choice of the best on rows that did not choose: fold by fold, by the other folds.

    The scores' parts by fold are all it needs. nan where the sources' folds are not the same rows.
    """
    gains = [e.held_out.fold_gains for e in evidence if e.held_out is not None]
    if len(gains) < 2 or len({len(own) for own in gains}) > 1 or not _cut_alike(evidence):
        return math.nan
    table = np.array(gains)
    chosen = np.argmax(table.sum(axis=1, keepdims=True) - table, axis=0)
    return float(table[chosen, np.arange(table.shape[1])].sum())


def _cut_alike(evidence: Sequence[Evidence]) -> bool:
    """Whether the parts of all sources, where they have parts, hold the same rows of each class."""
    return all(own.given_parts == evidence[0].given_parts for own in evidence)


def _score(evidence: Evidence, by: str) -> float:
    if by == CROSS_VALIDATED:
        assert evidence.held_out is not None  # or the source was not scored
        return evidence.held_out.result.score
    if by == "h_score":
        return evidence.result.score
    return evidence.adjusted if by == "adjusted_h_score" else evidence.regularized


def _facts(evidence: Evidence, by: str) -> dict[str, Any]:
    result, held_out = evidence.result, evidence.held_out
    by_held_out = by == CROSS_VALIDATED and held_out is not None
    doubts = (dropped_doubt(result), held_out_doubt(held_out))
    own = doubts if by_held_out else (adjusted_doubt(result),)
    reasons = filter(None, (evidence.column_doubt, *own))
    test = pillai_test(result.score, result.rank, result.n_classes, result.total_weight)
    return {
        "h_score": result.score,
        "adjusted_h_score": evidence.adjusted,
        "regularized_h_score": evidence.regularized,
        "cross_validated_h_score": math.nan if held_out is None else held_out.result.score,
        "accuracy": math.nan if held_out is None else held_out.accuracy[0],
        "accuracy_standard_error": math.nan if held_out is None else held_out.accuracy[1],
        "neg_log10_p_value": test.neg_log10_p_value,
        "rank": result.rank,
        "n_samples": result.n_samples,
        "n_features": result.n_features,
        "n_classes": result.n_classes,
        "precision_used": result.precision_used,
        "left_out": dict(evidence.left_out),
        "warning": "; ".join(map(str, reasons)),
    }


def _check_same_rows(scored: Mapping[str, Evidence]) -> None:
    counts = {name: dict(e.class_counts) for name, e in scored.items()}
    sizes = {name: sorted(own.values()) for name, own in counts.items()}
    first = next(iter(sizes))
    for name, own in sizes.items():
        if own != sizes[first]:
            raise ValueError(
                f"sources must be of the same samples: {first!r} has {sum(sizes[first]):.10g} in "
                f"{len(sizes[first])} classes, {name!r} has {sum(own):.10g} in {len(own)}, or "
                "others in each"
            )


def _paired_values(
    evidence: Sequence[Evidence], by: str, codes: NDArray[np.int32] | None
) -> tuple[Floats, str]:
    """Give what each row, or each block, does to each score; nan where that is not known."""
    nothing: Floats = np.full((len(evidence), 1), np.nan)
    if by == "regularized_h_score" or not _cut_alike(evidence):
        return nothing, "none"
    if by == CROSS_VALIDATED:
        return _held_out_values([e.held_out for e in evidence if e.held_out is not None], codes)
    blocks = {len(e.values) for e in evidence if e.values is not None and e.basis == "jackknife"}
    rows = {len(e.values) for e in evidence if e.values is not None and e.basis == "influence"}
    if len(blocks) > 1 or not blocks | rows:
        return nothing, "none"
    basis = "jackknife" if blocks else "influence"
    width = next(iter(blocks or rows))
    values: Floats = np.full((len(evidence), width), np.nan)
    for row, own in zip(values, evidence, strict=True):
        if own.values is None:
            continue
        scale = own.free_share if by == "h_score" else 1.0
        row[:] = scale * (own.values if own.basis == basis else _by_block(own, width, codes))
    return values, basis


def _held_out_values(
    sources: Sequence[HeldOut], codes: NDArray[np.int32] | None
) -> tuple[Floats, str]:
    """Give what each row, group or fold does to each score."""
    bases = {own.basis for own in sources}
    basis = bases.pop() if len(bases) == 1 else "folds"
    folds = {len(own.deviations) for own in sources if own.basis == "folds"}
    if len(folds) > 1 or (folds and "groups" in {own.basis for own in sources}):
        return np.full((len(sources), 1), np.nan), "none"
    values = [
        own.values if own.basis == basis else _by_fold(own, next(iter(folds)), codes)
        for own in sources
    ]
    return np.asarray(values, np.float64), basis


def _by_fold(own: HeldOut, n_folds: int, codes: NDArray[np.int32] | None) -> Floats:
    """Bring deviations of rows to the form of those of the folds that a stream has."""
    assert codes is not None  # without labels there are no rows
    fold = core.folds_of_rows(codes, int(codes.max()) + 1, None, 0, n_folds)
    sums = np.bincount(fold, weights=own.deviations, minlength=n_folds)
    return replace(own, deviations=np.asarray(sums, np.float64)).values


def _by_block(evidence: Evidence, n_blocks: int, codes: NDArray[np.int32] | None) -> Floats:
    """Bring values of rows to the form of values of the blocks that a stream would have had."""
    assert evidence.values is not None
    assert codes is not None  # without labels there are no rows
    block = (block_places(codes) + codes) % n_blocks
    sums = np.bincount(block, weights=evidence.values, minlength=n_blocks)
    values = np.asarray(sums, np.float64) * ((n_blocks - 1) / (len(codes) - 1))
    return np.asarray(values - values.mean(), np.float64)


def _ties(
    score: Floats, covariance: Floats, known: NDArray[np.bool_], reach: float
) -> Callable[[int, int], bool | None]:
    """Give the function that tells of two places whether they are tied: None if nobody knows."""
    variance = np.diag(covariance)
    spread = variance[:, None] + variance - 2 * covariance
    with np.errstate(invalid="ignore"):
        within = reach * np.sqrt(np.maximum(spread, 0)) + _rounding(covariance, known)
        tied = np.abs(score[:, None] - score) <= within

    def ask(i: int, j: int) -> bool | None:
        return bool(tied[i, j]) if known[i] and known[j] else None

    return ask


def _rounding(covariance: Floats, known: NDArray[np.bool_]) -> float:
    """Give what scores differ by without meaning it: a millionth of the largest error."""
    return 1e-6 * math.sqrt(max(np.diag(covariance)[known], default=0.0))


def _draw(
    score: Floats, covariance: Floats, known: NDArray[np.bool_], n_draws: int, seed: int
) -> tuple[Floats, float]:
    """Draw scores of new samples: how often each comes first, and how the order holds.

    Sources that differ by no more than rounding share a draw.
    """
    probability: Floats = np.full(len(score), np.nan)
    if not known.all():
        return probability, math.nan
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    rng = np.random.default_rng(seed)
    draws = score + rng.standard_normal((n_draws, len(root))) @ root.T
    equal = _rounding(covariance, known)
    first = draws >= draws.max(axis=1, keepdims=True) - equal
    probability[:] = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    if len(root) < 2:
        return probability, math.nan
    agreement = 0.0
    pairs = len(root) * (len(root) - 1) / 2
    for place in range(len(root) - 1):
        # The score itself falls from one place to the next.
        gap = draws[:, place, None] - draws[:, place + 1 :]
        ahead = np.sign(np.where(np.abs(gap) <= equal, 0, gap))
        agreement += float(ahead.sum(axis=1).mean())
    return probability, agreement / pairs
