"""Arrays that another thread changes during a call give some score or an error, never a crash.

Each script runs in a process of its own, because what it looks for would end this one.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from fuzz_changing import fuzz

pytestmark = pytest.mark.timeout(150)

ALLOWED = (ValueError, TypeError, MemoryError)

# One entry goes from a class to a value far beyond the others and back, all the time.
CHANGING = """
import sys, threading, warnings
import numpy as np
from hscore_fast import (
    Moments, TargetMoments, evaluate, h_score, h_scores, regularized_h_score, transfer_matrix,
)
warnings.simplefilter("ignore")
sys.setswitchinterval(1e-5)
x = np.random.default_rng(0).normal(size=(20_000, 4))
y = (np.arange(20_000) % 7).astype(np.{dtype})
if {dtype!r} == "int64":
    np.save("y.npy", y)
    mapped = np.load("y.npy", mmap_mode="r+")
else:
    mapped = y
weights = np.ones(20_000)
def change():
    while True:
        for array in (y, mapped):
            array[10_000] = {far}
        weights[10_000] = -1e300
        for array in (y, mapped):
            array[10_000] = 3
        weights[10_000] = 1
threading.Thread(target=change, daemon=True).start()
calls = {{
    "h_score": lambda: h_score(x, y),
    "mapped labels": lambda: h_score(x, mapped),
    "update": lambda: Moments().update(x, y, weights=weights).h_score(),
    "evaluate": lambda: evaluate(x, y),
    "regularized": lambda: regularized_h_score(x, y),
    "h_scores": lambda: h_scores(x, [y, y, y]),
    "TargetMoments": lambda: TargetMoments().update(x, [y, y]).h_scores(),
    "transfer_matrix": lambda: transfer_matrix({{"a": x}}, {{"b": y, "c": y}}),
}}
call = calls[{call!r}]
outcomes = set()
for _ in range(200):
    try:
        call()
        outcomes.add("scored")
    except (ValueError, TypeError) as error:
        numbers = [int(word) for word in str(error).replace(",", " ").split() if word.isdigit()]
        assert all(n <= 20_000 or n == {far} for n in numbers), str(error)
        outcomes.add(type(error).__name__)
print(sorted(outcomes))
"""


def run(script: str, folder: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=folder,
        env=os.environ,
        timeout=120,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-2000:])
    return ended.stdout


@pytest.mark.parametrize(
    "call",
    [
        "h_score",
        "mapped labels",
        "update",
        "evaluate",
        "regularized",
        "h_scores",
        "TargetMoments",
        "transfer_matrix",
    ],
)
def test_a_label_that_becomes_an_index_far_away(call: str, tmp_path: Path) -> None:
    assert "scored" in run(CHANGING.format(dtype="int64", far=10**9, call=call), tmp_path)


BY_BLOCKS = {
    "from_blocks": "Moments.from_blocks((x[i : i + 5000], y[i : i + 5000]) for i in starts)",
    "compressed file": "h_score('x.npz', y)",
    "compressed file, mapped labels": "h_score('x.npz', mapped)",
    "compressed file, h_scores": "h_scores('x.npz', [y, y])",
    "compressed file, cross-validated": "cross_validated_h_score('x.npz', y, groups=y)",
    "dask": "hscore_fast.dask.h_score(da.from_array(x, chunks=(5000, 4)), y)",
    "dask labels": "hscore_fast.dask.h_score(da.from_array(x, chunks=(5000, 4)), chunked)",
    "dask evaluate": "hscore_fast.dask.evaluate(da.from_array(x, chunks=(5000, 4)), y)",
}


@pytest.mark.parametrize("call", BY_BLOCKS)
def test_labels_that_change_while_blocks_are_read(call: str, tmp_path: Path) -> None:
    more = "from hscore_fast import cross_validated_h_score\nstarts = range(0, 20_000, 5000)\n"
    if "dask" in call:
        pytest.importorskip("dask.array")
        more += "import dask.array as da, hscore_fast.dask\n"
        more += "chunked = da.from_array(y, chunks=5000, name=False)\n"
    script = CHANGING.format(dtype="int64", far=10**9, call="h_score")
    script = script.replace("np.ones(20_000)", "np.ones(20_000)\nnp.savez_compressed('x.npz', x=x)")
    script = script.replace(
        "outcomes = set()", f"{more}call = lambda: {BY_BLOCKS[call]}\noutcomes = set()"
    )
    found = run(script.replace("range(200)", "range(5)"), tmp_path)
    assert "scored" in found or "Error" in found


@pytest.mark.parametrize(("dtype", "far"), [("uint8", 255), ("int16", 32767), ("uint64", 2**63)])
def test_labels_of_few_bytes_do_not_read_beside_the_table(
    dtype: str, far: int, tmp_path: Path
) -> None:
    """They do not leave the heap, but what lies there would be told in a message."""
    assert "scored" in run(CHANGING.format(dtype=dtype, far=far, call="h_score"), tmp_path)


def test_a_category_beyond_the_categories_is_refused() -> None:
    from hscore_fast import h_score

    class Series:
        codes = np.array([0, 1, 5, 0], dtype=np.int32)
        categories = ("a", "b")

    with pytest.raises(ValueError, match="category code 5, but 2 categories"):
        h_score(np.arange(4.0), Series())


def test_weights_are_those_of_the_beginning() -> None:
    """They are checked, and then used: in between they may be another thread's to change."""
    from hscore_fast import Moments

    weights = np.ones(60_000)
    values = np.random.default_rng(0).standard_normal(60_511)
    x = np.lib.stride_tricks.sliding_window_view(values, 512)
    y = np.arange(len(x)) % 3
    asked = []

    def progress(done: int, total: int) -> None:
        asked.append(done)
        weights[:] = np.nan

    moments = Moments().update(x, y, weights=weights, n_threads=1, progress=progress)
    assert asked
    assert moments.total_weight == len(weights)
    assert np.isfinite(moments.h_score())


@pytest.mark.parametrize("seed", [0, 1])
def test_random_calls_on_changing_arrays(seed: int) -> None:
    outcomes = fuzz(5, seed)
    assert outcomes["scored"] > 0
    assert set(outcomes) <= {"scored", *(error.__name__ for error in ALLOWED)}
