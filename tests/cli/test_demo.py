"""``hscore-fast demo``, mostly its quick form; the study behind it is tested in test_demo.py."""

import json
import os
import re

import pytest
from cli_runs import (
    COUNT,
    NUMBER,
    SCORE,
    SECONDS,
    TEXT,
    assert_fits,
    assert_interrupted,
    assert_one_line,
    assert_refused,
    in_pipe,
    in_terminal,
    record,
    run,
)

pytest.importorskip("sklearn")
pytest.importorskip("networkx")
pytest.importorskip("matplotlib")

pytestmark = pytest.mark.usefixtures("elsewhere")

FIGURES = ["h-score-against-accuracy", "transfer-matrix", "hierarchy", "curriculum"]
MEASUREMENT = record(
    target=TEXT,
    source=TEXT,
    layer=COUNT,
    width=COUNT,
    cross_validated_h_score=NUMBER,
    cross_validated_error=SCORE,
    h_score=SCORE,
    regularized_h_score=SCORE,
    adjusted_h_score=NUMBER,
    standard_error=SCORE,
    adjusted_standard_error=SCORE,
    accuracy={"type": "number", "minimum": 0, "maximum": 1},
    accuracy_error=SCORE,
)
SHARE = {"type": "number", "minimum": -1, "maximum": 1}
CORRELATION = record(target=TEXT, form=TEXT, pearson=SHARE, spearman=SHARE, spearman_of_last=SHARE)
SCHEMA = record(
    data=TEXT,
    seed=COUNT,
    images=record(source=COUNT, labelled=COUNT, test=COUNT),
    measurements={"type": "array", "items": MEASUREMENT, "minItems": 1},
    correlations={"type": "array", "items": CORRELATION, "minItems": 1},
    matrix={"type": "object"},
    hierarchy={"type": "object", "required": ["names", "linkage", "order", "newick"]},
    curriculum={"type": "object", "required": ["order", "parents", "transferability", "total"]},
    largest_difference_from_reference=SCORE,
    seconds=SECONDS,
    figures={"type": "array", "items": TEXT, "minItems": 4, "maxItems": 4},
)


def test_json_and_pipe_have_the_same_numbers(capsys):
    code, out, err = run(capsys, "demo", "--quick", "--json", "--format", "pdf")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert_fits(facts, SCHEMA)
    assert sum(facts["images"].values()) == 1797
    assert facts["largest_difference_from_reference"] < 1e-9
    assert facts["figures"] == [os.path.join("hscore-demo", f"{name}.pdf") for name in FIGURES]
    for path in facts["figures"]:
        with open(path, "rb") as file:
            assert file.read(4) == b"%PDF"

    code, out, err = run(capsys, "demo", "--quick", "--out", "deep/er")
    assert code == 0
    assert_one_line(err, "the figures are in", "er")
    assert sorted(os.listdir("deep/er")) == sorted(f"{name}.svg" for name in FIGURES)
    rows, correlations = (block.splitlines() for block in out.split("\n\n"))
    assert len(rows) == 1 + len(facts["measurements"])
    keys = rows[0].split("\t")
    for row, expected in zip(rows[1:], facts["measurements"], strict=True):
        shown = dict(zip(keys, row.split("\t"), strict=True))
        assert shown == {key: str(expected[key]) for key in keys}
    assert len(correlations) == 1 + len(facts["correlations"])


def test_in_a_terminal_it_explains_itself():
    code, text = in_terminal("demo", "--quick")
    assert code == 0
    assert "train on digit" in text
    text = text.rpartition("\r")[2]
    assert re.search(r"^digit +1 +-?\d\.\d{3} +\d\.\d{3} +\d\.\d{3} ", text, re.MULTILINE)
    assert re.search(r"^prime +adjusted +-?\d\.\d\d +-?\d\.\d\d +-?\d\.\d\d", text, re.MULTILINE)
    prose = " ".join(text.split())
    assert re.search(r"The [\w-]+ form agrees best and the [\w-]+ form worst", prose)
    assert re.search(r"'random labels' stands at place \d+ with accuracy 0\.\d+", prose)
    assert "└─ " in text
    for name in FIGURES:
        assert re.search(rf"^  hscore-demo.{name}\.svg$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--format", "docx"), ["--format must be one of png, svg, pdf, got 'docx'"]),
        (("--out", "taken"), ["taken"]),
        (("--colour",), ["--colour", "demo --help"]),
        (("more",), ["more", "demo --help"]),
    ],
)
def test_bad_options(capsys, words, parts):
    open("taken", "w").close()
    assert_refused(capsys, ("demo", *words), parts)
    assert not os.path.exists("hscore-demo")


@pytest.mark.parametrize("package", ["sklearn", "networkx", "matplotlib"])
def test_a_missing_package_is_one_line_before_any_work(package):
    done = in_pipe(
        "demo",
        code=f"import sys; sys.modules[{package!r}] = None\n"
        "from hscore_fast.cli import main; raise SystemExit(main())",
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, package, "pip install ", "'demo'")
    assert not os.path.exists("hscore-demo")


def test_interrupted():
    assert_interrupted("demo", stub="hscore_fast.demo.networks.train")
