"""Files that hold something else than one matrix, and addresses that name none."""

import numpy as np
import pytest
from oracles import make_problem

from hscore_fast import regularized_h_score
from hscore_fast.readers import open_array, open_source

X, Y = make_problem(60, 4, 3)


def test_tensors_inside_others(tmp_path):
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0).reshape(3, 2)
    torch.save({"epoch": 3, "layers": {"first": [x, x + 1]}}, tmp_path / "x.pt")
    np.testing.assert_array_equal(open_array(f"{tmp_path}/x.pt:layers.first.1"), x.numpy() + 1)
    with pytest.raises(ValueError, match=r"'layers\.first\.0', 'layers\.first\.1'"):
        open_array(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda torch, x: x.to_sparse(), "sparse or quantized tensor"),
        (lambda torch, x: x.to(torch.float8_e4m3fn), "float8_e4m3fn, which NumPy does not know"),
    ],
    ids=["sparse", "float8"],
)
def test_tensors_that_are_no_array(tmp_path, change, words):
    torch = pytest.importorskip("torch")
    torch.save(change(torch, torch.eye(3)), tmp_path / "x.pt")
    with pytest.raises(ValueError, match=words):
        open_array(tmp_path / "x.pt")


def test_a_zarr_store_of_one_array(tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.open_array(tmp_path / "x.zarr", mode="w", shape=X.shape, dtype=X.dtype)
    array[:] = X
    np.testing.assert_array_equal(open_array(tmp_path / "x.zarr"), X)
    with pytest.raises(ValueError, match=r"holds one array without a name.*'deep' was asked"):
        open_array(f"{tmp_path}/x.zarr:deep")


def test_a_zarr_store_that_is_a_file(tmp_path):
    (tmp_path / "x.zarr").write_bytes(b"zarr")
    with pytest.raises(ValueError, match=r"is not a folder, as a \.zarr store is"):
        open_array(tmp_path / "x.zarr")


def test_records_in_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
    with pytest.raises(ValueError, match="neither numbers nor text"):
        open_array(tmp_path / "x.h5")


def test_the_first_version_of_feather(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "x.feather").write_bytes(b"FEA1" + bytes(60) + b"FEA1")
    with pytest.raises(ValueError, match=r"first version of feather.*write_feather"):
        open_array(tmp_path / "x.feather")


def test_of_many_members_twenty_are_named(tmp_path):
    np.savez(tmp_path / "x.npz", **{f"layer{i:02}": X for i in range(25)})
    with pytest.raises(ValueError, match="'layer19' and 5 more"):
        open_array(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ([], ValueError, "list of files is empty"),
        (["x.npy", 3], TypeError, "an address must be a str or path-like, got int"),
    ],
)
def test_addresses_that_name_nothing(tmp_path, monkeypatch, address, error, words):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    with pytest.raises(error, match=words):
        open_source(address)


def test_numbers_do_not_stack(tmp_path):
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, np.float64(3))
    with pytest.raises(ValueError, match="holds a single number"):
        open_source([tmp_path / "a.npy", tmp_path / "b.npy"])


def test_a_source_says_what_it_is(tmp_path):
    np.save(tmp_path / "x.npy", X)
    source = open_source(tmp_path / "x.npy")
    assert repr(source).endswith("x.npy', shape (60, 4), float64>")
    source.check_rows(60)
    with pytest.raises(ValueError, match="says that it has 60 rows, 59 are there"):
        source.check_rows(59)


def test_a_streamed_matrix_whose_squares_overflow(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=X * 1e200)
    with pytest.raises(ValueError, match="squares overflow float64"):
        regularized_h_score(tmp_path / "x.npz", Y)
    assert np.isnan(regularized_h_score(tmp_path / "x.npz", Y, check_finite=False))
