"""``hscore-fast matrix``."""

import csv
import json
import re

import numpy as np
import pytest
from cli_runs import (
    COUNT,
    NUMBER,
    TEXT,
    assert_fits,
    assert_interrupted,
    assert_one_line,
    assert_refused,
    in_terminal,
    maybe,
    record,
    run,
)

import hscore_fast
from hscore_fast.datasets import load_digits

pytestmark = pytest.mark.usefixtures("elsewhere")

KEYS = [
    *("source", "target", "classes", "by", "score", "standard_error"),
    *("h_score", "adjusted_h_score"),
]
TASKS = ["digit", "loop", "odd"]
ALL = ("matrix", "features", "--labels", "labels")


def list_of(schema):
    return {"type": "array", "items": schema}


NAMED = {"type": "object", "additionalProperties": TEXT}
ROWS = list_of(list_of(maybe(NUMBER)))
SCHEMA = record(
    sources=list_of(TEXT),
    targets=list_of(TEXT),
    by=TEXT,
    scores=ROWS,
    standard_errors=maybe(ROWS),
    h_scores=maybe(ROWS),
    adjusted=maybe(ROWS),
    best=NAMED,
    ranks=list_of(list_of(COUNT)),
    n_samples=list_of(COUNT),
    n_classes=list_of(COUNT),
    n_features=list_of(COUNT),
    left_out={
        "type": "object",
        "additionalProperties": {"type": "object", "additionalProperties": TEXT},
    },
    hierarchy=maybe(
        record(names=list_of(TEXT), linkage=ROWS, order=list_of(TEXT), newick=TEXT),
    ),
    curriculum=maybe(
        record(
            by=TEXT,
            order=list_of(TEXT),
            parents={"type": "object", "additionalProperties": maybe(TEXT)},
            transferability={"type": "object", "additionalProperties": NUMBER},
            total=NUMBER,
        ),
    ),
)


@pytest.fixture
def expected(tmp_path, elsewhere):
    """Put features and labels of three tasks into folders; return their matrix."""
    images, digits = load_digits()
    features = {"digit": images, "loop": images[:, :40], "odd": images[:, 20:50]}
    labels = {"digit": digits, "loop": np.isin(digits, [0, 6, 8, 9]), "odd": digits % 2}
    for folder, arrays in (("features", features), ("labels", labels)):
        (tmp_path / folder).mkdir()
        for name, array in arrays.items():
            np.save(tmp_path / folder / f"{name}.npy", array)
        (tmp_path / folder / "notes.txt").write_text("of no known format")
    np.savez(tmp_path / "labels.npz", **labels)
    np.save(tmp_path / "short.npy", digits[:-1])
    (tmp_path / "empty").mkdir()
    return hscore_fast.transfer_matrix(features, labels)


def test_in_a_pipe_it_is_tab_separated(expected, capsys):
    code, out, err = run(capsys, *ALL)
    assert (code, err) == (0, "")
    heading, *rows = (line.split("\t") for line in out.splitlines())
    assert heading == KEYS
    assert [row[:2] for row in rows] == [[s, t] for s in TASKS for t in TASKS]
    assert {row[3] for row in rows} == {"cross_validated_h_score"}
    assert [float(row[4]) for row in rows] == pytest.approx(expected.scores.ravel(), rel=1e-9)
    assert [float(row[5]) for row in rows] == pytest.approx(expected.standard_errors.ravel())
    assert [float(row[6]) for row in rows] == pytest.approx(expected.h_scores.ravel(), rel=1e-12)
    assert [float(row[7]) for row in rows] == pytest.approx(expected.adjusted.ravel(), rel=1e-9)


def test_as_csv(expected, capsys):
    code, out, err = run(capsys, *ALL, "--csv", "--by", "regularized")
    assert (code, err) == (0, "")
    heading, *rows = csv.reader(out.splitlines())
    assert heading == KEYS
    assert len(rows) == 9
    assert {tuple(row[5:]) for row in rows} == {("", "", "")}


def test_as_json(expected, capsys):
    code, out, err = run(capsys, *ALL, "--json", "--start", "loop")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert_fits(facts, SCHEMA)
    assert facts["scores"] == expected.to_dict()["scores"]
    assert facts["hierarchy"] == expected.hierarchy().to_dict()
    assert facts["curriculum"] == expected.curriculum("loop").to_dict()
    code, out, err = run(capsys, *ALL, "--json", "--by", "adjusted")
    assert json.loads(out)["curriculum"] == expected.curriculum(of="adjusted").to_dict()


