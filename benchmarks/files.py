"""Every file format against the array in memory: `python benchmarks/files.py`.

Features of one shape are written in each format and scored from the file and from memory, in
turns, in one process for each precision; the first round does not count. Speed is relative to the
array in memory, the median over the rounds: 1 means as fast. The files are in the page cache and
the libraries imported, so that what is compared is decoding and copying. Processor seconds are per
GB of float32 features and of all threads together, the least of all rounds; "bare" is decoding
alone, or touching each page of what is mapped. "at most" is the speed if the processors did nothing
but decode and compute, both perfectly shared; with fewer threads than processors, those to spare
decode beside, and it can be more. MB is the anonymous memory of one score from the file.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

CHUNK_ROWS = 4096


def draw(rows: int, features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw features that depend on each other a little, with means that differ by class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, rows)
    means = rng.standard_normal((classes, features), dtype=np.float32) * np.float32(0.2)
    x = np.empty((rows, features), np.float32)
    for first in range(0, rows, CHUNK_ROWS):
        block = x[first : first + CHUNK_ROWS]
        rng.standard_normal(out=block, dtype=np.float32)
        block += means[labels[first : first + CHUNK_ROWS]]
        block[:, 1:] += np.float32(0.5) * block[:, :-1]
    return x, labels


def blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """Cut an array into chunks."""
    for first in range(0, len(x), CHUNK_ROWS):
        yield x[first : first + CHUNK_ROWS]


def write_npy(path: Path, x: np.ndarray) -> None:
    """Write as NumPy does."""
    np.save(path, x)


def write_npz(path: Path, x: np.ndarray) -> None:
    """Write a compressed archive."""
    np.savez_compressed(path, x)


def write_stored_npz(path: Path, x: np.ndarray) -> None:
    """Write an archive that is not compressed."""
    np.savez(path, x)


def hdf5(chunk_rows: int | None = None, **options: object) -> Callable[[Path, np.ndarray], None]:
    """Write a dataset."""

    def write(path: Path, x: np.ndarray) -> None:
        import h5py

        if chunk_rows is not None:
            options["chunks"] = (chunk_rows, x.shape[1])
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=x, **options)

    return write


def arrow(compression: str) -> Callable[[Path, np.ndarray], None]:
    """Write a table with a column for each feature."""

    def write(path: Path, x: np.ndarray) -> None:
        import pyarrow as pa
        from pyarrow import feather

        feather.write_feather(
            pa.table({f"f{j}": np.ascontiguousarray(column) for j, column in enumerate(x.T)}),
            path,
            compression=compression,
        )

    return write


def parquet(lists: bool = False, **options: object) -> Callable[[Path, np.ndarray], None]:
    """Write a table, a column for each feature or one of lists."""

    def write(path: Path, x: np.ndarray) -> None:
        import pyarrow as pa
        from pyarrow import parquet as pq

        if lists:
            values = pa.FixedSizeListArray.from_arrays(x.ravel(), x.shape[1])
            table = pa.table({"features": values})
        else:
            table = pa.table({f"f{j}": np.ascontiguousarray(c) for j, c in enumerate(x.T)})
        pq.write_table(table, path, **options)

    return write


def write_safetensors(path: Path, x: np.ndarray) -> None:
    """Write one tensor."""
    from safetensors.numpy import save_file

    save_file({"x": x}, path)


def write_bfloat16(path: Path, x: np.ndarray) -> None:
    """Write one tensor of half the size."""
    import torch
    from safetensors.torch import save_file

    save_file({"x": torch.from_numpy(x).to(torch.bfloat16)}, path)


def write_zarr(path: Path, x: np.ndarray) -> None:
    """Write chunks of rows, compressed as zarr does by default."""
    import zarr

    zarr.create_array(path, data=x, chunks=(CHUNK_ROWS, x.shape[1]))


def write_pt(path: Path, x: np.ndarray) -> None:
    """Write one tensor."""
    import torch

    torch.save(torch.from_numpy(x), path)


FORMATS = {
    "npy": ("x.npy", write_npy),
    "npz": ("x.npz", write_stored_npz),
    "npz, compressed": ("x.npz", write_npz),
    "hdf5": ("x.h5", hdf5()),
    "hdf5, chunks": ("x.h5", hdf5(chunks=True)),
    "hdf5, chunks of rows": ("x.h5", hdf5(chunk_rows=64)),
    "hdf5, gzip": ("x.h5", hdf5(chunk_rows=64, compression="gzip", shuffle=True)),
    "hdf5, lzf": ("x.h5", hdf5(chunk_rows=64, compression="lzf")),
    "parquet": ("x.parquet", parquet()),
    "parquet, no dictionary": ("x.parquet", parquet(use_dictionary=False)),
    "parquet, plain": ("x.parquet", parquet(use_dictionary=False, compression="none")),
    "parquet, plain, small pages": (
        "x.parquet",
        parquet(use_dictionary=False, compression="none", data_page_size=65536),
    ),
    "parquet, lists, plain": (
        "x.parquet",
        parquet(lists=True, use_dictionary=False, compression="none"),
    ),
    "arrow": ("x.arrow", arrow("uncompressed")),
    "feather, lz4": ("x.feather", arrow("lz4")),
    "safetensors": ("x.safetensors", write_safetensors),
    "safetensors, bfloat16": ("x.safetensors", write_bfloat16),
    "zarr": ("x.zarr", write_zarr),
    "pt": ("x.pt", write_pt),
}

# What each process does: `what` is "bare", "memory", or the precision of scores.
WORK = """
import json, sys, time
import numpy as np
from hscore_fast import h_score
from hscore_fast.bench.memory import watched
from hscore_fast.readers import open_source
from hscore_fast._files.source import block_rows

