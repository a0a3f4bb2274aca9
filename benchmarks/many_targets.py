"""One feature matrix against thousands of targets: `python benchmarks/many_targets.py`.

By default the workload of the original study (Bao et al., ICIP 2019): 22,045 rows of 2,048 features
against 4,096 targets of 16 classes, on seeded synthetic data. The NumPy way is what a loop over the
published definition has to do for each target, with the covariance's pseudo-inverse taken once for
all; it is timed on a few targets and multiplied.
"""

import argparse
import resource
import time

import numpy as np

from hscore_fast import h_scores
from hscore_fast._variants import core


def draw(rows: int, features: int, targets: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw features of unequal variance and targets that hang on them to various degrees."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, features), dtype=np.float32)
    x *= np.geomspace(1, 0.1, features, dtype=np.float32)
    labels = np.empty((targets, rows), np.int32)
    for target in labels:
        column = x[:, rng.integers(features)]
        noise = rng.standard_normal(rows, dtype=np.float32) * column.std() * 3 * rng.random()
        ranks = np.argsort(np.argsort(column + noise))
        target[:] = ranks * classes // rows
    return x, labels


def by_numpy(x: np.ndarray, inverse: np.ndarray, labels: np.ndarray) -> float:
    """Score one target by the definition, given the pseudo-inverse of the covariance."""
    g = np.zeros_like(x, dtype=np.float64)
    for label in np.unique(labels):
        g[labels == label] = x[labels == label].mean(axis=0, dtype=np.float64)
    return float(np.trace(inverse @ np.cov(g, rowvar=False)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for name, default in (("rows", 22_045), ("features", 2_048), ("targets", 4_096)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--classes", type=int, default=16)
    parser.add_argument("--few", type=int, default=2, help="targets timed the NumPy way")
    given = parser.parse_args()
    x, labels = draw(given.rows, given.features, given.targets, given.classes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    scores = h_scores(x, labels)
    ours = time.perf_counter() - begin
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    begin = time.perf_counter()
    inverse = np.linalg.pinv(np.cov(x, rowvar=False, dtype=np.float64), hermitian=True)
    once = time.perf_counter() - begin
    begin = time.perf_counter()
    few = [by_numpy(x, inverse, target) for target in labels[: given.few]]
    each = (time.perf_counter() - begin) / given.few
    total = once + each * given.targets
    error = np.max(np.abs(scores[: given.few] / few - 1))
    print(
        f"{given.rows:,} x {given.features:,} float32, {given.targets:,} targets of "
        f"{given.classes} classes, {core.thread_count(0)} threads\n"
        f"h_scores: {ours:.1f} s, {ours / given.targets * 1e3:.2f} ms a target, "
        f"at most {memory:,.0f} MB beyond the inputs\n"
        f"NumPy: {once:.1f} s once and {each:.2f} s a target, so {total:,.0f} s: "
        f"{total / ours:.0f} times as long; largest relative difference {error:.0e}"
    )


if __name__ == "__main__":
    main()
