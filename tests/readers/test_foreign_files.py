"""Files from strangers: none leads to another file, makes the reader wait for ever or crash."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hscore_fast import h_score
from hscore_fast.readers import allow_external, open_array, open_source

X = np.arange(80.0).reshape(20, 4)
posix = pytest.mark.skipif(os.name == "nt", reason="no pipes and links for everybody there")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A stranger's folder, in which the process works; beside it lies a file of ours."""
    (tmp_path / "secret.bin").write_bytes(b"secret!!" * 80)
    (tmp_path / "theirs").mkdir()
    monkeypatch.chdir(tmp_path / "theirs")
    monkeypatch.delenv("HDF5_VDS_PREFIX", raising=False)
    monkeypatch.delenv("HDF5_EXTFILE_PREFIX", raising=False)
    return tmp_path / "theirs"


def external(name: str, *sources: tuple[str, int, int]) -> str:
    h5py = pytest.importorskip("h5py")
    with h5py.File(name, "w") as file:
        file.create_dataset("x", X.shape, "f8", external=list(sources))
    return f"{name}:/x"


def virtual(name: str, *sources: str, dataset: str = "x", unlimited: bool = False) -> str:
    h5py = pytest.importorskip("h5py")
    with h5py.File(name, "a", libver="latest") as file:
        if unlimited:
            layout = h5py.VirtualLayout(X.shape, "f8", maxshape=(None, 4))
            every = h5py.h5s.UNLIMITED
            source = h5py.VirtualSource(sources[0], "x", X.shape, maxshape=(None, 4))
            layout[0:every, :] = source[0:every, :]
        else:
            layout = h5py.VirtualLayout(X.shape, "f8")
            step = len(X) // len(sources)
            for k, source in enumerate(sources):
                path, _, inner = source.partition(":")
                rows = slice(k * step, (k + 1) * step)
                layout[rows] = h5py.VirtualSource(path, inner or "x", X.shape)[rows]
        file.create_virtual_dataset(dataset, layout)
    return f"{name}:/{dataset}"


def plain(name: str) -> str:
    h5py = pytest.importorskip("h5py")
    Path(name).parent.mkdir(exist_ok=True)
    with h5py.File(name, "w") as file:
        file["x"] = X
    return f"{name}:/x"


def test_external_storage_beside_the_file_is_read(folder, monkeypatch) -> None:
    (folder / "raw.bin").write_bytes(X.tobytes())
    for k, source in enumerate(("raw.bin", str(folder / "raw.bin"))):
        address = external(f"x{k}.h5", (source, 0, X.nbytes))
        np.testing.assert_array_equal(open_array(address), X)
        monkeypatch.chdir(folder.parent)  # "beside" does not depend on it
        np.testing.assert_array_equal(open_array(f"theirs/{address}"), X)
        np.testing.assert_array_equal(
            np.concatenate(list(open_source(f"theirs/{address}").blocks(7))), X
        )
        monkeypatch.chdir(folder)


@posix
def test_external_storage_elsewhere_is_refused_unless_it_is_allowed(folder) -> None:
    os.symlink(folder.parent / "secret.bin", "link.bin")
    for k, source in enumerate(("../secret.bin", str(folder.parent / "secret.bin"), "link.bin")):
        address = external(f"x{k}.h5", (source, 0, X.nbytes))
        for call in (open_array, lambda a: h_score(a, np.arange(20) % 3)):
            with pytest.raises(ValueError, match=r"secret\.bin' is not in its folder.*allow_ext"):
                call(address)
        assert open_array(allow_external(address)).tobytes() == b"secret!!" * 80
        # What is made from the address is an ordinary one again.
        with pytest.raises(ValueError, match="not in its folder"):
            open_array(f"{allow_external(address)}")


def test_external_files_that_are_short_or_missing_do_not_read_as_zeros(folder) -> None:
    (folder / "raw.bin").write_bytes(X.tobytes())
    for allowed in (str, allow_external):
        with pytest.raises(ValueError, match=r"truncated: 640 bytes .* behind byte 100 of"):
            open_array(allowed(external("a.h5", ("raw.bin", 100, X.nbytes))))
        with pytest.raises(ValueError, match="missing or no regular file"):
            open_array(allowed(external("b.h5", ("nothing.bin", 0, X.nbytes))))


