"""End programs while their daemon threads compute, and look at the exit status.

    python tests/process/exits.py --count 200

CPython ends a daemon thread that asks for the interpreter's lock by unwinding its stack, and what
meets it there may end the process by a signal.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

WORK = {
    "auto": "h_score(x, y)",
    "float64": "h_score(x, y, precision='float64')",
    "one thread": "h_score(x, y, precision='float64', n_threads=1)",
    "two threads": "h_score(x, y, precision='float64', n_threads=2)",
    "few features": "h_score(x[:, :24], y, precision='float64', n_threads=2)",
    "update": "Moments().update(x, y)",
    "from_blocks": "Moments.from_blocks((x[i : i + 500], y[i : i + 500]) for i in starts)",
    "file": "h_score('x.npz', y)",
    "mapped file": "h_score('x.npy', 'y.npy')",
    "TargetMoments": "TargetMoments().update(x, [y, y])",
    "h_scores": "h_scores(x, [y] * 5)",
    "evaluate": "evaluate(x, y)",
    "small calls": "h_score(x[:50, :4], y[:50])",
    "progress": "h_score(x, y, progress=lambda done, rows: time.sleep(0.01))",
}

PROGRAM = """
import threading, time, warnings
import numpy as np
from hscore_fast import Moments, TargetMoments, evaluate, h_score, h_scores
warnings.simplefilter("ignore")
x = np.load("x.npy")
y = np.load("y.npy")
starts = range(0, len(x), 500)
begun = threading.Event()
def work():
    while True:
        begun.set()
        {work}
for _ in range({n_workers}):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
time.sleep({seconds})
"""


def write_features(folder: Path) -> None:
    """Write what the programs read."""
    x = np.random.default_rng(0).standard_normal((40_000, 160))
    np.save(folder / "x.npy", x)
    np.savez_compressed(folder / "x.npz", x)
    np.save(folder / "y.npy", np.arange(len(x)) % 5)


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program where the features are."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        timeout=100,
        check=False,
        capture_output=True,
        text=True,
    )


def end_while(work: str, n_workers: int, seconds: float, folder: Path) -> tuple[int, str]:
    """Return the exit status and the errors of a program that ends so long after its start."""
    program = PROGRAM.format(work=WORK[work], n_workers=n_workers, seconds=seconds)
    ended = run(program, folder)
    return ended.returncode, ended.stderr


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    choose = random.Random(arguments.seed)
    outcomes: Counter[tuple[int, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        write_features(Path(folder))
        for number in range(arguments.count):
            work = list(WORK)[number % len(WORK)]
            status, errors = end_while(
                work, choose.choice([1, 2]), choose.uniform(0, 0.5), Path(folder)
            )
            outcomes[status, errors.strip()[-100:]] += 1
            if status or errors:
                print(f"{work}: status {status}\n{errors}")
    for (status, errors), count in outcomes.most_common():
        print(f"{count} with status {status} {errors}")
    return 0 if set(outcomes) == {(0, "")} else 1


if __name__ == "__main__":
    raise SystemExit(main())
