"""A bar for ``progress=True``."""

import sys

import numpy as np
import pytest

from hscore_fast import h_score
from hscore_fast._inputs.options import as_progress
from hscore_fast._inputs.progress_bar import ProgressBar

X, Y = np.eye(6), [0, 1] * 3


def test_true_shows_a_bar_that_ends(capsys):
    pytest.importorskip("tqdm")
    bar = ProgressBar("rows")
    for done, total in [(0, 4), (2, 4), (4, 4), (1, 3), (3, 3)]:
        bar(done, total)
    err = capsys.readouterr().err
    assert "4/4" in err
    assert "3/3" in err
    assert err.count("\n") == 2


def test_what_stands_for_no_bar():
    assert as_progress(None) is None
    assert as_progress(False) is None
    with pytest.raises(TypeError, match="progress must be True, None or a function"):
        h_score(X, Y, progress=3)  # type: ignore[arg-type]


def test_without_tqdm_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ModuleNotFoundError, match="pip install tqdm, or pass a function"):
        h_score(X, Y, progress=True)