def test_virtual_datasets_beside_the_file_are_read(folder, monkeypatch) -> None:
    plain("a.h5"), plain("b.h5")
    addresses = [
        virtual("v.h5", "a.h5", "b.h5"),
        virtual("absolute.h5", str(folder / "a.h5")),
        virtual("chain.h5", "v.h5", "a.h5", "v.h5"),
        virtual("unlimited.h5", "a.h5", unlimited=True),
        virtual("a.h5", ".", dataset="own"),
    ]
    for address in addresses:
        rows = 18 if address.startswith("chain") else 20  # the rest is not mapped: zeros
        np.testing.assert_array_equal(open_array(address)[:rows], X[:rows])
    monkeypatch.chdir(folder.parent)
    np.testing.assert_array_equal(open_array(f"theirs/{addresses[0]}"), X)


@posix
def test_virtual_datasets_of_elsewhere_are_refused_unless_they_are_allowed(folder) -> None:
    h5py = pytest.importorskip("h5py")
    plain("../ours.h5")
    os.symlink("../ours.h5", "link.h5")
    with h5py.File("links.h5", "w") as file:
        file["external"] = h5py.ExternalLink("../ours.h5", "x")
        file["soft"] = h5py.SoftLink("/external")
    for k, source in enumerate(("../ours.h5", str(folder.parent / "ours.h5"), "link.h5")):
        address = virtual(f"v{k}.h5", source)
        deeper = virtual(f"w{k}.h5", f"v{k}.h5")
        for one in (address, deeper):
            with pytest.raises(ValueError, match=r"ours\.h5' is not in its folder.*allow_ext"):
                open_array(one)
            np.testing.assert_array_equal(open_array(allow_external(one)), X)
        labels = np.arange(20) % 3
        assert h_score(allow_external(address), labels) == h_score(X, labels)
        assert h_score([allow_external(address)], labels) == h_score(X, labels)
    for name in ("external", "soft", "nothing"):
        with pytest.raises(ValueError, match=f"has no dataset '{name}' that is not a link"):
            open_array(virtual(f"{name}.h5", f"links.h5:{name}"))


def test_sources_that_a_pattern_names_are_refused_unless_they_are_allowed(folder) -> None:
    h5py = pytest.importorskip("h5py")
    every, rows = h5py.h5s.UNLIMITED, h5py.h5s.create_simple(X.shape, (h5py.h5s.UNLIMITED, 4))
    rows.select_hyperslab((0, 0), (every, 1), (5, 4), (5, 4))
    stored = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    stored.set_virtual(rows, b"part%b.h5", b"x", h5py.h5s.create_simple((5, 4)))
    for k in range(4):
        with h5py.File(f"part{k}.h5", "w") as file:
            file["x"] = X[5 * k : 5 * k + 5]
    with h5py.File("x.h5", "w", libver="latest") as file:
        space = h5py.h5s.create_simple(X.shape, (every, 4))
        h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F64LE, space, stored)
    with pytest.raises(ValueError, match=r"named by a pattern.*allow_external\('x\.h5:/x'\)"):
        open_array("x.h5")
    np.testing.assert_array_equal(open_array(allow_external("x.h5")), X)


def test_virtual_sources_that_are_missing_do_not_read_as_zeros(folder) -> None:
    plain("a.h5")
    Path("garbage.h5").write_bytes(b"no HDF5")
    for allowed in (str, allow_external):
        with pytest.raises(ValueError, match=r"source 'gone\.h5' is missing"):
            open_array(allowed(virtual(f"gone{allowed.__name__}.h5", "a.h5", "gone.h5")))
        with pytest.raises(ValueError, match=r"source 'garbage\.h5' cannot be read"):
            open_array(allowed(virtual(f"bad{allowed.__name__}.h5", "garbage.h5")))


OPEN = """
import sys
from hscore_fast.readers import allow_external, open_array
for address in sys.argv[1:]:
    for allowed in (str, allow_external):
        try:
            open_array(allowed(address))
        except ValueError as error:
            print(error)
"""


def reasons(*addresses: str) -> list[str]:
    """Open in another process, which may crash or wait for ever."""
    command = [sys.executable, "-c", OPEN, *addresses]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@posix
@pytest.mark.timeout(100)
def test_no_pipe_is_waited_for(folder) -> None:
    os.mkfifo("pipe.h5")
    addresses = [
        external("a.h5", ("pipe.h5", 0, X.nbytes)),
        virtual("b.h5", "pipe.h5"),
        virtual("c.h5", "pipe.h5", unlimited=True),
        virtual("d.h5", "b.h5"),
    ]
    found = reasons(*addresses)
    assert len(found) == 2 * len(addresses)
    assert all("'pipe.h5' is missing or no regular file" in reason for reason in found)


