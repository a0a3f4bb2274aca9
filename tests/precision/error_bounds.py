"""Hard inputs for `precision="auto"`: errors beside the error bounds and the promise.

    python tests/precision/error_bounds.py --draws 2000
    python tests/precision/error_bounds.py --families 10   # seeds; renamed, permuted, in blocks

The first scores random draws and also prints how far the bounds are above the errors. The second
scores each family of `tests/support/hard_inputs.py` with 2, 3, 4 and 33 classes, in float64 and in
float32: with one and with two threads, with the classes renamed, with the rows permuted, and in
blocks as of a file. Ends with code 1 if a score is off by more than its bound or than
promised. `HSCORE_FAST_ISA` chooses the instruction set.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from hard_inputs import FAMILIES, Codes, Floats, draws, h_score_in, make, orthonormal_basis

from hscore_fast._problem import as_input_options
from hscore_fast._scores.h_score import score_result
from hscore_fast.readers import Source


class Blocks(Source):
    """An array that can only be read in blocks of rows."""

    def __init__(self, x: Floats) -> None:
        super().__init__("blocks", x.shape, x.dtype)
        self._x = x

    def blocks(self, n_rows: int) -> Iterator[Floats]:
        """Give the rows in pieces of no round number."""
        for first in range(0, len(self._x), 1999):
            yield self._x[first : first + 1999]


class Outcome(NamedTuple):
    """What one call gave, and how it compares with the truth."""

    path: str
    score: float
    error: float
    bound: float
    promise: float  # absolute

    @property
    def tightness(self) -> float:
        """Divide the bound by the error, of at least a rounding error of the score."""
        return self.bound / max(self.error, 1e-16 * self.score)

    @property
    def broken(self) -> str:
        """Say what does not hold, if anything."""
        texts = []
        if self.error > self.bound:
            texts.append("BOUND")
        if self.error > self.promise:
            texts.append("PROMISE")
        return " ".join(texts)


def outcome(x: Floats | Source, codes: Codes, truth: float, narrow: bool, threads: int) -> Outcome:
    """Score one input."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = score_result(x, codes, options=as_input_options(n_threads=threads))
    if found is None:
        raise ValueError("the input has values that are not finite")
    # The basis of the truth has rounding errors of its own.
    error = max(abs(found.score - truth) - own_error(found.smallest_unique_share, truth), 0)
    promise = (1e-6 if narrow else 1e-9) * truth
    if found.precision_used == "float64":
        # The promise is the float64 answer's, as good as that is; a warning says where it is not.
        promise = max(promise, found.error_bound)
    return Outcome(found.precision_used, found.score, error, found.error_bound, promise)


def own_error(smallest_unique_share: float, truth: float) -> float:
    """Return how far the truth may be off: it is a sum over a basis of dependent columns."""
    return float(4e-15 / np.sqrt(smallest_unique_share) * (1 + truth) / 2)


def run_draws(seed: int, count: int, threads: int) -> Iterator[Outcome]:
    """Score random draws."""
    for x, codes, truth in draws(seed, count):
        yield outcome(x, codes, truth, x.dtype == np.float32, threads)


def run_family(name: str, n_classes: int, dtype: str, seed: int) -> dict[str, Outcome]:
    """Score one input in the ways that may not change its score."""
    x, codes = make(name, n_classes, dtype, seed)
    truth = h_score_in(orthonormal_basis(x), codes)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    renamed = rng.permutation(n_classes)[codes]
    narrow = dtype == "float32"
    found = {
        "one thread": outcome(x, codes, truth, narrow, 1),
        "two threads": outcome(x, codes, truth, narrow, 2),
        "renamed": outcome(x, renamed, truth, narrow, 1),
        "permuted": outcome(x[order], codes[order], truth, narrow, 2),
    }
    found["in blocks"] = outcome(Blocks(x), codes, truth, narrow, 1)
    return found


def main() -> int:
    """Run what was asked for and say what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=0)
    parser.add_argument("--families", type=int, default=0, metavar="SEEDS")
    parser.add_argument("--only", help="families whose name has this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    broken = 0
    outcomes: list[Outcome] = []

    def count(found: Outcome, what: str) -> None:
        nonlocal broken
        outcomes.append(found)
        if found.broken:
            broken += 1
            ratios = f"error {found.error:.1e}, bound {found.bound:.1e}, score {found.score:.6g}"
            print(f"{what}: {found.path}: {found.broken}: {ratios}", flush=True)

    for seed in range(options.seed, options.seed + options.families):
        for name in FAMILIES:
            if options.only and options.only not in name:
                continue
            for n_classes in (2, 3, 4, 33):
                for dtype in ("float64", "float32"):
                    for way, found in run_family(name, n_classes, dtype, seed).items():
                        count(found, f"{name}, {n_classes} classes, {dtype}, seed {seed}, {way}")
    for k, found in enumerate(run_draws(options.seed, options.draws, options.threads)):
        count(found, f"draw {k}")
    if not outcomes:
        parser.error("ask for --draws or --families")
    print(f"{len(outcomes)} scores in {time.perf_counter() - began:.0f} s, {broken} broken")
    for path, times in Counter(found.path for found in outcomes).most_common():
        ratios = [found.tightness for found in outcomes if found.path == path]
        print(f"{path:20s} {times:5d}  bound / error: median {np.median(ratios):.3g}")
    ratios = [found.tightness for found in outcomes]
    print(f"{'all':20s} {len(outcomes):5d}  bound / error: median {np.median(ratios):.3g}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
