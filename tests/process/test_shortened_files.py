"""A mapped file that gets shorter while it is read is an error like any other, not SIGBUS.

Each script runs in a process of its own, because what it looks for would end this one.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from written_files import MAPPED, written

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(os.name == "nt", reason="a mapped file cannot be cut there"),
]

ROWS, WIDTH = 20_000, 64

START = """
import os, sys, warnings
import numpy as np
from hscore_fast import (
    Moments, TargetMoments, cross_validated_h_score, evaluate, h_score, h_scores,
    regularized_h_score, transfer_matrix,
)
from hscore_fast.readers import open_array, open_source, read_moments
warnings.simplefilter("ignore")
address = sys.argv[1]
path = address.partition(":")[0]
y = np.arange(20_000) % 5
def cut(*_):
    os.truncate(path, 100_000)
def refused(call, *words):
    try:
        found = call()
    except ValueError as error:
        assert path in str(error) and "got shorter while it was read" in str(error), error
        return
    raise SystemExit(f"no error but {found}")
"""


def run(script: str, address: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", START + script, address],
        timeout=120,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-2000:])
    return ended.stdout


def features() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("kind", sorted(MAPPED))
def test_features_of_every_mapped_format(kind: str, tmp_path: Path) -> None:
    address = written(tmp_path, kind, features())
    # As another program may do it between opening and reading.
    script = """
source = open_source(address)
assert source.mapped is not None
cut()
import hscore_fast._problem as problem
problem.open_requested = lambda *_: source
problem.unwritten_doubt = lambda *_: None  # which opens the file again
for precision in ("float64", "auto", "float32"):
    refused(lambda: h_score(address, y, precision=precision))
refused(lambda: regularized_h_score(address, y, n_threads=2))
refused(lambda: read_moments(address, y))
"""
    run(script, address)


CALLS = {
    "h_score": "h_score(x, y)",
    "h_score, other threads": "h_score(x, y, precision='float64', n_threads=2)",
    "high": "h_score(x, y, precision='high')",
    "evaluate": "evaluate(x, y)",
    "regularized": "regularized_h_score(x, y)",
    "cross-validated": "cross_validated_h_score(x, y)",
    "h_scores": "h_scores(x, [y, y % 2])",
    "transfer_matrix": "transfer_matrix({'a': x}, {'b': y})",
    "from_blocks": "Moments.from_blocks((x[i : i + 5000], y[i : i + 5000]) for i in starts)",
    "columns": "h_score(x[:, ::3], y)",
    "ignored rows": "h_score(x, y, ignore_label=2)",
    "labels": "h_score(np.zeros((20_000, 2)) + y[:, None], x[:, 0].view(np.int32))",
    "labels of floats": "h_score(np.zeros((20_000, 2)) + y[:, None], x[:, 0])",
}


@pytest.mark.parametrize("call", CALLS)
def test_every_kind_of_call(call: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", features())
    script = f"""
x = open_array(address)
starts = range(0, 20_000, 5000)
cut()
refused(lambda: {CALLS[call]})
"""
    run(script, str(tmp_path / "x.npy"))


def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", features())
    script = """
import threading
x = open_array(address)
threading.Timer(0.2, cut).start()
def until_it_is_cut():
    while True:
        h_score(x, y, precision="float64")
refused(until_it_is_cut)
"""
    run(script, str(tmp_path / "x.npy"))


def test_statistics_are_as_before(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", features())
    script = """
x = open_array(address)
own = np.random.default_rng(1).standard_normal((300, 64))
moments, many = Moments().update(own, y[:300]), TargetMoments().update(own, [y[:300]])
fresh, state, scores = Moments(), moments.to_bytes(), many.h_scores()
cut()
for call in (
    lambda: moments.update(x, y),
    lambda: moments.update(x[19_000:19_010], y[:10]),
    lambda: fresh.update(x, y),
    lambda: many.update(x, [y]),
):
    refused(call)
assert moments.to_bytes() == state and many.n_samples == 300 and fresh.n_samples == 0
assert (many.h_scores() == scores).all()
assert moments.update(own, y[:300]).n_samples == 600
"""
    run(script, str(tmp_path / "x.npy"))


def test_an_end_within_a_page(tmp_path: Path) -> None:
    """The rest of the page reads as zeros, without a signal."""
    np.save(tmp_path / "x.npy", features())
    script = """
x = open_array(address)
os.truncate(path, os.path.getsize(path) - 1)
refused(lambda: h_score(x, y))
"""
    run(script, str(tmp_path / "x.npy"))


def test_other_files_are_not_concerned(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", features())
    script = """
other = path.replace("x.npy", "other.npy")
np.save(other, np.load(path))
expected = h_score(other, y)
x = open_array(address)
cut()
refused(lambda: h_score(x, y))
assert h_score(other, y) == expected
del x
assert len(open_array(other)) == 20_000
"""
    run(script, str(tmp_path / "x.npy"))


@pytest.mark.parametrize("handler", ["none", "faulthandler", "faulthandler later"])
def test_another_fault_still_ends_the_process(handler: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", features())
    script = f"""
import faulthandler, mmap
if {handler == "faulthandler"}:
    faulthandler.enable()
x = open_array(address)
if {handler == "faulthandler later"}:
    faulthandler.enable()
    x = [x, open_array(address)]
with open(path, "rb") as file:
    theirs = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
cut()
theirs[4_000_000]
"""
    ended = subprocess.run(
        [sys.executable, "-c", START + script, str(tmp_path / "x.npy")],
        timeout=120,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == -7
    assert ("Bus error" in ended.stderr) == handler.startswith("faulthandler")