def test_without_a_curriculum_the_json_has_none(expected, capsys):
    names = ("--labels", "labels.npz:odd", "--labels", "which=labels.npz:digit")
    code, out, err = run(capsys, "matrix", "features", *names, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert_fits(facts, SCHEMA)
    assert facts["targets"] == ["odd", "which"]
    assert facts["curriculum"] is None
    assert facts["hierarchy"]["names"] == TASKS


def test_in_a_terminal_table_hierarchy_and_curriculum(expected):
    code, text = in_terminal(*ALL)
    assert code == 0
    assert "\t" not in text
    assert re.search(r"^Source +digit +loop +odd\s*$", text, re.MULTILINE)
    assert re.search(rf"^digit +{expected.scores[0, 0]:.3f} \+-0\.\d+ ", text, re.MULTILINE)
    assert "Ranked by cross-validated H-score:" in text
    for target, source in expected.best.items():
        assert f"best for {target}: {source}" in text
    for tree in (expected.hierarchy(), expected.curriculum()):
        for line in str(tree).splitlines():
            assert line in text
    assert max(map(len, text.splitlines())) <= 80


def test_in_a_terminal_many_targets_are_rows(expected):
    more = [word for k in range(5) for word in ("--labels", f"t{k}=labels/odd.npy")]
    code, text = in_terminal(*ALL, *more)
    assert code == 0
    assert re.search(r"^digit +t4 +2 +\d", text, re.MULTILINE)
    assert re.search(r"Curriculum\nnone: .*no source is called\s+'t0'", text, re.DOTALL)


def test_figures(expected, capsys):
    pytest.importorskip("matplotlib")
    code, _, err = run(capsys, *ALL, "--plot", "figure.svg")
    assert (code, err) == (0, "")
    for name in ("figure", "figure-hierarchy", "figure-curriculum"):
        with open(f"{name}.svg", encoding="utf-8") as file:
            assert "<svg" in file.read()


def test_a_warning_is_one_line(expected, capsys):
    np.save("labels/one.npy", np.zeros(1797, int))
    code, out, err = run(capsys, *ALL, "--json")
    assert code == 0
    assert_one_line(err, "SingleClassWarning: 1 of 4 targets, the first targets['one']")
    assert_fits(json.loads(out), SCHEMA)


def test_rank_and_matrix_name_the_same_winner(tmp_path, elsewhere, capsys):
    """Of sources that are nearly equal, some of them wider than there are rows, in any file."""
    pytest.importorskip("h5py")
    rng = np.random.default_rng(4)
    digits = load_digits()[1][:60]
    noise = rng.standard_normal((60, 200))
    signal = rng.standard_normal((60, 6)) + np.eye(10, 6)[digits]
    np.save("wide.npy", np.c_[signal, noise])
    np.save("narrow.npy", signal)
    np.savez_compressed("again.npz", x=signal[:, ::-1])
    np.savez_compressed("half.npz", x=np.c_[signal[:, :4], noise[:, :70]])
    sources = ("wide.npy", "narrow.npy", "again=again.npz:x", "half=half.npz:x")
    targets = {f"t{k}": digits % k for k in (2, 3, 5, 10)} | {"loop": np.isin(digits, [0, 6, 8])}
    np.savez("t.npz", **targets)
    words = [word for name in targets for word in ("--labels", f"t.npz:{name}")]
    best = json.loads(run(capsys, "matrix", *sources, *words, "--json")[1])["best"]
    assert set(best) == set(targets)
    for name in targets:
        code, out, _ = run(capsys, "rank", *sources, "-l", f"t.npz:{name}", "--json")
        assert code == 0
        assert json.loads(out)["sources"][0]["name"] == best[name]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--labels", "short.npy"), ["sources['digit']", "1797 rows", "1796 labels", "short"]),
        (("--labels", "missing.npy"), ["no such file", "missing.npy"]),
        (("--labels", "empty"), ["--labels", "'empty'", ".npy"]),
        (("--labels", "odd=short.npy"), ["--labels", "the same name 'odd'", "NAME=FILE"]),
        (("labels.npz",), ["labels.npz", "say which"]),
        (("features/notes.txt",), [".txt", ".npy"]),
        (("--start", "colour"), ["start must be one of the tasks digit, loop, odd", "'colour'"]),
        (("--threads", "0"), ["--threads must", "leave it out"]),
        (("--json", "--csv"), ["--json and --csv"]),
        (("--by", "luck"), ["by must be one of", "'luck'"]),
        (("--plot", "figure.docx"), ["--plot", ".svg", "figure.docx"]),
        (("--plot", "nowhere/figure.svg"), ["the folder of", "nowhere", "does not exist"]),
        (("--colour",), ["--colour", "matrix --help"]),
    ],
)
def test_bad_input_is_one_line_and_code_2(expected, capsys, words, parts):
    assert_refused(capsys, (*ALL, *words), parts)


def test_features_are_needed(capsys):
    assert_refused(capsys, ("matrix", "--labels", "labels"), ["FEATURES", "matrix --help"])


def test_interrupted(expected):
    assert_interrupted(*ALL, stub="hscore_fast.transfer_matrix")
