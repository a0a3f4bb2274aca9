"""Mixed calls from many threads for many minutes: no wrong score, no growth of memory.

    PYTHONPATH=tests/support python tests/process/soak.py --minutes 10 --threads 8

All threads share read-only data. Every score is compared with one that was computed alone before
the threads began, which itself is compared with the singular value decomposition. Calls that must
fail are among them. Ends with code 1 and says why if a score is wrong, a call raises what it should
not, or the memory at the end is more than a tenth and 16 MB above what it was after the first fifth
of the time.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from oracles import svd_h_score

from hscore_fast import Moments, adjusted_h_score, h_score, regularized_h_score
from hscore_fast.bench.memory import resident
from hscore_fast.readers import read_moments

Rng = np.random.Generator
CLOSE = 1e-9


class Case(NamedTuple):
    """A data set in memory and in files, with its scores."""

    x: NDArray
    y: NDArray
    files: tuple[str, str]
    scores: dict[str, float]


def make_case(folder: Path, seed: int, n_rows: int, width: int, n_classes: int, dtype: str) -> Case:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n_rows)
    x = (rng.normal(size=(n_rows, width)) + rng.normal(size=(n_classes, width))[y]).astype(dtype)
    x.flags.writeable = y.flags.writeable = False
    path = folder / f"case{seed}.npz"
    np.savez_compressed(path, x=x, y=y)
    scores = {
        "plain": h_score(x, y, precision="float64", n_threads=1),
        "adjusted": adjusted_h_score(x, y, precision="float64", n_threads=1),
        "shrunk": regularized_h_score(x, y, precision="float64", n_threads=1),
    }
    if abs(scores["plain"] - svd_h_score(x, y)) > CLOSE:
        raise SystemExit(f"wrong before the threads began: case {seed}")
    return Case(x, y, (f"{path}:x", f"{path}:y"), scores)


def check(found: float, expected: float, close: float = CLOSE) -> None:
    if not (abs(found - expected) <= close or (np.isnan(found) and np.isnan(expected))):
        raise AssertionError(f"got {found!r}, expected {expected!r}")


def promise(case: Case) -> float:
    return CLOSE if case.x.dtype == np.float64 else 1e-5


def some_threads(rng: Rng) -> int | None:
    return [None, 1, 2, 3][rng.integers(4)]


def call_plain(case: Case, rng: Rng) -> None:
    precision = ["auto", "float64", "high"][rng.integers(3)]
    found = h_score(case.x, case.y, precision=precision, n_threads=some_threads(rng))
    check(found, case.scores["plain"], promise(case))


def call_layouts(case: Case, rng: Rng) -> None:
    x = [case.x[:, ::-1], np.asfortranarray(case.x), case.x.astype(case.x.dtype.newbyteorder())]
    found = h_score(x[rng.integers(3)], case.y.astype(str), precision="float64")
    check(found, case.scores["plain"])


def call_adjusted(case: Case, rng: Rng) -> None:
    found = adjusted_h_score(case.x, case.y, precision="float64", n_threads=some_threads(rng))
    check(found, case.scores["adjusted"])


def call_shrunk(case: Case, rng: Rng) -> None:
    found = regularized_h_score(case.x, case.y, precision="float64", n_threads=some_threads(rng))
    check(found, case.scores["shrunk"])


def call_stream(case: Case, rng: Rng) -> None:
    cuts = np.sort(rng.integers(0, len(case.x), 5))
    parts = []
    for rows in np.split(rng.permutation(len(case.x)), cuts):
        part = Moments().update(case.x[rows], case.y[rows], n_threads=some_threads(rng))
        part = pickle.loads(pickle.dumps(part, protocol=5))
        parts.append(Moments.from_bytes(part.to_bytes()))
    whole = sum(parts[1:], start=parts[0])
    stranger = Moments().update(case.x[:7], case.y[:7])
    whole.merge(stranger).subtract(stranger)
    check(whole.h_score(), case.scores["plain"])
    check(whole.regularized_h_score(), case.scores["shrunk"])


def call_file(case: Case, rng: Rng) -> None:
    if rng.integers(2):
        check(h_score(*case.files), case.scores["plain"], promise(case))
    else:
        check(read_moments(*case.files).adjusted_h_score(), case.scores["adjusted"])


def call_failing(case: Case, rng: Rng) -> None:
    moments = Moments().update(case.x[:50], case.y[:50])
    before = moments.copy()
    bad = np.array(case.x)
    bad[-1, 0] = np.nan
    must_fail: list[Callable[[], object]] = [
        lambda: moments.update(bad, case.y),
        lambda: moments.update(case.x, case.y[1:]),
        lambda: h_score(bad, case.y),
        lambda: moments.subtract(Moments().update(case.x, case.y)),
        lambda: Moments.from_bytes(moments.to_bytes()[:-1]),
    ]
    try:
        must_fail[rng.integers(len(must_fail))]()
    except ValueError:
        if moments != before:
            raise AssertionError("a failed call changed the statistics") from None
    else:
        raise AssertionError("nothing was raised")


CALLS = [
    *(call_plain, call_layouts, call_adjusted, call_shrunk),
    *(call_stream, call_file, call_failing),
]


def memory() -> int:
    """Return the resident anonymous memory in bytes."""
    found = resident()
    if found is None:
        raise SystemExit("this system does not say how much memory a process has")
    return found.anonymous


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    seconds = 60 * options.minutes
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    stop = threading.Event()

    with tempfile.TemporaryDirectory() as name:
        shapes = [
            *((200, 16, 3, "f8"), (3000, 64, 10, "f4"), (2000, 256, 5, "f8")),
            *((4000, 200, 20, "f4"), (150, 300, 4, "f8"), (20_000, 30, 7, "f2")),
            # So large that "auto" takes integers or float32.
            *((9000, 512, 8, "f8"), (9000, 512, 300, "f8"), (9000, 512, 8, "f4")),
        ]
        cases = [make_case(Path(name), seed, *shape) for seed, shape in enumerate(shapes)]

        def work(number: int) -> None:
            rng = np.random.default_rng([options.seed, number])
            while not stop.is_set():
                case, call = cases[rng.integers(len(cases))], CALLS[rng.integers(len(CALLS))]
                try:
                    call(case, rng)
                except Exception as error:
                    wrong.append(f"{call.__name__}, {case.x.shape} {case.x.dtype}: {error!r}")
                    stop.set()
                counts[call.__name__] += 1

        workers = [threading.Thread(target=work, args=[k]) for k in range(options.threads)]
        begin = time.monotonic()
        for worker in workers:
            worker.start()
        samples: list[tuple[float, int, int]] = []
        while not stop.wait(min(2.0, seconds / 50)):
            now = time.monotonic() - begin
            samples.append((now, memory(), len(os.listdir("/proc/self/task"))))
            if now >= seconds:
                stop.set()
        for worker in workers:
            worker.join()

    def median(first: float, last: float) -> float:
        return float(np.median([m for at, m, _ in samples if first <= at / seconds <= last] or [0]))

    early, late = median(0.2, 0.4), median(0.8, 1.1)
    if not samples:
        samples.append((0.0, memory(), 0))
    print(f"{sum(counts.values())} calls in {samples[-1][0]:.0f} s from {options.threads} threads")
    for call, count in sorted(counts.items()):
        print(f"  {call:14} {count}")
    print(f"memory: {early / 2**20:.1f} MB in the second fifth, {late / 2**20:.1f} MB in the last,")
    print(f"        {max(m for _, m, _ in samples) / 2**20:.1f} MB at most")
    print(f"threads of the process: {max(n for *_, n in samples)} at most")
    if late > 1.1 * early + 2**24:
        wrong.append("memory has grown")
    print(*(wrong or ["no wrong score, no growth"]), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
