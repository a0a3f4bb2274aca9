"""The command line as its users meet it: output for people and machines, errors, exit codes."""

import contextlib
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

import hscore_fast
from hscore_fast.cli import main
from hscore_fast.datasets import load_digits

ROWS, COLUMNS, CLASSES = 60, 5, 3
TARGETS = {"which digit": 10, "odd or even": 2, "above four": 2, "shuffled": 10}
SCORE_KEYS = [
    "features",
    "labels",
    "rows",
    "columns",
    "dtype",
    "classes",
    "h_score",
    "upper_bound",
    "seconds",
]
TARGET_KEYS = [
    "target",
    "classes",
    "h_score",
    "upper_bound",
    "reference_h_score",
    "seconds",
    "reference_seconds",
    "ratio",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Leave the repository, whose package folder would hide the installed package."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files(tmp_path, elsewhere):
    """Put features and labels into the working folder; return the score they have."""
    random = np.random.default_rng(7)
    labels = random.integers(0, CLASSES, ROWS)
    features = random.normal(size=(ROWS, COLUMNS)) + labels[:, None]
    np.save(tmp_path / "x.npy", features)
    np.save(tmp_path / "y.npy", labels)
    np.savez(tmp_path / "both.npz", x=features, y=labels)
    np.savez_compressed(tmp_path / "words.npz", np.array(["ant", "bee", "cow"])[labels])
    np.save(tmp_path / "short.npy", labels[:-1])
    np.save(tmp_path / "one_class.npy", np.zeros(ROWS, int))
    np.save(tmp_path / "objects.npy", np.array([{}, []] * 30, object), allow_pickle=True)
    (tmp_path / "two.csv").write_text("id,name\n1,a\n")
    with h5py.File(tmp_path / "chunked.h5", "w") as file:
        file.create_dataset("x", data=features, chunks=(7, 2))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-8])
    return hscore_fast.h_score(features, labels)


def run(capsys, *words):
    """Run the command here, with its output in a pipe of a kind; return code, out and err."""
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


def command(*words, code="from hscore_fast.cli import main; raise SystemExit(main())"):
    return [sys.executable, "-c", code, *words]


def environment(**changes):
    """Return an environment in which no variable of the caller's changes the output."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("FORCE_", "TTY_", "NO_COLOR"))}
    return {**keep, "TERM": "xterm", "COLUMNS": "80", "PYTHONUTF8": "1", **changes}


def in_terminal(*words, columns=80):
    """Run the command in a pseudo-terminal; return its code and what it wrote, less the colours."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command(*words),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment(COLUMNS=str(columns)),
    )
    os.close(follower)
    written = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while piece := os.read(leader, 65536):
            written += piece
    os.close(leader)
    text = written.decode().replace("\r\n", "\n")
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def assert_one_line(err, *parts):
    assert err.startswith("hscore-fast: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


# --- score ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("x.npy", "y.npy"),
        ("both.npz:x", "both.npz:y"),
        ("x.npy", "words.npz"),
        ("chunked.h5:/x", "y.npy"),
    ],
)
def test_score_in_a_pipe_is_tab_separated(files, capsys, x, y):
    code, out, err = run(capsys, "score", x, y)
    assert (code, err) == (0, "")
    facts = dict(line.split("\t") for line in out.splitlines())
    assert list(facts) == SCORE_KEYS
    assert (facts["features"], facts["labels"], facts["dtype"]) == (x, y, "float64")
    counts = [int(facts[k]) for k in ("rows", "columns", "classes", "upper_bound")]
    assert counts == [ROWS, COLUMNS, CLASSES, CLASSES - 1]
    assert float(facts["h_score"]) == pytest.approx(files, rel=1e-12)
    assert float(facts["seconds"]) > 0


