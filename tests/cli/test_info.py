"""``hscore-fast info``."""

import csv
import json
import re

import numpy as np
import pytest
from cli_runs import (
    COUNT,
    TEXT,
    TRUTH,
    assert_fits,
    assert_interrupted,
    assert_refused,
    in_terminal,
    maybe,
    record,
    run,
)

import hscore_fast
from hscore_fast import _variants

INFO = record(
    version=TEXT,
    isa={"enum": list(_variants._ISAS)},
    compiler=TEXT,
    flags=TEXT,
    openmp=TRUTH,
    eigen=TEXT,
    tile_unit=TRUTH,
    cpu=TEXT,
    processors=COUNT,
    processors_allowed=COUNT,
    omp_num_threads=maybe(TEXT),
    numpy=TEXT,
    python=TEXT,
    system=TEXT,
)
pytestmark = pytest.mark.usefixtures("elsewhere")


def test_info(capsys):
    code, out, err = run(capsys, "info")
    assert (code, err) == (0, "")
    facts = dict(line.split("\t") for line in out.splitlines())
    assert facts["numpy"] == np.__version__
    assert facts["version"] == hscore_fast.build_info()["version"]
    assert int(facts["processors_allowed"]) >= 1


def test_info_as_json(capsys):
    code, out, err = run(capsys, "info", "--json")
    assert (code, err) == (0, "")
    assert_fits(json.loads(out), INFO)
    assert json.loads(out).items() >= hscore_fast.build_info().items()


def test_info_as_csv(capsys):
    code, out, err = run(capsys, "info", "--csv")
    assert (code, err) == (0, "")
    (facts,) = csv.DictReader(out.splitlines())
    assert set(facts) == set(INFO["properties"])
    assert (facts["version"], facts["numpy"]) == (hscore_fast.__version__, np.__version__)


def test_info_in_a_terminal():
    code, text = in_terminal("info")
    assert code == 0
    assert re.search(rf"^NumPy +{re.escape(np.__version__)}\s*$", text, re.MULTILINE)


def test_forms_of_output_exclude_each_other(capsys):
    assert_refused(capsys, ("info", "--json", "--csv"), ["--json and --csv exclude each other"])


def test_an_interrupt_is_one_line():
    assert_interrupted("info", stub="hscore_fast.build_info")