path, labels, array, what, threads, rounds = sys.argv[1:]
labels = np.load(labels)
threads, rounds = int(threads), int(rounds)

def decode():
    source = open_source(path)
    if source.mapped is None:
        for block in source.matrices(block_rows(source)):
            del block
    else:
        np.memmap(path, np.uint8, "r")[::4096].sum()  # a byte of each page

def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - cpu, result

small = np.random.default_rng(0).standard_normal((2000, 64))
h_score(small, np.arange(2000) % 3)
open_source(path)  # imports what reads the format
if what == "bare":
    print(json.dumps(min(timed(decode)[1] for _ in range(3))))
elif what == "memory":
    with watched(0.01) as anonymous:
        h_score(path, labels, n_threads=threads)
    print(json.dumps((anonymous.peak - anonymous.before) / 2**20))
else:
    turns = {"file": path, "array": np.load(array)}
    found = {key: [] for key in turns}
    for _ in range(rounds + 1):
        for key, features in turns.items():
            score = lambda: h_score(features, labels, precision=what, n_threads=threads)
            found[key].append(timed(score))
    print(json.dumps({key: results[1:] for key, results in found.items()}))
"""


def measure(path: Path, labels: Path, array: Path, threads: int, rounds: int) -> dict[str, Any]:
    """Do each thing in a process of its own."""
    found = {}
    for what in ("bare", "memory", "auto", "float64"):
        arguments = [*map(str, (path, labels, array)), what, str(threads), str(rounds)]
        command = [sys.executable, "-c", WORK, *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[what] = json.loads(done.stdout)
    return found


def row(name: str, found: dict[str, Any], gb: float) -> str:
    """Write a row of the table."""

    def cpu(precision: str, where: str) -> float:
        return min(seconds for _, seconds, _ in found[precision][where]) / gb

    def speed(precision: str) -> float:
        pairs = zip(found[precision]["array"], found[precision]["file"], strict=True)
        return median(array[0] / file[0] for array, file in pairs)

    # What was rounded to bfloat16 has a score of its own.
    exact = found["float64"]["file" if "bfloat16" in name else "array"][0][2]
    bare, in_memory = found["bare"] / gb, cpu("auto", "array")
    cells = [
        name,
        *(f"{seconds:.2f}" for seconds in (bare, cpu("auto", "file"), in_memory)),
        *(f"{cpu('float64', where):.2f}" for where in ("file", "array")),
        *(f"{speed(precision):.2f}" for precision in ("auto", "float64")),
        f"{in_memory / (in_memory + bare):.2f}",
        f"{found['memory']:.0f}",
        f"{abs(found['auto']['file'][0][2] - exact) / exact:.0e}",
    ]
    return f"| {' | '.join(cells)} |"


COLUMNS = (
    *("format", "bare", "auto", "in memory", "float64", "in memory"),
    *("speed", "of float64", "at most", "MB", "error"),
)
HEAD = f"\n| {' | '.join(COLUMNS)} |\n| ---{' | --:' * (len(COLUMNS) - 1)} |"


def main() -> None:
    """Write the files, unless they are there, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--gb", type=float, default=1.0, help="of float32 features")
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="0 writes the files only")
    parser.add_argument("--only", default="", help="formats whose name holds this")
    parser.add_argument("--folder", type=Path, help="where the files are kept, one size in each")
    given = parser.parse_args()
    rows = int(given.gb * 1e9 / 4 / given.features)
    gb = rows * given.features * 4 / 1e9
    shape = f"{rows:,} x {given.features:,}"
    print(f"{shape} float32, {given.classes} classes, {given.threads} threads; CPU s/GB")
    if given.rounds:
        print(HEAD)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(exist_ok=True)
        labels, memory = folder / "labels.npy", folder / "memory.npy"
        if not memory.exists():
            x, codes = draw(rows, given.features, given.classes)
            np.save(labels, codes)
            np.save(memory, x)
            del x
        for name, (file_name, write) in FORMATS.items():
            if given.only not in name:
                continue
            path = folder / name.replace(", ", "-").replace(" ", "-") / file_name
            if not path.exists():
                path.parent.mkdir()
                write(path, np.load(memory))
            if given.rounds:
                found = measure(path, labels, memory, given.threads, given.rounds)
                print(row(name, found, gb), flush=True)
            if given.folder is None:
                shutil.rmtree(path.parent)


if __name__ == "__main__":
    main()
