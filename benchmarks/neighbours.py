"""Scores beside programs that keep the processors busy: the default number of threads, 1 and 2.

    python benchmarks/neighbours.py [--seconds 2]

Prints the median time of a call in milliseconds, by turns in one process, and how fast the default
is beside the better of one and two threads (1 is as fast).
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

from hscore_fast import h_score

SHAPES = ((2_000, 256), (5_000, 768))
THREADS = (None, 1, 2)


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep so many processes at work until the end."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(0.5)  # until all of them run
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def medians(n_samples: int, n_features: int, seconds: float) -> list[float]:
    """Measure calls with each number of threads in turns; return the medians in milliseconds."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n_samples, n_features), dtype=np.float32)
    y = np.arange(n_samples) % 10
    times: dict[int | None, list[float]] = {threads: [] for threads in THREADS}
    end = time.perf_counter() + seconds * len(THREADS)
    while time.perf_counter() < end:
        for threads in THREADS:
            begin = time.perf_counter()
            h_score(x, y, n_threads=threads)
            times[threads].append(1e3 * (time.perf_counter() - begin))
    return [statistics.median(times[threads]) for threads in THREADS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2, help="for each number of threads")
    seconds = parser.parse_args().seconds
    print("busy  samples x features   default       one       two  default / better")
    for count in (0, 2, 4):
        with busy(count):
            for shape in SHAPES:
                default, one, two = medians(*shape, seconds)
                print(
                    f"{count:4}  {shape[0]:7} x {shape[1]:8} {default:9.2f} {one:9.2f} {two:9.2f}"
                    f"  {min(one, two) / default:16.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
