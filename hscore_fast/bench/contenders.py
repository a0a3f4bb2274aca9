"""Get the contenders of a case ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hscore_fast
from hscore_fast import reference
from hscore_fast._inputs.labels import encode
from hscore_fast.bench import answers, data, rivals
from hscore_fast.bench.cases import Case, Plan
from hscore_fast.bench.measure import Contender

__all__ = ["NAMES", "Field", "is_ours", "ours", "precisions", "ready"]

OURS = "hscore_fast"
# Long names for notes; the keys are what JSON has.
NAMES = {
    "reference": "the NumPy reference",
    "numpy": "NumPy written well",
    "syrk": "BLAS SYRK alone",
    "lapack": "LAPACK potrf + trtrs",
    "unique": "np.unique",
    "sklearn": "LabelEncoder of scikit-learn",
    "pandas": "pandas.factorize",
}

# Relative errors that are allowed. Ours are those the documentation promises; float32 without a
# correction promises 1e-8 times the condition, here up to 1e4.
_TOLERANCE = {
    ("auto", "float64"): 1e-9,
    ("float64", "float64"): 1e-9,
    ("float32", "float64"): 1e-4,
    ("auto", "float32"): 1e-6,
    ("float64", "float32"): 1e-6,
    ("float32", "float32"): 1e-4,
}
_RIVAL_TOLERANCE = {"float64": 1e-8, "float32": 1e-2}


@dataclass
class Field:
    """The contenders of one case, and those that stay away with the reason."""

    contenders: list[Contender]
    answer_by: str
    skipped: dict[str, str] = field(default_factory=dict)


def ours(precision: str) -> str:
    """Name this library as a contender."""
    return f"{OURS} {precision}".rstrip()


def is_ours(name: str) -> bool:
    """Whether a contender is this library."""
    return name.partition(" ")[0] == OURS


def precisions(case: Case) -> list[str]:
    """List the values of ``precision`` to time: the default, and the one that is not silent."""
    return ["auto", case.dtype] if case.kind in ("score", "dependent") else [""]


def ready(case: Case, plan: Plan) -> Field:
    """Make the data, the answer and the contenders of a case that fits into memory."""
    make = {"score": _score, "dependent": _score, "factor": _factor, "encode": _encode}
    return make[case.kind](case, plan)


def _problem(case: Case) -> tuple[NDArray[Any], NDArray[np.int64], answers.Answer]:
    dependent = case.kind == "dependent"
    key = (case.n_samples, case.n_features, case.n_classes, case.dtype, dependent)
    return *data.features_and_labels(*key), answers.answer(*key)


def _score(case: Case, plan: Plan) -> Field:
    x, labels, (expected, answer_by) = _problem(case)
    rival_tolerance = _RIVAL_TOLERANCE[case.dtype]
    result = Field([], answer_by)

    def score_by(precision: str) -> Callable[[], float]:
        return lambda: hscore_fast.h_score(x, labels, precision=precision, n_threads=case.threads)

    for precision in precisions(case):
        tolerance = _TOLERANCE[precision, case.dtype]
        result.contenders.append(
            Contender(ours(precision), score_by(precision), float, expected, tolerance)
        )
    reason = plan.why_no_reference(case)
    if reason is None:
        result.contenders.append(
            Contender(
                "reference",
                lambda: reference.h_score(x, labels),
                float,
                expected,
                1e-8,
                most_rounds=plan.reference_rounds,
            )
        )
    else:
        result.skipped["reference"] = reason
    syrk = rivals.RankUpdate(x)
    result.contenders += [
        Contender("numpy", lambda: rivals.h_score(x, labels), float, expected, rival_tolerance),
        Contender("syrk", syrk, rivals.quadratic_form, syrk.expected(), rival_tolerance),
    ]
    return result


def _factor(case: Case, plan: Plan) -> Field:
    """Ours from moments, which scales and copies as well, against LAPACK by itself."""
    x, labels, (expected, answer_by) = _problem(case)
    moments = hscore_fast.Moments().update(x, labels, n_threads=case.threads)
    stream = answers.Stream(case.n_features, case.n_classes)
    stream.add(x, labels)
    lapack = rivals.Factorization(*stream.centred())

    def touch() -> None:
        # LAPACK's copy lies in memory that the system has given before. What ours takes anew costs
        # most where it was given back to the host of a virtual machine.
        np.ones((case.n_features + case.n_classes, case.n_features))

    def ours_from_moments() -> float:
        return moments.h_score(n_threads=case.threads)

    return Field(
        [
            Contender(OURS, ours_from_moments, float, expected, 1e-9, touch),
            Contender("lapack", lapack, _sum_of_squares, expected, 1e-8, lapack.prepare),
        ],
        answer_by,
    )


def _sum_of_squares(white: NDArray[Any]) -> float:
    return float(np.einsum("ij,ij->", white, white))  # wakes no thread of a BLAS


def _encode(case: Case, plan: Plan) -> Field:
    """Labels to codes; the value is the number of labels that come back from their codes."""
    labels = data.make_labels(case.n_samples, case.n_classes)
    total = float(case.n_samples)

    def decoded(codes: Any, classes: Any) -> float:
        return float(np.count_nonzero(np.asarray(classes)[codes] == labels))

    result = Field(
        [
            Contender(OURS, lambda: encode(labels), lambda r: decoded(*r), total, 0.0),
            Contender(
                "unique",
                lambda: np.unique(labels, return_inverse=True),
                lambda r: decoded(r[1], r[0]),
                total,
                0.0,
            ),
        ],
        "the labels themselves",
    )
    # By name, because they may not be there.
    try:
        encoder = import_module("sklearn.preprocessing").LabelEncoder()
        result.contenders.append(
            Contender(
                "sklearn",
                lambda: encoder.fit_transform(labels),
                lambda codes: decoded(codes, encoder.classes_),
                total,
                0.0,
            )
        )
    except ModuleNotFoundError:
        result.skipped["sklearn"] = "not installed"
    try:
        pandas = import_module("pandas")
        result.contenders.append(
            Contender("pandas", lambda: pandas.factorize(labels), lambda r: decoded(*r), total, 0.0)
        )
    except ModuleNotFoundError:
        result.skipped["pandas"] = "not installed"
    return result
