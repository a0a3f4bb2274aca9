"""A program that ends while other threads compute ends with its own exit status; see exits.py."""

import os
import textwrap
import time
from pathlib import Path

import pytest
from exits import WORK, end_while, write_features
from exits import run as run_text

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold the features as files."""
    path = tmp_path_factory.mktemp("exit")
    write_features(path)
    return path


def run(program, folder):
    return run_text(textwrap.dedent(program), folder)


@pytest.mark.parametrize("work", WORK)
def test_daemon_threads_that_compute_do_not_change_the_exit_status(work: str, folder: Path) -> None:
    for n_workers in (1, 2):
        ended = end_while(work, n_workers, 0.1 * n_workers, folder)
        assert ended == (0, "")


def test_a_thread_that_is_stopped_at_exit_runs_its_finally(folder: Path) -> None:
    """It gets a SystemExit, which ends a thread without a word and lets it put things in order."""
    program = """
        import atexit, threading, time
        import numpy as np
        stopped = []
        def report():
            worker.join(5)
            print(stopped, worker.is_alive())
        atexit.register(report)  # before hscore_fast's own, and so after it
        from hscore_fast import h_score
        values = np.random.default_rng(0).standard_normal(8_001_024)
        x = np.lib.stride_tricks.sliding_window_view(values, 1024)[:8_000_000]
        y = np.arange(len(x)) % 5
        def work():
            try:
                h_score(x, y, precision="float64")
            except SystemExit:
                stopped.append("SystemExit")
            finally:
                stopped.append("finally")
        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        time.sleep(0.3)
    """
    ended = run(program, folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "['SystemExit', 'finally'] False\n"


def test_the_thread_that_ends_the_interpreter_may_still_score(folder: Path) -> None:
    program = """
        import atexit
        def last():
            print(round(h_score([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 6))
        atexit.register(last)  # runs after hscore_fast's own
        from hscore_fast import h_score
    """
    assert run(program, folder).stdout == "0.8\n"


def test_a_progress_function_that_hangs_does_not_keep_the_process(folder: Path) -> None:
    program = """
        import threading, time
        import numpy as np
        from hscore_fast import h_score
        x, y = np.load("x.npy"), np.load("y.npy")
        inside = threading.Event()
        def progress(done, rows):
            inside.set()
            threading.Event().wait()
        values = np.random.default_rng(0).standard_normal(8_001_024)
        x = np.lib.stride_tricks.sliding_window_view(values, 1024)[:8_000_000]
        y = np.arange(len(x)) % 5
        threading.Thread(
            target=lambda: h_score(x, y, precision="float64", progress=progress), daemon=True
        ).start()
        assert inside.wait(60)
    """
    start = time.monotonic()
    ended = run(program, folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert time.monotonic() - start < 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("shape", ["(2_000_000, 200)", "(40_000, 1500)"])
def test_a_fork_within_progress_comes_back_into_the_call(shape: str, folder: Path) -> None:
    """The child has threads of its own to start; few features and many.

    Progress is told every tenth of a second, so the rows are many: windows of few values.
    """
    program = f"""
        import os, sys
        import numpy as np
        from hscore_fast import h_score
        rng = np.random.default_rng(0)
        rows, columns = {shape}
        values = rng.standard_normal(rows + columns - 1)
        x = np.lib.stride_tricks.sliding_window_view(values, columns)
        y = rng.integers(0, 5, rows)
        expected = h_score(x, y, precision="float64", n_threads=2)
        children = []
        def progress(done, rows):
            if not children:
                children.append(os.fork())
        found = h_score(x, y, precision="float64", n_threads=2, progress=progress)
        assert children, "too fast to tell of progress"
        assert abs(found - expected) < 1e-9
        if children[0] == 0:
            sys.stdout.flush()
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
    """
    ended = run(program, folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "7\n"


def test_a_first_call_that_begins_as_the_interpreter_ends(folder: Path) -> None:
    """No call imports anything from C++: a thread that ends there would end the process."""
    program = """
        import builtins, sys, threading, time
        import numpy as np
        from hscore_fast import _variants
        y = np.arange(40) % 2
        begun = threading.Event()
        import_ = builtins.__import__
        def slow(name, *args, **options):
            found = import_(name, *args, **options)
            if threading.current_thread() is not threading.main_thread():
                begun.set()
                while True:
                    time.sleep(0.001)  # until the interpreter has ended
            return found
        builtins.__import__ = slow
        def work():
            _variants.core.encode_integers(y)
            begun.set()
        threading.Thread(target=work, daemon=True).start()
        begun.wait()
    """
    ended = run(program, folder)
    assert (ended.returncode, ended.stderr) == (0, "")
