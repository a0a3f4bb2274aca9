"""Tables that are decoded a few columns at a time: the same values, little memory, nothing left."""

import errno
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from peak_memory import WATCH

from hscore_fast import h_score
from hscore_fast._files import limits
from hscore_fast._files.read_ahead import read_ahead
from hscore_fast.readers import open_array, open_source

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
feather = pytest.importorskip("pyarrow.feather")

tables = pytest.importorskip("hscore_fast._files.formats.arrow_tables")
scratch = pytest.importorskip("hscore_fast._files.scratch")

ROWS = 300
COLUMNS = {
    "f4": np.random.default_rng(0).standard_normal(ROWS).astype("f4"),
    "f2": np.arange(ROWS).astype("f2"),
    "f8": np.linspace(0, 1, ROWS) ** 2,
    "i2": np.arange(ROWS, dtype="i2") % 7,
    "?": np.arange(ROWS) % 3 == 0,
    **{str(j): np.random.default_rng(j).standard_normal(ROWS).astype("f4") for j in range(20)},
}
LABELS = np.arange(ROWS) % 4
ALL = pa.table({name: pa.array(column) for name, column in COLUMNS.items()})
X = np.column_stack(list(COLUMNS.values()))
NARROW = X.astype("f4")
LISTS = {
    "lists": pa.table({"x": pa.array(list(NARROW))}),
    "fixed": pa.table({"x": pa.FixedSizeListArray.from_arrays(NARROW.ravel(), X.shape[1])}),
}


def to_parquet(path, table):
    parquet.write_table(table, path, row_group_size=110)


def to_feather(path, table):
    feather.write_feather(table, path, compression="lz4", chunksize=110)


