"""Chunks of HDF5: plain ones are seen in the file, those packed by gzip are unpacked one by one."""

import zlib

import numpy as np
import pytest

from hscore_fast import h_score
from hscore_fast._files import limits
from hscore_fast._files.formats import hdf5
from hscore_fast.readers import open_source

h5py = pytest.importorskip("h5py")

X = np.random.default_rng(5).standard_normal((217, 12)).astype(np.float32)
Y = np.arange(217) % 4
EXPECTED = h_score(X, Y)


def write(path, chunks, data=X, **options):
    with h5py.File(path, "w", userblock_size=options.pop("userblock_size", 0)) as file:
        file.create_dataset("x", data=data, chunks=chunks, **options)
    return str(path)


def is_seen(path):
    return type(open_source(path)) is hdf5._Chunks


def is_unpacked(path):
    return type(open_source(path)) is hdf5._PackedChunks


def check_read(path, data):
    assert h_score(path, Y) == pytest.approx(h_score(data, Y), rel=1e-12)
    source = open_source(path)
    assert np.array_equal(source.read(), data)
    for rows in (1, 60, 1000):
        assert sum(map(len, source.matrices(rows))) == len(data)
        blocks = list(source.blocks(rows))
        assert max(map(len, blocks)) <= rows
        assert np.array_equal(np.concatenate(blocks), data)


@pytest.mark.parametrize("large", [1, 1 << 20])
@pytest.mark.parametrize("chunks", [(217, 12), (64, 12), (217, 5), (50, 5), (1, 12), (7, 1)])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2"])
def test_matrices_are_the_array(tmp_path, monkeypatch, chunks, dtype, large):
    monkeypatch.setattr(limits, "LARGE_PIECE_BYTES", large)
    data = (100 * X).astype(dtype)
    path = write(tmp_path / "x.h5", chunks, data)
    assert is_seen(path)
    check_read(path, data)


def test_chunks_of_rows_that_follow_each_other_are_one_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LARGE_PIECE_BYTES", 20 * 12 * 4)
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        rows = file.create_dataset("x", X.shape, np.float32, chunks=(20, 12))
        rows[:60] = X[:60]
        rows[100:] = X[100:]  # their chunks come before those of the rows between
        rows[60:100] = X[60:100]
    source = open_source(str(path))
    assert [len(block) for block in source.matrices(1000)] == [60, 40, 117]
    assert [len(block) for block in source.matrices(50)] == [50, 10, 40, 50, 50, 17]
    assert h_score(str(path), Y) == pytest.approx(EXPECTED, rel=1e-12)
    monkeypatch.setattr(limits, "LARGE_PIECE_BYTES", 1 << 20)
    assert [len(block) for block in source.matrices(50)] == [40, 40, 40, 40, 40, 17]
    assert h_score(str(path), Y) == pytest.approx(EXPECTED, rel=1e-12)


@pytest.mark.parametrize(("most", "seen"), [(15, True), (14, False)])
def test_so_many_chunks_that_they_are_not_seen_as_a_whole(tmp_path, monkeypatch, most, seen):
    monkeypatch.setattr(limits, "MOST_PIECES", most)
    path = write(tmp_path / "x.h5", (50, 5))
    assert (open_source(path).mapped is not None) == seen
    assert h_score(path, Y) == pytest.approx(EXPECTED, rel=1e-12)


def test_chunks_that_are_not_as_in_memory_are_read(tmp_path):
    for options in ({"compression": "lzf"}, {"shuffle": True}, {"fletcher32": True}):
        path = write(tmp_path / "filtered.h5", (50, 5), **options)
        assert not is_seen(path)
        assert h_score(path, Y) == pytest.approx(EXPECTED, rel=1e-12)
    path = write(tmp_path / "user.h5", (50, 5), userblock_size=512)
    assert not is_seen(path)
    assert h_score(path, Y) == pytest.approx(EXPECTED, rel=1e-12)


def test_rows_that_were_appended(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        rows = file.create_dataset("x", (0, 12), np.float32, maxshape=(None, 12), chunks=(32, 12))
        other = file.create_dataset("other", (0,), np.float32, maxshape=(None,), chunks=(5,))
        for start in range(0, len(X), 20):
            part = X[start : start + 20]
            rows.resize(start + len(part), axis=0)
            rows[start:] = part
            other.resize(start + 20, axis=0)
            other[start:] = 1
    assert is_seen(f"{path}:x")
    assert h_score(f"{path}:x", Y) == pytest.approx(EXPECTED, rel=1e-12)


def test_a_chunk_that_was_never_written_is_the_fill_value(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", X.shape, np.float32, chunks=(50, 12), fillvalue=0)
        x[50:] = X[50:]
    assert not is_seen(str(path))
    expected = X.copy()
    expected[:50] = 0
    assert h_score(str(path), Y) == pytest.approx(h_score(expected, Y), rel=1e-12)


def test_so_many_chunks_that_their_places_would_take_memory_are_read(tmp_path, monkeypatch):
    path = write(tmp_path / "x.h5", (50, 5))
    monkeypatch.setattr(limits, "MOST_CHUNKS", 14)
    assert not is_seen(path)
    assert h_score(path, Y) == pytest.approx(EXPECTED, rel=1e-12)


@pytest.fixture
def any_size(monkeypatch):
    monkeypatch.setattr(limits, "LEAST_PACKED_BYTES", 1)


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("chunks", [(217, 12), (64, 12), (217, 5), (50, 5), (1, 12), (7, 1)])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2"])
def test_packed_chunks_are_the_array(tmp_path, chunks, dtype, shuffle):
    data = (100 * X).astype(dtype)
    path = write(tmp_path / "x.h5", chunks, data, compression="gzip", shuffle=shuffle)
    assert is_unpacked(path)
    check_read(path, data)


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("options", [{"compression": "lzf"}, {"fletcher32": True}])
def test_chunks_that_went_through_more_are_left_to_hdf5(tmp_path, options):
    path = write(tmp_path / "x.h5", (50, 5), **{"compression": "gzip", **options})
    assert not is_unpacked(path)
    assert h_score(path, Y) == pytest.approx(EXPECTED, rel=1e-12)


def test_small_packed_chunks_are_left_to_hdf5(tmp_path):
    path = write(tmp_path / "x.h5", (50, 5), compression="gzip")
    assert not is_unpacked(path)
    assert h_score(path, Y) == pytest.approx(EXPECTED, rel=1e-12)


@pytest.mark.usefixtures("any_size")
def test_a_chunk_that_was_spared_a_filter(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        rows = file.create_dataset("x", data=X, chunks=(50, 12), compression="gzip")
        rows.id.write_direct_chunk((50, 0), (2 * X[50:100]).tobytes(), filter_mask=1)
    assert not is_unpacked(str(path))
    expected = X.copy()
    expected[50:100] *= 2
    assert h_score(str(path), Y) == pytest.approx(h_score(expected, Y), rel=1e-12)


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(
    "damage",
    [
        zlib.compress(X[:49].tobytes()),
        b"\x78\x9c\xff",
        zlib.compress(X[:50].tobytes() + b"more"),
    ],
)
def test_a_damaged_chunk(tmp_path, damage):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        rows = file.create_dataset("x", data=X, chunks=(50, 12), compression="gzip")
        rows.id.write_direct_chunk((50, 0), damage)
    with pytest.raises(
        ValueError, match=r"'.*x\.h5:/x' is truncated or damaged \(.*write it again"
    ):
        h_score(str(path), Y)
