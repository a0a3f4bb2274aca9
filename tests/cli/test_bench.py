"""``hscore-fast bench``: output for people and machines, wrong answers, errors, exit codes."""

import csv
import json
import re
import sys

import pytest
from cli_runs import (
    COUNT,
    NUMBER,
    SECONDS,
    TEXT,
    TRUTH,
    assert_fits,
    assert_interrupted,
    assert_refused,
    in_pipe,
    in_terminal,
    record,
    run,
)

pytest.importorskip("scipy")
pytest.importorskip("threadpoolctl")

import hscore_fast
from hscore_fast.bench import cases
from hscore_fast.bench.cases import Case

TINY = [
    Case("score", 60, 5, 3, "float64", 1),
    Case("score", 60, 5, 3, "float32", 2),
    Case("mapped", 300, 8, 4, "float32", 1),
]
REAL = ("bench", "--quick", "--only", "score 200x16x3 float64")  # under a second
EACH = {"type": "object", "additionalProperties": SECONDS}
REPORT = record(
    format={"const": 1},
    version=TEXT,
    machine={"type": "object", "required": ["isa", "numpy", "processors"]},
    hints={"type": "array", "items": TEXT},
    protocol=record(text=TEXT, plan={"type": "object"}, wait=TRUTH),
    rows={
        "type": "array",
        "minItems": 1,
        "items": record(
            case=TEXT,
            kind={"enum": ["score", "factor", "encode", "mapped"]},
            n_samples=COUNT,
            n_features=COUNT,
            n_classes=COUNT,
            dtype=TEXT,
            threads=COUNT,
            precision=TEXT,
            seconds=EACH,
            rounds={"type": "object", "additionalProperties": {"type": "array", "items": SECONDS}},
            ratio={
                "type": "object",
                "additionalProperties": record(median=SECONDS, low=SECONDS, high=SECONDS),
            },
            gflops=EACH,
            relative_error={"type": "object", "additionalProperties": NUMBER},
            tolerance=EACH,
            right=TRUTH,
            answer_by=TEXT,
            skipped={"type": "object", "additionalProperties": TEXT},
            extra={"type": "object"},
        ),
    },
    skipped_cases={"type": "object", "additionalProperties": TEXT},
    summary={
        "type": "array",
        "items": record(
            kind=TEXT,
            versus=TEXT,
            dtype=TEXT,
            precision=TEXT,
            rows=COUNT,
            median=SECONDS,
            worst=SECONDS,
            worst_case=TEXT,
            losses=COUNT,
        ),
    },
    wrong={"type": "array", "items": TEXT},
)

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def tiny(monkeypatch):
    """Let every plan consist of small cases."""
    monkeypatch.setattr(cases.Plan, "cases", lambda self, threads: TINY)


@pytest.fixture
def wrong(monkeypatch):
    """Make the library return a score that is off in the fifth digit."""
    right = hscore_fast.h_score
    monkeypatch.setattr(hscore_fast, "h_score", lambda *a, **k: right(*a, **k) * (1 + 1e-5))


def test_a_pipe_gets_markdown_and_files_get_json_and_csv(tiny, tmp_path, capsys):
    files = ("--json", "bench.json", "--csv", "bench.csv")
    code, out, err = run(capsys, "bench", "--quick", "--only", "score 60x5", *files)
    assert (code, err) == (0, "")
    assert "### Whole score" in out
    assert "| 60 | 5 | 3 | float64 | 1 | auto |" in out
    report = json.loads((tmp_path / "bench.json").read_text())
    assert_fits(report, REPORT)
    assert {row["case"] for row in report["rows"]} == {case.name for case in TINY[:2]}

    with (tmp_path / "bench.csv").open(newline="") as file:
        times = list(csv.DictReader(file))
    expected = {
        (row["dtype"], row["precision"], who): seconds
        for row in report["rows"]
        for who, seconds in row["seconds"].items()
    }
    assert len(times) == len(expected)
    for line in times:
        assert float(line["seconds"]) == expected[line["dtype"], line["precision"], line["who"]]
        assert (line["n_samples"], line["n_features"], line["n_classes"]) == ("60", "5", "3")
        assert (line["ratio_median"] == "") == (line["who"] == "ours")


def test_a_pipe_gets_no_bar():
    done = in_pipe(*REAL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "| 200 | 16 | 3 | float64 | 1 | auto |" in done.stdout


def test_a_terminal_gets_tables_and_a_bar():
    code, text = in_terminal(*REAL, columns=200)
    assert code == 0
    assert re.search(r"\d+%.*1/1 score 200x16x3 float64 1 thread", text)
    assert re.search(r"^ *200 +16 +3 +float64 +1 +auto +\d", text, re.M)
    assert "Protocol: " in text
    assert "|" not in text


def test_a_wrong_answer_is_an_error(tiny, wrong, capsys):
    code, out, err = run(capsys, "bench", "--only", "score 60x5x3 float64")
    assert code == 1
    assert "WRONG ANSWER: hscore_fast auto" in out
    assert "wrong answer: hscore_fast auto on score 60x5x3 float64 1 thread" in err


def test_a_wrong_answer_about_a_file_is_an_error(tiny, wrong, capsys):
    assert run(capsys, "bench", "--only", "mapped")[0] == 1


def test_a_figure_without_matplotlib_names_the_extra(tiny, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = ("bench", "--quick", "--plot", "bench.svg")
    assert_refused(capsys, words, ["pip install matplotlib"])


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--quick", "--full"], "exclude each other"),
        (["--only", "nothing like this"], "the names are: score 60x5x3"),
        (["--threads", "0"], "--threads must be positive integers"),
        (["--threads", "1,x"], "--threads must be positive integers"),
        (["--json", "no/such/folder.json"], "does not exist"),
        (["--csv", "no/such/folder.csv"], "does not exist"),
        (["--plot", "bench.bmp"], "--plot must end in one of"),
        (["--folder", "no/such/folder"], "--folder must be a folder"),
        (["--colour"], "bench --help"),
    ],
)
def test_bad_usage_is_one_line(tiny, words, part, capsys):
    assert_refused(capsys, ("bench", *words), [part])


def test_an_interrupt_is_one_line():
    assert_interrupted(*REAL, stub="hscore_fast.bench.run.run_case")
