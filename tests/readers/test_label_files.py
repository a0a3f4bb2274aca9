"""Labels from files: beside the features in one file, and from .csv."""

import numpy as np
import pytest
from oracles import make_problem
from written_files import lists, table

from hscore_fast import evaluate, h_score
from hscore_fast._files import limits
from hscore_fast.readers import open_array, read_moments


@pytest.fixture(scope="module")
def problem():
    x, y = make_problem(307, 7, 4)
    return x.astype(np.float32), y


@pytest.mark.parametrize("text", [False, True], ids=["integers", "text"])
def test_features_and_labels_in_one_file(tmp_path, problem, text, monkeypatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 40 * 7 * 4)  # many blocks
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
    for n_rows in (3, 4):  # also where the heading would pass for a label
        with pytest.raises(
            ValueError, match=r"first line .* 'label', reads as a heading: .*:label"
        ):
            h_score(np.arange(n_rows), tmp_path / "y.csv")
    assert h_score(np.arange(3), f"{tmp_path}/y.csv:label") == pytest.approx(0.75)


def test_numeric_text_becomes_numbers(tmp_path) -> None:
    for words, expected in (
        ("1 -2", [1, -2]),
        ("1.5 2", [1.5, 2.0]),
        ("1.0 2.0", [1.0, 2.0]),
        ("1 x", ["1", "x"]),
        (f"{2**63 - 1} {-(2**63)}", [2**63 - 1, -(2**63)]),
    ):
        (tmp_path / "y.csv").write_text(words.replace(" ", "\n"))
        found = open_array(tmp_path / "y.csv").tolist()
        assert found == expected
        assert list(map(type, found)) == list(map(type, expected))


@pytest.mark.parametrize(
    "words",
    [
        ("123456789012345678901", "123456789012345678902", "5"),
        ("9223372036854775808", "9223372036854775809", "-1"),
        ("1e3", "1000", "7"),
        ("007", "7", "8"),
        ("7", "+7", "8"),
        ("0", "-0", "1"),
        ("1_0", "10", "11"),
        ("1.0", "1", "2"),
        ("1.0", "1.00", "2.0"),
        ("1", "\uff11", "2"),
        ("a", "a\0", "b"),
        ("9" * 400, "9" * 401, "1"),
    ],
    ids=lambda words: ascii(words)[:40],
)
def test_no_two_labels_of_a_csv_become_one(tmp_path, words) -> None:
    y = np.arange(300) % 3
    x = np.random.default_rng(0).normal(size=(300, 4)) + 3 * y[:, None]
    expected = h_score(x, y)
    given = [words[code] for code in y]
    (tmp_path / "y.csv").write_text("\n".join(given) + "\n", encoding="utf-8")
    (tmp_path / "z.csv").write_text("\n".join(["id,what", *(f"1,{w}" for w in given)]), "utf-8")
    assert h_score(x, tmp_path / "y.csv") == pytest.approx(expected, rel=1e-12)
    assert h_score(x, f"{tmp_path}/z.csv:what") == pytest.approx(expected, rel=1e-12)
    assert h_score(x, given) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("words", ["0.731 0.5100 2", "0.5 nan 1", "1.50 1.5 inf"])
def test_measured_values_in_a_csv_are_refused(tmp_path, words) -> None:
    (tmp_path / "y.csv").write_text(words.replace(" ", "\n"))
    with pytest.raises(ValueError, match=r"not whole numbers|missing value"):
        h_score(np.arange(3), tmp_path / "y.csv")


@pytest.mark.parametrize(
    ("heading", "proposed"),
    [
        ("id,label,split", "label"),
        ("y,Target,labels", "labels"),
        ("id,kind,split", "split"),
        ("id,class,y", "class"),
        ("id,Y,z", "Y"),
    ],
)
def test_the_column_that_is_proposed_is_likely_to_hold_labels(tmp_path, heading, proposed) -> None:
    """By name, or else the first that has a value twice: never a column of ids."""
    rows = [f"{k},{k + 1},{k % 2}" for k in range(6)]
    (tmp_path / "y.csv").write_text("\n".join([heading, *rows]))
    with pytest.raises(ValueError, match=f"say which one, as in 'y.csv:{proposed}'"):
        h_score(np.arange(6), tmp_path / "y.csv")


def test_a_column_of_ids_is_not_proposed(tmp_path) -> None:
    (tmp_path / "y.csv").write_text("id,name\n1,a\n2,b\n")
    with pytest.raises(ValueError, match=r"as in 'y\.csv:COLUMN'"):
        h_score(np.arange(2), tmp_path / "y.csv")


def test_joined_integers_of_different_types_are_not_rounded(tmp_path) -> None:
    """Their common type in NumPy is float64, in which 2**60 and 2**60 + 1 are one label."""
    big = 2**60
    x = np.random.default_rng(0).normal(size=(8, 2))
    first, second = np.array([big, big + 1, 5, 5]), np.array([big, big + 1, 5, 5], np.uint64)
    np.save(tmp_path / "y1.npy", first)
    np.save(tmp_path / "y2.npy", second)
    address = f"{tmp_path}/y*.npy"
    want = h_score(x, [0, 1, 2, 2] * 2)
    assert h_score(x, address) == pytest.approx(want)
    assert evaluate(x, address).class_counts == {5: 4, big: 2, big + 1: 2}
    np.save(tmp_path / "y2.npy", np.array([0, 1, 5, 5], np.uint64))
    np.save(tmp_path / "y1.npy", np.array([0, 1, 5, 5]))
    assert set(evaluate(x, address).class_counts) == {0, 1, 5}
