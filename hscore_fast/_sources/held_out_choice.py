"""Choosing feature sets by what they explain together of rows that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from numpy.typing import ArrayLike

from hscore_fast._inputs.options import Progress
from hscore_fast._results.adjustment import adjusted_value
from hscore_fast._results.cross_validation import HeldOut, error_of_sum
from hscore_fast._scores.held_out import fold_rows, hold_out_rows
from hscore_fast._sources.selection import SelectionStep, SourceSelection
from hscore_fast._sources.side_by_side import Joint
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["HeldOutChoice"]


class _Step(NamedTuple):
    """A source that was added."""

    source: int
    together: HeldOut  # with all before it
    gain: float
    gain_error: float
    p_value: float


class HeldOutChoice:
    """A search forward: the next source is the one that raises the held-out score the most.

    Parameters
    ----------
    joint : Joint
        Of all sources; nothing needs to be gathered.
    groups : array_like or None
        Rows that are held out together.
    n_errors, alpha : float
        As for :func:`hscore_fast.select_sources`.
    """

    def __init__(
        self,
        joint: Joint,
        groups: ArrayLike | None,
        n_errors: float,
        alpha: float,
        tol: float,
        threads: int,
        progress: Progress | None,
    ) -> None:
        self._joint = joint
        self._folds = fold_rows(
            joint.codes, joint.n_classes, groups, fewer_folds=True, kept=joint.kept
        )
        self._n_errors = n_errors
        self._alpha = alpha
        self._tol = tol
        self._threads = threads
        self._progress = progress
        self._known: dict[tuple[int, ...], HeldOut] = {}
        self._dropped: list[int] = []

    def run(self, most: int | None) -> SourceSelection:
        """Choose at most so many, as often as something is dropped."""
        order: list[int] = []
        while True:
            steps, stopped = self._forward(order, most or len(self._joint.names))
            superfluous = self._superfluous(steps)
            if superfluous is None:
                return self.result(steps, stopped)
            self._dropped.append(superfluous)
            order = [step.source for step in steps if step.source != superfluous]

    def _forward(self, given: Sequence[int], most: int) -> tuple[list[_Step], str]:
        """Add the given sources, then the best of the others while they help."""
        steps: list[_Step] = []
        left = [s for s in range(len(self._joint.names)) if s not in self._dropped]
        while left and len(steps) < most:
            forced = given[len(steps)] if len(steps) < len(given) else None
            chosen = [step.source for step in steps]
            compared = left if forced is None else [forced]
            scores = {s: self._score([*chosen, s]).result.score for s in compared}
            s = max(compared, key=lambda s: round(scores[s], 9))
            step = self._step(steps, s, len(compared))
            rise = (
                f"the next best, {self._joint.names[s]!r}, changes the held-out score by "
                f"{step.gain:.2g}"
            )
            if forced is None and not step.gain > self._n_errors * step.gain_error:
                return steps, (
                    f"{rise}, not more than {self._n_errors:g} standard error"
                    f"{'' if self._n_errors == 1 else 's'} ({step.gain_error:.2g} each)"
                )
            if forced is None and not (step.p_value < self._alpha or self._alpha == 1):
                return steps, f"{rise}, which chance does with probability {step.p_value:.2g}"
            left.remove(s)
            steps.append(step)
        return steps, "no source is left" if not left else f"{most} were wanted"

    def _step(self, before: Sequence[_Step], s: int, n_compared: int) -> _Step:
        together = self._score([*(step.source for step in before), s])
        gain, changes = together.result.score, together.deviations
        if before:
            gain = gain - before[-1].together.result.score
            changes = changes - before[-1].together.deviations
        error = error_of_sum(changes)
        chance = NormalDist().cdf(-gain / error) if error > 0 else float(gain <= 0)
        return _Step(s, together, gain, error, min(1.0, n_compared * chance))

    def _superfluous(self, steps: Sequence[_Step]) -> int | None:
        """Find the source without which the others do as well, within a standard error."""
        if len(steps) < 2:
            return None
        chosen = [step.source for step in steps]
        best = steps[-1].together
        without = {s: self._score([c for c in chosen if c != s]) for s in chosen}
        s = max(chosen, key=lambda s: without[s].result.score)
        loss = best.result.score - without[s].result.score
        error = error_of_sum(best.deviations - without[s].deviations)
        return s if loss < self._n_errors * error else None

    def _score(self, chosen: Sequence[int]) -> HeldOut:
        """Score some sets side by side, each choice once."""
        key = tuple(sorted(chosen))
        if key not in self._known:
            joint = self._joint
            found = hold_out_rows(
                (joint.matrix(key, self._threads), joint.codes, joint.n_classes, False),
                joint.classes,
                self._folds,
                threads=self._threads,
                progress=self._progress,
            )
            if found is None:
                joint.refuse(0, joint.n_samples, self._threads)
            assert found is not None  # or it was refused
            self._known[key] = found
        return self._known[key]

    def _plain(self, chosen: Sequence[int]) -> HScore:
        joint = self._joint
        result = core.h_score(
            *(joint.matrix(sorted(chosen), self._threads), joint.codes, joint.n_classes, False),
            *("float64", self._tol, self._threads, None),
        )
        assert result is not None  # only finite values were let in
        return result

    def result(self, steps: Sequence[_Step], stopped: str) -> SourceSelection:
        """Put the steps into the form that is given out, with the plain scores beside."""
        joint, found = self._joint, []
        for end, step in enumerate(steps, 1):
            plain = self._plain([each.source for each in steps[:end]])
            found.append(
                SelectionStep(
                    name=joint.names[step.source],
                    h_score=plain.score,
                    adjusted_h_score=adjusted_value(plain),
                    standard_error=step.together.error,
                    gain=step.gain,
                    gain_standard_error=step.gain_error,
                    p_value=step.p_value,
                    rank=plain.rank,
                    n_features=joint.n_features([step.source]),
                    score=step.together.result.score,
                )
            )
        return SourceSelection(
            steps=tuple(found),
            candidates=tuple(joint.names),
            dropped=tuple(joint.names[s] for s in self._dropped),
            stopped=stopped,
            n_samples=joint.n_samples,
            n_classes=joint.n_classes,
            left_out=joint.left_out,
            by="cross_validated_h_score",
        )
