"""The fuzzer of damaged files, for a moment; see fuzz_files.py."""

import sys

import pytest

pytestmark = [
    pytest.mark.timeout(100),
    pytest.mark.skipif(sys.platform != "linux", reason="it sets limits that Linux has"),
]


def test_damaged_files_are_a_score_or_one_error() -> None:
    from fuzz_files import fuzz

    outcomes, wrong = fuzz(
        80, 0, ["npy", "npz compressed", "hdf5 chunked", "parquet lists", "csv"], most=80
    )
    assert not wrong
    assert outcomes["ValueError"] > 0
