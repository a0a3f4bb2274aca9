"""Arrays out of files: what is mapped, what is read, and each way an address can be wrong."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hscore_fast import h_score
from hscore_fast.readers import open_array

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)
LABELS = np.array(["cat", "dog", "cat", "emu"])


WRITERS = {
    "npy": lambda path, array: np.save(path, array, allow_pickle=True),
    "stored": lambda path, array: np.savez(path, ab=array),
    "compressed": lambda path, array: np.savez_compressed(path, ab=array),
}


def write(folder, kind, array=FEATURES):
    path = folder / ("a.npy" if kind == "npy" else "a.npz")
    WRITERS[kind](path, array)
    return path


@pytest.mark.parametrize(
    "array",
    [
        FEATURES,
        np.asfortranarray(FEATURES),
        FEATURES.astype(">f8"),
        FEATURES.astype(np.float16),
        np.array([True, False]),
        LABELS,
        np.array(3.5),
    ],
    ids=["c", "fortran", "big-endian", "half", "bool", "text", "scalar"],
)
@pytest.mark.parametrize("kind", WRITERS)
def test_what_was_saved_is_opened_read_only(tmp_path, kind, array):
    opened = open_array(write(tmp_path, kind, array))
    np.testing.assert_array_equal(opened, array)
    assert (opened.dtype, opened.shape) == (array.dtype, array.shape)
    assert opened.flags.f_contiguous == array.flags.f_contiguous
    assert not opened.flags.writeable
    assert isinstance(opened, np.memmap) == (kind != "compressed")


@pytest.mark.parametrize("name", ["a", "ab", "abc", "abcd", "features", "größe"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_stored_members_are_mapped_wherever_they_begin(tmp_path, name, dtype):
    path = tmp_path / "a.npz"
    labels = [0, 0, 1, 1]
    features = FEATURES.astype(dtype) ** 2 + np.eye(4, 3, dtype=dtype)
    np.savez(path, **{"first": np.zeros(7, np.uint8), name: features})
    opened = open_array(f"{path}:{name}")
    np.testing.assert_array_equal(opened, features)
    assert isinstance(opened, np.memmap)
    assert h_score(opened[:, :2], labels) == h_score(features[:, :2], labels)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_header_versions_of_plain_arrays_are_read(tmp_path, version):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, FEATURES, version=version)
    np.testing.assert_array_equal(open_array(path), FEATURES)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)])
def test_empty_arrays_keep_their_shape(tmp_path, kind, shape):
    opened = open_array(write(tmp_path, kind, np.empty(shape)))
    assert opened.shape == shape
    assert not opened.flags.writeable


def test_a_member_is_addressed_by_name(tmp_path):
    path = tmp_path / "several.npz"
    np.savez(path, features=FEATURES, labels=LABELS, **{"layer/4:conv": FEATURES + 1})
    np.testing.assert_array_equal(open_array(f"{path}:features"), FEATURES)
    np.testing.assert_array_equal(open_array(f"{path}:labels"), LABELS)
    np.testing.assert_array_equal(open_array(f"{path}:layer/4:conv"), FEATURES + 1)


@pytest.mark.parametrize("name", ["A.NPY", "with space.npy", "größe.npy", "a.npz.npy"])
def test_unusual_file_names(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        np.save(file, FEATURES)
    np.testing.assert_array_equal(open_array(str(tmp_path / name)), FEATURES)


@pytest.mark.skipif(os.name == "nt", reason="a colon parts drive and streams from names there")
def test_an_existing_file_wins_over_a_member(tmp_path):
    path = tmp_path / "a.npz:b.npy"
    np.save(path, FEATURES)
    np.testing.assert_array_equal(open_array(str(path)), FEATURES)
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_array(tmp_path / "a.npz:c.npy")  # a path-like object is never split


def test_a_drive_letter_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no such file: .*C:.*f\.npz'; check the path"):
        open_array(r"C:\data\f.npz:features")
    with pytest.raises(FileNotFoundError, match=r"no such file: .*C:.*f\.npy'"):
        open_array(r"C:\data\f.npy")


@pytest.mark.parametrize(
    "address", ["missing.npy", "missing.npz", "missing.npz:a", "no/such/f.npy"]
)
def test_missing_file(tmp_path, address):
    with pytest.raises(FileNotFoundError, match=r"no such file: '.*'; check the path"):
        open_array(str(tmp_path / address))


@pytest.mark.parametrize(("name", "came"), [("a.txt", "the ending '.txt'"), ("a", "no ending")])
def test_unknown_ending_lists_the_known(tmp_path, name, came):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"from {came}; expected one of \.npy, \.npz, .*: save"):
        open_array(tmp_path / name)


def test_a_folder_is_no_file(tmp_path):
    folder = tmp_path / "folder.npy"
    folder.mkdir()
    with pytest.raises(ValueError, match="not a file but a folder"):
        open_array(folder)


def test_a_member_of_an_npy_file(tmp_path):
    np.save(tmp_path / "a.npy", FEATURES)
    with pytest.raises(ValueError, match=r"holds one array without a name.*drop ':x'"):
        open_array(f"{tmp_path / 'a.npy'}:x")


@pytest.mark.parametrize("member", ["c", "", "a.npy"])
def test_a_missing_member_lists_the_known(tmp_path, member):
    np.savez(tmp_path / "f.npz", a=FEATURES, b=LABELS)
    with pytest.raises(ValueError, match=rf"no array '{member}'; it holds 'a', 'b'"):
        open_array(f"{tmp_path / 'f.npz'}:{member}")


def test_several_members_and_no_name(tmp_path):
    np.savez(tmp_path / "f.npz", a=FEATURES, b=LABELS)
    with pytest.raises(ValueError, match=r"holds 2 arrays \('a', 'b'\); say which.*'f.npz:a'"):
        open_array(tmp_path / "f.npz")


def test_an_archive_without_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("notes.txt", "nothing")
    with pytest.raises(ValueError, match="holds no arrays"):
        open_array(tmp_path / "f.npz")


@pytest.mark.parametrize("kind", WRITERS)
def test_pickled_objects_are_not_opened(tmp_path, kind):
    array = np.array([{"a": 1}, None], dtype=object)
    path = write(tmp_path, kind, array)
    with pytest.raises(ValueError, match=r"holds pickled Python objects .*array\.astype\(str\)"):
        open_array(path)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_truncation_is_one_clear_error(tmp_path, kind):
    path = write(tmp_path, kind)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is truncated"):
            open_array(path)


def test_damaged_compressed_bytes(tmp_path):
    path = write(tmp_path, "compressed")
    content = bytearray(path.read_bytes())
    middle = content.index(b".npy") + 60
    content[middle : middle + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(ValueError, match="truncated or is no"):
        open_array(path)


def test_a_stored_member_that_says_more_than_it_holds(tmp_path):
    path = write(tmp_path, "stored")
    forged = path.read_bytes().replace(b"(4, 3)", b"(9, 3)")
    path.write_bytes(forged)
    with pytest.raises(
        ValueError, match=r"shape \(9, 3\) of float32 needs 108 bytes, 48 are there"
    ):
        open_array(path)


@pytest.mark.parametrize("shape", [b"(-4, 3)", b"(4, -3)"])
def test_impossible_shapes(tmp_path, shape):
    path = tmp_path / "a.npy"
    np.save(path, FEATURES)
    path.write_bytes(path.read_bytes().replace(b"(4, 3), }  ", shape + b", } "))
    with pytest.raises(ValueError, match="impossible shape"):
        open_array(path)


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_something_else_entirely(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_text("features,labels\n1.5,cat\n" * 20, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"truncated or is no \.{ending}"):
        open_array(path)


def test_an_encrypted_member_is_refused(tmp_path):
    path = write(tmp_path, "stored")
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the local header's flags, and the central directory's
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot unpack .*encrypted"):
        open_array(path)


def test_the_package_does_not_change_the_file(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, FEATURES)
    before = path.read_bytes()
    opened = open_array(path)
    with pytest.raises(ValueError, match="read-only"):
        opened[0, 0] = 1
    assert path.read_bytes() == before


def test_path_like_and_text_open_the_same(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, FEATURES)
    np.testing.assert_array_equal(open_array(Path(path)), open_array(str(path)))
