"""``hscore-fast info``."""

import json
import re

import numpy as np
import pytest
from cli_runs import in_terminal, run

import hscore_fast

pytestmark = pytest.mark.usefixtures("elsewhere")


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
