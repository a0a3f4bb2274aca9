"""``hscore-fast demo``."""

import json
import re

import pytest
from cli_runs import in_terminal, run

import hscore_fast
from hscore_fast.datasets import load_digits

TARGETS = {"which digit": 10, "odd or even": 2, "above four": 2, "shuffled": 10}
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

pytestmark = pytest.mark.usefixtures("elsewhere")


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