def to_arrow(make, path, table):
    """Batches of unequal lengths, two of them empty."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with make(path, table.schema, options=options) as file:
        for first, end in ((0, 0), (0, 50), (50, 51), (51, 51), (51, ROWS)):
            for batch in table.slice(first, end - first).combine_chunks().to_batches() or [
                pa.RecordBatch.from_pylist([], table.schema)
            ]:
                file.write_batch(batch)


FORMATS = {
    "x.parquet": to_parquet,
    "x.feather": to_feather,
    "file.arrow": partial(to_arrow, pa.ipc.new_file),
    "stream.arrow": partial(to_arrow, pa.ipc.new_stream),
}


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path):
    """A folder for temporary files alone; every table is too large for memory."""
    monkeypatch.setattr(limits, "MOST_HELD_BYTES", -1)
    monkeypatch.setattr(limits, "PART_BYTES", 2000)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def opened(path, **options):
    source = open_source(path, **options)
    assert source._units is not None
    return source


@pytest.mark.parametrize("n_rows", [1, 7, 100, 1000])
@pytest.mark.parametrize("name", FORMATS)
def test_columns_of_any_kind(tmp_path, name, n_rows) -> None:
    FORMATS[name](tmp_path / name, ALL)
    source = opened(tmp_path / name)
    blocks = list(source.blocks(n_rows))
    assert {len(block) for block in blocks} <= set(range(1, n_rows + 1))
    assert {block.dtype for block in blocks} == {source.dtype}
    np.testing.assert_array_equal(np.concatenate(blocks), X)
    matrices = list(source.matrices(n_rows))
    assert all(matrix.names == list(COLUMNS) for matrix in matrices)
    np.testing.assert_array_equal(np.concatenate([m.array for m in matrices]), X)
    assert h_score(tmp_path / name, LABELS) == pytest.approx(h_score(X, LABELS), rel=1e-12)


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("name", FORMATS)
def test_lists(tmp_path, name, kind) -> None:
    FORMATS[name](tmp_path / name, LISTS[kind])
    source = opened(tmp_path / name)
    np.testing.assert_array_equal(np.concatenate(list(source.blocks(37))), NARROW)
    np.testing.assert_array_equal(source.read(), NARROW)
    assert h_score(tmp_path / name, LABELS) == pytest.approx(h_score(NARROW, LABELS), rel=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_one_column(tmp_path, name) -> None:
    FORMATS[name](tmp_path / name, ALL.append_column("text", pa.array(["a", "b"] * (ROWS // 2))))
    for column in ("f4", "?"):
        np.testing.assert_array_equal(open_array(f"{tmp_path / name}:{column}"), COLUMNS[column])
    text = open_array(f"{tmp_path / name}:text")
    assert text.tolist() == ["a", "b"] * (ROWS // 2)
    left = opened(tmp_path / name, drop="3")
    assert left.shape == (ROWS, X.shape[1] - 1)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_refusals(tmp_path, name, monkeypatch) -> None:
    for kind, value in (("missing", None), ("NaN", float("nan"))):
        values = COLUMNS["7"].tolist()
        values[201] = value
        place = list(COLUMNS).index("7")
        column = pa.array(values, "f4", from_pandas=False)
        FORMATS[name](tmp_path / name, ALL.set_column(place, "7", column))
        with pytest.raises(ValueError, match=rf"{kind}|row 201") as columnwise:
            h_score(tmp_path / name, LABELS)
        with monkeypatch.context() as patch:
            patch.setattr(limits, "MOST_HELD_BYTES", 1 << 40)
            with pytest.raises(ValueError, match=rf"{kind}|row 201") as direct:
                h_score(tmp_path / name, LABELS)
        assert "'7'" in str(columnwise.value)
        assert str(columnwise.value) == str(direct.value)


@pytest.mark.parametrize("name", FORMATS)
def test_more_errors_than_threads(tmp_path, name) -> None:
    table = pa.table({str(j): pa.array([None, *range(ROWS - 1)], "f4") for j in range(50)})
    FORMATS[name](tmp_path / name, table)
    with pytest.raises(ValueError, match=r"missing values in column '0', the first in row 0"):
        h_score(tmp_path / name, LABELS)


@pytest.mark.parametrize("name", FORMATS)
def test_damage_in_the_middle(tmp_path, name, temporary) -> None:
    FORMATS[name](tmp_path / name, ALL)
    whole = (tmp_path / name).read_bytes()
    source = opened(tmp_path / name)
    for part in (4, 3, 2):
        middle = len(whole) // part
        (tmp_path / name).write_bytes(whole[:middle] + bytes(8000) + whole[middle + 8000 :])
        with pytest.raises(ValueError, match=rf"{name}' is truncated"):
            list(source.blocks(50))
    assert not os.listdir(temporary)


def test_other_rows_than_the_footer_says(tmp_path) -> None:
    """A file that is replaced while it is read."""
    to_feather(tmp_path / "x.feather", ALL)
    source = opened(tmp_path / "x.feather")
    for n_rows in (ROWS - 20, ROWS + 20):
        to_feather(
            tmp_path / "x.feather", pa.concat_tables([ALL, ALL]).combine_chunks().slice(0, n_rows)
        )
        with pytest.raises(ValueError, match=r"says that it has 300 rows"):
            list(source.blocks(50))


@pytest.mark.parametrize("how", ["at once", "byte by byte"])
def test_a_full_disk(tmp_path, monkeypatch, temporary, how) -> None:
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    to_parquet(tmp_path / "x.parquet", ALL)
    if how == "at once":
        monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    else:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
        small = type("Small", (io.BytesIO,), {"write": full})
        monkeypatch.setattr(tempfile, "TemporaryFile", small)
    with pytest.raises(OSError, match=r"x\.parquet' takes 2\.36e-05 GB of disk.*TMPDIR") as raised:
        h_score(tmp_path / "x.parquet", LABELS)
    assert raised.value.errno == errno.ENOSPC
    assert str(temporary) in str(raised.value)


@pytest.mark.parametrize("has", [True, False])
def test_a_disk_that_cannot_reserve(tmp_path, monkeypatch, has) -> None:
    def unable(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    if has:
        monkeypatch.setattr(os, "posix_fallocate", unable, raising=False)
    else:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(limits, "ZERO_BYTES", 1000)
    to_parquet(tmp_path / "x.parquet", ALL)
    np.testing.assert_array_equal(np.concatenate(list(opened(tmp_path / "x.parquet").blocks(9))), X)


@pytest.mark.parametrize("how", ["short", "not there"])
def test_what_a_write_leaves_is_written(tmp_path, monkeypatch, how) -> None:
    if how == "short":
        monkeypatch.setattr(os, "pwrite", lambda *_: 5, raising=False)
    else:
        monkeypatch.delattr(os, "pwrite", raising=False)
    to_parquet(tmp_path / "x.parquet", ALL)
    np.testing.assert_array_equal(np.concatenate(list(opened(tmp_path / "x.parquet").blocks(9))), X)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads Linux's list of mappings")
@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_left(tmp_path, name, temporary) -> None:
    def mapped():
        return Path("/proc/self/maps").read_text().count(str(temporary))

    FORMATS[name](tmp_path / name, ALL)
    with closing(opened(tmp_path / name).blocks(60)) as blocks:
        kept = next(blocks)
        assert mapped()
        assert not os.listdir(temporary)
    before = kept.copy()
    np.testing.assert_array_equal(kept, before)
    del kept
    assert not mapped()
    h_score(tmp_path / name, LABELS)
    assert not mapped()
    assert not os.listdir(temporary)


def test_space_is_used_again(tmp_path, monkeypatch) -> None:
    """Two files at a time: one is written while the last block of the other is worked on."""
    made = []
    reserve = scratch._reserve
    monkeypatch.setattr(scratch, "_reserve", lambda *given: made.append(1) or reserve(*given))
    feather.write_feather(ALL, tmp_path / "x.feather", compression="lz4", chunksize=20)
    with closing(read_ahead(opened(tmp_path / "x.feather").blocks(10))) as blocks:
        for start, block in zip(range(0, ROWS, 10), blocks, strict=True):
            np.testing.assert_array_equal(block, X[start : start + 10])
            del block
    assert len(made) == 2


def test_one_unit_is_decoded_once(tmp_path, monkeypatch, temporary) -> None:
    """The core reads a file again where the products' error has to be corrected."""
    parquet.write_table(ALL, tmp_path / "x.parquet")
    source = opened(tmp_path / "x.parquet")
    decoded = []
    decode = tables.Table._decode
    monkeypatch.setattr(
        tables.Table, "_decode", lambda *given, **more: decoded.append(1) or decode(*given, **more)
    )
    for n_rows, times in ((50, 1), (50, 1), (60, 2), (60, 2)):
        blocks = list(source.blocks(n_rows))
        np.testing.assert_array_equal(np.concatenate(blocks), X)
        assert len(decoded) == times * len(list(next(iter(source._units())).parts))
        with pytest.raises(ValueError, match="read-only"):
            blocks[0][0, 0] = 1
    to_parquet(tmp_path / "x.parquet", ALL)
    source = opened(tmp_path / "x.parquet")
    decoded.clear()
    for times in (1, 2):
        list(source.blocks(50))
        assert len(decoded) == times * sum(len(unit.parts) for unit in source._units())


