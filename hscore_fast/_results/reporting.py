"""Write the report of a score from the evidence for it."""

from __future__ import annotations

import math

from hscore_fast._results.adjustment import adjusted_doubt, chance
from hscore_fast._results.cross_validation import HeldOut
from hscore_fast._results.evidence import Evidence
from hscore_fast._results.report import HScoreReport
from hscore_fast._results.significance import Significance, pillai_test
from hscore_fast._results.warnings import warn_caller

__all__ = ["report_of"]


def report_of(evidence: Evidence | None, confidence: float, method: str) -> HScoreReport:
    """Write the report, and issue the warnings that it deserves."""
    if evidence is None:
        return _nothing(confidence, method)
    result = evidence.result
    counts = evidence.class_counts
    grouping = evidence.grouping
    reasons = list(filter(None, (evidence.column_doubt, adjusted_doubt(result, grouping=grouping))))
    for reason in reasons:
        warn_caller(reason)
    test = evidence.test
    if test is None and grouping is None:
        test = pillai_test(result.score, result.rank, result.n_classes, result.total_weight)
    elif test is None:  # Pillai's test takes every row as independent
        test, method = Significance(math.nan), "none"
    adjusted = evidence.adjusted
    reach = evidence.quantile(confidence) * evidence.error
    n = result.total_weight
    shares = dict(zip(counts, result.class_shares, strict=True))
    return HScoreReport(
        h_score=result.score,
        adjusted_h_score=adjusted,
        regularized_h_score=evidence.regularized,
        chance_level=chance(result, grouping),
        standard_error=evidence.error,
        h_score_standard_error=evidence.error * evidence.free_share,
        standard_error_method=evidence.basis,
        confidence=float(confidence),
        confidence_interval=(adjusted - reach, adjusted + reach),
        p_value=test.p_value,
        neg_log10_p_value=test.neg_log10_p_value,
        p_value_method=method,
        n_permutations=test.n_draws,
        n_groups=0 if grouping is None else grouping.n_groups,
        f_statistic=test.f_statistic,
        degrees_of_freedom=test.degrees_of_freedom,
        rank=result.rank,
        condition=1 / result.smallest_unique_share,
        n_samples=result.n_samples,
        n_features=result.n_features,
        n_classes=result.n_classes,
        total_weight=n,
        class_counts=dict(counts),
        class_shares=shares,
        class_r_squared={
            label: share / (1 - counts[label] / n) if 0 < counts[label] < n else math.nan
            for label, share in shares.items()
        },
        precision_used=result.precision_used,
        error_bound=result.error_bound,
        warnings=tuple(map(str, reasons)),
        left_out=dict(evidence.left_out),
        **_held_out_facts(evidence.held_out),
    )


def _held_out_facts(held_out: HeldOut | None) -> dict[str, float]:
    if held_out is None:
        return {}
    return {
        "cross_validated_h_score": held_out.result.score,
        "cross_validated_standard_error": held_out.error,
        "accuracy": held_out.accuracy[0],
        "accuracy_standard_error": held_out.accuracy[1],
        "balanced_accuracy": held_out.balanced[0],
        "balanced_accuracy_standard_error": held_out.balanced[1],
    }


def _nothing(confidence: float, method: str) -> HScoreReport:
    nan = math.nan
    text = "the features have values that are not finite, so that there is no score"
    return HScoreReport(
        *(nan,) * 6,
        "none: there is no score",
        float(confidence),
        (nan, nan),
        *(nan, nan),
        method,
        nan,
        (nan, nan),
        *(0, nan),
        *(0, 0, 0),
        0.0,
        *({}, {}, {}),
        "none",
        nan,
        (text,),
    )
