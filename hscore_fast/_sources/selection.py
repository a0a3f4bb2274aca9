"""Results of a selection of sources."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, overload

from hscore_fast._results.display import (
    SCORE_NAMES,
    WritesJson,
    html_table,
    left_out_notes,
    number,
    text_table,
)

if TYPE_CHECKING:
    import pandas

__all__ = ["SelectionStep", "SourceSelection"]


@dataclass(frozen=True)
class SelectionStep:
    """Result of :func:`hscore_fast.select_sources` for one source that was added.

    Attributes
    ----------
    name : str
        Of the source.
    h_score, adjusted_h_score : float
        Of this source and all before it, side by side.
    standard_error : float
        Of `score`.
    gain, gain_standard_error : float
        Rise of `score` by this source, and the standard error of the rise.
    p_value : float
        Probability that any of the sources compared here would have raised the score as much if
        they knew nothing new.
    rank : int
        Of all chosen features so far.
    n_features : int
        Of this source.
    score : float
        What the choice is by, of this source and all before it, side by side.
    """

    name: str
    h_score: float
    adjusted_h_score: float
    standard_error: float
    gain: float
    gain_standard_error: float
    p_value: float
    rank: int
    n_features: int
    score: float = math.nan  # in pickles from before it was there: the adjusted one


@dataclass(frozen=True, repr=False)
class SourceSelection(WritesJson, Sequence[SelectionStep]):
    """Result of :func:`hscore_fast.select_sources`: a sequence of steps.

    Attributes
    ----------
    steps : tuple of SelectionStep
        In order.
    candidates : tuple of str
        All sources.
    dropped : tuple of str
        Sources that were chosen and that later ones made superfluous.
    stopped : str
        Why the search ended.
    n_samples, n_classes : int
        Of the data.
    left_out : mapping of str to mapping
        For each source, the columns of its table that are not among the features, and why.
    by : str
        The score that the choice is by: "cross_validated_h_score" or "adjusted_h_score".
    """

    steps: tuple[SelectionStep, ...]
    candidates: tuple[str, ...]
    dropped: tuple[str, ...]
    stopped: str
    n_samples: int
    n_classes: int
    left_out: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by: str = "adjusted_h_score"  # that of pickles from before there was another

    @property
    def selected(self) -> list[str]:
        """Names of the chosen sources in the order in which they were chosen."""
        return [step.name for step in self.steps]

    @property
    def score(self) -> float:
        """The score that decides, of all chosen sources side by side; 0 if none was chosen."""
        return self._score(self.steps[-1]) if self.steps else 0.0

    @property
    def h_score(self) -> float:
        """H-score of all chosen sources side by side; 0 where there is none."""
        return self.steps[-1].h_score if self.steps else 0.0

    @property
    def adjusted_h_score(self) -> float:
        """Adjusted H-score of all chosen sources side by side; 0 where there is none."""
        return self.steps[-1].adjusted_h_score if self.steps else 0.0

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[SelectionStep]:
        return iter(self.steps)

    @overload
    def __getitem__(self, index: int) -> SelectionStep: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SelectionStep, ...]: ...
    def __getitem__(self, index: int | slice) -> SelectionStep | tuple[SelectionStep, ...]:
        return self.steps[index]

    def to_dict(self) -> dict[str, Any]:
        """Return all values by name; the steps are a list of dictionaries."""
        values = asdict(self)
        return {"selected": self.selected, **values, "steps": list(values["steps"])}

    def to_pandas(self) -> pandas.DataFrame:
        """Return a row for each step, under its source's name.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas

        columns = list(SelectionStep.__dataclass_fields__)
        frame = pandas.DataFrame([asdict(step) for step in self.steps], columns=columns)
        return frame.set_index("name")

    def __str__(self) -> str:
        lines = [self._basis()]
        lines.append(text_table(self._rows(), _HEADER) if self.steps else "no source was chosen")
        if self.dropped:
            lines.append(f"dropped again: {', '.join(self.dropped)}")
        left = [name for name in self.candidates if name not in self.selected]
        if left:
            lines.append(f"not chosen: {', '.join(left)}")
        lines.append(f"ended because {self.stopped}")
        if self.steps and len(self.candidates) > 1:
            lines.append(_LUCK)
        lines += left_out_notes(self.left_out)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<SourceSelection: {len(self)} of {len(self.candidates)} sources, "
            f"{SCORE_NAMES[self.by]} {number(self.score)}>"
        )

    def _repr_html_(self) -> str:
        notes = "".join(html_table([[note]]) for note in left_out_notes(self.left_out))
        caption = f"{self._basis()}, ended because {self.stopped}"
        return html_table(self._rows(), _HEADER, caption) + notes

    def _basis(self) -> str:
        return f"chosen by {SCORE_NAMES[self.by]}"

    def _score(self, step: SelectionStep) -> float:
        return step.adjusted_h_score if self.by == "adjusted_h_score" else step.score

    def _rows(self) -> list[list[str]]:
        return [
            [
                step.name,
                f"{step.n_features:,}",
                f"{step.rank:,}",
                number(step.h_score),
                number(self._score(step)),
                number(step.standard_error, 2),
                number(step.gain, 3),
                number(step.gain_standard_error, 2),
                number(step.p_value, 2),
            ]
            for step in self.steps
        ]


_HEADER = ("source", "features", "rank", "H", "score", "+-", "rise", "+-", "p")
_LUCK = "part of the score may be the luck of the choice: score it on rows that did not choose"
