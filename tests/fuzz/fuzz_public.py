"""Call every public function with random input, good and bad, and look for what must not happen.

    python tests/fuzz/fuzz_public.py --seconds 600 --seed 0
    python tests/fuzz/fuzz_public.py --seed 0 --case 1234   # one case again, with its arguments

Allowed are a score within its bounds, nan where the documentation says so, and a ValueError,
TypeError or MemoryError with a message of this library's. Features must keep their bytes, and only
this library's categories may warn. A crash ends the process; the case's number is then the last
line of the file named by ``--trace``.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_calls import BrokenPromiseError, Results
from fuzz_tables import TableCalls

from hscore_fast import ColumnWarning, PrecisionWarning, SaturationWarning, SingleClassWarning

OURS = (ColumnWarning, PrecisionWarning, SaturationWarning, SingleClassWarning)
REFUSALS = (ValueError, TypeError, MemoryError)
# Texts that only the layers below would write.
LEAKS = ("incompatible function arguments", "std::", "vector::", "Traceback", "cannot create")


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class Case(TableCalls):
    """One random call."""

    def run(self) -> str:
        """Make the call and judge it; return the outcome's name."""
        before = self.array.tobytes() if self.array.nbytes < 10**7 else b""
        call: Callable[[], Results] = self.pick(
            [
                *(self.score, self.score, self.adjusted, self.shrunk, self.stream, self.stream),
                *(self.report, self.report, self.share, self.correlation, self.targets),
                *(self.targets, self.ranking, self.selection, self.pairs, self.matrix),
                *(self.table, self.table, self.table),
            ]
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                results = call()
                outcome = "scored"
            except REFUSALS as refusal:
                self.judge_refusal(refusal)
                results, outcome = [], type(refusal).__name__
        for warning in caught:
            if not issubclass(warning.category, OURS):
                raise BrokenPromiseError(f"{warning.category.__name__}: {warning.message}")
        categories = {warning.category for warning in caught}
        for name, value in results:
            self.judge(name, value, categories)
        if before and self.array.tobytes() != before:
            raise BrokenPromiseError("the features' bytes have changed")
        return outcome

    def judge_refusal(self, refusal: BaseException) -> None:
        text = str(refusal)
        if not text.strip():
            raise BrokenPromiseError(f"an empty {type(refusal).__name__}") from refusal
        if any(leak in text for leak in LEAKS) or "\n" in text:
            raise BrokenPromiseError(f"a message from below: {text}") from refusal

    def judge(self, name: str, value: float, categories: set[type]) -> None:
        if type(value) is not float:
            raise BrokenPromiseError(f"{name} is a {type(value).__name__}")
        if np.isnan(value):
            undefined = name == "adjusted" and SaturationWarning in categories
            if not undefined and not self.unchecked:
                raise BrokenPromiseError(f"{name} is nan without a reason")
            return
        if not np.isfinite(value):
            raise BrokenPromiseError(f"{name} is {value}")
        most = self.count_classes() - 1
        if name == "regularized":
            rows = len(self.labels)
            most *= rows / (rows - 1)
        if value > most * (1 + 1e-9) + 1e-9 or (name != "adjusted" and value < 0):
            raise BrokenPromiseError(f"{name} is {value}, outside 0 to {most}")


def fuzz(
    seconds: float,
    seed: int,
    libraries: tuple[str, ...] = ("ml_dtypes", "pandas", "polars", "pyarrow", "torch"),
    trace: Path | None = None,
) -> tuple[Counter[str], list[str]]:
    """Run cases for so long; return how they ended and the failures, each with its number."""
    present = {name: module for name in libraries if (module := optional(name)) is not None}
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end and len(failures) < 50:
        if trace is not None:
            trace.write_text(f"{number}\n")
        try:
            outcomes[Case(seed, number, present).run()] += 1
        except Exception:
            outcomes["broken"] += 1
            failures.append(f"case {number} of seed {seed}:\n{traceback.format_exc()}")
        number += 1
    return outcomes, failures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="run this case only")
    parser.add_argument("--trace", type=Path, help="file that names the case that is running")
    arguments = parser.parse_args()
    faulthandler.enable()
    if arguments.case is not None:
        names = ("ml_dtypes", "pandas", "polars", "pyarrow", "torch")
        present = {name: module for name in names if (module := optional(name)) is not None}
        case = Case(arguments.seed, arguments.case, present)
        print(f"features: {type(case.features)}\n{case.features!r}\nlabels: {case.labels!r}")
        print(case.run())
        return 0
    outcomes, failures = fuzz(arguments.seconds, arguments.seed, trace=arguments.trace)
    for failure in failures:
        print(failure)
    print(f"{sum(outcomes.values())} cases: {dict(outcomes.most_common())}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
