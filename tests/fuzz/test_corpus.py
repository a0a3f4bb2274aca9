"""Inputs that a fuzzer found, each of which reaches something that no other does, again."""

from pathlib import Path

import numpy as np
import pytest
from fuzz_targets import TARGETS

from hscore_fast._variants import core

CORPUS = Path(__file__).parent / "corpus"


FILES = sorted(file for file in CORPUS.rglob("*") if file.is_file())


@pytest.mark.parametrize("target", TARGETS)
def test_there_is_a_corpus(target: str) -> None:
    assert sum(file.parent.name == target for file in FILES) > 5


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_corpus(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())


def test_the_core_refuses_what_was_found() -> None:
    x, codes = np.zeros((4, 3), bool), np.zeros(4, np.int32)
    with pytest.raises(TypeError, match="bfloat16 has two bytes"):
        core.find_non_finite(x, True, 1)
    with pytest.raises(ValueError, match="number of classes is negative"):
        core.h_score(x, codes, -1, False, "auto", 1e-12, 1, None)
    with pytest.raises(ValueError, match="table cannot have -1 columns"):
        core.Columns([], -1)
    with pytest.raises(MemoryError, match="2305843009213693952"):
        core.Columns([[x]], 2**61)
    with pytest.raises(ValueError, match="segment of the table lacks columns"):
        core.Columns([[x], [x[:1], x[:1, :2]]], 4)
    most = 2**63 - 1
    with pytest.raises(MemoryError, match=r"9223372036854775807 x 1 .* use fewer"):
        core.h_score(x[:, :0], codes, most, False, "auto", 1e-12, 1, None)
    with pytest.raises(MemoryError, match=r"9223372036854775807 x 1 .* use fewer"):
        core.regularized_h_score(x[:, :0], codes, most, False, "auto", "oas", 0, False, 1, None)


def test_no_more_rows_than_can_be_counted() -> None:
    moments = core.Moments(1)
    moments.update(np.ones((2, 1)), np.zeros(2, np.int32), 1, None, False, True, 1, None)
    _, _, *rest = moments.state()
    with pytest.raises(ValueError, match="more rows than can be counted"):
        core.Moments.from_state(2**53 + 1, 2, *rest)
    many = core.Moments.from_state(2**53, 2, *rest)
    one_class = np.zeros(1, np.int32)
    for _ in range(9):
        many.merge(many, one_class)
    with pytest.raises(ValueError, match="cannot merge moments of more rows"):
        many.merge(many, one_class)
