"""Threads: the same score from any number of them, the same bits from the same number."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from oracles import make_problem, svd_h_score

from hscore_fast import Moments, build_info, h_score
from hscore_fast._variants import core
from hscore_fast.bench.machine import processors_allowed

PRIMES = [31, 97, 191, 193, 1151, 2999]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_threads", [2, 3, 7])
@pytest.mark.parametrize("n_samples", PRIMES)
def test_any_number_of_threads(n_samples: int, n_threads: int, dtype: type) -> None:
    x, y = make_problem(n_samples, 23, 5)
    x = x.astype(dtype)
    alone = h_score(x, y, n_threads=1, precision="float64")
    assert alone == pytest.approx(svd_h_score(x, y), abs=1e-12)
    together = h_score(x, y, n_threads=n_threads, precision="float64")
    assert together == pytest.approx(alone, rel=1e-13)


@pytest.mark.parametrize("precision", ["auto", "float64", "float32"])
@pytest.mark.parametrize("n_threads", [1, 2, 5, None])
@pytest.mark.parametrize("n_samples", [4001, 8009])
def test_large_enough_to_be_shared(n_samples: int, n_threads: int | None, precision: str) -> None:
    """Above the size below which one thread does it all; odd everywhere.

    Of the longer one each of two threads has statistics of its own.
    """
    x, y = make_problem(n_samples, 331, 12)
    allowed = 1e-6 if precision == "float32" else 1e-9
    score = h_score(x, y, n_threads=n_threads, precision=precision)
    assert score == pytest.approx(svd_h_score(x, y), abs=allowed)
    for _ in range(3):
        assert h_score(x, y, n_threads=n_threads, precision=precision) == score
    assert score == pytest.approx(h_score(x, y, n_threads=1, precision=precision), rel=allowed)


@pytest.mark.parametrize("n_samples", [4001, 8009])
def test_one_and_two_threads_to_the_last_digits(n_samples: int) -> None:
    x, y = make_problem(n_samples, 331, 12)
    alone = h_score(x, y, n_threads=1, precision="float64")
    assert h_score(x, y, n_threads=2, precision="float64") == pytest.approx(alone, rel=1e-13)
    weights = np.random.default_rng(0).uniform(0, 2, n_samples)
    moments = [Moments().update(x, y, weights=weights, n_threads=n) for n in (1, 2)]
    assert moments[1].h_score() == pytest.approx(moments[0].h_score(), rel=1e-13)
    assert moments[1].regularized_h_score() == pytest.approx(
        moments[0].regularized_h_score(), rel=1e-13
    )


@pytest.mark.parametrize("n_threads", [3, 64, 1000])
def test_more_threads_than_rows(n_threads: int) -> None:
    x, y = make_problem(7, 3, 2)
    assert h_score(x, y, n_threads=n_threads) == pytest.approx(svd_h_score(x, y), abs=1e-13)


def test_moments_take_threads_too() -> None:
    x, y = make_problem(3001, 211, 7)
    moments = Moments().update(x, y)
    assert moments.h_score(n_threads=2) == pytest.approx(moments.h_score(n_threads=1), rel=1e-13)
    with pytest.raises(ValueError, match="n_threads"):
        moments.h_score(n_threads=0)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_python_threads_on_one_matrix(n_threads: int) -> None:
    x, y = make_problem(1501, 83, 6)
    x.flags.writeable = False
    expected = h_score(x, y, n_threads=n_threads)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(h_score, x, y, n_threads=n_threads) for _ in range(64)]
        assert {job.result() for job in jobs} == {expected}


def test_python_threads_on_matrices_of_their_own() -> None:
    problems = [make_problem(500 + 7 * k, 10 + 5 * k, 4) for k in range(12)]
    expected = [h_score(x, y) for x, y in problems]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            found = list(pool.map(lambda problem: h_score(*problem), problems))
            assert found == expected


def test_python_threads_on_one_moments() -> None:
    """A score asked while another thread updates sees some state that has been, or is refused."""
    x, y = make_problem(4000, 20, 4)
    moments = Moments().update(x[:100], y[:100])

    def update() -> None:
        for i in range(100, 4000, 100):
            moments.update(x[i : i + 100], y[i : i + 100])

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(update), *(pool.submit(moments.copy) for _ in range(40))]
        copies = [job.result() for job in jobs][1:]
    assert moments.n_samples == 4000
    for copy in copies:
        assert copy.n_samples % 100 == 0
        n = copy.n_samples
        assert copy.h_score() == pytest.approx(svd_h_score(x[:n], y[:n]), abs=1e-11)
    assert moments.h_score() == pytest.approx(svd_h_score(x, y), abs=1e-11)


FORK = """
import os, sys, warnings
import numpy as np
import hscore_fast
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, of forking with threads about
rng = np.random.default_rng(0)
x, y = rng.standard_normal((6000, 300)), rng.integers(0, 5, 6000)
before = hscore_fast.h_score(x, y, n_threads=2, precision="float64")
child = os.fork()
if child == 0:
    again = hscore_fast.h_score(x, y, n_threads=2, precision="float64")
    os._exit(0 if abs(again - before) <= 1e-12 else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert hscore_fast.h_score(x, y, n_threads=2, precision="float64") == before
"""

POOL = """
import multiprocessing, warnings
import numpy as np
import hscore_fast
warnings.simplefilter("ignore", DeprecationWarning)
rng = np.random.default_rng(0)
x, y = rng.standard_normal((6000, 300)), rng.integers(0, 5, 6000)
def score(k):
    return hscore_fast.h_score(x, y)
before = score(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert np.allclose(pool.map(score, range(4)), before, rtol=1e-9, atol=0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("script", [FORK, POOL], ids=["fork", "pool"])
def test_after_a_fork(script: str, tmp_path: Path) -> None:
    """The child of a process that has used threads must not wait for those it did not inherit."""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, timeout=60, check=True)


@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_the_environment_may_say_how_many(threads: str, tmp_path: Path) -> None:
    script = (
        "import numpy as np, hscore_fast; from hscore_fast._variants import core;"
        "r = np.random.default_rng(0);"
        "print(hscore_fast.h_score(r.standard_normal((3000, 200)), r.integers(0, 4, 3000)));"
        "print(core.thread_count(0))"
    )
    score, count = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": threads},
        timeout=60,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    most = len(processors_allowed()) if build_info()["openmp"] else 1
    assert int(count) == min(int(threads), most)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3000, 200)), rng.integers(0, 4, 3000)
    assert float(score) == pytest.approx(h_score(x, y, n_threads=1), rel=1e-9)


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 0),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "800000 100000", "a/cpu.max": "300000 100000"}, 3),
        # A container sees its own group at the mount, and may read the host's path.
        ("0::/docker/1234\n", {"cpu.max": "400000 100000"}, 4),
        (
            "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n",
            {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"},
            2,
        ),
        (
            "5:cpu,cpuacct:/a\n0::/\n",
            {
                "cpu,cpuacct/a/cpu.cfs_quota_us": "500000",
                "cpu,cpuacct/a/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            5,
        ),
        ("5:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 0),
        ("", {}, 0),
        ("nonsense\n::\n0::/x\n", {"x/cpu.max": "nonsense"}, 0),
    ],
)
def test_quota(membership: str, files: dict[str, str], expected: int, tmp_path: Path) -> None:
    """As in a container: of a control group of either version."""
    (tmp_path / "cgroup").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = core.quota_processors(str(tmp_path / "cgroup"), str(tmp_path / "mount"))
    assert found == expected
    gone = core.quota_processors(str(tmp_path / "nothing"), str(tmp_path / "mount"))
    assert gone == 0
