"""Streams out of files: one block ahead, on one thread, which ends when its consumer does."""

import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from peak_memory import WATCH

from hscore_fast import h_score
from hscore_fast._files import limits
from hscore_fast._files.read_ahead import read_ahead
from hscore_fast.readers import read_moments


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "hscore_fast reader"]


class Blocks:
    """An iterator that says what happened to it."""

    def __init__(self, length: int, fails_at: int | None = None) -> None:
        self.length, self.fails_at = length, fails_at
        self.read = 0
        self.closed = False
        self.threads: set[str] = set()

    def __iter__(self):
        return self

    def __next__(self) -> int:
        self.threads.add(threading.current_thread().name)
        if self.read == self.fails_at:
            raise OSError("the disk is gone")
        if self.read == self.length:
            raise StopIteration
        self.read += 1
        return self.read - 1

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("length", [0, 1, 2, 50])
def test_all_items_in_order_from_another_thread(length) -> None:
    blocks = Blocks(length)
    with closing(read_ahead(blocks)) as ahead:
        assert list(ahead) == list(range(length))
    assert blocks.threads == {"hscore_fast reader"}
    assert blocks.closed
    assert readers() == []


def test_reading_goes_on_while_an_item_is_used_but_only_one_ahead() -> None:
    blocks = Blocks(50)
    with closing(read_ahead(blocks)) as ahead:
        for item in ahead:
            deadline = time.monotonic() + 10
            while blocks.read < min(item + 2, 50) and time.monotonic() < deadline:
                time.sleep(0.001)
            assert blocks.read == min(item + 2, 50)
            if item < 3:
                time.sleep(0.02)
                assert blocks.read == item + 2


@pytest.mark.parametrize("fails_at", [0, 1, 7])
def test_an_exception_reaches_the_consumer_after_what_was_read(fails_at) -> None:
    blocks = Blocks(50, fails_at)
    seen = []
    with pytest.raises(OSError, match="disk is gone"), closing(read_ahead(blocks)) as ahead:
        seen.extend(ahead)
    assert blocks.closed
    assert readers() == []


@pytest.mark.parametrize("stops_at", [0, 1, 5])
def test_the_thread_ends_with_an_early_consumer(stops_at) -> None:
    blocks = Blocks(50)
    with closing(read_ahead(blocks)) as ahead:
        for item in ahead:
            if item == stops_at:
                break
    assert blocks.closed
    assert readers() == []
    assert blocks.read <= stops_at + 3


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_thread_ends_when_the_consumer_fails(error) -> None:
    blocks = Blocks(50)

    def consume() -> None:
        with closing(read_ahead(blocks)) as ahead:
            next(ahead)
            raise error

    with pytest.raises(error):
        consume()
    assert blocks.closed
    assert readers() == []


def chunked(path: Path, x: np.ndarray) -> str:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=x, chunks=(100, x.shape[1]))
    return f"{path}:x"


def test_a_damaged_chunk_reaches_the_caller(tmp_path, monkeypatch) -> None:
    h5py = pytest.importorskip("h5py")
    monkeypatch.setattr(limits, "BLOCK_BYTES", 100 * 8 * 8)
    x = np.random.default_rng(0).normal(size=(1000, 8))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("x", data=x, chunks=(100, 8), compression="gzip")
        info = dataset.id.get_chunk_info(7)
    with (tmp_path / "x.h5").open("r+b") as file:
        file.seek(info.byte_offset)
        file.write(b"\xff" * info.size)
    done = []
    with pytest.raises(ValueError, match=r"x\.h5' is truncated, damaged or no HDF5 file"):
        read_moments(tmp_path / "x.h5", np.arange(1000) % 3, progress=lambda n, _: done.append(n))
    assert done[-1] == 700
    assert readers() == []


def test_an_exception_of_the_progress_function_ends_the_thread(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 100 * 8 * 8)
    address = chunked(tmp_path / "x.h5", np.random.default_rng(0).normal(size=(1000, 8)))

    def progress(done: int, rows: int) -> None:
        if done >= 300:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        read_moments(address, np.arange(1000) % 3, progress=progress)
    assert readers() == []


@pytest.mark.parametrize("width", [3, 700])
def test_wide_and_narrow_streams_are_the_call(tmp_path, width) -> None:
    x = np.random.default_rng(0).normal(size=(2003, width)) + 1e6
    y = np.arange(2003) % 5
    address = chunked(tmp_path / "x.h5", x)
    assert h_score(address, y) == pytest.approx(h_score(x, y, precision="float64"), rel=1e-11)


INTERRUPTED = """
import signal, threading, time
import numpy as np
from hscore_fast.readers import Source, read_moments

class Endless(Source):
    closed = False
    def blocks(self, n_rows):
        try:
            while True:
                time.sleep(0.01)
                yield np.ones((1, 2))
        finally:
            Endless.closed = True

source = Endless("endless", (10**7, 2), np.dtype(float))
labels = np.zeros(10**7, np.int8)
begun = threading.Event()
print("ready", flush=True)
try:
    read_moments(source, labels, progress=lambda *_: print("going", flush=True))
except KeyboardInterrupt:
    assert Endless.closed
    alive = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    print("interrupted", alive)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.timeout(60)
def test_an_interrupt_ends_stream_and_thread(tmp_path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        for expected in ("ready", "going", "going"):
            assert process.stdout.readline().strip() == expected
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read().splitlines()
        assert time.monotonic() - begin < 10
        assert process.wait() == 0
    assert rest[-1] == "interrupted []"


MEMORY = WATCH + "print(growth(lambda: hscore_fast.h_score(sys.argv[1], sys.argv[2])))"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's account of it")
@pytest.mark.parametrize("kind", ["npy", "npz", "h5", "parquet", "arrow", "safetensors"])
def test_a_file_larger_than_the_memory_it_takes(tmp_path, kind) -> None:
    """600 MB of features in less than 250 MB: two blocks of 16 MB, the library and its buffers.

    Parquet's are a page of each column, up to 1 MB by its writer, here 125 of them. What is slow to
    compress is half as much in 150 MB.
    """
    n_blocks = 600 if kind == "npz" else 1200
    shape = (n_blocks * 1000, 125)
    x = np.broadcast_to(
        np.random.default_rng(0).integers(0, 99, (1000, 125)).astype("f4"), (n_blocks, 1000, 125)
    )
    path = tmp_path / f"x.{kind}"
    if kind == "npy":
        np.save(path, x.reshape(shape))
    elif kind == "npz":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("x.npy", "w", force_zip64=True) as file,
        ):
            np.lib.format.write_array(file, x.reshape(shape))
    elif kind == "h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            dataset = file.create_dataset("x", shape, "f4", chunks=(5000, 125))
            for start in range(0, shape[0], 100_000):
                dataset[start : start + 100_000] = x[:100].reshape(-1, 125)
    elif kind == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file({"x": x.reshape(shape)}, path)
    else:
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        block = x[:100].reshape(-1, 125)
        table = pa.table({f"f{j}": block[:, j] for j in range(125)})
        if kind == "parquet":  # one group of rows, as most files have
            whole = pa.concat_tables([table] * 12)
            parquet.write_table(whole, path, row_group_size=shape[0], use_dictionary=False)
        else:
            with pa.ipc.new_file(path, table.schema) as file:
                for _ in range(12):
                    file.write_table(table)
    np.save(tmp_path / "y.npy", (np.arange(shape[0]) % 7).astype(np.int8))
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path), str(tmp_path / "y.npy")],
        cwd=tmp_path,
        timeout=120,
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(run.stdout) < {"parquet": 400, "npz": 150}.get(kind, 250) << 20
