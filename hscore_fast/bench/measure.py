"""Time contenders in turns, so that what else the machine does hits all of them alike.

All run once to warm up. Then come rounds: in each, every contender in a fresh order makes the same
small number of calls, of which the fastest counts. What is reported is the median over the rounds,
and the median of the rounds' ratios. Before its calls a contender waits until this process uses no
processor: threads of BLAS or OpenMP stay awake after their work, spinning for up to a tenth of a
second, and would take the processors of whoever comes next. Without the wait this library on two
threads took nearly twice as long right after OpenBLAS.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hscore_fast.bench.cases import Plan

__all__ = ["PROTOCOL", "Contender", "Measurement", "measure", "settle"]

PROTOCOL = (
    "interleaved rounds in a fresh order, each turn begun when no thread of the one before is "
    "awake; the fastest call of a round counts; times are medians over rounds, ratios are medians "
    "of the rounds' ratios, in brackets their quartiles"
)

# Threads count as asleep when the process uses less than this share of one processor.
_ASLEEP = 0.1
_LOOK_SECONDS = 0.01
_LONGEST_WAIT = 1.0
_CALL_SECONDS = 0.03
_MOST_CALLS = 20


@dataclass(frozen=True)
class Contender:
    """One way to do the work of a case.

    Parameters
    ----------
    name : str
    call : callable
        What is timed.
    value : callable
        Makes one number of what `call` returned, to be checked; not timed.
    expected : float
        What that number must be.
    tolerance : float
        Relative error allowed.
    prepare : callable, optional
        Run before every call; not timed.
    most_rounds : int, optional
        Rounds in which it takes part, from the first on; all of them by default.
    """

    name: str
    call: Callable[[], Any]
    value: Callable[[Any], float]
    expected: float
    tolerance: float
    prepare: Callable[[], None] | None = None
    most_rounds: int | None = None

    def error(self, result: Any) -> float:
        """Return the relative error of a result."""
        return abs(self.value(result) - self.expected) / (abs(self.expected) or 1.0)


@dataclass
class Measurement:
    """Times of one contender: seconds by round, and the largest relative error seen.

    Round 0 is the warm-up; it counts only for a contender too slow to be repeated.
    """

    tolerance: float
    rounds: dict[int, float] = field(default_factory=dict)
    calls: int = 1
    error: float = 0.0

    @property
    def right(self) -> bool:
        """Whether every value was right; a NaN is not."""
        return self.error <= self.tolerance

    def see(self, error: float) -> None:
        """Take note of an error; a NaN stays."""
        if not (math.isnan(self.error) or error <= self.error):
            self.error = error


def measure(
    contenders: Sequence[Contender], plan: Plan, wait: bool = True
) -> dict[str, Measurement]:
    """Time contenders in turns and check every value.

    Parameters
    ----------
    contenders : sequence of Contender
    plan : Plan
        How long to take.
    wait : bool
        Whether to let threads fall asleep before a contender's calls.

    Returns
    -------
    dict
        A measurement for each name.
    """
    found = {each.name: Measurement(each.tolerance) for each in contenders}
    warm = {each.name: _time(each, 1, wait, found[each.name]) for each in contenders}
    repeated = [each for each in contenders if warm[each.name] <= plan.slow]
    for each in contenders:
        if each not in repeated:
            found[each.name].rounds[0] = warm[each.name]
    if not repeated:
        return found
    fastest = min(warm[each.name] for each in repeated)
    calls = max(1, min(_MOST_CALLS, round(_CALL_SECONDS / max(fastest, 1e-9))))
    cost = sum(warm[each.name] * calls + 5 * _LOOK_SECONDS for each in repeated)
    n_rounds = max(plan.least_rounds, min(plan.most_rounds, int(plan.seconds / cost)))
    order = random.Random(0)
    for number in range(1, n_rounds + 1):
        present = [e for e in repeated if e.most_rounds is None or number <= e.most_rounds]
        for each in order.sample(present, len(present)):
            found[each.name].calls = calls
            found[each.name].rounds[number] = _time(each, calls, wait, found[each.name])
    return found


def settle() -> None:
    """Wait until no thread of this process is running, or for a second."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < _LONGEST_WAIT:
        start, used = time.perf_counter(), time.process_time()
        time.sleep(_LOOK_SECONDS)
        if time.process_time() - used < _ASLEEP * (time.perf_counter() - start):
            return


def _time(contender: Contender, calls: int, wait: bool, found: Measurement) -> float:
    """Return the time of the fastest of some calls."""
    best = float("inf")
    if wait:
        settle()
    for _ in range(calls):
        if contender.prepare is not None:
            contender.prepare()
        start = time.perf_counter()
        result = contender.call()
        best = min(best, time.perf_counter() - start)
        found.see(contender.error(result))
        del result
    return best