def test_score_as_json(files, capsys):
    code, out, err = run(capsys, "score", "x.npy", "y.npy", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert list(facts) == SCORE_KEYS
    assert facts["h_score"] == pytest.approx(files, rel=1e-12)
    assert {k: facts[k] for k in ("rows", "columns", "dtype", "classes", "upper_bound")} == {
        "rows": ROWS,
        "columns": COLUMNS,
        "dtype": "float64",
        "classes": CLASSES,
        "upper_bound": CLASSES - 1,
    }


def test_score_in_a_terminal_is_a_table(files):
    code, text = in_terminal("score", "x.npy", "y.npy")
    assert code == 0
    assert "\t" not in text
    assert re.search(rf"^Rows +{ROWS}\s*$", text, re.MULTILINE)
    assert re.search(rf"^H-score +{files:.10g}\s*$", text, re.MULTILINE)
    assert re.search(rf"^At most +{CLASSES - 1}\s*$", text, re.MULTILINE)


def test_score_takes_the_options_of_h_score(files, capsys, monkeypatch):
    seen = {}

    def h_score(features, labels, **options):
        seen.update(options)
        return 0.5

    monkeypatch.setattr(hscore_fast, "h_score", h_score)
    options = ("--precision", "auto", "--threads", "2", "--tol", "1e-9")
    code, out, _ = run(capsys, "score", "x.npy", "y.npy", *options)
    assert code == 0
    assert "h_score\t0.5\n" in out
    assert seen == {"precision": "auto", "n_threads": 2, "tol": 1e-9}


def test_score_of_one_column_and_of_one_hot_labels(files, capsys):
    labels = np.load("y.npy")
    np.save("column.npy", np.load("x.npy")[:, 0])
    np.save("one_hot.npy", np.eye(CLASSES, dtype=np.uint8)[labels])
    _, plain, _ = run(capsys, "score", "x.npy", "y.npy", "--json")
    _, one_hot, _ = run(capsys, "score", "x.npy", "one_hot.npy", "--json")
    assert json.loads(one_hot)["classes"] == CLASSES
    assert json.loads(one_hot)["h_score"] == pytest.approx(json.loads(plain)["h_score"], rel=1e-12)
    code, column, _ = run(capsys, "score", "column.npy", "y.npy", "--json")
    assert code == 0
    assert (json.loads(column)["columns"], json.loads(column)["upper_bound"]) == (1, 1)


def test_a_single_class_is_scored_with_one_line_of_warning(files, capsys):
    code, out, err = run(capsys, "score", "x.npy", "one_class.npy", "--json")
    assert code == 0
    assert_one_line(err, "SingleClassWarning: ")
    assert (json.loads(out)["h_score"], json.loads(out)["upper_bound"]) == (0, 0)


def test_saturation_is_scored_with_one_line_of_warning(files, capsys):
    features = np.random.default_rng(1).normal(size=(8, 20))
    np.save("wide.npy", features)
    np.save("eight.npy", np.array([0, 1] * 4))
    code, out, err = run(capsys, "score", "wide.npy", "eight.npy", "--json")
    assert code == 0
    assert_one_line(err, "SaturationWarning: ")
    assert json.loads(out)["upper_bound"] == 1


def test_warnings_of_the_caller_stay_as_they_were(files, capsys):
    run(capsys, "score", "x.npy", "one_class.npy")
    with pytest.raises(hscore_fast.SingleClassWarning):  # an error again, as pytest has it
        hscore_fast.h_score(np.ones((4, 1)) * np.arange(4)[:, None], [0, 0, 0, 0])


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("x.npy", "short.npy"), [str(ROWS), str(ROWS - 1)]),
        (("x.npy", "missing.npy"), ["no such file", "missing.npy"]),
        (("x.npy", "both.npz:z"), ["no array 'z'", "'x', 'y'"]),
        (("x.npy", "both.npz"), ["say which", "both.npz:x"]),
        (("x.txt", "y.npy"), [".txt", ".npy, .npz", ".h5"]),
        (("x.npy", "two.csv"), ["holds 2 columns ('id', 'name')", "two.csv:id"]),
        (("chunked.h5:z", "y.npy"), ["no dataset '/z'", "'/x'"]),
        (("chunked.h5:x", "y.npy", "--precision", "high"), ["read in blocks", "'high'"]),
        (("cut.npy", "y.npy"), ["cut.npy", "truncated"]),
        (("x.npy", "objects.npy"), ["Python objects"]),
        (("words.npz", "y.npy"), ["features"]),
        (("x.npy", "y.npy", "--precision", "sloppy"), ["sloppy", "auto"]),
        (("x.npy", "y.npy", "--threads", "0"), ["0"]),
        (("x.npy", "y.npy", "--threads", "many"), ["--threads"]),
        (("x.npy", "y.npy", "--colour"), ["--colour", "score --help"]),
        (("x.npy",), ["LABELS", "score --help"]),
        (("x.npy", "y.npy", "z.npy"), ["z.npy", "score --help"]),
        (("new\nline.npy", "y.npy"), [r"new\nline.npy"]),
    ],
    ids=lambda value: " ".join(value).replace("\n", "_") if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("json_too", [False, True], ids=["plain", "json"])
