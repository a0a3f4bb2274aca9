"""Greedy selection of sources beside one score of all: `python benchmarks/select_sources.py`.

Seeded synthetic sources of one width, each with its own part of what there is to know and a part
that it shares with the others. The concatenation that `h_score` gets is made outside the clock.
"""

import argparse
import resource
import time

import numpy as np

from hscore_fast import h_score, pair_scores, select_sources
from hscore_fast._variants import core


def draw(rows: int, width: int, sources: int, classes: int) -> tuple[dict, np.ndarray]:
    """Draw sources of which each knows about some of the classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, rows)
    common = rng.standard_normal((rows, width // 4), dtype=np.float32)
    drawn = {}
    for number in range(sources):
        means = rng.standard_normal((classes, width), dtype=np.float32) * 0.1
        means[rng.random(classes) < 0.7] = 0
        x = rng.standard_normal((rows, width), dtype=np.float32) + means[labels]
        x[:, : width // 4] += common
        drawn[f"source {number}"] = x
    return drawn, labels


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for name, default in (("rows", 20_000), ("width", 768), ("sources", 12), ("classes", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("-k", type=int, default=None)
    given = parser.parse_args()
    sources, labels = draw(given.rows, given.width, given.sources, given.classes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    choice = select_sources(sources, labels, by="adjusted_h_score", k=given.k)
    ours = time.perf_counter() - begin
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    begin = time.perf_counter()
    pair_scores(sources, labels)
    pairs = time.perf_counter() - begin
    joined = np.concatenate(list(sources.values()), axis=1)
    single = {}
    for precision in ("auto", "float64"):
        begin = time.perf_counter()
        h_score(joined, labels, precision=precision)
        single[precision] = time.perf_counter() - begin
    chosen = np.concatenate([sources[name] for name in choice.selected], axis=1)
    error = abs(choice.h_score / h_score(chosen, labels, precision="float64") - 1)
    print(choice)
    print(
        f"{given.sources} sources of {given.rows:,} x {given.width} float32, {given.classes} "
        f"classes, {core.thread_count(0)} threads\n"
        f"select_sources: {ours:.2f} s, {len(choice)} chosen, at most {memory:,.0f} MB beyond the "
        f"inputs; pair_scores: {pairs:.2f} s\n"
        f"h_score of all side by side: {single['auto']:.2f} s, in float64 {single['float64']:.2f} s"
        f"\nselect_sources / h_score: {ours / single['auto']:.2f}, in float64 "
        f"{ours / single['float64']:.2f}; pair_scores: {pairs / single['float64']:.2f}\n"
        f"relative difference of the last score from that of the matrix: {error:.0e}"
    )


if __name__ == "__main__":
    main()