@pytest.mark.timeout(100)
def test_no_dataset_is_its_own_source(folder) -> None:
    """HDF5 crashes on them; unlimited ones already when their shape is asked for."""
    plain("a.h5")
    addresses = [
        virtual("own.h5", "."),
        virtual("named.h5", "named.h5"),
        virtual("endless.h5", ".", unlimited=True),
        virtual("first.h5", "second.h5"),
        virtual("second.h5", "a.h5", "third.h5"),
        virtual("third.h5", "a.h5", "first.h5"),
    ]
    found = reasons(*addresses)
    assert len(found) == 2 * len(addresses)
    assert all("is its own source" in reason for reason in found)


@pytest.mark.timeout(100)
def test_sources_of_sources_have_an_end(folder) -> None:
    """Datasets that are read twice by each other, and long chains: 2 ** 40 readings, a crash."""
    plain("0.h5")
    for k in range(1, 15):
        virtual(f"{k}.h5", *[f"{k - 1}.h5"] * 2)
    np.testing.assert_array_equal(open_array("5.h5"), X)
    for k in range(15, 41):
        virtual(f"{k}.h5", f"{k - 1}.h5", f"{k - 1}.h5")
    found = reasons("40.h5", "18.h5")
    assert len(found) == 4
    assert all("through" in reason for reason in found)


@posix
@pytest.mark.timeout(100)
def test_links_and_pipes_in_a_zarr_store_are_refused(folder) -> None:
    zarr = pytest.importorskip("zarr")
    store = zarr.open_group("x.zarr", mode="w")
    store.create_array("x", shape=X.shape, chunks=X.shape, dtype="f8", compressors=None)[:] = X
    np.testing.assert_array_equal(open_array("x.zarr:x"), X)
    chunk = next(path for path in Path("x.zarr").rglob("0") if path.is_file())
    chunk.unlink()
    os.symlink(folder.parent / "secret.bin", chunk)
    with pytest.raises(ValueError, match=r"is a symbolic link.*allow_external\('x.zarr:x'\)"):
        open_array("x.zarr:x")
    assert open_array(allow_external("x.zarr:x")).tobytes() == b"secret!!" * 80
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(ValueError, match="is no regular file"):
        open_array("x.zarr:x")
    chunk.unlink()
    os.symlink(".", "x.zarr/loop")
    with pytest.raises(ValueError, match="is a symbolic link"):
        open_array("x.zarr:x")


def test_a_member_of_an_archive_that_is_a_link_is_not_followed(folder) -> None:
    entry = zipfile.ZipInfo("x.npy")
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr(entry, str(folder.parent / "secret.bin"))
    with pytest.raises(ValueError, match=r"is no \.npy array"):
        open_array("x.npz")
    stored = io.BytesIO()
    np.save(stored, X)
    with zipfile.ZipFile("y.npz", "w") as archive:
        archive.writestr(entry, stored.getvalue())
    np.testing.assert_array_equal(open_array("y.npz"), X)


def test_parquet_columns_that_are_said_to_be_in_another_file_are_not_read_there(folder) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    theirs, ours = pa.table({"a": X[:, 0]}), pa.table({"a": X[:, 0] + 1000})
    parquet.write_table(theirs, "x.parquet", use_dictionary=False, compression="none")
    parquet.write_table(ours, "../ours.parquet", use_dictionary=False, compression="none")
    footer = parquet.read_metadata("x.parquet")
    footer.set_file_path("../ours.parquet")
    footer.write_metadata_file("footer.parquet")
    with pytest.raises(ValueError, match="truncated, damaged or no parquet file"):
        open_array("footer.parquet")
    # The same footer behind its own columns: those are what is read.
    own, other = Path("x.parquet").read_bytes(), Path("footer.parquet").read_bytes()
    ends = [-8 - int.from_bytes(data[-8:-4], "little") for data in (own, other)]
    Path("mixed.parquet").write_bytes(own[: ends[0]] + other[ends[1] :])
    assert parquet.read_metadata("mixed.parquet").row_group(0).column(0).file_path
    np.testing.assert_array_equal(open_array("mixed.parquet:a"), X[:, 0])


def test_tensors_whose_storage_is_another_file_are_refused(folder) -> None:
    torch = pytest.importorskip("torch")

    class Elsewhere:
        def __reduce__(self):
            path = str(folder.parent / "secret.bin")
            return torch.UntypedStorage.from_file, (path, False, 640)

    torch.save({"x": Elsewhere()}, "x.pt")
    with pytest.raises(ValueError, match="holds more than tensors"):
        open_array("x.pt")
