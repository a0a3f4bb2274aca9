"""All scores of all sources in one table."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.options import as_names, as_one_of
from hscore_fast._results.display import WritesJson, html_table, number, text_table
from hscore_fast._results.warnings import HScoreWarning
from hscore_fast._scores.adjusted import adjusted_h_score
from hscore_fast._scores.cross_validated import cross_validated_h_score
from hscore_fast._scores.h_score import h_score
from hscore_fast._scores.regularized import regularized_h_score
from hscore_fast.rivals.agreement import Agreement, agreement, agreement_table
from hscore_fast.rivals.log_evidence import log_me
from hscore_fast.rivals.of_rows import knn, trans_rate
from hscore_fast.rivals.predictions import leep, nce

if TYPE_CHECKING:
    import pandas

__all__ = ["Agreements", "ScoreTable", "score_table"]

_OF_FEATURES: dict[str, Callable[[Any, Any], float]] = {
    "cross_validated_h_score": cross_validated_h_score,
    "regularized_h_score": regularized_h_score,
    "adjusted_h_score": adjusted_h_score,
    "h_score": h_score,
    "log_me": log_me,
    "trans_rate": trans_rate,
    "knn": knn,
}
_OF_PREDICTIONS: dict[str, Callable[[Any, Any], float]] = {
    "leep": leep,
    "nce": lambda predictions, labels: nce(np.asarray(predictions).argmax(axis=1), labels),
}
SCORES = (*_OF_FEATURES, *_OF_PREDICTIONS)


class Agreements(dict[str, Agreement]):
    """Result of :meth:`hscore_fast.rivals.ScoreTable.agreement`: one for each score.

    Prints as a table.

    Examples
    --------
    >>> from hscore_fast.rivals import Agreements, agreement
    >>> Agreements(width=agreement([1, 2, 3], [0.5, 0.7, 0.6]))["width"].n_sources
    3
    """

    def __str__(self) -> str:
        rows, header = agreement_table(self)
        return text_table(rows, header)

    def _repr_html_(self) -> str:
        rows, header = agreement_table(self)
        return html_table(rows, header)


@dataclass(frozen=True, repr=False)
class ScoreTable(WritesJson):
    """Result of :func:`hscore_fast.rivals.score_table`.

    Attributes
    ----------
    sources : tuple of str
    scores : dict of str to ndarray of float64, shape (n_sources,)
        For each score its values, nan where there is none.
    notes : tuple of str
        Why a value is missing, and what was warned of.
    """

    sources: tuple[str, ...]
    scores: Mapping[str, NDArray[np.float64]]
    notes: tuple[str, ...] = ()

    def agreement(
        self, accuracies: Mapping[str, float], *, n_resamples: int = 1000, seed: int = 0
    ) -> Agreements:
        """Measure how well each score agrees with the accuracies that the sources reach.

        Parameters
        ----------
        accuracies : mapping of str to float
            Of each source.
        n_resamples, seed
            As for :func:`hscore_fast.rivals.agreement`.

        Returns
        -------
        Agreements
            For each score that all sources have.

        Raises
        ------
        ValueError
            As :func:`hscore_fast.rivals.agreement` does.
        """
        found = Agreements()
        for name, values in self.scores.items():
            if np.isfinite(values).all():
                by_source = dict(zip(self.sources, values.tolist(), strict=True))
                found[name] = agreement(by_source, accuracies, n_resamples=n_resamples, seed=seed)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain objects."""
        return {
            "scores": {
                source: {name: float(values[row]) for name, values in self.scores.items()}
                for row, source in enumerate(self.sources)
            },
            "notes": list(self.notes),
        }

    def to_pandas(self) -> pandas.DataFrame:
        """Return the scores as a table, a row for each source."""
        import pandas

        return pandas.DataFrame(dict(self.scores), index=list(self.sources))

    def _rows(self) -> tuple[list[list[str]], list[str]]:
        rows = [
            [source, *(number(float(values[row])) for values in self.scores.values())]
            for row, source in enumerate(self.sources)
        ]
        return rows, ["source", *self.scores]

    def __str__(self) -> str:
        rows, header = self._rows()
        return "\n".join([text_table(rows, header), *self.notes])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows, header = self._rows()
        return html_table(rows, header, "; ".join(self.notes))


def score_table(
    sources: Mapping[str, ArrayLike],
    labels: ArrayLike,
    predictions: Mapping[str, ArrayLike] | None = None,
    *,
    scores: Sequence[str] | None = None,
) -> ScoreTable:
    """Compute all scores of all sources for one target.

    Parameters
    ----------
    sources : mapping of str to array_like of shape (n_samples, n_features)
        Features from each source, in memory, as for :func:`hscore_fast.h_score`.
    labels : array_like of shape (n_samples,)
        As for :func:`hscore_fast.h_score`.
    predictions : mapping of str to array_like of shape (n_samples, n_source_classes), optional
        Probabilities that a source's own classifier gives, of the sources that have one: for LEEP
        and, by the likeliest class, NCE.
    scores : sequence of str, optional
        Which, of "cross_validated_h_score", "regularized_h_score", "adjusted_h_score", "h_score",
        "log_me", "trans_rate", "knn", "leep" and "nce". By default all but those that need
        predictions where there are none, and "knn" where scikit-learn is not installed, which a
        note says.

    Returns
    -------
    ScoreTable
        What the scores warn of is in its notes.

    Raises
    ------
    ValueError, TypeError
        As the scores do, or if a name is unknown.
    ModuleNotFoundError
        If "knn" is asked for and scikit-learn is not installed.

    Examples
    --------
    >>> from hscore_fast.datasets import load_digits
    >>> from hscore_fast.rivals import score_table
    >>> images, digits = load_digits()
    >>> sources = {"top": images[:, :32], "bottom": images[:, 32:]}
    >>> print(score_table(sources, digits, scores=["h_score", "log_me"]))
    source  h_score   log_me
    top        4.08  0.05122
    bottom    4.384  0.08843
    """
    names = as_names(sources, "sources")
    predictions = {} if predictions is None else predictions
    if unknown := [name for name in predictions if name not in sources]:
        raise ValueError(f"predictions has {unknown[0]!r}, which is no name of a source")
    notes = []
    if scores is None:
        chosen = list(_OF_FEATURES) + (list(_OF_PREDICTIONS) if predictions else [])
        if importlib.util.find_spec("sklearn") is None:
            chosen.remove("knn")
            notes.append("knn: scikit-learn is not installed")
    else:
        chosen = [as_one_of("scores", name, SCORES) for name in scores]
    values = {name: np.full(len(names), np.nan) for name in chosen}
    for row, source in enumerate(names):
        for name in chosen:
            of_predictions = name in _OF_PREDICTIONS
            if of_predictions and source not in predictions:
                notes.append(f"{source}, {name}: no predictions")
                continue
            given = predictions[source] if of_predictions else sources[source]
            function = (_OF_PREDICTIONS if of_predictions else _OF_FEATURES)[name]
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", HScoreWarning)
                values[name][row] = function(given, labels)
            for each in caught:
                if issubclass(each.category, HScoreWarning):
                    notes.append(f"{source}, {name}: {each.message}")
                else:
                    warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return ScoreTable(names, values, tuple(notes))
