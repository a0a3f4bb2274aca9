"""Labels from files: beside the features in one file, and from .csv."""

import numpy as np
import pytest
from oracles import make_problem
from written_files import lists, table

from hscore_fast import h_score
from hscore_fast.readers import _source, open_array, read_moments


@pytest.fixture(scope="module")
def problem():
    x, y = make_problem(307, 7, 4)
    return x.astype(np.float32), y


@pytest.mark.parametrize("text", [False, True], ids=["integers", "text"])
def test_features_and_labels_in_one_file(tmp_path, problem, text, monkeypatch) -> None:
    monkeypatch.setattr(_source, "_BLOCK_BYTES", 40 * 7 * 4)  # many blocks
    x, y = problem
    expected = h_score(x, y)
    labels = np.array(["ant", "bee", "cow", "dog"])[y] if text else y
    np.savez(tmp_path / "f.npz", x=x, y=labels)
    addresses = [(f"{tmp_path}/f.npz:x", f"{tmp_path}/f.npz:y")]
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    feather = pytest.importorskip("pyarrow.feather")
    both = table(x).append_column("label", pa.array(labels))
    parquet.write_table(both, tmp_path / "f.parquet")
    feather.write_feather(lists(x).append_column("y", pa.array(labels)), tmp_path / "f.feather")
    addresses.append((f"{tmp_path}/f.parquet", f"{tmp_path}/f.parquet:label"))
    addresses.append((f"{tmp_path}/f.feather", f"{tmp_path}/f.feather:y"))
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=True)
        file["y"] = labels.tolist()
    addresses.append((f"{tmp_path}/f.h5:/x", f"{tmp_path}/f.h5:/y"))
    if pytest.importorskip("zarr"):
        group = pytest.importorskip("zarr").open_group(tmp_path / "f.zarr", mode="w")
        group.create_array("x", data=x)
        group.create_array("y", data=y)  # text is not in zarr's third format yet
        addresses.append((f"{tmp_path}/f.zarr:x", f"{tmp_path}/f.zarr:y"))
    for features, labels_address in addresses:
        assert h_score(features, labels_address) == pytest.approx(expected, rel=1e-12), features
        moments = read_moments(features, labels_address)
        if "zarr" not in features:
            assert sorted(moments.classes) == sorted(set(labels.tolist()))


def test_labels_in_csv(tmp_path, problem) -> None:
    x, y = problem
    names = np.array(["ant", "b, ee", 'c"ow', "dög"])[y]
    expected = h_score(x, y)
    (tmp_path / "bare.csv").write_text("\n".join(map(str, y)) + "\n", encoding="utf-8")
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    rows = [f"{k},{name}" for k, name in enumerate(quoted)]
    (tmp_path / "named.csv").write_text("id,name\r\n" + "\r\n".join(rows), encoding="utf-8")
    assert h_score(x, f"{tmp_path}/bare.csv") == expected
    assert h_score(x, tmp_path / "bare.csv") == expected
    assert h_score(x, f"{tmp_path}/named.csv:name") == pytest.approx(expected, rel=1e-12)
    assert sorted(read_moments(x, f"{tmp_path}/named.csv:name").classes) == sorted(set(names))
    assert sorted(read_moments(x, f"{tmp_path}/bare.csv").classes) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"holds 2 columns \('id', 'name'\); say which"):
        h_score(x, f"{tmp_path}/named.csv")
    with pytest.raises(ValueError, match="no column 'age'; it holds 'id', 'name'"):
        h_score(x, f"{tmp_path}/named.csv:age")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n1\n", "row 1 has 1 fields, the first has 2"),
        (b"a,b\n1,2\n3,\n", "no label in row 1"),
        (b"\xff\xfe\n", "no CSV text in UTF-8"),
        (b'a,b\n1,"2', "no CSV text"),
    ],
)
def test_bad_csv(tmp_path, text, message) -> None:
    (tmp_path / "y.csv").write_bytes(text)
    with pytest.raises(ValueError, match=message):
        h_score(np.zeros((1, 1)), f"{tmp_path}/y.csv:b")


def test_a_heading_in_a_bare_csv_is_noticed(tmp_path) -> None:
    (tmp_path / "y.csv").write_text("label\n0\n1\n1\n")
    with pytest.raises(ValueError, match="got 4 labels for 3 rows"):
        h_score(np.arange(3), tmp_path / "y.csv")


def test_numeric_text_becomes_numbers(tmp_path) -> None:
    for words, expected in (("1 -2", [1, -2]), ("1.5 2", [1.5, 2.0]), ("1 x", ["1", "x"])):
        (tmp_path / "y.csv").write_text(words.replace(" ", "\n"))
        assert open_array(tmp_path / "y.csv").tolist() == expected
