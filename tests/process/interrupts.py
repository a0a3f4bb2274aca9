"""Interrupts at random moments of many kinds of calls: no lock, thread, file or megabyte is left.

    python tests/process/interrupts.py --count 2000

Each call gets one signal, whose handler raises KeyboardInterrupt, at a random moment of the time
that the call takes. After each interrupt the object of the call must serve another thread, and its
statistics must be as before the call or, where the interrupt fell when the work was done, as after
it. In the end there must be as many threads and open files as before the first interrupt, all
calls must give the scores that they gave then, and the memory must not have grown by more than a
tenth and 16 MB since a fifth of the interrupts. Ends with code 1 and says why otherwise. A call
that hangs is shown by the tracebacks of all threads. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import numpy as np

from hscore_fast import (
    Moments,
    TargetMoments,
    evaluate,
    h_score,
    h_scores,
    maximal_correlation,
    pair_scores,
    rank_sources,
    regularized_h_score,
    select_sources,
    transfer_matrix,
)
from hscore_fast.bench.memory import resident

ROWS, WIDTH = 1000, 48
PATIENCE = 60.0  # seconds that a call may hang


class Kind(NamedTuple):
    """A call, and what it works on.

    `state` gives the rows and the statistics that the call adds `rows` to; `ask` uses the object
    from another thread.
    """

    call: Callable[[], object]
    state: Callable[[], tuple[int, object]] = lambda: (0, None)
    ask: Callable[[], object] = lambda: None
    rows: int = 0


def kinds_of(folder: Path) -> dict[str, Kind]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, ROWS)
    x = rng.standard_normal((ROWS, WIDTH)) + rng.standard_normal((5, WIDTH))[y]
    parts = {"a": x, "b": x[:, :20] + rng.standard_normal((ROWS, 20)), "c": x[:, 30:] ** 2}
    targets = [y, y % 2, y % 3]
    x32 = np.tile(x.astype("f4"), (4, 4))
    y32 = np.tile(y, 4)
    moments, kept, other = Moments(), Moments().update(x, y), Moments().update(x[:99], y[:99] + 5)
    into, many = Moments().update(x, y), TargetMoments()

    def streamed(name: str) -> Kind:
        return Kind(lambda: h_score(str(folder / name), y32, precision="float64"))

    def update() -> None:
        # A class that is new each time: statistics and classes must change together.
        labels = y.copy()
        labels[0] = 100 + len(moments.classes)
        moments.update(x, labels)

    def state(found: Moments) -> Callable[[], tuple[int, object]]:
        def tell() -> tuple[int, object]:
            data = found.to_bytes()
            if Moments.from_bytes(data).classes != found.classes:
                raise AssertionError("the classes are not those of the statistics")
            return found.n_samples, data

        return tell

    def state_of_many() -> tuple[int, object]:
        return many.n_samples, many.h_scores().tobytes() if many.n_samples else b""

    found = {
        "h_score": Kind(lambda: h_score(x, y)),
        "regularized_h_score": Kind(lambda: regularized_h_score(x, y)),
        "evaluate": Kind(lambda: evaluate(x, y).p_value),
        "h_scores": Kind(lambda: tuple(h_scores(x, targets))),
        "Moments.update": Kind(update, state(moments), lambda: moments.to_bytes(), ROWS),
        "Moments.h_score": Kind(lambda: kept.h_score(), state(kept), lambda: kept.h_score()),
        "Moments.to_bytes": Kind(lambda: kept.to_bytes(), state(kept), lambda: kept.to_bytes()),
        "Moments.merge": Kind(
            lambda: into.merge(other), state(into), lambda: into.merge(Moments()), 99
        ),
        "TargetMoments.update": Kind(
            lambda: many.update(x, targets), state_of_many, lambda: many.h_scores(), ROWS
        ),
        "rank_sources": Kind(lambda: rank_sources(parts, y, n_threads=2).to_dict()),
        "select_sources": Kind(lambda: select_sources(parts, y)),
        "pair_scores": Kind(lambda: pair_scores(parts, y)),
        "transfer_matrix": Kind(lambda: transfer_matrix(parts, {"y": y, "z": y % 2})),
        "maximal_correlation": Kind(lambda: maximal_correlation(y * 7 % 5, y % 3)),
    }
    np.savez_compressed(folder / "x.npz", x=x32)
    found["npz stream"] = streamed("x.npz")
    try:
        import h5py

        with h5py.File(folder / "x.h5", "w") as file:
            file.create_dataset("x", data=x32, chunks=(1000, x32.shape[1]), compression="gzip")
        found["h5 stream"] = streamed("x.h5")
    except ImportError:
        print("without h5py")
    try:
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.table({str(j): x32[:, j] for j in range(x32.shape[1])})
        parquet.write_table(table, folder / "x.parquet", row_group_size=1500)
        found["parquet stream"] = streamed("x.parquet")
    except ImportError:
        print("without pyarrow")
    try:
        import dask
        import dask.array as da

        import hscore_fast.dask

        chunks = da.from_array(x, chunks=(500, WIDTH))

        def by_dask() -> float:
            # Its threads have locks of their own, which an interrupt may leave locked.
            with dask.config.set(scheduler="synchronous"):
                return hscore_fast.dask.h_score(chunks, y)

        found["dask"] = Kind(by_dask)
    except ImportError:
        print("without dask")
    return found


class Alarm:
    """Raises KeyboardInterrupt at a moment to come."""

    def __init__(self) -> None:
        self.armed = False
        signal.signal(signal.SIGALRM, self.ring)

    def ring(self, number: int, frame: FrameType | None) -> None:
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt

    def interrupts(self, call: Callable[[], object], delay: float) -> bool:
        """Whether the interrupt fell into the call."""
        try:
            try:
                self.armed = True
                signal.setitimer(signal.ITIMER_REAL, delay)
                call()
            finally:
                self.armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return True
        except Exception as error:
            # Another library may meet the interrupt in its own clean-up, as dask's executor does.
            if not comes_of_interrupt(error):
                raise
            return True
        return False


def comes_of_interrupt(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def serves_another_thread(ask: Callable[[], object]) -> bool:
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE / 2)
    return not thread.is_alive()


# Their results depend on the calls before.
STATEFUL = {"Moments.update", "Moments.merge", "TargetMoments.update"}


class Left(NamedTuple):
    """What a process has, besides memory."""

    threads: int
    files: int

    @classmethod
    def now(cls) -> Left:
        return cls(len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))

    def is_more_than(self, other: Left) -> bool:
        return self.threads > other.threads or self.files > other.files


def settled(before: Left) -> Left:
    """Wait for threads that are about to end."""
    deadline = time.monotonic() + 10
    while (now := Left.now()).is_more_than(before) and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


def anonymous() -> int:
    found = resident()
    if found is None:
        raise SystemExit("this system does not say how much memory a process has")
    return found.anonymous


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="interrupts that fall into a call")
    parser.add_argument("--minutes", type=float, default=60, help="after which to end in any case")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    faulthandler.enable()
    rng = np.random.default_rng(options.seed)
    ignored: Counter[str] = Counter()
    sys.unraisablehook = lambda raised: ignored.update([f"{raised.exc_type} in {raised.object}"])
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    done: Counter[str] = Counter()

    with tempfile.TemporaryDirectory() as name:
        kinds = kinds_of(Path(name))
        durations, expected = {}, {}
        for kind, (call, *_) in kinds.items():
            for _ in range(2):  # the first one imports and starts threads that stay
                begin = time.perf_counter()
                expected[kind] = repr(call())
                durations[kind] = time.perf_counter() - begin
        alarm = Alarm()
        before = Left.now()
        sizes = []
        deadline = time.monotonic() + 60 * options.minutes
        while sum(counts.values()) < options.count and time.monotonic() < deadline and not wrong:
            kind = list(kinds)[rng.integers(len(kinds))]
            call, state, ask, rows = kinds[kind]
            earlier = state()
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            if alarm.interrupts(call, max(rng.random() * 1.1 * durations[kind], 1e-6)):
                counts[kind] += 1
                if not serves_another_thread(ask):
                    wrong.append(f"{kind}: locked")
                    break
                now = state()
                done[kind] += now[0] == earlier[0] + rows > earlier[0]
                if now != earlier and now[0] != earlier[0] + rows:
                    wrong.append(f"{kind}: {earlier[0]} rows became {now[0]}")
            faulthandler.cancel_dump_traceback_later()
            if sum(counts.values()) >= 20 * len(sizes):
                gc.collect()
                sizes.append(anonymous())
        total = sum(counts.values())
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        gc.collect()
        left, named = settled(before), [thread.name for thread in threading.enumerate()]
        if left.is_more_than(before):
            wrong.append(f"left {left}, there were {before}: {named}")
        ours = [name for name in named if name.startswith("hscore_fast")]
        if ours:
            wrong.append(f"threads are left: {ours}")
        early, last = np.median(sizes[len(sizes) // 5 :][:5]), np.median(sizes[-5:])
        if last > 1.1 * early + 2**24:
            wrong.append("memory has grown")
        wrong += [
            f"{kind}: another result than before the interrupts"
            for kind in kinds.keys() - STATEFUL
            if not wrong and repr(kinds[kind].call()) != expected[kind]
        ]
    print(f"Python {sys.version.split()[0]}: {total} interrupts in {len(kinds)} kinds of calls")
    for kind in kinds:
        late = f", {done[kind]} when the work was done" if done[kind] else ""
        print(f"  {kind:22} {counts[kind]:5} in {1e3 * durations[kind]:.2f} ms{late}")
    print(
        f"threads {before.threads} before, {left.threads} after; files {before.files}, {left.files}"
    )
    print(f"memory {early / 2**20:.1f} MB after a fifth, {last / 2**20:.1f} MB in the end")
    for what, count in ignored.items():
        print(f"told as ignored {count} times: {what}")
    print(*(wrong or ["nothing is left"]), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
