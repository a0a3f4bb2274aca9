"""Files of every format that the readers know, written by each format's own library."""

from pathlib import Path

import numpy as np
import pytest


def write_npy(path, x):
    np.save(path, x)


def write_npz(path, x):
    np.savez(path, features=x, other=x[:1])


def write_npz_compressed(path, x):
    np.savez_compressed(path, features=x, other=x[:1])


def write_hdf5(path, x):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["other"] = [1, 2]
        file.create_dataset("deep/features", data=x)


def write_hdf5_chunked(path, x, chunks=(50, 3), compression="gzip"):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["other"] = [1, 2]
        file.create_dataset("deep/features", data=x, chunks=chunks, compression=compression)


def table(x):
    pa = pytest.importorskip("pyarrow")
    return pa.table({f"f{j}": column for j, column in enumerate(x.T)})


def lists(x):
    pa = pytest.importorskip("pyarrow")
    return pa.table({"name": ["n"] * len(x), "features": x.tolist()})


def fixed_lists(x):
    pa = pytest.importorskip("pyarrow")
    values = pa.FixedSizeListArray.from_arrays(x.ravel(), x.shape[1])
    return pa.table({"name": ["n"] * len(x), "features": values})


def write_parquet(path, x, make=table):
    pytest.importorskip("pyarrow.parquet").write_table(make(x), path, row_group_size=100)


def write_arrow(path, x, make=table, compression="uncompressed"):
    feather = pytest.importorskip("pyarrow.feather")
    feather.write_feather(make(x), path, compression=compression, chunksize=100)


def write_arrow_stream(path, x):
    pa = pytest.importorskip("pyarrow")
    with pa.ipc.new_stream(path, table(x).schema) as stream:
        stream.write_table(table(x), max_chunksize=90)


def write_safetensors(path, x):
    pytest.importorskip("safetensors.numpy").save_file({"features": x, "other": x[:1]}, path)


def write_zarr(path, x):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w")
    group.create_array("deep/features", data=x, chunks=(50, 3))
    group.create_array("other", data=x[0])


def write_pt(path, x):
    torch = pytest.importorskip("torch")
    torch.save({"deep": {"features": torch.from_numpy(x)}, "other": torch.zeros(3)}, path)


FORMATS = {
    "npy": (write_npy, "x.npy", ""),
    "npz": (write_npz, "x.npz", ":features"),
    "npz compressed": (write_npz_compressed, "x.npz", ":features"),
    "hdf5": (write_hdf5, "x.h5", ":/deep/features"),
    "hdf5 chunked": (write_hdf5_chunked, "x.HDF5", ":deep/features"),
    "hdf5 plain chunks": (
        lambda p, x: write_hdf5_chunked(p, x, compression=None),
        "x.h5",
        ":deep/features",
    ),
    "hdf5 chunks of rows": (
        lambda p, x: write_hdf5_chunked(p, x, (70, x.shape[1]), None),
        "x.h5",
        ":deep/features",
    ),
    "parquet": (write_parquet, "x.parquet", ""),
    "parquet lists": (lambda p, x: write_parquet(p, x, lists), "x.parquet", ":features"),
    "parquet fixed": (lambda p, x: write_parquet(p, x, fixed_lists), "x.parquet", ""),
    "arrow": (write_arrow, "x.arrow", ""),
    "arrow stream": (write_arrow_stream, "x.arrow", ""),
    "feather": (lambda p, x: write_arrow(p, x, lists, "lz4"), "x.feather", ":features"),
    "safetensors": (write_safetensors, "x.safetensors", ":features"),
    "zarr": (write_zarr, "x.zarr", ":deep/features"),
    "pt": (write_pt, "x.pt", ":deep.features"),
}
MAPPED = {"npy", "npz", "hdf5", "hdf5 plain chunks", "arrow", "arrow stream", "safetensors", "pt"}
MEMBERS = [kind for kind, (_, _, member) in FORMATS.items() if member]


def written(folder: Path, kind: str, x: np.ndarray) -> str:
    write, name, member = FORMATS[kind]
    write(folder / name, x)
    return f"{folder / name}{member}"
