"""``hscore-fast score``: output for people and machines, errors, exit codes."""

import csv
import json
import os
import re
import subprocess

import numpy as np
import pytest
from cli_runs import (
    CALL,
    CLASSES,
    COLUMNS,
    COUNT,
    NUMBER,
    ROWS,
    SCORE,
    SECONDS,
    TEXT,
    assert_fits,
    assert_interrupted,
    assert_one_line,
    assert_refused,
    command,
    in_pipe,
    in_terminal,
    maybe,
    record,
    run,
)

import hscore_fast

PAIR = {"type": "array", "items": maybe(NUMBER), "minItems": 2, "maxItems": 2}
BY_CLASS = {"type": "object", "additionalProperties": NUMBER, "minProperties": 1}
NUMBERS = {
    **dict.fromkeys(("h_score", "regularized_h_score", "chance_level"), SCORE),
    **dict.fromkeys(
        ("adjusted_h_score", "standard_error", "h_score_standard_error"), maybe(NUMBER)
    ),
    **dict.fromkeys(("cross_validated_h_score", "cross_validated_standard_error"), maybe(NUMBER)),
    **dict.fromkeys(("accuracy", "accuracy_standard_error"), maybe(SCORE)),
    **dict.fromkeys(("balanced_accuracy", "balanced_accuracy_standard_error"), maybe(SCORE)),
    **dict.fromkeys(("confidence", "p_value", "neg_log10_p_value", "total_weight"), SCORE),
    **dict.fromkeys(("f_statistic", "condition"), maybe(NUMBER)),
    **dict.fromkeys(("rank", "n_samples", "n_features", "n_classes"), COUNT),
    **dict.fromkeys(("n_permutations", "n_groups"), COUNT),
    "error_bound": maybe(SCORE),
    "seconds": SECONDS,
}
TEXTS = dict.fromkeys(
    ("features", "labels", "standard_error_method", "p_value_method", "precision_used"), TEXT
)
SCORE_JSON = record(
    **NUMBERS,
    **TEXTS,
    confidence_interval=PAIR,
    degrees_of_freedom=PAIR,
    class_counts=BY_CLASS,
    class_shares=BY_CLASS,
    class_r_squared=BY_CLASS,
    warnings={"type": "array", "items": TEXT},
    left_out={"type": "object", "additionalProperties": TEXT},
)
SCORE_KEYS = {
    *NUMBERS,
    *TEXTS,
    *("confidence_low", "confidence_high", "df1", "df2", "warnings", "left_out"),
}


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
    assert set(facts) == SCORE_KEYS
    assert (facts["features"], facts["labels"]) == (x, y)
    counts = [int(facts[k]) for k in ("n_samples", "n_features", "rank", "n_classes")]
    assert counts == [ROWS, COLUMNS, COLUMNS, CLASSES]
    assert float(facts["h_score"]) == pytest.approx(files, rel=1e-12)
    assert float(facts["seconds"]) > 0


