"""The examples of the documentation, run as they stand."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^>]*) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)
MARKS = re.compile(r"run(: \S+)?|run with (mpiexec|torchrun)|not run: .+")


class Block(NamedTuple):
    mark: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["mark"] or "", found["code"], text.count("\n", 0, found.start("code")))
        for found in BLOCK.finditer(text)
    ]


PAGES = [page for page in sorted(DOCS.glob("*.md")) if blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_says_whether_it_is_run(page) -> None:
    for block in blocks(page):
        assert MARKS.fullmatch(block.mark), f"{page.name}, line {block.line}: {block.mark!r}"
        compile(block.code, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples(page, tmp_path, monkeypatch) -> None:
    """One after the other in one folder, as a reader would."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page):
        kind, _, library = block.mark.partition(": ")
        if kind != "run" or (library and importlib.util.find_spec(library.split(".")[0]) is None):
            continue
        exec(compile("\n" * block.line + block.code, page, "exec"), names)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("launcher", ["mpiexec", "torchrun"])
def test_examples_of_two_processes(launcher, tmp_path) -> None:
    library = {"mpiexec": "mpi4py", "torchrun": "torch"}[launcher]
    pytest.importorskip(library)
    program = shutil.which(launcher, path=Path(sys.executable).parent) or shutil.which(launcher)
    if program is None:
        pytest.skip(f"no {launcher} here")
    scripts = [
        block.code
        for page in PAGES
        for block in blocks(page)
        if block.mark == f"run with {launcher}"
    ]
    assert scripts
    for code in scripts:
        (tmp_path / "script.py").write_text(code, encoding="utf-8")
        words = {
            "mpiexec": [program, "-n", "2", sys.executable, "script.py"],
            "torchrun": [program, "--standalone", "--nproc-per-node", "2", "script.py"],
        }[launcher]
        done = subprocess.run(
            words, cwd=tmp_path, timeout=100, check=True, capture_output=True, text=True
        )
        n_samples, score = done.stdout.split()
        assert int(n_samples) == 2000
        assert 0 < float(score) < 2