def test_bad_input_is_one_line_and_code_2(files, capsys, words, parts, json_too):
    code, out, err = run(capsys, "score", *words, *(["--json"] if json_too else []))
    assert (code, out) == (2, "")
    assert_one_line(err, *parts)


def test_bad_input_in_a_terminal_is_one_line_too(files):
    code, text = in_terminal("score", "x.npy", "missing.npy")
    assert code == 2
    assert_one_line(text, "missing.npy")


def test_output_of_file_names_stays_in_its_place(files, capsys):
    if os.name == "nt":
        pytest.skip("such names cannot be there")
    os.rename("x.npy", "x\t[bold]\n.npy")
    code, out, _ = run(capsys, "score", "x\t[bold]\n.npy", "y.npy")
    assert code == 0
    assert out.splitlines()[0] == "features\tx\\t[bold]\\n.npy"
    code, text = in_terminal("score", "x\t[bold]\n.npy", "y.npy")
    assert code == 0
    assert r"x\t[bold]\n.npy" in text


# --- demo ----------------------------------------------------------------------------------------


def test_demo_in_a_pipe_is_tab_separated(capsys):
    code, out, err = run(capsys, "demo")
    assert (code, err) == (0, "")
    heading, *rows = (line.split("\t") for line in out.splitlines())
    assert heading == TARGET_KEYS
    assert {row[0]: int(row[1]) for row in rows} == TARGETS
    for row in rows:
        assert len(row) == len(heading)
        assert float(row[2]) == pytest.approx(float(row[4]), rel=1e-9)


def test_demo_as_json(capsys):
    code, out, err = run(capsys, "demo", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["rows"], result["columns"], result["dtype"]) == (1797, 64, "uint8")
    assert result["threads"] == 1
    scores = {}
    for row in result["targets"]:
        assert list(row) == TARGET_KEYS
        assert row["upper_bound"] == row["classes"] - 1
        assert 0 <= row["h_score"] <= row["upper_bound"]
        assert row["h_score"] == pytest.approx(row["reference_h_score"], rel=1e-9)
        assert row["ratio"] == pytest.approx(row["reference_seconds"] / row["seconds"])
        scores[row["target"]] = row["h_score"]
    images, digits = load_digits()
    for name, target in (
        ("which digit", digits),
        ("odd or even", digits % 2),
        ("above four", digits > 4),
    ):
        assert scores[name] == pytest.approx(hscore_fast.h_score(images, target), rel=1e-12)
    # The mean over all orders is 61 * 9 / 1796 = 0.306.
    assert 0.2 < scores["shuffled"] < 0.4


@pytest.mark.parametrize("columns", [80, 120])
def test_demo_in_a_terminal_is_a_table_and_how_to_read_it(columns):
    code, text = in_terminal("demo", columns=columns)
    assert code == 0
    images, digits = load_digits()
    assert re.search(
        rf"^which digit +10 +{hscore_fast.h_score(images, digits):.6f} +9 ", text, re.M
    )
    for target, classes in TARGETS.items():
        assert re.search(rf"^{target} +{classes} +\d", text, re.M)
    assert "How to read it." in text
    assert "0.306" in text
    assert max(map(len, text.splitlines())) <= columns


# --- info, version, help -------------------------------------------------------------------------


def test_info(capsys):
    code, out, err = run(capsys, "info")
    assert (code, err) == (0, "")
    facts = dict(line.split("\t") for line in out.splitlines())
    assert facts["numpy"] == np.__version__
    assert facts["version"] == hscore_fast.build_info()["version"]
    assert int(facts["processors_allowed"]) >= 1

    code, out, err = run(capsys, "info", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out).items() >= hscore_fast.build_info().items()


