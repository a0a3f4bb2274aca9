"""Zeros that nobody wrote, and files that cannot be unpacked, are said and not scored."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from hscore_fast import Moments, UnwrittenRowsWarning, h_score
from hscore_fast.readers import open_array

pytestmark = pytest.mark.timeout(100)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2000, 5)).astype(np.float32)
Y = np.arange(2000) % 3


@pytest.mark.parametrize("kind", ["npy", "h5", "h5 gzip", "h5 chunks", "two files"])
def test_zeros_at_the_end_are_warned_of(kind: str, tmp_path: Path) -> None:
    for filled, told in ((2000, False), (1950, False), (1900, True), (900, True)):
        x = X.copy()
        x[filled:] = 0
        if kind in ("npy", "two files"):
            address = str(tmp_path / f"{filled}.npy")
            np.save(address, x)
            if kind == "two files":
                np.save(tmp_path / "last.npy", X[:10])
                address = [Path(address), tmp_path / "last.npy"]
        else:
            h5py = pytest.importorskip("h5py")
            address = str(tmp_path / f"{filled}.h5")
            options = {
                "h5": {},
                "h5 gzip": {"chunks": (200, 5), "compression": "gzip"},
                "h5 chunks": {"chunks": (200, 3)},
            }[kind]
            with h5py.File(address, "w") as file:
                file.create_dataset("x", data=x, **options)
        labels = np.append(Y, Y[:10]) if kind == "two files" else Y
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            h_score(address, labels)
        found = [warning for warning in caught if warning.category is UnwrittenRowsWarning]
        assert len(found) == told
        assert all(warning.filename == __file__ for warning in found)


def test_zeros_within_and_a_few_at_the_end_are_data(tmp_path: Path) -> None:
    x = X.copy()
    x[:1900], x[1950:] = 0, 0
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "empty.npy", x[:0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnwrittenRowsWarning)
        h_score(tmp_path / "x.npy", Y)
        with pytest.raises(ValueError, match="at least 2 rows"):
            h_score(tmp_path / "empty.npy", [])


def test_chunks_that_were_never_written_are_an_error(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        half = file.create_dataset("half", X.shape, "f4", chunks=(100, 5))
        half[:1000] = X[:1000]
        packed = file.create_dataset("packed", X.shape, "f4", chunks=(100, 5), compression="gzip")
        packed[100:] = X[100:]
        file.create_dataset("nothing", X.shape, "f4")
        grown = file.create_dataset("grown", (1000, 5), "f4", chunks=(100, 5), maxshape=(None, 5))
        grown[:] = X[:1000]
        grown.resize(2000, 0)
        meant = file.create_dataset("meant", X.shape, "f4", chunks=(100, 5), fillvalue=0)
        meant[1000:] = X[1000:]
        full = file.create_dataset("full", X.shape, "f4", chunks=(300, 2))
        full[:] = X
    for name, reason in {
        "half": "10 of its 20 chunks were never written",
        "packed": "1 of its 20 chunks",
        "nothing": "nothing of it was ever written",
        "grown": "10 of its 20 chunks",
    }.items():
        with pytest.raises(ValueError, match=rf"x\.h5:/{name}' is incomplete: {reason}"):
            h_score(f"{tmp_path}/x.h5:{name}", Y)
    np.testing.assert_array_equal(open_array(f"{tmp_path}/x.h5:full"), X)
    np.testing.assert_array_equal(open_array(f"{tmp_path}/x.h5:meant")[1000:], X[1000:])


def test_a_filter_that_is_missing_is_named(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    stored = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    stored.set_chunk((100, 5))
    stored.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (2, 2, 4, 2000, 5, 1, 0))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        space = h5py.h5s.create_simple(X.shape)
        dataset = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, stored)
        h5py.Dataset(dataset)[:] = X
    if h5py.h5z.filter_avail(32001):
        pytest.skip("this HDF5 has Blosc")
    with pytest.raises(ValueError, match=r"filter 32001.*pip install hdf5plugin"):
        h_score(tmp_path / "x.h5", Y)


def test_values_of_no_bytes_are_refused(tmp_path: Path) -> None:
    for dtype in ("<U0", "S0", "V0"):
        path = tmp_path / "x.npy"
        with path.open("wb") as file:
            header = {"descr": dtype, "fortran_order": False, "shape": (240_000_000,)}
            np.lib.format.write_array_header_1_0(file, header)
        with pytest.raises(ValueError, match=r"x\.npy' has values of no bytes"):
            h_score(X, path)


def test_label_files_are_compared_before_they_are_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file.create_dataset("y", (10**12,), "i8", chunks=(1000,), fillvalue=0)
    with pytest.raises(ValueError, match="got 1000000000000 labels for 2000 rows"):
        h_score(X, f"{tmp_path}/y.h5:y")


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
import numpy as np
from hscore_fast import h_score
"""


@pytest.mark.skipif(os.name == "nt", reason="no such limit there")
@pytest.mark.parametrize("kind", ["list", "csv"])
def test_a_long_label_takes_its_own_room_only(kind: str, tmp_path: Path) -> None:
    words = "['l' * 100_000] + ['a', 'b'] * 20_000"
    labels = words
    if kind == "csv":
        labels = "'y.csv'"
    script = f"""{LIMITED}
words = {words}
with open("y.csv", "w") as file:
    file.write("\\n".join(words))
x = np.arange(2.0 * len(words)).reshape(-1, 2)
print(h_score(x, {labels}, n_threads=1))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-1000:]


def test_a_block_names_the_row_of_the_data() -> None:
    x = X.copy()
    x[1703, 2] = np.nan
    blocks = ((x[i : i + 500], Y[i : i + 500]) for i in range(0, 2000, 500))
    with pytest.raises(ValueError, match="in row 1703, column 2"):
        Moments.from_blocks(blocks)
    da = pytest.importorskip("dask.array")
    import hscore_fast.dask

    for labels in (Y, da.from_array(Y, chunks=500)):
        with pytest.raises(ValueError, match="in row 1703, column 2"):
            hscore_fast.dask.h_score(da.from_array(x, chunks=(500, 5)), labels)


def test_dates_of_different_units_are_refused() -> None:
    month, day = np.datetime64("2020-01"), np.datetime64("2020-01-01")
    with pytest.raises(ValueError, match=r"dates of different units \(D, M\)"):
        h_score(X[:4], [month, day, month, day])
    assert h_score(X[:4, :1], [day, day + 1, day, day + 1]) >= 0


def test_lists_beyond_their_values_are_refused(tmp_path: Path) -> None:
    """pyarrow ends the process when it is asked for them."""
    pa = pytest.importorskip("pyarrow")
    offsets = np.array([0, 2, 10**6, 6], np.int32)
    values = [pa.array(np.arange(6.0))]
    column = pa.Array.from_buffers(
        pa.list_(pa.float64()),
        3,
        [None, pa.py_buffer(offsets)],
        children=values,
    )
    table = pa.RecordBatch.from_arrays([column], ["x"])
    with pa.ipc.new_file(tmp_path / "x.arrow", table.schema) as file:
        file.write_batch(table)
    for address in (tmp_path / "x.arrow", f"{tmp_path}/x.arrow:x"):
        with pytest.raises(ValueError, match=r"x\.arrow.* is truncated or damaged"):
            h_score(address, [0, 1, 0])
