"""Scores of sources compared: their order, ties, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._moments.blocks import block_places
from hscore_fast._results.adjustment import adjusted_doubt
from hscore_fast._results.distributions import student_quantile
from hscore_fast._results.evidence import Evidence
from hscore_fast._results.significance import pillai_test
from hscore_fast._sources.ranking import SourceRanking, SourceScore

__all__ = ["rank"]

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
    names = sorted(scored, key=lambda name: (math.isnan(scores[name]), -scores[name]))
    evidence = [scored[name] for name in names]
    score = np.array([scores[name] for name in names])
    values, basis = _paired_values(evidence, by, codes)
    n = values.shape[1]
    covariance = values @ values.T / (n * (n - 1)) if n > 1 else values @ values.T
    known = np.isfinite(np.diag(covariance)) & np.isfinite(score)
    reach = student_quantile(confidence, n - 1) if basis != "none" else math.nan
    tied = _ties(score, covariance, known, reach)
    probability, stability = _draw(score, covariance, known, n_draws, seed)
    entries = [
        SourceScore(
            name=name,
            score=float(score[i]),
            standard_error=math.sqrt(covariance[i, i]) if known[i] else math.nan,
            probability_best=float(probability[i]),
            tied_with_best=i == 0 or bool(tied[0, i]),
            tied_with_next=i + 1 < len(names) and bool(tied[i, i + 1]),
            **_facts(evidence[i]),
        )
        for i, name in enumerate(names)
    ]
    entries += [
        SourceScore(name=name, error=f"{type(error).__name__}: {error}")
        for name, error in failed.items()
    ]
    full = np.full((len(entries), len(entries)), np.nan)
    full[: len(names), : len(names)] = covariance
    return SourceRanking(tuple(entries), by, confidence, full, stability, basis)


def _score(evidence: Evidence, by: str) -> float:
    if by == "h_score":
        return evidence.result.score
    return evidence.adjusted if by == "adjusted_h_score" else evidence.regularized


def _facts(evidence: Evidence) -> dict[str, Any]:
    result = evidence.result
    reasons = filter(None, (evidence.column_doubt, adjusted_doubt(result)))
    test = pillai_test(result.score, result.rank, result.n_classes, result.total_weight)
    return {
        "h_score": result.score,
        "adjusted_h_score": evidence.adjusted,
        "regularized_h_score": evidence.regularized,
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
    if by == "regularized_h_score":
        return nothing, "none"
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


def _by_block(evidence: Evidence, n_blocks: int, codes: NDArray[np.int32] | None) -> Floats:
    """Bring values of rows to the form of values of the blocks that a stream would have had."""
    assert evidence.values is not None
    assert codes is not None  # without labels there are no rows
    block = block_places(codes) % n_blocks
    sums = np.bincount(block, weights=evidence.values, minlength=n_blocks)
    values = np.asarray(sums, np.float64) * ((n_blocks - 1) / (len(codes) - 1))
    return np.asarray(values - values.mean(), np.float64)


def _ties(score: Floats, covariance: Floats, known: NDArray[np.bool_], reach: float) -> Any:
    variance = np.diag(covariance)
    spread = variance[:, None] + variance - 2 * covariance
    with np.errstate(invalid="ignore"):
        tied = np.abs(score[:, None] - score) <= reach * np.sqrt(np.maximum(spread, 0))
    return tied & known[:, None] & known


def _draw(
    score: Floats, covariance: Floats, known: NDArray[np.bool_], n_draws: int, seed: int
) -> tuple[Floats, float]:
    """Draw scores of new samples: how often each comes first, and how the order holds."""
    probability: Floats = np.full(len(score), np.nan)
    if not known.any():
        return probability, math.nan
    values, vectors = np.linalg.eigh(covariance[np.ix_(known, known)])
    root = vectors * np.sqrt(np.maximum(values, 0))
    rng = np.random.default_rng(seed)
    draws = score[known] + rng.standard_normal((n_draws, len(root))) @ root.T
    probability[known] = np.bincount(draws.argmax(axis=1), minlength=len(root)) / n_draws
    if len(root) < 2:
        return probability, math.nan
    agreement = 0.0
    pairs = len(root) * (len(root) - 1) / 2
    for place in range(len(root) - 1):
        # The score itself falls from one place to the next.
        ahead = np.sign(draws[:, place, None] - draws[:, place + 1 :])
        agreement += float(ahead.sum(axis=1).mean())
    return probability, agreement / pairs
