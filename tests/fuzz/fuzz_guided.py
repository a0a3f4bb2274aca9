"""Coverage-guided fuzzing of what ``fuzz_targets.py`` lists, with the compiled core instrumented.

tests/fuzz/fuzz_guided.sh decode 900      # builds the core with clang's sanitizers, then runs this
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(
    include=["hscore_fast._moments.format", "hscore_fast._moments.moments"]
):
    from fuzz_targets import TARGETS

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
