"""``hscore-fast info``: what is installed, and on what machine."""

from __future__ import annotations

import os
import platform
from typing import cast

import numpy as np

import hscore_fast
from hscore_fast.bench.machine import processor_name, processors_allowed
from hscore_fast.cli.options import CsvOption, JsonOption, refuse_both
from hscore_fast.cli.tables import Column, Value, write_csv, write_facts, write_json

_HEADINGS = {
    "version": "hscore-fast",
    "isa": "Instruction set",
    "compiler": "Compiler",
    "flags": "Flags",
    "openmp": "OpenMP",
    "eigen": "Eigen",
    "tile_unit": "Tile unit",
    "cpu": "Processor",
    "processors": "Processors",
    "processors_allowed": "Processors allowed",
    "omp_num_threads": "OMP_NUM_THREADS",
    "numpy": "NumPy",
    "python": "Python",
    "system": "System",
}


def info(as_json: JsonOption = False, as_csv: CsvOption = False) -> None:
    """Say how the library was built and what it runs on; put this into a bug report."""
    refuse_both(as_json, as_csv)
    facts: dict[str, Value] = {
        **cast("dict[str, Value]", hscore_fast.build_info()),
        "cpu": processor_name(),
        "processors": os.cpu_count(),
        "processors_allowed": len(processors_allowed()),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    if as_json:
        write_json(facts)
    elif as_csv:
        write_csv(list(facts), [facts])
    else:
        columns = [Column(key, _HEADINGS.get(key, key)) for key in facts]
        write_facts("hscore-fast", columns, facts)
