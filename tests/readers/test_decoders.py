"""Threads that decode files: no more than the call that reads them was given."""

import numpy as np
import pytest

import hscore_fast
from hscore_fast import evaluate, h_score, h_scores, regularized_h_score, select_sources
from hscore_fast._files import limits, read_ahead, scratch
from hscore_fast.readers import open_array, read_moments

ROWS, LABELS = 300, np.arange(300) % 4
X = np.random.default_rng(0).standard_normal((ROWS, 64), dtype="f4")

CALLS = {
    "h_score": lambda path, n: h_score(path, LABELS, n_threads=n),
    "regularized_h_score": lambda path, n: regularized_h_score(path, LABELS, n_threads=n),
    "evaluate": lambda path, n: evaluate(path, LABELS, n_threads=n),
    "h_scores": lambda path, n: h_scores(path, [LABELS, LABELS % 2], n_threads=n),
    "read_moments": lambda path, n: read_moments(path, LABELS, n_threads=n),
    "select_sources": lambda path, n: select_sources({"a": path, "b": X}, LABELS, n_threads=n),
    "rank_sources": lambda path, n: hscore_fast.rank_sources({"a": path}, LABELS, n_threads=n),
}


@pytest.fixture(params=["parquet", "h5"])
def path(request, tmp_path, monkeypatch):
    path = tmp_path / f"x.{request.param}"
    if request.param == "h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=X, chunks=(64, 64), compression="gzip")
        return path
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({str(j): X[:, j] for j in range(64)}), path, row_group_size=110)
    monkeypatch.setattr(limits, "MOST_HELD_BYTES", -1)
    return path


@pytest.fixture
def started(monkeypatch):
    """Numbers of threads that were given to decode."""
    numbers = set()

    def run(tasks, n_threads, name):
        numbers.add(n_threads)
        return side_by_side(tasks, n_threads, name)

    side_by_side = scratch.side_by_side
    monkeypatch.setattr(scratch, "side_by_side", run)
    return numbers


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_as_many_as_the_call_was_given(path, started, name, n_threads) -> None:
    CALLS[name](path, n_threads)
    assert started == {n_threads}


def test_no_more_than_eight(path, started) -> None:
    h_score(path, LABELS, n_threads=20)
    assert started == {8}


def test_no_more_than_the_environment_allows_here(path, started, monkeypatch) -> None:
    """What limits the calling thread may be unknown to the thread that reads."""
    monkeypatch.setattr(read_ahead.core, "thread_count", lambda n: n or 5)
    h_score(path, LABELS)
    open_array(path)
    assert started == {5}


def test_calls_at_work_share_the_threads(path) -> None:
    """Within a call its own threads are to be had, of two at a time half of them."""
    count = hscore_fast._variants.core.thread_count
    every, seen = count(0), []

    def inner(done, rows):
        seen.append(count(0))

    def outer(done, rows):
        seen.append(count(0))
        h_score(path, LABELS, progress=inner)

    h_score(path, LABELS, progress=outer)
    assert set(seen) <= {every, max(1, every // 2)}
    assert seen[:2] == [every, max(1, every // 2)]
    assert count(0) == every
