"""How likely a score is when labels are dealt anew: by moments, by all deals, or by drawn ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs.groups import Groups
from hscore_fast._problem import Problem
from hscore_fast._results.significance import Significance, moments_serve, permutation_test
from hscore_fast._variants import core

if TYPE_CHECKING:
    from hscore_fast._core import HScore

__all__ = ["permute_labels"]

Codes = NDArray[np.int32]

MOST_DRAWS = 9_999
FEWEST_DRAWS = 999
_FEW_DEALS = 10_000  # all of them are looked at
_MOST_WORK = 3e10  # multiplications for all draws together
_LITTLE_WORK = 3e8
_ENOUGH = 50  # draws that reach the score tell its p-value to about a seventh of it
_CODES_AT_ONCE = 1 << 24


def permute_labels(
    problem: Problem,
    result: HScore,
    squared_leverages: float,
    groups: Groups | None = None,
    tol: float = 2.0**-42,
) -> Significance:
    """Test a score against the labels dealt anew to the rows, or to whole groups.

    Where every group is of one class, whole groups change their class; otherwise labels are dealt
    within each group.
    """
    codes, n_classes = problem.codes, problem.n_classes
    if result.rank == 0 or result.n_classes < 2 or result.rank >= result.total_weight - 1:
        return Significance(0.0)
    deck = _Deck(codes, n_classes, groups)
    log_deals = deck.log_deals()
    work = float(len(codes)) * (result.rank + n_classes)  # of a draw, about
    few = log_deals <= math.log(_FEW_DEALS)
    if not (few and math.exp(log_deals) * work <= _LITTLE_WORK) and groups is None:
        counts = np.bincount(codes, minlength=n_classes).astype(float).tolist()
        if moments_serve(result.rank, counts, squared_leverages):
            found = permutation_test(result.score, result.rank, counts, squared_leverages)
            return found._replace(log_p=max(found.log_p, -log_deals))
    scorer = _Scorer(problem, tol)
    if few and math.exp(log_deals) * work <= _MOST_WORK:
        reached, deals = scorer.count(deck.all())
        return Significance(math.log(max(reached, 1) / deals), n_draws=deals, exact=True)
    most = int(min(MOST_DRAWS, max(FEWEST_DRAWS, _MOST_WORK / work)))
    reached = drawn = 0
    rng = np.random.default_rng(0)
    for until in (99, 999, most):
        more, _ = scorer.count(deck.draw(rng, until - drawn))
        reached, drawn = reached + more, until
        if reached >= _ENOUGH or drawn >= most:
            break
    log_p = math.log((reached + 1) / (drawn + 1))
    return Significance(max(log_p, -log_deals), n_draws=drawn)


class _Scorer:
    """Scores labels of the same rows; all by the same arithmetic, the given ones too."""

    def __init__(self, problem: Problem, tol: float) -> None:
        self._problem, self._tol = problem, tol
        (self._given,) = self._scores([problem.codes])

    def count(self, deals: Iterator[Codes]) -> tuple[int, int]:
        """Count the deals whose score reaches that of the given labels, and all deals."""
        reached = total = 0
        at_once = max(1, _CODES_AT_ONCE // len(self._problem.codes))
        batch: list[Codes] = []
        for deal in deals:
            batch.append(deal)
            if len(batch) == at_once:
                reached, total = reached + self._reached(batch), total + len(batch)
                batch = []
        if batch:
            reached, total = reached + self._reached(batch), total + len(batch)
        return reached, total

    def _reached(self, batch: list[Codes]) -> int:
        scores = np.array(self._scores(batch))
        return int(np.sum(scores >= self._given - 1e-6 * max(self._given, 1e-300)))

    def _scores(self, batch: Sequence[Codes]) -> Sequence[float]:
        x = self._problem
        found = core.h_scores(
            x.in_memory.array,
            x.bfloat16,
            list(batch),
            [x.n_classes] * len(batch),
            float32_rows=True,
            tol=self._tol,
            regularized=False,
            shrinkage="fixed",
            intensity=0.0,
            paper=False,
            error_rows=0,
            n_threads=x.threads,
            progress=None,
        )
        return list(found.scores)


class _Deck:
    """Labels, and the ways to deal them to the rows."""

    def __init__(self, codes: Codes, n_classes: int, groups: Groups | None) -> None:
        self._codes = codes
        self._rows: Codes | None = None  # the group of each row, if groups are dealt to
        self._parts: list[NDArray[np.intp]] = [np.arange(len(codes))]  # dealt within each
        self._cards = codes
        if groups is not None:
            table = np.zeros((groups.count, n_classes), np.int64)
            np.add.at(table, (groups.codes, codes), 1)
            if ((table > 0).sum(axis=1) == 1).all():
                self._rows, self._cards = groups.codes, table.argmax(axis=1).astype(np.int32)
                self._parts = [np.arange(groups.count)]
            else:
                order = np.argsort(groups.codes, kind="stable")
                ends = np.cumsum(np.bincount(groups.codes, minlength=groups.count))
                self._parts = [part for part in np.split(order, ends[:-1]) if part.size > 1]

    def log_deals(self) -> float:
        """Give the logarithm of the number of ways to deal that may differ in their score.

        Classes that have as many cards as each other may be exchanged without a difference.
        """
        total = 0.0
        for part in self._parts:
            sizes = [n for n in Counter(self._cards[part].tolist()).values() if n]
            total += math.lgamma(sum(sizes) + 1) - sum(math.lgamma(n + 1) for n in sizes)
            if len(self._parts) == 1:
                total -= sum(math.lgamma(n + 1) for n in Counter(sizes).values())
        return total

    def draw(self, rng: np.random.Generator, count: int) -> Iterator[Codes]:
        """Deal at random."""
        for _ in range(count):
            cards = self._cards.copy()
            for part in self._parts:
                cards[part] = rng.permutation(cards[part])
            yield self._dealt(cards)

    def all(self) -> Iterator[Codes]:
        """Deal in every way that may differ in its score."""
        yield from self._finish(self._cards.copy(), self._parts)

    def _finish(self, cards: Codes, parts: Sequence[NDArray[np.intp]]) -> Iterator[Codes]:
        if not parts:
            yield self._dealt(cards)
            return
        part, rest = parts[0], parts[1:]
        sizes = sorted(Counter(self._cards[part].tolist()).items(), key=lambda item: item[1])
        for own in _deals(part.tolist(), sizes, alike=len(self._parts) == 1):
            cards[part] = sizes[-1][0]
            for label, places in own:
                cards[list(places)] = label
            yield from self._finish(cards, rest)

    def _dealt(self, cards: Codes) -> Codes:
        return cards.copy() if self._rows is None else cards[self._rows]


def _deals(
    places: list[int], sizes: list[tuple[int, int]], *, alike: bool, first: int = -1
) -> Iterator[list[tuple[int, tuple[int, ...]]]]:
    """Split places among labels, the last of which gets what is left.

    With `alike`, labels of equal numbers keep the order of their first places.
    """
    if len(sizes) == 1:
        yield []
        return
    (label, size), rest = sizes[0], sizes[1:]
    in_order = alike and rest[0][1] == size
    for chosen in combinations(places, size):
        if chosen[0] < first or (in_order and len(rest) == 1 and chosen[0] != places[0]):
            continue
        if len(rest) == 1:
            yield [(label, chosen)]
            continue
        taken = set(chosen)
        left = [place for place in places if place not in taken]
        for others in _deals(left, rest, alike=alike, first=chosen[0] if in_order else -1):
            yield [(label, chosen), *others]
