"""The features are read where they lie: no second copy of them is ever made."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from peak_memory import WATCH

SCRIPT = (
    WATCH
    + """
x = np.load(sys.argv[1], mmap_mode="r")
x = eval(sys.argv[2], {"x": x, "np": np, "__builtins__": __builtins__})
y = np.arange(int(x.shape[0])) % 10
hscore_fast.h_score(np.arange(30.0).reshape(15, 2) ** 2 % 7, y[:15])
print(growth(lambda: hscore_fast.h_score(x, y)))
"""
)

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads Linux's account of it"
)


def anonymous_memory(path: Path, how: str) -> int:
    """Score the array in the file, held in some way; return the growth of memory at its peak."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), how],
        cwd=path.parent,
        timeout=120,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(run.stdout)


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("view", ["x", "x.T", "x[::-1, ::-1]"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "u1"])
def test_no_copy_of_the_features(tmp_path: Path, dtype: str, view: str) -> None:
    n_samples, n_features = 1_600_000 // np.dtype(dtype).itemsize, 80
    shape = (n_features, n_samples) if view == "x.T" else (n_samples, n_features)
    x = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=dtype, shape=shape)
    rng = np.random.default_rng(0)
    step = max(len(x) // 20, 1)
    for i in range(0, len(x), step):
        x[i : i + step] = rng.integers(0, 100, x[i : i + step].shape)
    x.flush()
    # 128 MB of features, 32 MB for the work
    assert anonymous_memory(tmp_path / "x.npy", view) < x.nbytes / 4


HELD = {
    "ml_dtypes": "x.astype(__import__('ml_dtypes').bfloat16)",
    "torch": "__import__('torch').tensor(x).requires_grad_()",
    "torch bfloat16": "__import__('torch').tensor(x).bfloat16()",
    "jax": "__import__('jax').numpy.asarray(x)",
    "pandas": "__import__('pandas').DataFrame(x)",
    "pandas columns": (
        "__import__('pandas').DataFrame({str(j): x[:, j].astype(f'f{4 + j % 2 * 4}')"
        " for j in range(x.shape[1])})"
    ),
    "polars": "__import__('polars').DataFrame(np.array(x))",
    "pyarrow": (
        "__import__('pyarrow').table({str(j): x[:, j].astype(f'f{4 + j % 2 * 4}')"
        " for j in range(x.shape[1])})"
    ),
}


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("library", HELD)
def test_no_copy_of_what_other_libraries_hold(tmp_path: Path, library: str) -> None:
    pytest.importorskip(library.split()[0])
    x = np.random.default_rng(0).integers(0, 100, (400_000, 40)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    # At least 32 MB of features (bfloat16); a quarter of it for the work
    assert anonymous_memory(tmp_path / "x.npy", HELD[library]) < 8 * 2**20
