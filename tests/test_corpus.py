"""Inputs that a fuzzer found, each of which reaches something that no other does, again."""

from pathlib import Path

import pytest
from fuzz_targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


FILES = sorted(file for file in CORPUS.rglob("*") if file.is_file())


@pytest.mark.parametrize("target", TARGETS)
def test_there_is_a_corpus(target: str) -> None:
    assert sum(file.parent.name == target for file in FILES) > 5


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_corpus(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())
