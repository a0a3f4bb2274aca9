"""A job the size of ImageNet: features in a memory-mapped file that does not fit into the heap.

The file is written, its score computed by BLAS a block at a time as the answer, and SYRK timed on
some of its rows before and after the one timed call, to predict what its rate makes of all of them.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import hscore_fast
from hscore_fast.bench import answers, data, machine, memory, rivals
from hscore_fast.bench.cases import Case
from hscore_fast.bench.contenders import OURS
from hscore_fast.bench.measure import Measurement, settle
from hscore_fast.bench.results import Result
from hscore_fast.readers import open_array

__all__ = ["run"]

# The step that is running, and the share of it that is done if that is known.
Progress = Callable[[str, "float | None"], None]

_SYRK_ROWS = 20_000
_SYRK_ROUNDS = 3
_MARGIN = 2 * 10**9
_SAMPLE_SECONDS = 0.05


def run(case: Case, folder: Path | None, progress: Progress) -> Result:
    """Write the file, time one call, and compare with SYRK's rate.

    Parameters
    ----------
    case : Case
        Of the kind "mapped".
    folder : Path or None
        Where the file goes; removed afterwards. The system's temporary folder by default.
    progress : callable
        Told what is being done and how much of it is.
    """
    place = folder or Path(tempfile.gettempdir())
    size = case.n_samples * case.n_features * np.dtype(case.dtype).itemsize
    free = shutil.disk_usage(place).free
    if free < size + _MARGIN:
        return Result(
            case,
            skipped_because=f"needs a file of {size / 1e9:.1f} GB, and the temporary folder has "
            f"{free / 1e9:.1f} GB free; choose another with --folder",
        )
    with tempfile.TemporaryDirectory(prefix="hscore-fast-bench-", dir=place) as scratch:
        path = Path(scratch) / "features.npy"
        labels = data.make_labels(case.n_samples, case.n_classes)
        expected = _write(path, labels, case, progress)
        return _time(path, labels, expected, case, progress)


def _write(path: Path, labels: NDArray[np.int64], case: Case, progress: Progress) -> float:
    """Write the file and return its score."""
    stream = answers.Stream(case.n_features, case.n_classes)
    done = 0
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(case.dtype)),
        "fortran_order": False,
        "shape": (case.n_samples, case.n_features),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block, codes in data.blocks(labels, case.n_features, case.dtype):
            block.tofile(file)
            stream.add(block, codes)
            done += len(block)
            progress("writing the file and computing its answer", done / case.n_samples)
        file.flush()
        os.fsync(file.fileno())
    return stream.h_score()


def _time(
    path: Path, labels: NDArray[np.int64], expected: float, case: Case, progress: Progress
) -> Result:
    read_seconds = _read(path, progress)
    n_rows = min(_SYRK_ROWS, case.n_samples)
    available = machine.memory_available()
    with threadpool_limits(limits=case.threads):
        progress("timing SYRK on some of the rows", None)
        syrk = _syrk_seconds(open_array(path)[:n_rows])
        x = open_array(path)
        settle()
        with _watch(path.stat().st_size, progress) as anonymous:
            start = time.perf_counter()
            score = hscore_fast.h_score(x, labels, n_threads=case.threads)
            elapsed = time.perf_counter() - start
        progress("timing SYRK once more", None)
        syrk += _syrk_seconds(open_array(path)[:n_rows])
    predicted = statistics.median(syrk) * case.n_samples / n_rows
    mine = Measurement(1e-6, {1: elapsed})
    mine.see(abs(score - expected) / expected)
    rate = Measurement(1.0, {1: predicted})
    return Result(
        case,
        {OURS: mine, "syrk": rate},
        answer_by="dsyrk by blocks and Cholesky in float64",
        extra={
            "file_gb": path.stat().st_size / 1e9,
            "read_seconds": read_seconds,
            "memory_available_gb": None if available is None else available / 1e9,
            "syrk_rows": n_rows,
            "syrk_seconds": syrk,
            "anonymous_mb_before": None if anonymous is None else anonymous.before / 1e6,
            "anonymous_mb_peak": None if anonymous is None else anonymous.peak / 1e6,
        },
    )


def _read(path: Path, progress: Progress) -> float:
    """Read the whole file, so that it is in the page cache if it fits; return the seconds."""
    size, done = path.stat().st_size, 0
    buffer = bytearray(16 * 2**20)
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            done += count
            progress("reading the file into the page cache", done / size)
    return time.perf_counter() - start


def _syrk_seconds(rows: NDArray[Any]) -> list[float]:
    syrk = rivals.RankUpdate(rows)  # centres a copy, so the file is out of it
    syrk()
    found = []
    for _ in range(_SYRK_ROUNDS):
        settle()
        start = time.perf_counter()
        syrk()
        found.append(time.perf_counter() - start)
    return found


def _watch(file_size: int, progress: Progress) -> AbstractContextManager[memory.Anonymous | None]:
    """Follow the memory; the pages of the file in it tell how far the call has come."""
    before = memory.resident()
    if before is None:
        progress("scoring the file", None)

    def seen(now: memory.Resident) -> None:
        mapped = 0 if before is None else before.mapped
        progress("scoring the file", min(1.0, max(0, now.mapped - mapped) / file_size))

    return memory.watched(_SAMPLE_SECONDS, seen)
