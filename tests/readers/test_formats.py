"""Each file format gives the same score as the array in memory, and one clear error otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracles import make_problem
from written_files import (
    FORMATS,
    MAPPED,
    MEMBERS,
    write_hdf5,
    write_parquet,
    write_pt,
    write_safetensors,
    write_zarr,
    written,
)

from hscore_fast import adjusted_h_score, chance_level, evaluate, h_score, regularized_h_score
from hscore_fast._files import limits
from hscore_fast.readers import open_array, open_source, read_moments

ROWS, COLUMNS = 307, 7


@pytest.fixture(params=FORMATS)
def kind(request):
    return request.param


@pytest.fixture
def small_blocks(monkeypatch):
    """Cut these small files into many blocks."""
    monkeypatch.setattr(limits, "BLOCK_BYTES", 40 * COLUMNS * 4)


@pytest.fixture(scope="module")
def problem():
    x, y = make_problem(ROWS, COLUMNS, 4)
    return x.astype(np.float32), y


@pytest.mark.usefixtures("small_blocks")
def test_the_same_scores_as_in_memory(tmp_path, kind, problem) -> None:
    x, y = problem
    address = written(tmp_path, kind, x)
    np.save(tmp_path / "y.npy", y)
    labels = tmp_path / "y.npy"
    assert h_score(address, labels) == pytest.approx(h_score(x, y), rel=1e-12)
    assert regularized_h_score(address, y) == pytest.approx(regularized_h_score(x, y), rel=1e-12)
    assert adjusted_h_score(address, str(labels)) == pytest.approx(
        adjusted_h_score(x, y), rel=1e-12
    )
    assert chance_level(address, y) == chance_level(x, y)
    moments = read_moments(address, y)
    assert (moments.n_samples, moments.n_features) == x.shape
    assert sorted(moments.classes) == sorted(set(y.tolist()))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "i8", "?"])
def test_what_was_written_is_read(tmp_path, kind, dtype) -> None:
    if dtype == "f2" and kind.startswith("parquet fixed"):
        pytest.skip("pyarrow has no such column")
    x = (np.random.default_rng(0).normal(size=(ROWS, COLUMNS)) * 3).astype("f4")
    x = np.abs(x).astype(dtype)
    address = written(tmp_path, kind, x)
    source = open_source(address)
    assert source.shape == x.shape
    # A list's values come from Python's numbers, which know one width.
    if "lists" not in kind and kind != "feather":
        assert source.dtype == x.dtype
    bits = dtype == "?" and (
        "arrow" in kind or kind in {"hdf5", "hdf5 plain chunks"}
    )  # not as memory has them
    assert (source.mapped is not None) == (kind in MAPPED and not bits)
    blocks = list(source.blocks(64))
    assert max(map(len, blocks)) <= 64
    np.testing.assert_array_equal(np.concatenate(blocks), x)
    opened = open_array(address)
    np.testing.assert_array_equal(opened, x)
    assert not opened.flags.writeable


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_missing_member_lists_the_known(tmp_path, kind, problem) -> None:
    address = written(tmp_path, kind, problem[0])
    head, _, member = address.rpartition(":")
    with pytest.raises(ValueError, match=f"has no .* '/?nothing'; it holds .*{member[-8:]}"):
        h_score(f"{head}:nothing", problem[1])


@pytest.mark.parametrize("kind", [k for k in MEMBERS if k not in ("parquet lists", "feather")])
def test_several_members_and_no_name(tmp_path, kind, problem) -> None:
    address = written(tmp_path, kind, problem[0])
    with pytest.raises(ValueError, match=r"holds .*features.*; say which .*as in"):
        h_score(address.rpartition(":")[0], problem[1])


def test_missing_file(tmp_path, kind, problem) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: '.*'; check the path"):
        h_score(tmp_path / FORMATS[kind][1], problem[1])


def test_wrong_length(tmp_path, kind, problem, monkeypatch) -> None:
    address = written(tmp_path, kind, problem[0])
    message = f"one entry per row of features, got {ROWS - 1} labels for {ROWS} rows"
    monkeypatch.setattr("hscore_fast._moments.moments.Moments.update", None)  # before any work
    with pytest.raises(ValueError, match=message):
        h_score(address, problem[1][1:])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", [k for k in FORMATS if k not in ("zarr", "arrow stream")])
def test_truncated(tmp_path, kind, problem, share) -> None:
    address = written(tmp_path, kind, problem[0])
    path = tmp_path / FORMATS[kind][1]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"x\.\w+'? is truncated|x\.npz' .*is truncated"):
        h_score(address, problem[1])


def test_a_truncated_arrow_stream(tmp_path, problem) -> None:
    address = written(tmp_path, "arrow stream", problem[0])
    path = tmp_path / "x.arrow"
    content = path.read_bytes()
    for share in (0.05, 0.5, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match=r"x\.arrow' is truncated|got 307 labels"):
            h_score(address, problem[1])


def test_a_truncated_chunk_of_zarr(tmp_path, problem) -> None:
    address = written(tmp_path, "zarr", problem[0])
    chunk = next(path for path in sorted((tmp_path / "x.zarr/deep/features/c").rglob("1")))
    while chunk.is_dir():
        chunk = chunk / "1"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(ValueError, match="truncated or damaged"):
        h_score(address, problem[1])


@pytest.mark.parametrize("kind", [k for k in FORMATS if k != "zarr"])
def test_something_else_entirely(tmp_path, kind, problem) -> None:
    address = written(tmp_path, kind, problem[0])
    (tmp_path / FORMATS[kind][1]).write_text("features,labels\n1.5,cat\n" * 50, encoding="utf-8")
    with pytest.raises(ValueError, match="truncated"):
        h_score(address, problem[1])


def test_an_empty_folder_is_no_zarr_store(tmp_path, problem) -> None:
    pytest.importorskip("zarr")
    (tmp_path / "x.zarr").mkdir()
    with pytest.raises(ValueError, match="no zarr store"):
        h_score(tmp_path / "x.zarr", problem[1])


WRONG_TYPES = {
    "npy": lambda folder: np.save(folder / "x.npy", np.array(["a", "b"])),
    "hdf5": lambda folder: write_hdf5(folder / "x.h5", np.array([b"a", b"b"], "S1")),
    "parquet": lambda folder: write_parquet(folder / "x.parquet", np.array([["a"], ["b"]])),
    "zarr": lambda folder: write_zarr(folder / "x.zarr", np.zeros((2, 3), "c8")),
    "safetensors": lambda folder: write_safetensors(folder / "x.safetensors", np.zeros(2, "c8")),
    "pt": lambda folder: write_pt(folder / "x.pt", np.zeros((2, 3), "c8")),
}


@pytest.mark.parametrize("kind", WRONG_TYPES)
def test_wrong_type(tmp_path, kind) -> None:
    WRONG_TYPES[kind](tmp_path)
    _, name, member = FORMATS[kind]
    with pytest.raises((TypeError, ValueError), match=r"x\.\w+|real numbers|no numeric"):
        h_score(f"{tmp_path / name}{member}", [0, 1])


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("x.h5", "h5py"),
        ("x.parquet", "pyarrow"),
        ("x.feather", "pyarrow"),
        ("x.safetensors", "safetensors"),
        ("x.zarr", "zarr"),
        ("x.pt", "torch"),
    ],
)
def test_a_missing_library_is_named(tmp_path, monkeypatch, name, library) -> None:
    path = tmp_path / name
    path.mkdir() if name.endswith("zarr") else path.touch()
    for module in list(sys.modules):
        if module.startswith("hscore_fast._files.formats."):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    if library == "pyarrow":
        monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ModuleNotFoundError, match=rf"needs {library}, .*: pip install {library}"):
        h_score(path, [0, 1])


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_arrow_values_do_without_pandas(tmp_path, kind, problem) -> None:
    """pyarrow's own conversion imports it, which takes longer than a score."""
    pytest.importorskip("pandas")
    write, name, _ = FORMATS[kind]
    write(tmp_path / name, problem[0])
    np.save(tmp_path / "labels.npy", problem[1])
    script = (
        "import sys; from hscore_fast import h_score\n"
        f"h_score({str(tmp_path / name)!r}, {str(tmp_path / 'labels.npy')!r})\n"
        "print('pyarrow' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]


# --- several files -------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["npy", "hdf5", "parquet"])
def test_parts_of_one_matrix(tmp_path, kind, problem) -> None:
    """Eleven, so that part10 must come after part9."""
    x, y = problem
    write, name, member = FORMATS[kind]
    paths = []
    for part, rows in enumerate(np.array_split(np.arange(ROWS), 11)):
        paths.append(tmp_path / f"part{part}-{name}")
        write(paths[-1], x[rows])
        np.save(tmp_path / f"labels{part}.npy", y[rows])
    expected = h_score(x, y)
    pattern = f"{tmp_path}/part*-{name}{member}"
    assert open_source(pattern).shape == x.shape
    np.testing.assert_array_equal(open_source(pattern).read(), x)
    assert h_score(pattern, y) == pytest.approx(expected, rel=1e-12)
    assert h_score(pattern, f"{tmp_path}/labels*.npy") == pytest.approx(expected, rel=1e-12)
    assert h_score([f"{path}{member}" for path in paths], y) == pytest.approx(expected, rel=1e-12)
    labels = [tmp_path / f"labels{part}.npy" for part in range(11)]
    assert h_score(pattern, labels) == pytest.approx(expected, rel=1e-12)


def test_parts_must_agree(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    np.save(tmp_path / "b.npy", np.zeros((3, 4)))
    np.save(tmp_path / "c.npy", np.array([["a", "b"]]))
    with pytest.raises(
        ValueError, match=r"same columns: .*a\.npy' .*\(3, 2\), .*b\.npy' .*\(3, 4\)"
    ):
        h_score([tmp_path / "a.npy", tmp_path / "b.npy"], np.zeros(6))
    with pytest.raises(
        TypeError, match=r"of one kind: .*a\.npy' holds float64, .*c\.npy' holds <U1"
    ):
        h_score([tmp_path / "a.npy", tmp_path / "c.npy"], np.zeros(4))
    with pytest.raises(FileNotFoundError, match="no file matches"):
        h_score(f"{tmp_path}/none*.npy", np.zeros(6))


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be there")
def test_a_file_whose_name_looks_like_a_pattern(tmp_path, problem) -> None:
    np.save(tmp_path / "x[1].npy", problem[0])
    assert open_array(f"{tmp_path}/x[1].npy").shape == problem[0].shape


# --- both in one file; labels of every kind ------------------------------------------------------


# --- what single formats have of their own -------------------------------------------------------


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_bfloat16_is_read_exactly(tmp_path, problem, ending) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(problem[0]).bfloat16()
    path = tmp_path / f"x.{ending}"
    if ending == "pt":
        torch.save(tensor, path)
    else:
        pytest.importorskip("safetensors.torch").save_file({"x": tensor}, path)
    widened = tensor.float().numpy()
    np.testing.assert_array_equal(open_array(path), widened)
    assert h_score(path, problem[1]) == pytest.approx(h_score(widened, problem[1]), rel=1e-12)


def test_bfloat16_without_torch(tmp_path) -> None:
    pytest.importorskip("safetensors")
    header = b'{"x":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}'
    bits = np.array([0x3F80, 0xC000, 0x0000, 0x4049], "<u2")  # 1, -2, 0 and 3.140625
    content = len(header).to_bytes(8, "little") + header + bits.tobytes()
    (tmp_path / "x.safetensors").write_bytes(content)
    found = open_array(tmp_path / "x.safetensors")
    assert found.tolist() == [[1.0, -2.0], [0.0, 3.140625]]
    assert found.dtype == np.float32


def test_code_in_a_torch_file_is_not_run(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"x": torch.zeros(2), "code": Evil(str(tmp_path / "ran"))}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="holds more than tensors"):
        open_array(tmp_path / "x.pt")
    assert not (tmp_path / "ran").exists()


class Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_tables_with_gaps_are_refused(tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"a": [1.0, 2.0, None], "b": [1, 2, 3]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="1 missing values in column 'a', the first in row 2"):
        h_score(tmp_path / "x.parquet", [0, 1, 1])
    parquet.write_table(pa.table({"a": [[1.0, 2.0], [3.0]]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="lists of different lengths"):
        h_score(tmp_path / "x.parquet", [0, 1])
    parquet.write_table(pa.table({"a": [[1.0], [3.0]], "b": [1, 2]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"column of lists 'a' beside others \('b'\)"):
        h_score(tmp_path / "x.parquet", [0, 1])


@pytest.mark.usefixtures("small_blocks")
def test_where_a_value_is_not_finite(tmp_path, problem) -> None:
    h5py = pytest.importorskip("h5py")
    x, y = problem[0].copy(), problem[1]
    x[ROWS - 5, 3] = np.nan
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(40, COLUMNS))
    with pytest.raises(ValueError, match=rf"not finite, the first \(nan\) in row {ROWS - 5}, col"):
        h_score(tmp_path / "x.h5", y)
    assert np.isnan(h_score(tmp_path / "x.h5", y, check_finite=False))


def test_options_of_streams(tmp_path, problem) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=problem[0], chunks=(40, COLUMNS))
    address = f"{tmp_path}/x.h5:x"
    for precision in ("float32", "high"):
        with pytest.raises(ValueError, match=r"'auto' or 'float64' for .*read in blocks"):
            evaluate(address, problem[1], precision=precision)
    with pytest.raises(ValueError, match="n_threads"):
        h_score(address, problem[1], n_threads=0)
    with pytest.raises(ValueError, match="tol"):
        h_score(address, problem[1], tol=3)
    with pytest.raises(ValueError, match="at least 2 rows"):
        h_score(np.zeros((1, 2)), [0])
    done = []
    read_moments(address, problem[1], progress=lambda rows, of: done.append((rows, of)))
    assert done == [(0, ROWS), (ROWS, ROWS)]


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_compressed_table_and_one_without_columns(tmp_path, kind) -> None:
    """Rows are counted without decompressing more than one column."""
    pa = pytest.importorskip("pyarrow")
    new = {"file": pa.ipc.new_file, "stream": pa.ipc.new_stream}[kind]
    columns = {"name": ["a"] * 4, "x": [0.0, 1.0, 2.0, 3.0]}
    table = pa.table(columns)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with new(tmp_path / "x.arrow", table.schema, options=options) as file:
        for _ in range(3):
            file.write_table(table)
    source = open_source(tmp_path / "x.arrow")
    assert source.shape == (12, 1)
    assert source.mapped is None
    assert source.read()[:, 0].tolist() == columns["x"] * 3
    with new(tmp_path / "none.arrow", pa.schema([])) as file:
        file.write_table(pa.table({}))
    with pytest.raises(ValueError, match="has no numeric columns"):
        open_source(tmp_path / "none.arrow")
