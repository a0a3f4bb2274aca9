"""A transfer matrix beside the calls that it replaces: `python benchmarks/transfer_matrix.py`.

By default eight sources of 22,045 x 512 float32 features against 64 targets of 16 classes, seeded.
Everything is timed in turn, several rounds, and medians are printed: the matrix with and without
standard errors, an h_score of every source, an h_scores of every source.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from many_targets import draw

from hscore_fast import h_score, h_scores, transfer_matrix
from hscore_fast._variants import core


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for name, default in (("rows", 22_045), ("features", 512), ("sources", 8), ("targets", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--classes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=None)
    given = parser.parse_args()
    x, labels = draw(given.rows, given.features, given.targets, given.classes)
    rng = np.random.default_rng(1)
    sources = {
        f"source {k}": x + rng.standard_normal(x.shape, dtype=np.float32) * np.float32(k / 10)
        for k in range(given.sources)
    }
    targets = {f"target {k}": target for k, target in enumerate(labels)}
    threads = given.threads

    def alone() -> list[float]:
        return [h_score(source, labels[0], n_threads=threads) for source in sources.values()]

    def many() -> list[np.ndarray]:
        return [h_scores(source, labels, n_threads=threads) for source in sources.values()]

    calls: dict[str, Callable[[], object]] = {
        "matrix": lambda: transfer_matrix(sources, targets, by="h_score", n_threads=threads),
        "plain": lambda: transfer_matrix(
            sources, targets, by="h_score", errors=False, n_threads=threads
        ),
        "alone": alone,
        "many": many,
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(given.rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begin)
    scores = calls["matrix"]().scores  # type: ignore[attr-defined]
    error = np.max(np.abs(scores / np.array(many()) - 1))
    median = {name: statistics.median(taken) for name, taken in times.items()}
    parts = median["alone"] + median["many"]
    one = median["alone"] + median["many"] / given.sources
    print(
        f"{given.sources} sources of {given.rows:,} x {given.features} float32, {given.targets} "
        f"targets of {given.classes} classes, {core.thread_count(threads or 0)} threads, medians "
        f"of {given.rounds} rounds\n"
        f"transfer_matrix {median['matrix'] * 1e3:,.0f} ms, without standard errors "
        f"{median['plain'] * 1e3:,.0f} ms; largest relative difference from h_scores {error:.0e}\n"
        f"{given.sources} h_score calls {median['alone'] * 1e3:,.0f} ms, {given.sources} h_scores "
        f"calls {median['many'] * 1e3:,.0f} ms\n"
        f"ratio to both {median['matrix'] / parts:.2f} (without errors "
        f"{median['plain'] / parts:.2f}); to the h_score calls and a single h_scores call "
        f"{median['matrix'] / one:.2f} ({median['plain'] / one:.2f})"
    )


if __name__ == "__main__":
    main()
