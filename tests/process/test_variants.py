"""Every compiled core that this machine can run gives the scores of the others."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import make_problem, svd_h_score

from hscore_fast import _variants, build_info

SCRIPT = """
import sys
import numpy as np
import hscore_fast
print(hscore_fast.build_info()["isa"])
for path in sys.argv[1:]:
    given = np.load(path)
    for x in (given["x"], np.asfortranarray(given["x"]), given["x"].astype(np.float32)):
        for precision in ("auto", "float64", "float32"):
            for n_threads in (1, 2):
                print(hscore_fast.h_score(x, given["y"], precision=precision, n_threads=n_threads))
"""


def run_with(isa: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=cwd,
        env={**os.environ, "HSCORE_FAST_ISA": isa},
        timeout=120,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[NDArray, NDArray]]:
    """Sizes off every tile and block, and one with dependent columns."""
    folder = tmp_path_factory.mktemp("problems")
    made = {}
    for n_samples, n_features in ((50, 3), (401, 29), (1153, 97), (2999, 203)):
        x, y = make_problem(n_samples, n_features, 6)
        x[:, -1] = x[:, 0]
        path = str(folder / f"{n_features}.npz")
        np.savez(path, x=x, y=y)
        made[path] = (x, y)
    return made


@pytest.mark.parametrize("isa", _variants.available_isas())
def test_every_core_is_right(isa: str, problems: dict, tmp_path: Path) -> None:
    run = run_with(isa, *problems, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    first, *scores = run.stdout.split()
    assert first == isa
    expected = [svd_h_score(x, y) for x, y in problems.values()]
    found = np.array(scores, dtype=np.float64).reshape(len(problems), 3, 3, 2)
    for score, truth in zip(found, expected, strict=True):
        assert score[:2, :2] == pytest.approx(truth, abs=1e-11)  # float64 features, float64 sums
        assert score == pytest.approx(truth, abs=1e-5)
        assert score[:2, :2, 0] == pytest.approx(score[:2, :2, 1], rel=1e-13)


def test_the_best_core_is_taken() -> None:
    if not os.environ.get("HSCORE_FAST_ISA"):
        assert build_info()["isa"] == _variants.available_isas()[-1]


def test_unknown_core_is_refused_with_the_known(tmp_path: Path) -> None:
    run = run_with("v99", cwd=tmp_path)
    assert run.returncode != 0
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    for word in ("HSCORE_FAST_ISA", "v99", *_variants.available_isas()):
        assert word in last
