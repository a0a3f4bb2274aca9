"""Which feature sets to put side by side for a target, chosen one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import Progress, as_integer, as_one_of, as_tol
from hscore_fast._problem import as_input_options
from hscore_fast._results.adjustment import adjusted_value, free_share
from hscore_fast._results.distributions import log_beta_tail
from hscore_fast._results.doubts import warn_about, warn_if_single_class
from hscore_fast._sources.held_out_choice import HeldOutChoice
from hscore_fast._sources.order import CROSS_VALIDATED
from hscore_fast._sources.selection import SelectionStep, SourceSelection
from hscore_fast._sources.side_by_side import Joint, Sources, read_joint
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["select_sources"]

BY = (CROSS_VALIDATED, "adjusted_h_score")


def select_sources(
    sources: Sources,
    labels: ArrayLike | Address,
    *,
    by: str = CROSS_VALIDATED,
    groups: ArrayLike | None = None,
    k: int | None = None,
    n_errors: float = 1.0,
    alpha: float = 0.01,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    tol: float | None = None,
    n_threads: int | None = None,
    ignore_label: Any = None,
    progress: Progress | None = None,
) -> SourceSelection:
    r"""Choose the feature sets that together serve a target best, one after the other.

    Each step adds the source that raises the score of all chosen ones side by side the most. It
    ends when the rise is within one standard error, or when features that know nothing could have
    raised it as much by chance. Then any source that the others have made superfluous is dropped,
    and the search goes on without it.

    Parameters
    ----------
    sources : mapping of str to array_like of shape (n_samples, n_features), or address
        Feature sets over the same rows, of any widths, each as for :func:`h_score`, files included.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`.
    by : {"cross_validated_h_score", "adjusted_h_score"}
        The score to choose by. The default, the first, asks what the sources explain together of
        rows that were held out; it takes any number of features, and costs more where there are
        many rows and columns (see Notes).
    groups : array_like of shape (n_samples,), optional
        As for :func:`cross_validated_h_score`, where the choice is by it.
    k : int, optional
        Choose at most so many; by default as many as help.
    n_errors : float, default 1.0
        A source is added if it raises the score by more than so many standard errors of the rise,
        and dropped if without it the score is lower by no more than that.
    alpha : float, default 0.01
        A source is added only if the probability that one of the remaining ones would raise the
        score as much, did none of them know anything new, is below this. 1 switches it off; a
        standard error alone is passed by one useless source in ten to twenty.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`rank_sources`.
    tol : float, optional
        As for :func:`h_score`; of no effect on cross-validated scores.
    n_threads : int, optional
        As for :func:`h_score`.
    ignore_label : object or list of objects, optional
        As for :func:`h_score`.
    progress : callable, optional
        Called as ``progress(rows_done, rows_total)`` while the statistics are gathered: once by the
        adjusted score, anew for each choice that is tried by the cross-validated one.

    Returns
    -------
    SourceSelection
        ``.selected`` names the chosen sources in order; nothing is chosen when no source is better
        than chance. ``print`` shows the steps as a table, and what the choice is by.

    Raises
    ------
    ValueError
        If the numbers of rows differ, a value is not finite or an option is out of range. The
        message names the source.
    TypeError
        If a source is no real matrix, or the names are no strings.
    MemoryError
        If the statistics do not fit: by the adjusted score ``8 * (sum of n_features) ** 2`` bytes,
        up to 3.4 times; by the other those of :func:`cross_validated_h_score` for all chosen.
    FileNotFoundError, OSError, ModuleNotFoundError
        As :func:`h_score` does for files.

    Warns
    -----
    SaturationWarning
        By the adjusted score: the chosen features have rank ``n_samples - 1``.
    PrecisionWarning
        By the adjusted score: fewer than six digits of the last score are certain.
    SingleClassWarning
        There is one class, so that nothing can be chosen.

    Notes
    -----
    By the cross-validated score every choice that is tried is scored as
    :func:`cross_validated_h_score` scores its columns side by side, in the same folds: as many
    scores as sources remain, at each step. With few rows that takes moments. With many, of many
    wide sources, the adjusted score costs far less. Errors of rises are paired by rows, or groups,
    and widened as those of :func:`cross_validate`; the probability is that of a normal variable
    that exceeds the rise, times the number of sources compared.

    By the adjusted score the rows are read once for the scatter of all columns together, nothing is
    copied side by side, and once more for each step, which is little work: the standard error of a
    rise comes from what each row does to both scores. From the scatter the gain of every source is

    .. math:: H([f_1, f_2]) - H(f_1) = \lVert L_2^{-1} (B_2 - P^T W_1) \rVert_F^2, \qquad
              P = L_1^{-1} T_{12}, \quad L_2 L_2^T = T_{22} - P^T P,

    with the scatter :math:`T`, its factors :math:`L`, the class sums :math:`B` and
    :math:`W_1 = L_1^{-1} B_1`; the Schur complements of all sources that remain are kept, so that a
    step is one block of a Cholesky factorization. All in float64. A copy of chosen features has
    nothing left, rank 0, and gains nothing.

    Features that know nothing new, in a random position, gain :math:`(q - H_1) r / n` on average,
    where :math:`r` is the rank they add and :math:`n` the dimension that is left, which the
    adjusted score takes out; the variance is known too, and a beta variable of that mean and
    variance gives the probability. It is multiplied by the number of sources compared.

    Memory is the scatter of all sources, once more what remains of it, and up to 4/3 of that again
    for the sources chosen, while it is looked which of them are superfluous: for twelve sources of
    768 columns 1.4 to 2.3 GB beyond the features. Where that does not fit, choose within groups
    first.

    Examples
    --------
    >>> import numpy as np
    >>> from hscore_fast import select_sources
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, 400)
    >>> color = rng.standard_normal((400, 5)) + (labels == 0)[:, None]
    >>> shape = rng.standard_normal((400, 8)) + (labels == 1)[:, None]
    >>> noise = rng.standard_normal((400, 20))
    >>> choice = select_sources({"noise": noise, "color": color, "shape": shape}, labels)
    >>> choice.selected
    ['shape', 'color']
    """
    as_one_of("by", by, BY)
    if groups is not None and by != CROSS_VALIDATED:
        raise ValueError(f"groups need by={CROSS_VALIDATED!r}, got by={by!r}")
    tolerance = as_tol(tol)
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        ignore_label=ignore_label,
        progress=progress,
    )
    most = None if k is None else as_integer(k, "k", kind="a positive integer or None")
    if not n_errors >= 0:
        raise ValueError(f"n_errors must be at least 0, got {n_errors}")
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must be a probability above 0, got {alpha}")
    joint = read_joint(sources, labels, options, gather=by != CROSS_VALIDATED)
    if by == CROSS_VALIDATED:
        choice = HeldOutChoice(
            joint, groups, n_errors, alpha, tolerance, options.threads, options.progress
        )
        if joint.n_classes > 1:
            return choice.run(most)
        warn_if_single_class(joint.n_classes)
        return choice.result([], "there is a single class")
    search = _Search(joint, n_errors, alpha, tolerance, options.threads)
    if joint.n_classes == 1:
        warn_if_single_class(joint.n_classes)
        return search.result([], "there is a single class")
    order: list[int] = []
    while True:
        steps, stopped = search.forward(order, most or len(joint.names))
        superfluous = search.superfluous(steps)
        if superfluous is None:
            break
        search.dropped.append(superfluous)
        order = [step.source for step in steps if step.source != superfluous]
    if steps:
        warn_about(steps[-1].score)
    return search.result(steps, stopped)


class _Step(NamedTuple):
    """A source that was added."""

    source: int
    score: HScore
    gain: float  # of the adjusted score
    gain_error: float
    p_value: float
    influence: NDArray[np.float64]  # of each row on the adjusted score


class _Search:
    def __init__(
        self, joint: Joint, n_errors: float, alpha: float, tol: float, threads: int
    ) -> None:
        self._joint = joint
        self._n_errors = n_errors
        self._alpha = alpha
        self._tol = tol
        self._threads = threads
        self._freedom = joint.n_samples - 1  # M
        self._most = joint.n_classes - 1  # q
        self.dropped: list[int] = []

    def forward(self, given: Sequence[int], most: int) -> tuple[list[_Step], str]:
        """Add the given sources, then the best of the others while they help."""
        sources = self._sources()
        steps: list[_Step] = []
        left = [s for s in range(len(self._joint.names)) if s not in self.dropped]
        while len(steps) < most:
            best = given[len(steps)] if len(steps) < len(given) else None
            scores = {
                s: sources.score_with(s, self._threads) for s in (left if best is None else [best])
            }
            rises = {s: adjusted_value(score) for s, score in scores.items()}
            possible = [s for s in left if rises.get(s, math.nan) == rises.get(s)]
            if not possible:
                return steps, "no source is left" if not left else (
                    "the rank would reach the number of samples less one with any further source"
                )
            s = max(possible, key=lambda s: rises[s])
            step = self._step(steps, s, scores[s], len(scores), sources.fourth_powers)
            if best is None and not step.gain > self._n_errors * step.gain_error:
                return steps, (
                    f"the next best, {self._joint.names[s]!r}, raises the adjusted score by "
                    f"{step.gain:.2g}, not more than {self._n_errors:g} standard error"
                    f"{'' if self._n_errors == 1 else 's'} ({step.gain_error:.2g} each)"
                )
            if best is None and not (step.p_value < self._alpha or self._alpha == 1):
                return steps, (
                    f"the next best, {self._joint.names[s]!r}, raises the adjusted score by "
                    f"{step.gain:.2g}, which chance does with probability {step.p_value:.2g}"
                )
            sources.choose(s, self._threads)
            left.remove(s)
            steps.append(step)
        return steps, "no source is left" if not left else f"{most} were wanted"

    def _sources(self) -> core.SourceElimination:
        joint = self._joint
        return core.SourceElimination(joint.moments, joint.first_columns, self._tol, self._threads)

    def superfluous(self, steps: Sequence[_Step]) -> int | None:
        """Find the source without which the others do as well, within a standard error."""
        if len(steps) < 2:
            return None
        chosen = [step.source for step in steps]
        best = adjusted_value(steps[-1].score)
        scores = self._sources().leave_one_out(chosen, self._threads)
        losses = [best - adjusted_value(score) for score in scores]
        least = min(range(len(chosen)), key=lambda place: losses[place])
        s, loss, score = chosen[least], losses[least], scores[least]
        change = steps[-1].influence - self._influence([c for c in chosen if c != s], score)
        return s if loss < self._n_errors * _standard_error(change) else None

    def _step(
        self, before: Sequence[_Step], s: int, score: HScore, n_compared: int, fourths: float
    ) -> _Step:
        first = before[-1].score if before else None
        h, rank = (first.score, first.rank) if first else (0.0, 0)
        gain = adjusted_value(score) - (adjusted_value(first) if first else 0.0)
        chance = chance_of_gain(
            score.score - h,
            score.rank - rank,
            self._freedom - rank,
            self._most - h,
            self._most - 2 * h + fourths,
        )
        influence = self._influence([step.source for step in before] + [s], score)
        change = influence - before[-1].influence if before else influence
        return _Step(
            s, score, gain, _standard_error(change), min(1.0, n_compared * chance), influence
        )

    def _influence(self, chosen: Sequence[int], score: HScore) -> NDArray[np.float64]:
        """Give each row's influence on the adjusted score, corrected for the dimension."""
        values = self._joint.influence(sorted(chosen), self._tol, self._threads)
        # Rows left out bend the fit by 1 / (1 - rank / M) too much on average: a variance that is
        # larger by that factor, beside the factor of the adjusted score.
        return values / math.sqrt(free_share(score))

    def result(self, steps: Sequence[_Step], stopped: str) -> SourceSelection:
        """Put the steps into the form that is given out."""
        names = self._joint.names
        return SourceSelection(
            steps=tuple(
                SelectionStep(
                    name=names[step.source],
                    h_score=step.score.score,
                    adjusted_h_score=adjusted_value(step.score),
                    standard_error=_standard_error(step.influence),
                    gain=step.gain,
                    gain_standard_error=step.gain_error,
                    p_value=step.p_value,
                    rank=step.score.rank,
                    n_features=self._joint.n_features([step.source]),
                    score=adjusted_value(step.score),
                )
                for step in steps
            ),
            candidates=tuple(names),
            dropped=tuple(names[s] for s in self.dropped),
            stopped=stopped,
            n_samples=self._joint.n_samples,
            n_classes=self._joint.n_classes,
            left_out=self._joint.left_out,
        )


def chance_of_gain(gain: float, rank: int, freedom: float, squares: float, fourths: float) -> float:
    r"""Compute the probability that a random subspace explains so much of what is left.

    Parameters
    ----------
    gain : float
        ``tr(P A)``, P the projector on the subspace and A what is left of the class indicators.
    rank, freedom : float
        Dimensions of the subspace, and of the space it lies in.
    squares, fourths : float
        ``tr(A)`` and ``tr(A^2)``.

    Notes
    -----
    The mean is ``squares * rank / freedom`` and the variance ``2 r (n - r) (n tr(A^2) - tr(A)^2) /
    (n^2 (n - 1) (n + 2))``. ``gain / squares`` is taken for the beta variable that has them, which
    it is where A has one eigenvalue that is not 0.
    """
    if rank <= 0 or rank >= freedom or freedom < 2 or squares <= 1e-12:
        return 1.0
    n, r = float(freedom), float(rank)
    mean = r / n
    spread = n * fourths / squares**2 - 1
    variance = 2 * r * (n - r) * spread / (n * n * (n - 1) * (n + 2))
    if not 0 < variance < mean * (1 - mean):
        return 1.0
    weight = mean * (1 - mean) / variance - 1
    share = min(max(gain / squares, 0.0), 1.0)
    return math.exp(log_beta_tail(share, mean * weight, (1 - mean) * weight))


def _standard_error(influence: NDArray[np.float64]) -> float:
    return float(influence.std(ddof=1) / math.sqrt(len(influence)))
