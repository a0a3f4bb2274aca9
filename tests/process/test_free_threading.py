"""Many Python threads at once, with or without a lock around the interpreter.

The extension tells free-threaded builds of Python that it does without that lock. These tests are
what the claim rests on; they mean most where ``sys._is_gil_enabled()`` is False.
"""

import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
from oracles import make_problem

import hscore_fast
from hscore_fast import Moments, h_score, h_scores, regularized_h_score
from hscore_fast._variants import core

N_THREADS = 8
has_lock = getattr(sys, "_is_gil_enabled", lambda: True)


def at_once(work: Callable[[int], object]) -> list[object]:
    """Start all threads together and give what each returned, or raise what one raised."""
    begin = threading.Barrier(N_THREADS)
    found: list[object] = [None] * N_THREADS
    errors: list[BaseException] = []

    def run(number: int) -> None:
        begin.wait()
        try:
            found[number] = work(number)
        except BaseException as error:  # carried to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return found


def test_importing_the_extension_leaves_the_lock_as_it_was() -> None:
    """Python turns it on for a module that does not say that it can do without."""
    if "free-threading" not in sys.version:
        pytest.skip("this Python has a lock always")
    assert not has_lock(), f"{core} turned it on"


@pytest.mark.parametrize("n_threads", [1, 2])
def test_one_matrix_is_scored_by_all(n_threads: int) -> None:
    x, y = make_problem(2003, 96, 7)
    x.flags.writeable = False
    calls = (
        lambda: h_score(x, y, n_threads=n_threads),
        lambda: h_score(x.astype(np.float32), y, n_threads=n_threads, precision="float32"),
        lambda: h_score(x[:400], y[:400], n_threads=n_threads, precision="high"),
        lambda: regularized_h_score(x, y, n_threads=n_threads),
        lambda: tuple(h_scores(x, [y, y % 2], n_threads=n_threads)),
    )
    for call in calls:
        expected = call()
        for found in at_once(lambda k, call=call: {call() for _ in range(6)}):
            assert found == {expected}


def test_one_moments_is_updated_by_all() -> None:
    """Whatever the order of the batches, no row is lost and none is added twice."""
    x, y = make_problem(N_THREADS * 50, 24, 5)
    moments, others = Moments(), [Moments() for _ in range(N_THREADS)]

    def work(number: int) -> None:
        for row in range(number, len(x), N_THREADS):
            moments.update(x[row : row + 1], y[row : row + 1])
            others[number].update(x[row : row + 1], y[row : row + 1])
            moments.copy()

    at_once(work)
    expected = h_score(x, y)
    assert moments.n_samples == len(x)
    assert moments.h_score() == pytest.approx(expected, abs=1e-12)
    total = Moments()
    at_once(lambda number: total.merge(others[number]))
    assert total.n_samples == len(x)
    assert total.h_score() == pytest.approx(expected, abs=1e-12)


def test_labels_are_encoded_and_refused_by_all() -> None:
    x, _ = make_problem(3000, 4, 3)
    names = np.array(["cat", "dog", "eel"])[np.arange(3000) % 3]
    expected = h_score(x, names)

    def work(number: int) -> float:
        with pytest.raises(ValueError, match="one entry per row"):
            h_score(x, names[:-1])
        return h_score(x, names)

    assert set(at_once(work)) == {expected}
    assert hscore_fast.build_info()["isa"]
