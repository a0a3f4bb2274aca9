"""Where threads, stack or instructions are scarce: fewer threads or an exception, never an end."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hscore_fast import _variants

pytestmark = pytest.mark.timeout(150)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")


def run(script: str, folder: Path, **environment: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=folder,
        env=os.environ | environment,
        timeout=100,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-2000:])
    return ended.stdout


NO_THREADS = """
import os, resource
import numpy as np
from hscore_fast import Moments, evaluate, h_score, h_scores, regularized_h_score
rng = np.random.default_rng(0)
x, y = rng.normal(size=(6_000, 200)), np.arange(6_000) % 5
np.savez_compressed("x.npz", x)
os.chmod(".", 0o755)
def score_all(n_threads):
    for precision in ("auto", "float64", "float32", "high"):
        h_score(x[:3000], y[:3000], precision=precision, n_threads=n_threads)
    h_score(x[:, :20], y, n_threads=n_threads)
    evaluate(x, y, n_threads=n_threads)
    regularized_h_score(x, y, n_threads=n_threads)
    h_scores(x, [y, y], n_threads=n_threads)
    h_score("x.npz", y, n_threads=n_threads)
    Moments().update(x, y, n_threads=n_threads).h_score(n_threads=n_threads)
score_all(1)  # imports all that another user may not be allowed to read
{before}
if os.getuid() == 0:  # the limit is none for the superuser
    os.setgid(65534)
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
for n_threads in (None, 2, 8):
    score_all(n_threads)
print("scored", round(h_score(x, y), 9) == round(h_score(x, y, n_threads=1), 9))
"""


@linux
@pytest.mark.parametrize(
    "before",
    ["", "h_score(x, y, n_threads=2)", "h_score(x, y, n_threads=2); h_score(x, y, n_threads=1)"],
)
def test_without_a_new_thread_there_are_fewer(before: str, tmp_path: Path) -> None:
    """Also where the threads of a call before are still there, or were."""
    assert run(NO_THREADS.format(before=before), tmp_path) == "scored True\n"


@linux
def test_address_space_for_few_threads_is_used_for_few(tmp_path: Path) -> None:
    script = """
        import resource
        import numpy as np
        from hscore_fast import h_score
        x, y = np.random.default_rng(0).normal(size=(20_000, 100)), np.arange(20_000) % 5
        h_score(x, y, n_threads=1)
        pages = int(open("/proc/self/statm").read().split()[0])
        used = pages * resource.getpagesize()
        for room in (100, 60, 40, 30):
            limit = used + room * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
            try:
                h_score(x, y, n_threads=64)
            except MemoryError:
                pass
        print("alive")
    """
    assert run(script, tmp_path) == "alive\n"


@linux
@pytest.mark.parametrize("precision", ["auto", "float64", "float32", "high"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_stack_of_128_kb_is_enough(precision: str, n_threads: int, tmp_path: Path) -> None:
    """That is what musl gives a thread."""
    script = f"""
        import threading
        import numpy as np
        from hscore_fast import evaluate, h_score, h_scores, regularized_h_score
        x, y = np.random.default_rng(0).normal(size=(3000, 300)), np.arange(3000) % 5
        def work():
            h_score(x, y, precision={precision!r}, n_threads={n_threads})
            h_score(x.T.copy(), y[:300], precision={precision!r}, n_threads={n_threads})
            evaluate(x, y, n_threads={n_threads})
            regularized_h_score(x, y, n_threads={n_threads})
            regularized_h_score(x[:200], y[:200], n_threads={n_threads})
            h_scores(x, [y] * 5, n_threads={n_threads})
            print("scored")
        threading.stack_size(128 * 1024)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """
    assert run(script, tmp_path) == "scored\n"


def test_a_cpu_before_x86_64_v2_gets_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first instruction that it lacks would end the process."""
    monkeypatch.setattr(_variants.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(_variants, "_cpu_features", lambda: {"SSE3": True, "SSE42": False})
    with pytest.raises(ImportError, match=r"x86-64-v2.*lacks SSE42"):
        _variants.load()
    _variants.load("baseline")  # for a package that was built for this CPU
    monkeypatch.setattr(_variants, "_cpu_features", dict)  # a NumPy that does not tell
    _variants.load()


def test_numpy_tells_what_this_cpu_has() -> None:
    if _variants.platform.machine() != "x86_64":
        pytest.skip("asked of x86-64 only")
    features = _variants._cpu_features()
    assert {name: features.get(name) for name in _variants._NEEDED} == dict.fromkeys(
        _variants._NEEDED, True
    )
