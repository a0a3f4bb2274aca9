"""What lies in its file as in memory is scored where it lies, without reading it first."""

import numpy as np
import pytest
from oracles import make_problem

from hscore_fast import h_score
from hscore_fast._files import limits
from hscore_fast.readers import open_source

ROWS, COLUMNS = 307, 7


@pytest.fixture(scope="module")
def problem():
    x, y = make_problem(ROWS, COLUMNS, 4)
    return x.astype(np.float32), y


def test_a_table_is_scored_where_it_lies(tmp_path, problem, monkeypatch) -> None:
    pa = pytest.importorskip("pyarrow")
    x, y = problem
    lists = pa.FixedSizeListArray.from_arrays(x.ravel(), COLUMNS)
    for number, table in enumerate(
        [pa.table({f"f{j}": column for j, column in enumerate(x.T)} | {"y": y}), {"x": lists}]
    ):
        path = tmp_path / f"{number}.arrow"
        table = table if isinstance(table, pa.Table) else pa.table(table)
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table, max_chunksize=100)
        before = pa.total_allocated_bytes()
        source = open_source(path, **({"drop": "y"} if number == 0 else {}))
        assert source.mapped.n_samples == ROWS
        assert source.shape == x.shape
        assert pa.total_allocated_bytes() == before
        for precision in ("float64", "high"):
            assert h_score(source.mapped, y, precision=precision) == pytest.approx(
                h_score(x, y), rel=1e-12
            )
        labels = f"{path}:y" if number == 0 else y
        assert h_score(path, labels, precision="high") == pytest.approx(h_score(x, y), rel=1e-12)
        monkeypatch.setattr(limits, "MOST_PIECES", 3)
        assert open_source(path).mapped is None
        monkeypatch.undo()


def test_a_dataset_in_one_piece_is_mapped_wherever_it_begins(tmp_path, problem) -> None:
    h5py = pytest.importorskip("h5py")
    x, y = problem
    for userblock in (0, 1024):
        path = tmp_path / f"{userblock}.h5"
        with h5py.File(path, "w", userblock_size=userblock) as file:
            file["swapped"] = x.astype(">f4")
            file["flags"] = x > 0
            file.create_dataset("empty", x.shape, "f4", fillvalue=0)  # nothing of it is written
            file.create_dataset(
                "elsewhere",
                x.shape,
                "f4",
                external=[(str(tmp_path / f"{userblock}.raw"), 0, x.nbytes)],
            )
            file["elsewhere"][:] = x
            layout = h5py.VirtualLayout(x.shape, "f4")
            layout[:] = h5py.VirtualSource(file["swapped"])
            file.create_virtual_dataset("virtual", layout)
        for name, expected in {
            "swapped": x,
            "flags": x > 0,
            "empty": np.zeros_like(x),
            "elsewhere": x,
            "virtual": x,
        }.items():
            source = open_source(f"{path}:{name}")
            assert (source.mapped is not None) == (name == "swapped")
            np.testing.assert_array_equal(source.read(), expected)
        assert h_score(f"{path}:swapped", y) == h_score(x, y)


def test_a_table_with_gaps_is_not_mapped(tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1.0, 2.0, 4.0], "b": [1.0, None, 3.0]})
    with pa.ipc.new_file(tmp_path / "x.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=2)
    assert open_source(tmp_path / "x.arrow").mapped is None
    with pytest.raises(ValueError, match="1 missing values in column 'b', the first in row 1"):
        h_score(tmp_path / "x.arrow", [0, 1, 1])
