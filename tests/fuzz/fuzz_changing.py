"""Call the public functions while another thread writes into their arrays.

    python tests/fuzz/fuzz_changing.py --seconds 600 --seed 0
    tests/fuzz/fuzz_changing.sh 600                      # the same under AddressSanitizer

Features, labels, targets and weights change all the time, to values that are not finite, not in any
class, or far beyond the others. Allowed are any number as score, and a ValueError, TypeError or
MemoryError of one line. A crash ends the process: the last line of the file named by ``--trace``
then says which call it was.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hscore_fast
from hscore_fast import Moments, TargetMoments

REFUSALS = (ValueError, TypeError, MemoryError)
FEATURE_TYPES = ("f8", "f4", "f2", ">f8", "i1", "u1", "i2", "i8", "u8", "?")
LABEL_TYPES = ("i8", "i4", "i2", "i1", "u1", "u2", "u8", ">i8", "?", "f8", "U3", "O")
Array = NDArray[Any]


class Changer(threading.Thread):
    """Writes into arrays, of which there may come to be more, until it is told to stop."""

    def __init__(self, arrays: list[Array], seed: int) -> None:
        super().__init__(daemon=True)
        self.arrays = arrays
        self.rng = np.random.default_rng(seed)
        self.stopped = False

    def run(self) -> None:
        while not self.stopped:
            values = self.arrays[int(self.rng.integers(len(self.arrays)))].flat
            n_values = len(values)
            if n_values == 0:
                continue
            places = self.rng.integers(n_values, size=int(self.rng.integers(1, 20)))
            before = values[places]
            dtype = before.dtype
            values[places] = np.array([self.value(dtype) for _ in places], dtype)
            if self.rng.random() < 0.9:  # mostly back again, so that there are scores, too
                values[places] = before

    def value(self, dtype: np.dtype[Any]) -> Any:
        if dtype.kind == "f":
            largest = float(np.finfo(dtype).max)
            return self.rng.choice([np.nan, np.inf, -np.inf, 0, 1e-30, 7, largest, -largest])
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            near = [0, 1, 2, 3, 100, limits.max // 2]
            return [*near, limits.min, limits.max][int(self.rng.integers(8))]
        if dtype.kind == "b":
            return bool(self.rng.integers(2))
        words = ["a", "b", "zzz", ""]
        if dtype.kind == "O":
            return [*words, None, 10**30, -1][int(self.rng.integers(7))]
        return words[int(self.rng.integers(4))]


class Calls:
    """Random problems, and calls with them."""

    def __init__(self, seed: int, number: int) -> None:
        self.rng = np.random.default_rng((seed, number))
        self.rows = int(self.rng.choice([2, 40, 300, 3000, 20_000], p=[0.02, 0.2, 0.3, 0.3, 0.18]))
        self.cols = int(self.rng.choice([1, 3, 20, 65, 200]))
        self.written: list[Array] = []
        self.features = self.keep(self.make_features())
        self.labels = self.keep(self.make_labels())
        self.threads = int(self.rng.integers(1, 3))

    def keep(self, array: Array) -> Array:
        self.written.append(array)
        return array

    def pick(self, choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def make_features(self) -> Array:
        values = 20 * self.rng.standard_normal((self.rows, self.cols))
        dtype = np.dtype(self.pick(FEATURE_TYPES))
        if dtype.kind == "u":
            values = np.abs(values)
        array = (values > 0) if dtype.kind == "b" else values.astype(dtype)
        return np.asfortranarray(array) if self.rng.random() < 0.3 else array

    def make_labels(self) -> Array:
        classes = int(self.rng.choice([2, 3, 10, 100]))
        codes = self.rng.integers(0, classes, self.rows)
        dtype = np.dtype(self.pick(LABEL_TYPES))
        if dtype.kind in "UO":
            return np.array([f"{code % 10}" for code in codes]).astype(dtype)
        return (codes > 0) if dtype.kind == "b" else codes.astype(dtype)

    def run(self) -> object:
        call: Callable[[], object] = self.pick(
            [
                *(self.score, self.score, self.score, self.score_columns, self.score_files),
                *(self.adjusted, self.shrunk, self.report, self.update, self.blocks),
                *(self.targets, self.target_moments, self.matrix, self.ranking, self.selection),
                *(self.correlation, self.pairs, self.held_out, self.held_out),
                *(self.grouped_report, self.stream, self.dask),
            ]
        )
        return call()

    def score(self) -> object:
        precision = self.pick(["auto", "auto", "float64", "float32", "high"])
        return hscore_fast.h_score(
            self.features, self.labels, precision=precision, n_threads=self.threads
        )

    def score_columns(self) -> object:
        import pandas as pd

        columns = [self.keep(np.ascontiguousarray(column)) for column in self.features.T]
        frame = pd.DataFrame(dict(enumerate(columns)), copy=False)
        return hscore_fast.h_score(frame, self.labels, n_threads=self.threads)

    def score_files(self) -> object:
        with tempfile.TemporaryDirectory() as folder:
            x, y = Path(folder) / "x.npy", Path(folder) / "y.npy"
            np.save(x, self.features)
            labels = self.labels if self.labels.dtype.kind != "O" else self.labels.astype("U3")
            np.save(y, labels)
            self.keep(np.load(x, mmap_mode="r+"))
            self.keep(np.load(y, mmap_mode="r+"))
            return hscore_fast.h_score(x, y, n_threads=self.threads)

    def adjusted(self) -> object:
        return hscore_fast.adjusted_h_score(self.features, self.labels, n_threads=self.threads)

    def shrunk(self) -> object:
        return hscore_fast.regularized_h_score(self.features, self.labels, n_threads=self.threads)

    def report(self) -> object:
        method = self.pick(["pillai", "permutation"])
        return hscore_fast.evaluate(
            self.features, self.labels, method=method, n_threads=self.threads
        )

    def groups(self) -> Array:
        return self.keep(self.rng.integers(0, max(self.rows // 3, 2), self.rows))

    def held_out(self) -> object:
        weights = self.keep(self.rng.random(self.rows))
        return hscore_fast.cross_validate(
            self.features,
            self.labels,
            groups=self.groups() if self.rng.random() < 0.6 else None,
            weights=self.pick([None, weights]),
            n_folds=int(self.rng.integers(2, 6)),
            n_threads=self.threads,
        )

    def grouped_report(self) -> object:
        return hscore_fast.evaluate(
            self.features, self.labels, groups=self.groups(), n_threads=self.threads
        )

    def stream(self) -> object:
        """Score a compressed file, which is read in blocks, against labels that change."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.npz"
            np.savez_compressed(path, x=self.features)
            return hscore_fast.h_score(path, self.labels, n_threads=self.threads)

    def dask(self) -> object:
        """Score chunks that are views of what changes; nothing where dask is missing."""
        try:
            import dask
            import dask.array as da

            import hscore_fast.dask as scores
        except ImportError:
            return None
        chunks = da.from_array(
            self.features, chunks=(max(self.rows // 3, 1), self.cols), name=False, asarray=False
        )
        with dask.config.set(scheduler="threads", num_workers=2):
            return scores.h_score(chunks, self.labels)

    def update(self) -> object:
        weights = self.keep(self.rng.random(self.rows))
        moments = Moments()
        for _ in range(3):
            moments.update(
                self.features,
                self.labels,
                weights=self.pick([None, weights]),
                n_threads=self.threads,
                check_finite=bool(self.rng.integers(2)),
            )
        moments.regularized_h_score()
        return moments.h_score()

    def blocks(self) -> object:
        cut = self.rows // 2
        halves = [slice(0, cut), slice(cut, self.rows)]
        return Moments.from_blocks(
            ((self.features[half], self.labels[half]) for half in halves), n_threads=self.threads
        ).h_score()

    def many(self) -> list[Array]:
        return [self.labels, *(self.keep(self.make_labels()) for _ in range(6))]

    def targets(self) -> object:
        return hscore_fast.h_scores(
            self.features,
            self.many(),
            regularized=bool(self.rng.integers(2)),
            n_threads=self.threads,
        )

    def target_moments(self) -> object:
        moments, targets = TargetMoments(), self.many()
        for _ in range(2):
            moments.update(self.features, targets, n_threads=self.threads)
        return moments.h_scores()

    def matrix(self) -> object:
        targets = {str(number): target for number, target in enumerate(self.many())}
        return hscore_fast.transfer_matrix({"a": self.features}, targets, n_threads=self.threads)

    def sources(self) -> dict[str, Array]:
        return {"a": self.features, "b": self.keep(self.make_features())}

    def ranking(self) -> object:
        return hscore_fast.rank_sources(self.sources(), self.labels, n_threads=self.threads)

    def selection(self) -> object:
        return hscore_fast.select_sources(self.sources(), self.labels, n_threads=self.threads)

    def pairs(self) -> object:
        return hscore_fast.pair_scores(self.sources(), self.labels, n_threads=self.threads)

    def correlation(self) -> object:
        return hscore_fast.maximal_correlation(self.keep(self.make_labels()), self.labels)


def run_case(seed: int, number: int) -> str:
    """Make one call and return how it ended."""
    calls = Calls(seed, number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changer = Changer(calls.written, number)
        changer.start()
        try:
            calls.run()
        except REFUSALS as refusal:
            text = str(refusal)
            if not text.strip() or "\n" in text:
                raise AssertionError(f"case {number} of seed {seed}: {text!r}") from refusal
            return type(refusal).__name__
        finally:
            changer.stopped = True
            changer.join()
    return "scored"


def fuzz(seconds: float, seed: int, trace: Path | None = None) -> Counter[str]:
    """Run cases for so long and count how they ended."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    outcomes: Counter[str] = Counter()
    try:
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            if trace is not None:
                trace.write_text(f"case {number} of seed {seed}\n")
            outcomes[run_case(seed, number)] += 1
            number += 1
    finally:
        sys.setswitchinterval(interval)
    return outcomes


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
        print(run_case(arguments.seed, arguments.case))
        return 0
    outcomes = fuzz(arguments.seconds, arguments.seed, arguments.trace)
    print(f"{sum(outcomes.values())} cases: {dict(outcomes.most_common())}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
