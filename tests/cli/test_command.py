"""The command line as a whole: help, completion, usage, exit codes, what it needs."""

import importlib.metadata
import os
import shutil
import subprocess
import sys

import pytest
from cli_runs import CALL, assert_one_line, assert_refused, environment, in_pipe, run

import hscore_fast

pytestmark = pytest.mark.usefixtures("elsewhere")

COMMANDS = ("score", "rank", "matrix", "demo", "info", "bench")
SCRIPT = "from hscore_fast.cli import main; raise SystemExit(main())"


def test_version(capsys):
    code, out, err = run(capsys, "--version")
    assert (code, out, err) == (0, f"hscore-fast {hscore_fast.build_info()['version']}\n", "")


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_names_every_command(capsys, words):
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    for name in (*COMMANDS, "--version", "--install-completion"):
        assert name in out


@pytest.mark.parametrize("words", [("scor",), ("--colour",), ("demo", "more"), ("info", "--plot")])
def test_bad_usage_is_one_line_and_code_2(capsys, words):
    assert_refused(capsys, words, [words[-1], "--help"])


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("hscore-fast s", ["score"]),
        ("hscore-fast ", COMMANDS),
        ("hscore-fast info --j", ["--json"]),
        ("hscore-fast score --pre", ["--precision"]),
        ("hscore-fast score --precision f", ["float64", "float32"]),
    ],
)
def test_the_shell_completes(typed, completed):
    done = in_pipe(
        _HSCORE_FAST_COMPLETE="complete_bash",
        COMP_WORDS=typed,
        COMP_CWORD=str(len(typed.split(" ")) - 1),
    )
    assert set(completed) <= set(done.stdout.split())
    if not typed.endswith(" "):
        assert len(done.stdout.split()) == len(completed)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_with_the_script_that_the_command_prints(tmp_path):
    """The printed script, run by bash with the variables that bash sets when Tab is pressed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "hscore-fast"
    program.write_text(f"#!{sys.executable}\n{SCRIPT}\n")
    program.chmod(0o755)
    path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    script = in_pipe(_HSCORE_FAST_COMPLETE="source_bash", code=SCRIPT, **path).stdout
    pressed = (
        'COMP_WORDS=(hscore-fast sc); COMP_CWORD=1; COMP_LINE="hscore-fast sc"; COMP_POINT=14\n'
        "how=$(complete -p hscore-fast); f=${how#*-F }; ${f%% *} hscore-fast sc hscore-fast\n"
        'echo "found: ${COMPREPLY[*]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{pressed}"],
        env=environment(**path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "found: score\n", "")


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_one_line_says_what_to_install(missing):
    done = in_pipe(code=f"import sys; sys.modules[{missing!r}] = None\n{CALL}")
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, missing, "pip install typer rich")


def test_the_library_needs_nothing_of_the_extra():
    done = in_pipe(
        code="import sys, hscore_fast, hscore_fast.cli, hscore_fast.readers, hscore_fast.datasets\n"
        "raise SystemExit(sorted({'typer', 'rich', 'threadpoolctl'} & set(sys.modules)) or 0)"
    )
    assert (done.returncode, done.stderr) == (0, "")


def as_module(**environment):
    return subprocess.run(
        [sys.executable, "-m", "hscore_fast", "--version"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_module_runs_as_the_command_does():
    done = as_module()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hscore-fast ")
    done = as_module(HSCORE_FAST_ISA="sse9")
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, "HSCORE_FAST_ISA is 'sse9'")


@pytest.mark.parametrize("words", [("info",), ("score", "x.npy", "y.npy"), ("--help",)])
def test_an_instruction_set_that_is_not_there_is_one_line_and_code_2(tmp_path, words):
    script = tmp_path / "hscore-fast"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, *words],
        env=environment(HSCORE_FAST_ISA="sse9"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, "HSCORE_FAST_ISA is 'sse9'", "unset it")


def test_the_script_is_the_command():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="hscore-fast")
    assert script.value == "hscore_fast.cli:main"
    done = in_pipe("--version", code=SCRIPT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hscore-fast ")
