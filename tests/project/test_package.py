"""The package as it is installed: what it needs, what it says of itself, how it is typed."""

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import hscore_fast
from hscore_fast._variants import core

ROOT = Path(__file__).parents[2]


def run_python(
    code: str, cwd: Path, *options: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        timeout=60,
        check=False,
        capture_output=True,
        text=True,
    )


def test_import_needs_numpy_and_nothing_else(tmp_path: Path) -> None:
    """Neither as a necessity nor by the way; an import that fails quietly would not show."""
    block = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {"numpy", "hscore_fast"}:
            if top != "org":  # Jython's, which the standard library's copy asks for
                asked.append(name)
            raise ModuleNotFoundError(name, name=name)
known = set(sys.modules)
asked = []
sys.meta_path.insert(0, Block())
import hscore_fast
hscore_fast.h_score([0., 1., 2., 3.], [0, 0, 1, 1])
print(asked)
print(sorted({n.partition('.')[0] for n in set(sys.modules) - known} - sys.stdlib_module_names))
"""
    run = run_python(block, tmp_path)
    assert run.returncode == 0, run.stderr
    assert [ast.literal_eval(line) for line in run.stdout.splitlines()] == [
        [],
        ["hscore_fast", "numpy"],
    ]


def test_import_from_the_root_of_the_repository() -> None:
    """There the folder of sources may hide the installed package; it works, or says what to do."""
    run = run_python(
        "import hscore_fast; print(hscore_fast.h_score([0, 1, 2, 3], [0, 0, 1, 1]))", ROOT
    )
    if run.returncode:
        last = run.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError: ")
        assert "pip install" in last
    else:
        assert float(run.stdout) == pytest.approx(0.8, abs=1e-15)


def test_version() -> None:
    assert hscore_fast.__version__ == importlib.metadata.version("hscore-fast")
    assert hscore_fast.build_info()["version"] == hscore_fast.__version__


def test_build_info() -> None:
    info = hscore_fast.build_info()
    assert {"version", "isa", "compiler", "flags", "openmp", "eigen", "tile_unit"} == set(info)
    assert isinstance(info["openmp"], bool)
    assert isinstance(info["tile_unit"], bool)
    for key in ("version", "isa", "compiler", "flags", "eigen"):
        assert isinstance(info[key], str), key
    for key in ("version", "isa", "compiler", "eigen"):
        assert info[key], key


def test_exports() -> None:
    expected = {
        *("h_score", "Moments", "build_info", "reference", "__version__"),
        *("SaturationWarning", "PrecisionWarning", "SingleClassWarning"),
    }
    assert expected - {"__version__"} <= set(hscore_fast.__all__)
    for name in hscore_fast.__all__:
        assert hasattr(hscore_fast, name), name


def test_signatures() -> None:
    parameters = inspect.signature(hscore_fast.h_score).parameters
    assert list(parameters)[:2] == ["features", "labels"]
    defaults = {name: p.default for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert defaults == {
        "task": "classes",
        "precision": "auto",
        "tol": None,
        "n_threads": None,
        "columns": None,
        "drop": None,
        "keep": None,
        "ignore_label": None,
        "check_finite": True,
        "progress": None,
    }


def public_things() -> list[tuple[str, str]]:
    modules = ("hscore_fast", "hscore_fast.readers", "hscore_fast.consensus", "hscore_fast.plots")
    return [
        (module, name)
        for module in modules
        for name in importlib.import_module(module).__all__
        if inspect.isclass(thing := getattr(importlib.import_module(module), name))
        or inspect.isfunction(thing)
    ]


@pytest.mark.parametrize(("module", "name"), public_things())
def test_public_names_are_of_the_module_that_users_import(module: str, name: str) -> None:
    """So that pickles and tracebacks name it, and stay true when a private file moves."""
    thing = getattr(importlib.import_module(module), name)
    home = "hscore_fast" if name in hscore_fast.__all__ else module
    assert thing.__module__ == home
    if home == "hscore_fast":
        assert pickle.loads(pickle.dumps(thing)) is thing
    assert thing.__doc__


def test_the_package_shows_its_public_names_alone() -> None:
    code = "import hscore_fast; print(*dir(hscore_fast))"
    assert run_python(code, ROOT).stdout.split() == sorted(hscore_fast.__all__)


def test_is_typed(tmp_path: Path) -> None:
    folder = Path(hscore_fast.__file__).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "_core.pyi").is_file()


def assert_content(cwd: Path, module: str, *words: str) -> None:
    """Run a checker, which must find nothing."""
    run = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=cwd,
        timeout=240,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_stub_agrees_with_the_module(tmp_path: Path) -> None:
    # What pybind11 gives every class and no stub can say.
    allowed = tmp_path / "allowed"
    classes = "|".join(name for name, value in vars(core).items() if isinstance(value, type))
    allowed.write_text(
        f"hscore_fast._core.({classes})\n"
        "hscore_fast._core.(CrossValidation|HScore|RegularizedHScore|TargetScores).__init__\n"
        f"hscore_fast._core.({classes}).__pybind11_module_local.*\n"
    )
    assert_content(tmp_path, "mypy.stubtest", "hscore_fast._core", "--allowlist", str(allowed))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_types_that_users_see(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(
        "import numpy as np\n"
        "from hscore_fast import Moments, h_score\n"
        "score: float = h_score(np.ones((3, 2), dtype=np.float32), ['a', 'b', 'a'], tol=1e-9)\n"
        "moments: Moments = Moments().update([[1.0], [2.0]], [0, 1]) + Moments(1)\n"
        "number: int = moments.n_samples\n"
        "h_score(np.ones((3, 2)), [0, 1, 0], n_threads='2')  # type: ignore[arg-type]\n"
    )
    assert_content(tmp_path, "mypy", "--strict", "user.py")


def test_warning_free_import(tmp_path: Path) -> None:
    run = run_python("import hscore_fast", tmp_path, "-W", "error")
    assert (run.returncode, run.stderr) == (0, "")
