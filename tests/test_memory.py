"""The features are read where they lie: no second copy of them is ever made."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import sys, threading, time
import numpy as np
import hscore_fast

def anonymous():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

x = np.load(sys.argv[1], mmap_mode="r")
x = {"plain": x, "transposed": x.T, "backwards": x[::-1, ::-1]}[sys.argv[2]]
y = np.arange(len(x)) % 10
hscore_fast.h_score(x[:500], y[:500])
peak, done = anonymous(), False
start = peak

def watch():
    global peak
    while not done:
        peak = max(peak, anonymous())
        time.sleep(0.002)

watcher = threading.Thread(target=watch)
watcher.start()
score = hscore_fast.h_score(x, y)
done = True
watcher.join()
print(peak - start)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's account of it")
@pytest.mark.parametrize("view", ["plain", "transposed", "backwards"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "u1"])
def test_no_copy_of_the_features(tmp_path: Path, dtype: str, view: str) -> None:
    n_samples, n_features = 1_600_000 // np.dtype(dtype).itemsize, 80
    shape = (n_features, n_samples) if view == "transposed" else (n_samples, n_features)
    x = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=dtype, shape=shape)
    rng = np.random.default_rng(0)
    step = max(len(x) // 20, 1)
    for i in range(0, len(x), step):
        x[i : i + step] = rng.integers(0, 100, x[i : i + step].shape)
    x.flush()
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "x.npy"), view],
        cwd=tmp_path,
        timeout=120,
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(run.stdout) < x.nbytes / 4  # 128 MB of features, 32 MB for the work
