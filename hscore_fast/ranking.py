"""What :func:`hscore_fast.rank_sources` returns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from hscore_fast._distributions import student_quantile
from hscore_fast._evidence import Evidence
from hscore_fast._jackknife import block_places
from hscore_fast._significance import pillai_test
from hscore_fast._tables import WritesJson, html_table, number, text_table
from hscore_fast.adjusted import adjusted_doubt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SourceRanking", "SourceScore", "rank"]

Floats = NDArray[np.float64]

_LABELS = {
    "adjusted_h_score": "adjusted H-score",
    "h_score": "H-score",
    "regularized_h_score": "regularized H-score",
}


@dataclass(frozen=True)
class SourceScore:
    """What :func:`hscore_fast.rank_sources` says of one source.

    Attributes
    ----------
    name : str
        Of the source.
    score : float
        What the ranking is by; nan if the source could not be scored.
    standard_error : float
        Of `score`; nan where it is not known.
    probability_best : float
        That this source is the best of those whose errors are known; nan if its own is not.
    tied_with_best : bool
        Whether it cannot be told from the best; so for the best itself.
    tied_with_next : bool
        Whether it cannot be told from the next in the ranking.
    h_score, adjusted_h_score, regularized_h_score : float
        The last is nan unless the ranking is by it.
    neg_log10_p_value : float
        Of Pillai's test, see :func:`hscore_fast.evaluate`.
    rank : int
        Of the features.
    n_samples, n_features, n_classes : int
        Of the data.
    precision_used : str
        As in :class:`hscore_fast.HScoreReport`.
    warning : str
        What speaks against the score; empty if nothing does.
    error : str
        Why the source could not be scored; empty if it could.
    """

    name: str
    score: float = math.nan
    standard_error: float = math.nan
    probability_best: float = math.nan
    tied_with_best: bool = False
    tied_with_next: bool = False
    h_score: float = math.nan
    adjusted_h_score: float = math.nan
    regularized_h_score: float = math.nan
    neg_log10_p_value: float = math.nan
    rank: int = 0
    n_samples: int = 0
    n_features: int = 0
    n_classes: int = 0
    precision_used: str = ""
    warning: str = ""
    error: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class SourceRanking(WritesJson, Sequence[SourceScore]):
    """What :func:`hscore_fast.rank_sources` returns: sources in the order of their scores.

    A sequence of :class:`SourceScore`, the best first; ``print`` shows it as a table, and so do
    notebooks. Those that could not be scored stand at the end.

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
        is, 0 if it says nothing. Of the sources whose errors are known; nan for fewer than two.
    errors_from : str
        "influence", "jackknife" or "none": where the covariance comes from.
    """

    entries: tuple[SourceScore, ...]
    by: str
    confidence: float
    covariance: Floats
    stability: float
    errors_from: str

    @overload
    def __getitem__(self, index: int) -> SourceScore: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SourceScore, ...]: ...
    def __getitem__(self, index: int | slice) -> SourceScore | tuple[SourceScore, ...]:
        return self.entries[index]

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
        """The first."""
        return self.entries[0]

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
            If there is no such source.
        """
        places = {name: place for place, name in enumerate(self.names)}
        i, j = places[first], places[second]
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

    def plot(self, title: str | None = None) -> Figure:
        """Draw the ranking with error bars; needs the extra ``plot``.

        Parameters
        ----------
        title : str, optional
            Over the figure.

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
            tied=[entry.tied_with_best for entry in shown],
            label=_LABELS[self.by],
            title=title,
        )

    def __str__(self) -> str:
        return "\n".join([text_table(self._rows(), self._header()), *self._notes()])

    def __repr__(self) -> str:
        return f"<SourceRanking of {len(self)} by {self.by}: {', '.join(self.names[:5])}>"

    def _repr_html_(self) -> str:
        notes = "".join(html_table([[note]]) for note in self._notes())
        return html_table(self._rows(), self._header(), _LABELS[self.by]) + notes

    def _header(self) -> list[str]:
        return ["source", self.by.replace("_", " "), "+-", "best", "ties", "features", "rank"]

    def _rows(self) -> list[list[str]]:
        rows = []
        for entry in self.entries:
            if entry.error:
                continue
            ties = ("=" if entry.tied_with_best else "") + ("~" if entry.tied_with_next else "")
            chance = entry.probability_best
            rows.append(
                [
                    entry.name,
                    number(entry.score),
                    number(entry.standard_error, 2),
                    "-" if math.isnan(chance) else f"{100 * chance:.0f} %",
                    ties,
                    str(entry.n_features),
                    str(entry.rank),
                ]
            )
        return rows

    def _notes(self) -> list[str]:
        notes = []
        if self.errors_from != "none":
            notes.append(
                f"= not told from the best, ~ not from the next, at {100 * self.confidence:g} %; "
                f"stability {number(self.stability, 2)}"
            )
        notes += [f"{e.name}: {e.warning}" for e in self.entries if e.warning]
        notes += [f"{e.name} was not scored: {e.error}" for e in self.entries if e.error]
        return notes


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
    reason = adjusted_doubt(result)
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
        "warning": "" if reason is None else str(reason),
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
