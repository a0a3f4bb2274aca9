"""An exception out of a signal handler, at any moment, leaves nothing locked, open or running."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from oracles import make_problem

from hscore_fast import Moments, TargetMoments
from hscore_fast._files import limits, threads
from hscore_fast._files import read_ahead as ahead
from hscore_fast._files.read_ahead import read_ahead
from hscore_fast._files.threads import side_by_side
from hscore_fast._variants import core

posix = pytest.mark.skipif(os.name == "nt", reason="there is no timer that sends a signal")


def run(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        timeout=100,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


STORM = """
import random, signal, threading, time
import numpy as np
from hscore_fast import Moments
from hscore_fast._files.read_ahead import read_ahead

armed = False
def handler(*_):
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, handler)
random.seed(0)

def interrupted(call, longest):
    global armed
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, 1e-6 + random.random() * longest)
            while armed:
                call()
        finally:
            armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        pass
"""


@posix
@pytest.mark.timeout(120)
def test_moments_are_never_left_locked() -> None:
    """Three in a hundred interrupts left one locked when Python code took the lock."""
    run(
        STORM
        + """
x, y = np.random.default_rng(0).normal(size=(60, 30)), np.arange(60) % 3
for call in (Moments.h_score, Moments.to_bytes, lambda m: m.merge(other)):
    moments, other = Moments().update(x, y), Moments().update(x, y)
    for _ in range(400):
        interrupted(lambda: call(moments), 2e-4)
    for found in (moments, other):
        thread = threading.Thread(target=found.h_score, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), "another thread waits for ever"
        found.h_score()
"""
    )


@posix
@pytest.mark.timeout(120)
def test_readers_are_never_left_running() -> None:
    """Interrupts that fell where the thread was started left it, and its file, for good."""
    run(
        STORM
        + """
def read():
    for _ in read_ahead(iter(range(2))):
        pass
for _ in range(500):
    interrupted(read, 5e-4)
deadline = time.monotonic() + 20
while threading.active_count() > 1 and time.monotonic() < deadline:
    time.sleep(0.01)
assert threading.active_count() == 1, threading.enumerate()
"""
    )


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads Linux's account of it")
@pytest.mark.timeout(250)
def test_no_kind_of_call_leaves_anything() -> None:
    """The command of CONTRIBUTING.md, short: it says what is left."""
    command = [sys.executable, str(Path(__file__).with_name("interrupts.py")), "--count", "100"]
    done = subprocess.run(command, timeout=240, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 interrupts in" in done.stdout


def test_a_reader_ends_when_its_consumer_is_lost(monkeypatch) -> None:
    """Also if nothing told it so."""
    monkeypatch.setattr(limits, "PATIENCE", 0.01)
    closed = threading.Event()

    def blocks():
        try:
            yield from range(5)
        finally:
            closed.set()

    consumer = ahead._Consumer()
    reader = ahead._Reader(blocks(), consumer, 1)
    reader.start()
    assert reader.ready.get(timeout=10) == 0
    assert not closed.wait(0.05)
    del consumer
    assert closed.wait(10)
    reader.join(10)
    assert not reader.is_alive()


def test_a_reader_that_begins_late_reads_nothing() -> None:
    read = []
    consumer = ahead._Consumer()
    reader = ahead._Reader(map(read.append, range(5)), consumer, 1)
    reader.stopped = True
    reader.start()
    reader.join(10)
    assert read == []


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("place", ["at once", "by the thread that starts it"])
def test_no_thread_to_be_had(place, monkeypatch) -> None:
    """Files are read and work side by side is done on the caller's thread."""
    if place == "at once":
        monkeypatch.setattr(ahead, "start_new_thread", no_thread)
        monkeypatch.setattr(threads, "start_new_thread", no_thread)
    else:
        monkeypatch.setattr(threading.Thread, "start", no_thread)
    here = threading.current_thread().name
    blocks = (threading.current_thread().name for _ in range(3))
    assert list(read_ahead(blocks)) == [here] * 3
    names: list[str] = []
    tasks = [lambda k=k: names.append(threading.current_thread().name) or k for k in range(5)]
    assert list(side_by_side(tasks, 3, "helper")) == [(k, k) for k in range(5)]
    assert set(names) == {here}


def test_work_side_by_side_ends_with_its_consumer() -> None:
    begun: list[int] = []

    def task() -> None:
        begun.append(1)
        time.sleep(0.01)

    running = side_by_side([task] * 50, 2, "helper")
    next(running)
    running.close()
    seen = len(begun)
    assert seen < 50
    assert not [t for t in threading.enumerate() if t.name == "helper"]
    time.sleep(0.05)
    assert len(begun) == seen


def test_the_first_error_in_the_order_of_the_tasks() -> None:
    def fail(number: int) -> None:
        time.sleep(0.02 * (3 - number))
        raise ValueError(f"task {number}")

    tasks = [lambda k=k: fail(k) for k in range(3)]
    with pytest.raises(ValueError, match="task 0"):
        list(side_by_side(tasks, 3, "helper"))


@pytest.mark.parametrize("first", [True, False])
def test_an_interrupt_behind_the_last_step_leaves_statistics_and_classes_together(first) -> None:
    x, y = make_problem(60, 4, 3)
    moments = Moments() if first else Moments().update(x, y)
    whole = moments.copy().update(x, y + 1)

    class Core:
        """The core's statistics, whose update is interrupted when it is done."""

        def __init__(self, found):
            self._found = found

        def __getattr__(self, name):
            return getattr(self._found, name)

        def update(self, *given):
            self._found.update(*given)
            raise KeyboardInterrupt

    if first:
        statistics = Core(core.Moments(4))
        classes = {label: code for code, label in enumerate(whole.classes)}
        codes = np.array([classes[label] for label in (y + 1).tolist()], np.int32)
        with pytest.raises(KeyboardInterrupt):
            moments._change(
                *(statistics, classes, False, statistics.update, x, codes),
                *(3, None, False, True, 1, None),
            )
    else:
        moments._core = Core(moments._core)
        with pytest.raises(KeyboardInterrupt):
            moments.update(x, y + 1)
    moments._core = moments._core._found
    assert moments == whole


def test_the_same_of_many_targets() -> None:
    x, y = make_problem(60, 4, 3)
    moments = TargetMoments().update(x, [y, y % 2])
    whole = TargetMoments().update(x, [y, y % 2]).update(x, [y + 1, y % 2])

    class Core:
        def __init__(self, found):
            self._found = found

        def __getattr__(self, name):
            return getattr(self._found, name)

        def update(self, *given):
            self._found.update(*given)
            raise KeyboardInterrupt

    moments._core = Core(moments._core)
    with pytest.raises(KeyboardInterrupt):
        moments.update(x, [y + 1, y % 2])
    moments._core = moments._core._found
    assert moments.classes == whole.classes
    np.testing.assert_array_equal(moments.h_scores(), whole.h_scores())
