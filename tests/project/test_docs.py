"""The pages of the documentation: examples run as they stand and check something, links lead on."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]*) -->\n)?```(?P<kind>python|console)\n(?P<code>.*?)```", re.S
)
MARKS = re.compile(r"run(: \S+)?|run with (mpiexec|torchrun)|not run: .+")
CHECK = re.compile(r"^ *(assert\b|with pytest\.raises)", re.M)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)|^\[[^\]]+\]: (?P<later>\S+)", re.M)

GUIDE = sorted(DOCS.glob("*.md"))
TEXTS = [*GUIDE, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
# Tables of measurements; C++, whose example the C++ tests build; pages of text.
WITHOUT_EXAMPLES = {
    *("performance.md", "performance-run.md", "internals.md", "cpp.md", "real_models.md"),
    *("installation.md", "faq.md", "glossary.md", "citing.md", "changelog.md"),
}


class Block(NamedTuple):
    mark: str
    kind: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            found["mark"] or ("run" if page.name == "README.md" else ""),
            found["kind"],
            found["code"],
            text.count("\n", 0, found.start("code")),
        )
        for found in BLOCK.finditer(text)
    ]


def is_run(block: Block) -> bool:
    """Tell whether it is to be run and what it needs is there."""
    kind, _, library = block.mark.partition(": ")
    found = not library or importlib.util.find_spec(library.split(".")[0]) is not None
    return kind == "run" and found


PAGES = [page for page in [*GUIDE, ROOT / "README.md"] if blocks(page)]
by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@by_name
def test_every_example_says_whether_it_is_run(page) -> None:
    for block in blocks(page):
        assert MARKS.fullmatch(block.mark), f"{page.name}, line {block.line}: {block.mark!r}"
        if block.kind == "python":
            compile(block.code, page.name, "exec")


@pytest.mark.parametrize("page", GUIDE, ids=lambda page: page.name)
def test_every_page_of_the_guide_checks_what_it_shows(page) -> None:
    checks = [b for b in blocks(page) if b.mark.startswith("run") and CHECK.search(b.code)]
    assert checks or page.name in WITHOUT_EXAMPLES, "no example that is run has an assert"


@by_name
def test_examples(page, tmp_path, monkeypatch) -> None:
    """One after the other in one folder, as a reader would."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page):
        if not is_run(block):
            continue
        if block.kind == "python":
            exec(compile("\n" * block.line + block.code, page, "exec"), names)
        else:
            for line in block.code.splitlines():
                if line.startswith("$ "):
                    run_line(line[2:])


def test_the_readme_prints_what_it_shows(capsys) -> None:
    """Character for character: a held-out score has few digits, which no rounding changes."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```.*?\n```\n(.*?)```", text, re.S)
    assert found is not None
    exec(found[1], {})
    assert capsys.readouterr().out == found[2]


def test_performance_is_what_one_command_printed() -> None:
    """Each row of the short page is a row of the run, and the page stays short."""
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    run = (DOCS / "performance-run.md").read_text(encoding="utf-8")
    assert len(page.split()) < 900
    printed = [[cell.strip() for cell in line.split("|")[1:-1]] for line in run.splitlines()]
    found = {
        (row[0], row[1], row[3], *row[6:9]) for row in printed if row[5:6] == ["auto"]
    }  # N, F, dtype, then the three times
    rows = re.findall(r"^\| (\d.*) \|$", page, re.M)
    assert len(rows) == 6
    for row in rows:
        assert tuple(cell.strip() for cell in row.split("|")) in found, row


def run_line(line: str) -> None:
    """Run a line of a shell that calls the command."""
    from hscore_fast.cli import main

    program, *words = shlex.split(line)
    assert program == "hscore-fast", line
    assert main(words) == 0, line


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


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page) -> None:
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target = link["target"] or link["later"]
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """Return what the headings of a page can be linked by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