def test_closing_ends_the_decoding() -> None:
    begun, go_on = [], threading.Event()

    def task():
        begun.append(1)
        go_on.wait(10)
        time.sleep(0.02)

    def blocks():
        yield 1
        scratch.run_all([task] * 50, 2)
        yield 2

    ahead = read_ahead(blocks())
    assert next(ahead) == 1
    while not begun:
        pass
    threading.Timer(0.2, go_on.set).start()
    ahead.close()
    assert len(begun) < 50


MEMORY = WATCH + "print(growth(lambda: hscore_fast.h_score(sys.argv[1], sys.argv[2])))"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's account of it")
@pytest.mark.parametrize("kind", ["parquet", "feather", "lists"])
def test_a_wide_table_takes_little_memory(tmp_path, kind) -> None:
    """Parquet's pages and dictionaries took 1 GB here, two of feather's batches 0.5 GB.

    One of lists must be decompressed whole: 0.27 GB.
    """
    shape = (65536, 1024)
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    path, labels = tmp_path / f"x.{kind}", tmp_path / "y.npy"
    if kind == "lists":
        path = tmp_path / "x.feather"
        table = pa.table({"x": pa.FixedSizeListArray.from_arrays(x.ravel(), shape[1])})
    else:
        table = pa.table({str(j): np.ascontiguousarray(x[:, j]) for j in range(shape[1])})
    if kind == "parquet":
        parquet.write_table(table, path)
    else:
        feather.write_feather(table, path, compression="lz4")
    np.save(labels, (np.arange(shape[0]) % 7).astype(np.int8))
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path), str(labels)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=120,
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(run.stdout) < (400 if kind == "lists" else 250) << 20
