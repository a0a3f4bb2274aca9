"""No core holds an instruction that its own instruction set lacks.

Inline functions have the same name in every core, and a linker that merged them would give the
portable one code that an older CPU cannot run; a run on this machine would not show it.
"""

import importlib.util
import platform
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from hscore_fast import _variants

pytestmark = pytest.mark.skipif(
    shutil.which("objdump") is None or platform.machine() != "x86_64",
    reason="needs objdump and an x86-64 machine",
)

# All that AVX brought has a mnemonic in v. tzcnt is not here: compilers write it for bsf, which
# older CPUs take it for, where both give the same.
AFTER_V2 = re.compile(
    r"(?P<mnemonic>v(?!er[rw])\w+|k\w+|andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx"
    r"|shlx|shrx|lzcnt|movbe)[lqwb]? .*%"
)
AFTER_V3 = re.compile(r"(?P<mnemonic>\w+) .*%(zmm|k[0-7]\b|[xy]mm(1[6-9]|2\d|3[01]))")
FORBIDDEN = {"baseline": AFTER_V2, "v3": AFTER_V3}


def core_file(isa: str) -> Path:
    if isa not in _variants.available_isas():
        pytest.skip(f"no core {isa} here")
    spec = importlib.util.find_spec(f"hscore_fast.{_variants._name(isa)}")
    assert spec is not None
    return Path(str(spec.origin))


def forbidden(isa: str, file: Path) -> Counter[str]:
    run = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", "--no-addresses", str(file)],
        check=True,
        capture_output=True,
        text=True,
    )
    instructions = [line.strip() for line in run.stdout.splitlines() if line.startswith("\t")]
    assert len(instructions) > 50_000
    return Counter(
        found["mnemonic"] for line in instructions if (found := FORBIDDEN[isa].match(line))
    )


@pytest.mark.parametrize("isa", FORBIDDEN)
def test_no_instruction_of_a_later_set(isa: str) -> None:
    flags = _variants.load(isa).build_info()["flags"] if isa in _variants.available_isas() else ""
    if "native" in flags:
        pytest.skip("built for this machine only")
    assert not forbidden(isa, core_file(isa))


@pytest.mark.parametrize(
    ("isa", "other", "mnemonic"),
    [
        ("baseline", "v3", "vfmadd231pd"),
        ("baseline", "v4", "vfmadd231pd"),
        ("v3", "v4", "vfmadd231pd"),
    ],
)
def test_the_check_can_fail(isa: str, other: str, mnemonic: str) -> None:
    assert mnemonic in forbidden(isa, core_file(other))
