"""The figures of the study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hscore_fast import plots
from hscore_fast.demo.study import FORMS, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NAMES", "save"]

NAMES = ("h-score-against-accuracy", "transfer-matrix", "hierarchy", "curriculum")

_FORM_NAMES = {
    "cross_validated_h_score": "cross-validated H-score",
    "h_score": "H-score",
    "regularized_h_score": "regularized H-score",
    "adjusted_h_score": "adjusted H-score",
}
_ERRORS = {
    "cross_validated_h_score": "cross_validated_error",
    "h_score": "standard_error",
    "adjusted_h_score": "adjusted_standard_error",
}


def save(study: Study, folder: Path, ending: str) -> list[Path]:
    """Draw the figures and write them into a folder.

    Parameters
    ----------
    study : Study
        What to draw.
    folder : Path
        Where to; it must be there.
    ending : {"svg", "pdf", "png"}
        The format.

    Returns
    -------
    list of Path
        The files.
    """
    figures = (
        _agreement(study),
        study.matrix.plot("bound", title="Last layers on all tasks"),
        study.matrix.hierarchy().plot(title="Networks by what they transfer to"),
        study.tasks.curriculum().plot(title="From which task to learn each other task"),
    )
    paths = [folder / f"{name}.{ending}" for name in NAMES]
    for figure, path in zip(figures, paths, strict=True):
        plots.save(figure, path)
    return paths


def _agreement(study: Study) -> Figure:
    """Draw a row of panels for each form of the score, a column for each target."""
    scores, accuracy, errors, accuracy_errors, notes = {}, {}, {}, {}, {}
    sources: list[str] = []
    found = {(each.target, each.form): each for each in study.correlations}
    for form in FORMS:
        for target in study.plan.targets:
            here = [each for each in study.measurements if each.target == target]
            sources = [each.source for each in here]
            panel = f"{_FORM_NAMES[form]} on {target}"
            scores[panel] = [getattr(each, form) for each in here]
            accuracy[panel] = [each.accuracy for each in here]
            accuracy_errors[panel] = [each.accuracy_error for each in here]
            if form in _ERRORS:
                errors[panel] = [getattr(each, _ERRORS[form]) for each in here]
            correlation = found[target, form]
            notes[panel] = f"Pearson {correlation.pearson:.2f}, Spearman {correlation.spearman:.2f}"
    return plots.agreement(
        scores,
        accuracy,
        groups=sources,
        score_errors=errors,
        accuracy_errors=accuracy_errors,
        notes=notes,
        n_columns=len(study.plan.targets),
        accuracy_label="accuracy of a linear probe",
        title=f"Hidden layers of networks on the digits: scores from {study.plan.n_labelled} "
        f"labels, accuracy on {study.n_test} other images; bars: one standard error",
    )
