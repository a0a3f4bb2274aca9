"""Forms and places of output, names that are cut, words of the command, exits of odd terminals."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_runs import CALL, assert_one_line, assert_refused, command, environment, in_terminal, run

from hscore_fast.cli.messages import in_words_of_the_command
from hscore_fast.cli.named import named_files
from hscore_fast.cli.tables import shortened

THREE = ("rank", "x.npy", "chunked=chunked.h5:/x", "-l", "y.npy")


@pytest.mark.parametrize("ending", ["json", "csv", "md", "txt"])
def test_the_file_chooses_the_form(files, capsys, ending):
    code, out, err = run(capsys, *THREE, "-o", f"out.{ending}")
    assert (code, out, err) == (0, "", "")
    text = Path(f"out.{ending}").read_text(encoding="utf-8")
    if ending == "json":
        assert len(json.loads(text)["sources"]) == 2
    elif ending == "csv":
        assert len(list(csv.DictReader(text.splitlines()))) == 2
    elif ending == "md":
        assert "| --- | --:" in text
    else:
        assert "───" in text
    assert [name for name in os.listdir() if name.startswith(".")] == []


def test_forms_are_named(files, capsys):
    _, out, _ = run(capsys, *THREE, "--format", "markdown", "--top", "1")
    assert out.count("\n| ") == 3  # the header, the rule and one source
    assert "1 more; --top 0 shows all" in out
    _, out, _ = run(capsys, "score", "x.npy", "-l", "y.npy", "--format", "table")
    assert out.startswith("H-score ")
    assert_refused(capsys, (*THREE, "--format", "xml"), ["--format must be one of table, json"])
    assert_refused(capsys, (*THREE, "--format", "csv", "--json"), ["exclude each other"])
    assert_refused(capsys, (*THREE, "-o", "no/x.csv"), ["the folder of 'no/x.csv' does not exist"])


def test_labels_are_given_once(files, capsys):
    assert run(capsys, "score", "x.npy", "-l", "y.npy", "-q", "--csv")[0] == 0
    for words in (("score", "x.npy"), ("score", "x.npy", "y.npy", "-l", "y.npy")):
        assert_refused(capsys, words, ["score FEATURES --labels LABELS"])
    assert_refused(capsys, ("score", "y.npy", "-l", "x.npy"), ["are they swapped?"])


def test_quiet_leaves_out_warnings(files, capsys):
    code, out, err = run(capsys, "score", "x.npy", "-l", "one_class.npy", "--csv")
    assert (code, bool(out), "SingleClassWarning" in err) == (0, True, True)
    assert run(capsys, "score", "x.npy", "-l", "one_class.npy", "--csv", "-q")[2] == ""


def test_help_and_version_by_other_words(capsys):
    code, out, _ = run(capsys, "help", "rank")
    assert code == 0
    assert out == run(capsys, "rank", "--help")[1]
    assert "For example: hscore-fast rank" in " ".join(out.split())
    assert "rank" in run(capsys, "help")[1]
    assert run(capsys, "-V") == run(capsys, "--version")


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_names_are_cut_in_the_middle_and_digits_never(files, columns):
    names = [f"timm__vit_base_patch16_clip_224.variant_{number:02}" for number in range(25)]
    x = np.load("x.npy")
    for number, name in enumerate(names):
        np.save(f"{name}.npy", x + number * np.random.default_rng(number).normal(size=x.shape))
    code, text = in_terminal("rank", *(f"{n}.npy" for n in names), "-l", "y.npy", columns=columns)
    assert code == 0
    assert max(map(len, text.splitlines())) <= columns
    rows = [line for line in text.splitlines() if line.startswith("timm__")]
    assert len(rows) == 20
    assert "5 more; --top 0 shows all." in text
    assert all(line.split()[0][-2:].isdigit() for line in rows)
    assert all("…" not in cell for line in rows for cell in line.split()[1:])


def test_shortened():
    assert shortened("resnet50", 8) == "resnet50"
    assert shortened("resnet50_large", 9) == "resn…arge"
    assert shortened("resnet50", 1) == "…"


def test_arrays_and_folders_are_named(files, tmp_path):
    np.savez("both.npz", a1=np.eye(3), a2=np.eye(3), labels=np.arange(3))
    assert named_files(["both.npz:a*"], "FEATURES") == {"a1": "both.npz:a1", "a2": "both.npz:a2"}
    for model in ("resnet", "vit"):
        (tmp_path / "models" / model).mkdir(parents=True)
        np.save(f"models/{model}/features.npy", np.eye(3))
    found = named_files(["models"], "FEATURES")
    assert {name: Path(path) for name, path in found.items()} == {
        model: Path(f"models/{model}/features.npy") for model in ("resnet", "vit")
    }


def test_the_labels_in_the_file_of_the_features_are_no_source(files, capsys):
    np.savez("both.npz", a=np.load("x.npy"), b=np.load("x.npy")[:, :2], y=np.load("y.npy"))
    code, out, _ = run(capsys, "rank", "both.npz:*", "-l", "both.npz:y", "--csv")
    assert code == 0
    assert {row["name"] for row in csv.DictReader(out.splitlines())} == {"a", "b"}
    assert_refused(capsys, ("rank", "both.npz:q*", "-l", "y.npy"), ["no array in 'both.npz' fits"])


def test_messages_have_the_words_of_the_command():
    assert in_words_of_the_command("n_threads must be positive") == "--threads must be positive"
    message = "by must be one of 'adjusted_h_score', 'h_score', got 'x'"
    assert in_words_of_the_command(message) == "--by must be one of 'adjusted', 'h_score', got 'x'"
    assert in_words_of_the_command("tolerance is fine") == "tolerance is fine"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")
def test_a_full_disk_is_one_line(files):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("score", "x.npy", "y.npy", "--json"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment(),
        )
    assert done.returncode == 2
    assert_one_line(done.stderr, "cannot write the output", "No space left")


def test_a_terminal_without_the_character_gets_its_number(files):
    np.save("音.npy", np.load("x.npy"))
    done = subprocess.run(
        [sys.executable, "-c", CALL, "rank", "音.npy", "-l", "y.npy", "--format", "table"],
        env=environment(PYTHONIOENCODING="latin-1", PYTHONUTF8="0"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u97f3" in done.stdout
