"""Call every public function with random input, good and bad, and look for what must not happen.

    python tests/fuzz_public.py --seconds 600 --seed 0
    python tests/fuzz_public.py --seed 0 --case 1234        # one case again, with its arguments

Allowed are a score within its bounds, nan where the documentation says so, and a ValueError,
TypeError or MemoryError with a message of this library's. Features must keep their bytes, and only
this library's categories may warn. A crash ends the process; the case's number is then the last
line of the file named by ``--trace``.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import pickle
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_inputs import RandomInputs

import hscore_fast
from hscore_fast import Moments, PrecisionWarning, SaturationWarning, SingleClassWarning

OURS = (PrecisionWarning, SaturationWarning, SingleClassWarning)
REFUSALS = (ValueError, TypeError, MemoryError)
# Texts that only the layers below would write.
LEAKS = ("incompatible function arguments", "std::", "vector::", "Traceback", "cannot create")


class BrokenPromiseError(AssertionError):
    """What the library promised did not hold."""


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class Case(RandomInputs):
    """One random call."""

    def options(self, *names: str) -> dict[str, Any]:
        choices: dict[str, tuple[list[Any], list[Any]]] = {
            "precision": (["auto", "float64", "float32", "high"], ["double", None, 3, b"auto"]),
            "tol": ([None, 1e-12, 1e-6, 0.5, np.float32(1e-9)], [0, 1, -1, np.nan, "a", 2**70]),
            "n_threads": ([None, 1, 2, np.int8(2)], [0, -1, 1.0, "2", True, 2**70, 5000]),
            "check_finite": ([True, False], []),
            "shrinkage": (
                ["ledoit_wolf", "oas", 0.0, 0.3, 1, np.float64(0.5)],
                ["lw", -0.1, 1.1, np.nan, None, True, 2**70],
            ),
            "convention": (["tllib", "paper"], ["other", None, 1]),
        }
        given = {}
        for name in names:
            good, bad = choices[name]
            if self.chance(0.5):
                given[name] = self.pick(bad) if bad and self.chance(0.05) else self.pick(good)
        return given

    def run(self) -> str:
        """Make the call and judge it; return the outcome's name."""
        before = self.array.tobytes() if self.array.nbytes < 10**7 else b""
        call: Callable[[], list[tuple[str, float]]] = self.pick(
            [self.score, self.score, self.adjusted, self.shrunk, self.stream]
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

    def count_classes(self) -> int:
        return len(Moments().update(np.zeros((len(self.labels), 1)), self.labels).classes)

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

    unchecked = False

    def score(self) -> list[tuple[str, float]]:
        options = self.options("precision", "tol", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        value = hscore_fast.h_score(self.features, self.labels, **options)
        chance = hscore_fast.chance_level(self.features, self.labels, **options)
        q, m = self.count_classes() - 1, len(self.labels) - 1
        # The noise of float32 products may count as rank, which a warning says.
        if q > 0 and np.isfinite(value) and options.get("precision") != "float32":
            # From the chance level r q / m the rank: every H lies between max(0, r + q - m) and
            # min(r, q).
            rank = chance * m / q
            slack = 1e-6
            if not max(0, rank + q - m) - slack <= value <= min(rank, q) + slack:
                raise BrokenPromiseError(
                    f"h_score is {value} for rank {rank}, q = {q}, N - 1 = {m}"
                )
        return [("h_score", value), ("chance", chance)]

    def adjusted(self) -> list[tuple[str, float]]:
        options = self.options("precision", "tol", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        value = hscore_fast.adjusted_h_score(self.features, self.labels, **options)
        return [("adjusted", value)]

    def shrunk(self) -> list[tuple[str, float]]:
        options = self.options("shrinkage", "convention", "precision", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        return [
            (
                "regularized",
                hscore_fast.regularized_h_score(self.features, self.labels, **options),
            )
        ]

    def stream(self) -> list[tuple[str, float]]:
        options = self.options("n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        moments = self.pick([Moments, lambda: Moments(max(self.n_features, 1))])()
        x, y = self.features, self.labels
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.ndim and y.ndim:
            cut = int(self.rng.integers(0, len(y) + 1))
            moments.update(x[:cut], y[:cut], **options)
            rest = Moments().update(x[cut:], y[cut:], **options)
            moments = moments + rest if self.chance(0.5) else moments.merge(rest)
        else:
            moments.update(x, y, **options)
        moments = self.pick([lambda m: m, Moments.copy, lambda m: pickle.loads(pickle.dumps(m))])(
            moments
        )
        if moments != moments.copy() and not self.unchecked:
            raise BrokenPromiseError("a copy is not equal")
        repr(moments)
        return [
            ("h_score", moments.h_score(**self.options("tol", "n_threads"))),
            ("chance", moments.chance_level(**self.options("tol", "n_threads"))),
            (
                "regularized",
                moments.regularized_h_score(**self.options("shrinkage", "convention")),
            ),
            ("adjusted", moments.adjusted_h_score(**self.options("tol"))),
        ]


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