def test_info_in_a_terminal():
    code, text = in_terminal("info")
    assert code == 0
    assert re.search(rf"^NumPy +{re.escape(np.__version__)}\s*$", text, re.MULTILINE)


def test_version(capsys):
    code, out, err = run(capsys, "--version")
    assert (code, out, err) == (0, f"hscore-fast {hscore_fast.build_info()['version']}\n", "")


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_names_every_command(capsys, words):
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    for name in ("score", "demo", "info", "--version", "--install-completion"):
        assert name in out


@pytest.mark.parametrize("words", [("scor",), ("--colour",), ("demo", "more"), ("info", "--plot")])
def test_bad_usage_is_one_line_and_code_2(capsys, words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert_one_line(err, words[-1], "--help")


def test_the_shell_completes_commands():
    shell = environment(
        _HSCORE_FAST_COMPLETE="complete_bash", COMP_WORDS="hscore-fast s", COMP_CWORD="1"
    )
    done = subprocess.run(command(), env=shell, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["score"]


# --- what can go wrong around it -----------------------------------------------------------------


@pytest.mark.parametrize("missing", ["typer", "rich", "threadpoolctl"])
def test_without_the_extra_one_line_says_what_to_install(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from hscore_fast.cli import main; raise SystemExit(main())"
    )
    done = subprocess.run(command(code=code), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, missing, 'pip install "hscore-fast[cli]"')


def test_the_library_needs_nothing_of_the_extra():
    code = (
        "import sys, hscore_fast, hscore_fast.cli, hscore_fast.readers, hscore_fast.datasets\n"
        "raise SystemExit(sorted({'typer', 'rich', 'threadpoolctl'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(command(code=code), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_module_runs_as_the_command_does():
    done = subprocess.run(
        [sys.executable, "-m", "hscore_fast.cli", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hscore-fast ")


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_an_interrupt_ends_with_130_and_no_traceback(files):
    code = (
        "import time, hscore_fast\n"
        "def h_score(*args, **options):\n"
        "    print('computing', flush=True)\n"
        "    time.sleep(60)\n"
        "hscore_fast.h_score = h_score\n"
        "from hscore_fast.cli import main; raise SystemExit(main())"
    )
    words = command("score", "x.npy", "y.npy", code=code)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "computing\n"
        time.sleep(0.05)  # so that it sleeps as well; the signal counts either way
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "hscore-fast: interrupted\n")


@pytest.mark.parametrize("words", [("info",), ("score", "x.npy", "y.npy"), ("--help",)])
def test_an_instruction_set_that_is_not_there_is_one_line_and_code_2(words):
    done = subprocess.run(
        command(*words, code="from hscore_fast_cli import main; raise SystemExit(main())"),
        env=environment(HSCORE_FAST_ISA="sse9"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, "HSCORE_FAST_ISA is 'sse9'", "unset it")


def test_the_script_is_the_command():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="hscore-fast")
    assert script.value == "hscore_fast_cli:main"
    done = subprocess.run(
        command("--version", code="from hscore_fast_cli import main; raise SystemExit(main())"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hscore-fast ")


@pytest.mark.parametrize("name", ["h5py", "pyarrow"])
def test_a_missing_library_is_one_line_and_code_2(files, name):
    ending = {"h5py": "chunked.h5", "pyarrow": "x.parquet"}[name]
    open(ending, "a").close()
    code = (
        f"import sys; sys.modules[{name!r}] = None\n"
        "from hscore_fast.cli import main; raise SystemExit(main())"
    )
    done = subprocess.run(
        command("score", ending, "y.npy", code=code), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, name, "pip install", "hscore-fast[")


def test_a_stream_shows_a_bar_in_a_terminal_and_nothing_in_a_pipe(files, capsys):
    code, text = in_terminal("score", "chunked.h5", "y.npy")
    assert code == 0
    assert "rows/s" in text
    assert re.search(rf"^H-score +{files:.10g}\s*$", text, re.MULTILINE)
    code, out, err = run(capsys, "score", "chunked.h5", "y.npy")
    assert (code, err) == (0, "")
    assert "rows/s" not in out


@pytest.mark.skipif(os.name == "nt", reason="pipes close otherwise there")
def test_a_reader_that_goes_away_is_no_traceback(files):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            command("score", "x.npy", "y.npy", "--json"),
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")
