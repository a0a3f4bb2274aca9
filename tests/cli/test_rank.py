"""``hscore-fast rank``: the order, its errors, output for people and machines, exit codes."""

import csv
import json
import re

import numpy as np
import pytest
from cli_runs import (
    COUNT,
    NUMBER,
    SCORE,
    TEXT,
    TRUTH,
    assert_fits,
    assert_interrupted,
    assert_one_line,
    assert_refused,
    in_terminal,
    maybe,
    record,
    run,
)

from hscore_fast import rank_sources
from hscore_fast._sources.ranking import shown_scores

SOURCE = record(
    name=TEXT,
    score=maybe(NUMBER),
    standard_error=maybe(SCORE),
    probability_best=maybe({"type": "number", "minimum": 0, "maximum": 1}),
    tied_with_best=maybe(TRUTH),
    tied_with_next=maybe(TRUTH),
    h_score=maybe(SCORE),
    adjusted_h_score=maybe(NUMBER),
    regularized_h_score=maybe(SCORE),
    cross_validated_h_score=maybe(NUMBER),
    accuracy=maybe(SCORE),
    accuracy_standard_error=maybe(SCORE),
    neg_log10_p_value=maybe(NUMBER),
    rank=COUNT,
    n_samples=COUNT,
    n_features=COUNT,
    n_classes=COUNT,
    precision_used=TEXT,
    left_out={"type": "object", "additionalProperties": TEXT},
    warning=TEXT,
    error=TEXT,
)
RANKING = record(
    by={"enum": ["h_score", "adjusted_h_score", "regularized_h_score", "cross_validated_h_score"]},
    confidence=NUMBER,
    stability=maybe(NUMBER),
    errors_from={"enum": ["influence", "jackknife", "none", "rows", "groups", "folds"]},
    choice_score=maybe(NUMBER),
    sources={"type": "array", "items": SOURCE, "minItems": 1},
)
THREE = ("weak.npy", "x.npy", "copy=chunked.h5:/x", "-l", "y.npy")


@pytest.fixture
def sources(files):
    """Put a weak source beside the files; return the ranking that the command is to give."""
    noise = np.random.default_rng(3).normal(size=(60, 5))
    np.save("weak.npy", np.load("x.npy")[:, :1] + 5 * noise)
    paths = {"weak": "weak.npy", "x": "x.npy", "copy": "chunked.h5:/x"}
    return rank_sources(paths, "y.npy")


def test_json_is_the_ranking(sources, capsys):
    code, out, err = run(capsys, "rank", *THREE, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert_fits(result, RANKING)
    assert result == json.loads(sources.to_json())
    assert [source["name"] for source in result["sources"]] == sources.names
    assert result["sources"][-1]["name"] == "weak"


@pytest.mark.parametrize("form", ["csv", "pipe"])
def test_rows_for_machines(sources, capsys, form):
    code, out, err = run(capsys, "rank", *THREE, *(["--csv"] if form == "csv" else []))
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(out.splitlines(), delimiter="," if form == "csv" else "\t"))
    assert list(rows[0]) == [*SOURCE["properties"], "by"]
    assert {row["by"] for row in rows} == {"cross_validated_h_score"}
    assert [row["name"] for row in rows] == sources.names
    for row, source in zip(rows, sources, strict=True):
        assert float(row["score"]) == source.score
        assert float(row["standard_error"]) == source.standard_error
        assert row["regularized_h_score"] == ""  # not a number


def test_a_terminal_gets_a_table_and_what_its_marks_mean(sources):
    code, text = in_terminal("rank", *THREE)
    assert code == 0
    assert "\t" not in text
    assert max(map(len, text.splitlines())) <= 80
    lines = [
        re.search(rf"^{source.name} +{score} +{error} ", text, re.M)
        for source, (score, error) in zip(sources, shown_scores(sources), strict=True)
    ]
    assert all(lines)
    assert [line.start() for line in lines] == sorted(line.start() for line in lines)
    assert "Ranked by cross-validated H-score, errors from folds." in text
    assert "The first of 3 may be first by luck" in " ".join(text.split())
    assert "= tied with the best" in text


@pytest.mark.parametrize(
    "by", ["adjusted", "adjusted_h_score", "regularized", "h_score", "cross_validated"]
)
def test_by(sources, capsys, by):
    code, out, _ = run(capsys, "rank", *THREE, "--by", by, "--json")
    assert code == 0
    result = json.loads(out)
    assert_fits(result, RANKING)
    assert result["by"] == (by if by.endswith("h_score") else f"{by}_h_score")
    for source in result["sources"]:
        assert source["score"] == source[result["by"]]


def test_a_folder_is_its_files_less_the_labels(sources, capsys, tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("x.npy", "weak.npy", "y.npy"):
        (tmp_path / name).rename(folder / name)
    code, out, err = run(capsys, "rank", "sources", "--labels", "sources/y.npy", "--csv")
    assert (code, err) == (0, "")
    assert [row["name"] for row in csv.DictReader(out.splitlines())] == ["x", "weak"]


def test_a_figure(sources, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    code, _, err = run(capsys, "rank", *THREE, "--plot", "ranking.svg")
    assert (code, err) == (0, "")
    assert "<svg" in (tmp_path / "ranking.svg").read_text()


def test_a_source_that_cannot_be_scored_is_one_line_beside_the_others(sources, capsys):
    np.save("few.npy", np.ones((7, 2)))
    words = ("rank", "x.npy", "weak.npy", "few.npy", "gone.npy", "-l", "y.npy", "--csv")
    code, out, err = run(capsys, *words)
    assert code == 3
    assert [row["name"] for row in csv.DictReader(out.splitlines())] == ["x", "weak"]
    few, gone = err.splitlines(keepends=True)
    assert_one_line(few, "few was not scored", "60 labels for 7 rows")
    assert_one_line(gone, "gone was not scored", "no such file")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("x.npy", "-l", "short.npy"), ["sources['x']", "59 labels for 60 rows"]),
        (("x.npy", "-l", "missing.npy"), ["no such file", "missing.npy"]),
        (("cut.npy", "-l", "y.npy"), ["cut.npy", "truncated"]),
        (("x.txt", "-l", "y.npy"), [".txt", ".npy, .npz"]),
        (("-l", "y.npy"), ["FEATURES", "rank --help"]),
        (("x.npy",), ["--labels", "rank --help"]),
        (("y.npy", "-l", "x.npy"), ["swapped", "after --labels"]),
        (("x.npy", "both.npz:x", "-l", "y.npy"), ["the same name 'x'", "NAME=FILE"]),
        (("x.npy", "-l", "y.npy", "--by", "luck"), ["--by must be one of", "'luck'"]),
        (("x.npy", "-l", "y.npy", "--confidence", "95"), ["--confidence must", "95 % is 0.95"]),
        (("x.npy", "-l", "y.npy", "--plot", "x.bmp"), ["--plot must end in one of"]),
        (("x.npy", "-l", "y.npy", "--plot", "no/x.svg"), ["does not exist"]),
        (("x.npy", "-l", "y.npy", "--json", "--csv"), ["exclude each other"]),
        (("x.npy", "-l", "y.npy", "--colour"), ["--colour", "rank --help"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_code_2(files, capsys, words, parts):
    assert_refused(capsys, ("rank", *words), parts)


def test_an_interrupt_is_one_line(files):
    assert_interrupted("rank", "x.npy", "-l", "y.npy", stub="hscore_fast.rank_sources")