def test_score_as_json(files, capsys):
    code, out, err = run(capsys, "score", "x.npy", "y.npy", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert_fits(facts, SCORE_JSON)
    report = hscore_fast.evaluate("x.npy", "y.npy")
    expected = json.loads(report.to_json())
    assert facts.pop("seconds") > 0
    assert facts == {"features": "x.npy", "labels": "y.npy", **expected}
    assert facts["h_score"] == pytest.approx(files, rel=1e-12)


def test_score_as_csv(files, capsys):
    code, out, err = run(capsys, "score", "x.npy", "y.npy", "--csv")
    assert (code, err) == (0, "")
    (facts,) = csv.DictReader(out.splitlines())
    assert set(facts) == SCORE_KEYS
    assert float(facts["h_score"]) == pytest.approx(files, rel=1e-12)


def assert_score_of(text, expected):
    """The score is shown with its error and with as many decimals as that."""
    line = rf"^H-score +(\d\.(\d+)) ± \d\.(\d+) of at most {CLASSES - 1}\s*$"
    score, *decimals = re.search(line, text, re.M).groups()
    assert len(decimals[0]) == len(decimals[1])
    assert float(score) == pytest.approx(expected, abs=0.51 * 10 ** -len(decimals[0]))


def test_score_in_a_terminal_is_a_table(files):
    code, text = in_terminal("score", "x.npy", "y.npy")
    assert code == 0
    assert "\t" not in text
    assert_score_of(text, files)
    assert re.search(rf"^samples +{ROWS}\s*$", text, re.M)
    assert re.search(r"^x.npy for y.npy, in \d", text, re.M)


def test_score_takes_the_options_of_evaluate(files, capsys, monkeypatch):
    seen = {}
    report = hscore_fast.evaluate("x.npy", "y.npy")

    def evaluate(features, labels, *, progress, **options):
        seen.update(options)
        return report

    monkeypatch.setattr(hscore_fast, "evaluate", evaluate)
    options = ("--precision", "float64", "--threads", "2", "--tol", "1e-9")
    more = ("--method", "permutation", "--confidence", "0.9")
    more += ("--drop", "a", "--keep", "b", "--keep", "c")
    code, out, _ = run(capsys, "score", "x.npy", "y.npy", *options, *more)
    assert code == 0
    assert f"h_score\t{report.h_score}\n" in out
    assert seen == {
        "precision": "float64",
        "n_threads": 2,
        "tol": 1e-9,
        "method": "permutation",
        "confidence": 0.9,
        "groups": None,
        "columns": None,
        "ignore_label": None,
        "drop": ["a"],
        "keep": ["b", "c"],
    }


def test_score_of_one_column_and_of_one_hot_labels(files, capsys):
    labels = np.load("y.npy")
    np.save("column.npy", np.load("x.npy")[:, 0])
    np.save("one_hot.npy", np.eye(CLASSES, dtype=np.uint8)[labels])
    _, plain, _ = run(capsys, "score", "x.npy", "y.npy", "--json")
    _, one_hot, _ = run(capsys, "score", "x.npy", "one_hot.npy", "--json")
    assert json.loads(one_hot)["n_classes"] == CLASSES
    assert json.loads(one_hot)["h_score"] == pytest.approx(json.loads(plain)["h_score"], rel=1e-12)
    code, column, _ = run(capsys, "score", "column.npy", "y.npy", "--json")
    assert code == 0
    assert (json.loads(column)["n_features"], json.loads(column)["rank"]) == (1, 1)


def test_a_single_class_is_scored_with_one_line_of_warning(files, capsys):
    code, out, err = run(capsys, "score", "x.npy", "one_class.npy", "--json")
    assert code == 0
    assert_one_line(err, "SingleClassWarning: ")
    assert (json.loads(out)["h_score"], json.loads(out)["n_classes"]) == (0, 1)


def test_score_by_groups(files, capsys):
    np.save("groups.npy", np.arange(len(np.load("y.npy"))) // 4)
    code, out, err = run(capsys, "score", "x.npy", "y.npy", "--groups", "groups.npy", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    want = hscore_fast.evaluate(np.load("x.npy"), np.load("y.npy"), groups=np.load("groups.npy"))
    assert facts["n_groups"] == want.n_groups > 1
    assert facts["standard_error"] == want.standard_error
    assert facts["p_value_method"] == "permutation"
    assert_fits(facts, SCORE_JSON)


def test_saturation_is_scored_with_one_line_of_warning(files, capsys):
    features = np.random.default_rng(1).normal(size=(8, 20))
    np.save("wide.npy", features)
    np.save("eight.npy", np.array([0, 1] * 4))
    code, out, err = run(capsys, "score", "wide.npy", "eight.npy", "--json")
    assert code == 0
    assert_one_line(err, "SaturationWarning: ")
    facts = json.loads(out)
    assert facts["h_score"] == pytest.approx(1)
    assert facts["adjusted_h_score"] is None  # JSON has no nan
    assert_fits(facts, SCORE_JSON)


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
        (("x.npy", "two.csv"), ["holds 2 columns ('id', 'name')", "two.csv:COLUMN"]),
        (("chunked.h5:z", "y.npy"), ["no dataset '/z'", "'/x'"]),
        (("chunked.h5:x", "y.npy", "--precision", "high"), ["read in blocks", "'high'"]),
        (("cut.npy", "y.npy"), ["cut.npy", "truncated"]),
        (("x.npy", "objects.npy"), ["Python objects"]),
        (("words.npz", "y.npy"), ["features"]),
        (("x.npy", "y.npy", "--precision", "sloppy"), ["sloppy", "auto"]),
        (("x.npy", "y.npy", "--threads", "0"), ["0"]),
        (("x.npy", "y.npy", "--method", "guess"), ["'pillai'", "guess"]),
        (("x.npy", "y.npy", "--confidence", "95"), ["confidence", "95"]),
        (("x.npy", "y.npy", "--threads", "many"), ["--threads"]),
        (("x.npy", "y.npy", "--csv", "--json"), ["--json and --csv exclude each other"]),
        (("x.npy", "y.npy", "--colour"), ["--colour", "score --help"]),
        (("x.npy",), ["LABELS", "score --help"]),
        (("x.npy", "y.npy", "z.npy"), ["z.npy", "score --help"]),
        (("new\nline.npy", "y.npy"), [r"new\nline.npy"]),
    ],
    ids=lambda value: " ".join(value).replace("\n", "_") if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("json_too", [False, True], ids=["plain", "json"])
def test_bad_input_is_one_line_and_code_2(files, capsys, words, parts, json_too):
    assert_refused(capsys, ("score", *words, *(["--json"] if json_too else [])), parts)


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


def test_an_interrupt_ends_with_130_and_no_traceback(files):
    assert_interrupted("score", "x.npy", "y.npy", stub="hscore_fast.evaluate")


@pytest.mark.parametrize("name", ["h5py", "pyarrow"])
def test_a_missing_library_is_one_line_and_code_2(files, name):
    ending = {"h5py": "chunked.h5", "pyarrow": "x.parquet"}[name]
    open(ending, "a").close()
    done = in_pipe(
        "score", ending, "y.npy", code=f"import sys; sys.modules[{name!r}] = None\n{CALL}"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, name, f"pip install {name}")


def test_a_stream_shows_a_bar_in_a_terminal_and_nothing_in_a_pipe(files, capsys):
    code, text = in_terminal("score", "chunked.h5", "y.npy")
    assert code == 0
    assert "rows/s" in text
    assert_score_of(text, files)
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
