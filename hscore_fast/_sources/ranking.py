"""Results of a ranking of sources."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from hscore_fast._results.display import SCORE_NAMES, left_out_notes, number
from hscore_fast._results.names import place_of
from hscore_fast._results.tables import Displayed, Page, Table, measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SourceRanking", "SourceScore", "probability", "shown_scores"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SourceScore:
    """Result of :func:`hscore_fast.rank_sources` for one source.

    Attributes
    ----------
    name : str
        Of the source.
    score : float
        What the ranking is by; nan if the source could not be scored.
    standard_error : float
        Of `score`; nan where it is not known.
    probability_best : float
        That this source is the best; nan unless the scores and errors of all are known.
    tied_with_best : bool or None
        Whether it cannot be told from the best; so for the best itself. None where that is not
        known, because the error of either is not, or because some source has no score.
    tied_with_next : bool or None
        Whether it cannot be told from the next in the ranking; None as for `tied_with_best`.
    h_score, adjusted_h_score, regularized_h_score : float
        The last is nan unless the ranking is by it.
    cross_validated_h_score, accuracy, accuracy_standard_error : float
        Of held-out rows, see :func:`hscore_fast.cross_validate`; nan unless the ranking is by it.
    neg_log10_p_value : float
        Of Pillai's test, see :func:`hscore_fast.evaluate`.
    rank : int
        Of the features.
    n_samples, n_features, n_classes : int
        Of the data.
    precision_used : str
        As in :class:`hscore_fast.HScoreReport`.
    left_out : mapping of str to str
        Columns of its table that are not among the features, and why.
    warning : str
        What speaks against the score; empty if nothing does.
    error : str
        Why the source could not be scored; empty if it could.
    """

    name: str
    score: float = math.nan
    standard_error: float = math.nan
    probability_best: float = math.nan
    tied_with_best: bool | None = None
    tied_with_next: bool | None = None
    h_score: float = math.nan
    adjusted_h_score: float = math.nan
    regularized_h_score: float = math.nan
    cross_validated_h_score: float = math.nan
    accuracy: float = math.nan
    accuracy_standard_error: float = math.nan
    neg_log10_p_value: float = math.nan
    rank: int = 0
    n_samples: int = 0
    n_features: int = 0
    n_classes: int = 0
    precision_used: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    warning: str = ""
    error: str = ""

    @property
    def marks(self) -> str:
        """How a table shows ties: = with the best, ~ with the next; empty where none is known."""
        if self.tied_with_next is None:
            return "=" if self.tied_with_best and not math.isnan(self.probability_best) else ""
        return ("=" if self.tied_with_best else "") + ("~" if self.tied_with_next else "")


def shown_scores(entries: Sequence[SourceScore]) -> list[tuple[str, str]]:
    """Return scores and errors as texts with the decimals that the errors allow."""
    return measured([e.score for e in entries], [e.standard_error for e in entries])


def probability(value: float) -> str:
    """Show a probability in percent; never as certain."""
    if math.isnan(value):
        return "-"
    percent = round(100 * value)
    return f"{percent} %" if 1 <= percent <= 99 else "<1 %" if percent < 1 else ">99 %"


def _listed(entries: Sequence[SourceScore]) -> str:
    names = [entry.name for entry in entries[:5]]
    return ", ".join(names + ["..."] * (len(entries) > len(names)))


@dataclass(frozen=True, eq=False, repr=False)
class SourceRanking(Displayed, Sequence[SourceScore]):
    """Result of :func:`hscore_fast.rank_sources`: sources in the order of their scores.

    A sequence of :class:`SourceScore`, the best first; ``ranking["name"]`` is that of a source.
    ``print`` shows it as a table, and so do notebooks. Those that could not be scored stand at the
    end.

    Attributes
    ----------
    entries : tuple of SourceScore
        All of them.
    by : str
        What the ranking is by.
    confidence : float
        Of the comparisons.
    covariance : ndarray of shape (n_sources, n_sources)
        Of the scores, in the order of the ranking; nan where it is not known.
    stability : float
        Mean of Kendall's tau between this ranking and one of a new sample: 1 if it would stay as it
        is, 0 if it says nothing. nan for fewer than two sources, and unless the scores and errors
        of all are known.
    errors_from : str
        "influence", "jackknife" or "none": where the covariance comes from; "rows", "groups",
        "folds" or "none" where the ranking is by the cross-validated score.
    choice_score : float
        The cross-validated score of the choice itself: each fold is scored with the source that is
        the best on the other folds, so that no held-out row has chosen the source that it scores.
        The first of many has a higher score by luck alone, of which this keeps about a quarter,
        since the other folds' fits have seen the rows. nan for fewer than two sources, where the
        ranking is by another score, and where the sources' folds are not the same rows.
    """

    entries: tuple[SourceScore, ...]
    by: str
    confidence: float
    covariance: Floats
    stability: float
    errors_from: str
    choice_score: float = math.nan

    @overload
    def __getitem__(self, index: int | str) -> SourceScore: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SourceScore, ...]: ...
    def __getitem__(self, index: int | str | slice) -> SourceScore | tuple[SourceScore, ...]:
        if isinstance(index, str):
            return self.entries[place_of(index, self.names, "source")]
        return self.entries[index]

    def __contains__(self, source: object) -> bool:
        """Say whether a source of that name, or that entry, is in the ranking."""
        return source in self.names if isinstance(source, str) else source in self.entries

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[SourceScore]:
        return iter(self.entries)

    @property
    def names(self) -> list[str]:
        """The sources' names in this order."""
        return [entry.name for entry in self.entries]

    @property
    def best(self) -> SourceScore:
        """The first; not known to be the best where some are :attr:`undefined`."""
        return self.entries[0]

    @property
    def undefined(self) -> tuple[SourceScore, ...]:
        """Those whose score is undefined (nan), which may be better than all others."""
        return tuple(
            entry for entry in self.entries if not entry.error and entry.score != entry.score
        )

    @property
    def tied_with_best(self) -> tuple[SourceScore, ...]:
        """Those that cannot be told from the best, which is the first of them."""
        return tuple(entry for entry in self.entries if entry.tied_with_best)

    @property
    def failed(self) -> tuple[SourceScore, ...]:
        """Those that could not be scored; each says why."""
        return tuple(entry for entry in self.entries if entry.error)

    def difference(self, first: str, second: str) -> tuple[float, float]:
        """Give the difference of two scores and its standard error.

        Parameters
        ----------
        first, second : str
            Names of sources.

        Returns
        -------
        tuple of float
            The error is nan where it is not known.

        Raises
        ------
        KeyError
            If there is no such source; the message proposes similar names.
        """
        i, j = (place_of(name, self.names, "source") for name in (first, second))
        variance = self.covariance[i, i] + self.covariance[j, j] - 2 * self.covariance[i, j]
        error = math.sqrt(max(variance, 0.0)) if variance == variance else math.nan
        return self.entries[i].score - self.entries[j].score, error

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain objects."""
        return {
            "by": self.by,
            "confidence": self.confidence,
            "stability": self.stability,
            "errors_from": self.errors_from,
            "choice_score": self.choice_score,
            "sources": [asdict(entry) for entry in self.entries],
        }

    def to_pandas(self) -> Any:
        """Return a DataFrame with a row for each source, by name.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas

        return pandas.DataFrame([asdict(entry) for entry in self.entries]).set_index("name")

    def to_polars(self) -> Any:
        """Return a polars DataFrame with a row for each source.

        Raises
        ------
        ModuleNotFoundError
            If polars is not installed.
        """
        import polars

        rows = [{**asdict(e), "left_out": ", ".join(e.left_out)} for e in self.entries]
        return polars.DataFrame(rows, infer_schema_length=None)

    def plot(self, title: str | None = None, *, ax: Axes | None = None) -> Figure:
        """Draw the ranking with error bars; needs the extra ``plot``.

        Parameters
        ----------
        title : str, optional
            Over the figure.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a figure of its own, which notebooks show.

        Returns
        -------
        matplotlib.figure.Figure
            See :func:`hscore_fast.plots.ranking`; :func:`hscore_fast.plots.save` writes it.
        """
        from hscore_fast import plots

        shown = [entry for entry in self.entries if not entry.error]
        errors = np.array([entry.standard_error for entry in shown])
        return plots.ranking(
            [entry.name for entry in shown],
            [entry.score for entry in shown],
            None if np.isnan(errors).all() else np.nan_to_num(errors),
            tied=[bool(entry.tied_with_best) for entry in shown],
            label=SCORE_NAMES[self.by],
            title=title,
            ax=ax,
        )

    def __repr__(self) -> str:
        return f"<SourceRanking of {len(self)} by {self.by}: {', '.join(self.names[:5])}>"

    def _page(self) -> Page:
        before = [text for text in (self.caution(), self.basis()) if text]
        return Page([Table(self._rows(), self._header())], self._notes(), before)

    def caution(self) -> str:
        """Say what makes the order incomplete, in one sentence; empty if nothing does."""
        missing = []
        if self.undefined:
            missing.append(
                f"{len(self.undefined)} of {len(self)} sources ({_listed(self.undefined)}) have no "
                f"{SCORE_NAMES[self.by]} (undefined), so that neither the best nor ties are known: "
                "use more samples or fewer features, or rank by 'cross_validated_h_score', which "
                "all have"
            )
        if self.failed:
            missing.append(
                f"{len(self.failed)} of {len(self)} sources ({_listed(self.failed)}) could not be "
                "scored and are not compared"
            )
        return "; ".join(missing)

    def basis(self) -> str:
        """Say in one line what the ranking is by."""
        errors = "" if self.errors_from == "none" else f", errors from {self.errors_from}"
        return f"ranked by {SCORE_NAMES[self.by]}{errors}"

    def luck(self) -> str:
        """Say that the first of many may be first by luck, and what is left of it without."""
        n = sum(entry.score == entry.score for entry in self.entries)
        if n < 2:
            return ""
        if math.isnan(self.choice_score):
            return (
                f"the first of {n} may be first by luck, which its score then includes: score it "
                "on rows that did not choose it"
            )
        return (
            f"the first of {n} may be first by luck: the best on all folds but one has, on that "
            f"one, in turn {number(self.choice_score)}"
        )

    def _header(self) -> list[str]:
        return ["source", SCORE_NAMES[self.by], "±", "P(best)", "ties", "features", "rank"]

    def _rows(self) -> list[list[str]]:
        scored = [entry for entry in self.entries if not entry.error]
        return [
            [
                entry.name,
                *shown,
                probability(entry.probability_best),
                entry.marks,
                f"{entry.n_features:,}",
                f"{entry.rank:,}",
            ]
            for entry, shown in zip(scored, shown_scores(scored), strict=True)
        ]

    def _notes(self) -> list[str]:
        notes = []
        if self.errors_from != "none" and not self.undefined:
            notes.append(
                f"= tied with the best, ~ tied with the next row, at {100 * self.confidence:g} %"
            )
            notes.append(
                "P(best): how often the source is first when the rows are drawn anew; stability of "
                f"the order (Kendall's tau): {self.stability:.2f}"
            )
        if self.luck():
            notes.append(self.luck())
        if self.errors_from == "none" and self.by != "regularized_h_score" and len(self) > 1:
            notes.append("ties are not known: not all sources have errors from the same rows")
        notes += left_out_notes({e.name: e.left_out for e in self.entries})
        gone = self.undefined  # what they have to say comes first, once
        notes += [f"{e.name}: {e.warning}" for e in self.entries if e.warning and e not in gone]
        notes += [f"{e.name} was not scored: {e.error}" for e in self.entries if e.error]
        return notes
