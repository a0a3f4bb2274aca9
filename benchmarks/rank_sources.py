"""What a ranking with standard errors costs, beside one ``h_score`` call for each source.

    python benchmarks/rank_sources.py [--sources 12] [--rows 20000] [--columns 768] [--rounds 5]

Prints medians over interleaved rounds, for 10 and 100 classes, of float32 features that share a
signal. Both use the same threads: the calls one after the other with all of them, the ranking as it
sees fit. Beside the time that passes there is the processors' time, which other work on the machine
disturbs less.
"""

import argparse
import statistics
import time

import numpy as np

from hscore_fast import h_score, rank_sources


def make_sources(n_sources, n_rows, n_columns, n_classes):
    """Correlated features with class means, each source noisier than the one before."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, n_classes, n_rows)
    means = rng.standard_normal((n_classes, n_columns), dtype=np.float32)
    mix = np.eye(n_columns, dtype=np.float32)
    mix += rng.standard_normal((n_columns, n_columns), dtype=np.float32) / (2 * n_columns**0.5)
    sources = {}
    for number in range(n_sources):
        x = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
        x += means[labels] * np.float32(0.3 - 0.01 * number)
        sources[f"source {number}"] = x @ mix
    return sources, labels


def timed(work):
    """Return the seconds that pass, those of the processors, and the result."""
    start, start_cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - start, time.process_time() - start_cpu, result


def measure(sources, labels, n_threads):
    """Time both once, and compare their answers."""
    *calls, scores = timed(
        lambda: {name: h_score(x, labels, n_threads=n_threads) for name, x in sources.items()}
    )
    *ranked, ranking = timed(
        lambda: rank_sources(sources, labels, by="adjusted_h_score", n_threads=n_threads)
    )
    for entry in ranking:
        assert abs(entry.h_score - scores[entry.name]) <= 1e-6 * entry.h_score, entry
        assert entry.standard_error > 0, entry
    return calls, ranked, ranking.best.precision_used


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sources", type=int, default=12)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--columns", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    print(f"{args.sources} sources of {args.rows:,} x {args.columns:,} float32")
    for n_classes in args.classes:
        sources, labels = make_sources(args.sources, args.rows, args.columns, n_classes)
        rounds = [measure(sources, labels, args.threads) for _ in range(args.rounds)]
        for place, what in enumerate(("elapsed", "processors")):
            calls = [calls[place] for calls, _, _ in rounds]
            ranked = [ranked[place] for _, ranked, _ in rounds]
            ratios = [r / c for r, c in zip(ranked, calls, strict=True)]
            print(
                f"{n_classes:4} classes, {what}: h_score calls {statistics.median(calls):.2f} s, "
                f"ranking with errors {statistics.median(ranked):.2f} s, "
                f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f}), "
                f"{rounds[0][2]}"
            )


if __name__ == "__main__":
    main()
