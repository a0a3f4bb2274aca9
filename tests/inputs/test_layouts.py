"""However the same numbers lie in memory, the score is the same and the bytes stay as they were."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import make_problem, svd_h_score

from hscore_fast import h_score, reference

N_SAMPLES, N_FEATURES = 211, 19

DTYPES = [
    *(np.float64, np.float32, np.float16),
    *(np.int8, np.int16, np.int32, np.int64),
    *(np.uint8, np.uint16, np.uint32, np.uint64),
    np.bool_,
]


def whole_numbers(dtype: type) -> tuple[NDArray, NDArray]:
    """Make features that every dtype holds exactly, negative where it can be."""
    x, y = make_problem(N_SAMPLES, N_FEATURES, 5)
    if dtype is np.bool_:
        return x > 0, y
    x = np.clip(np.round(20 * x), -100, 100)
    return (x + 100 if np.issubdtype(dtype, np.unsignedinteger) else x).astype(dtype), y


def spread(x: NDArray, rows: int, columns: int) -> NDArray:
    """Place x with gaps in a larger array whose gaps would spoil any score."""
    shape = (abs(rows) * len(x), abs(columns) * x.shape[1])
    view = np.full(shape, 77, dtype=x.dtype)[::rows, ::columns]
    view[...] = x
    return view


def unaligned(x: NDArray) -> NDArray:
    room = np.zeros(x.nbytes + 1, dtype=np.uint8)
    view = room[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def field_of_records(x: NDArray) -> NDArray:
    records = np.zeros(len(x), dtype=[("tag", np.int8), ("row", x.dtype, (x.shape[1],))])
    records["row"] = x
    return records["row"]


class Tagged(np.ndarray):
    """An array of somebody else's."""


def read_only(x: NDArray) -> NDArray:
    x = x.copy()
    x.flags.writeable = False
    return x


NATIVE = "<" if sys.byteorder == "little" else ">"  # NumPy itself writes "=", zarr this

LAYOUTS: dict[str, Callable[[NDArray], NDArray]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every other row": lambda x: spread(x, 2, 1),
    "every third column": lambda x: spread(x, 1, 3),
    "every other row and column": lambda x: spread(x, 2, 2),
    "rows backwards": lambda x: spread(x, -1, 1),
    "columns backwards": lambda x: spread(x, 1, -1),
    "both backwards with gaps": lambda x: spread(x, -3, -2),
    "transposed with gaps": lambda x: spread(np.ascontiguousarray(x.T), 2, 3).T,
    "read-only": read_only,
    "unaligned": unaligned,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "native, and marked so": lambda x: x.astype(x.dtype.newbyteorder(NATIVE)),
    "byte-swapped, unaligned, Fortran": lambda x: unaligned(x.T.astype(x.dtype.newbyteorder())).T,
    "field of records": field_of_records,
    "subclass": lambda x: x.view(Tagged),
}


def owner(x: NDArray) -> NDArray:
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_equals_the_float64_copy(dtype: type, layout: str) -> None:
    x, y = whole_numbers(dtype)
    view = LAYOUTS[layout](x)
    before = owner(view).tobytes()
    plain = np.array(x, dtype=np.float64, order="C")
    expected = h_score(plain, y)
    assert expected == pytest.approx(svd_h_score(plain, y), abs=1e-12)
    assert h_score(view, y, precision="float64") == pytest.approx(expected, abs=1e-12)
    assert h_score(view, y) == pytest.approx(expected, rel=1e-9 if x.itemsize == 8 else 1e-6)
    assert owner(view).tobytes() == before
    np.testing.assert_array_equal(view, x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_agrees_with_the_published_definition(layout: str) -> None:
    x, y = make_problem(N_SAMPLES, N_FEATURES, 5)
    assert h_score(LAYOUTS[layout](x), y) == pytest.approx(reference.h_score(x, y), abs=1e-9)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_memmap(tmp_path: Path, dtype: type, order: str) -> None:
    x, y = whole_numbers(dtype)
    np.save(tmp_path / "x.npy", np.asarray(x, order=order))
    before = (tmp_path / "x.npy").read_bytes()
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert h_score(mapped, y) == h_score(np.asarray(x, order=order), y)
    assert (tmp_path / "x.npy").read_bytes() == before


def test_lists() -> None:
    x, y = whole_numbers(np.float64)
    assert h_score(x.tolist(), y.tolist()) == h_score(x, y)


def test_one_dimension_is_one_column() -> None:
    x, y = make_problem(100, 1, 3)
    assert h_score(x[:, 0], y) == h_score(x, y) == pytest.approx(svd_h_score(x, y), abs=1e-13)
    assert h_score(spread(x, 3, 2)[:, 0], y) == h_score(x, y)


def test_one_column_seen_many_times() -> None:
    x, y = make_problem(100, 1, 3)
    assert h_score(np.broadcast_to(x, (100, 30)), y) == pytest.approx(h_score(x, y), abs=1e-13)


def test_one_row_seen_many_times() -> None:
    x, y = make_problem(100, 8, 3)
    assert h_score(np.broadcast_to(x[0], (100, 8)), y) == 0.0


def test_part_of_a_larger_matrix() -> None:
    x, y = make_problem(300, 40, 5)
    part = x[17:250, 3:29]
    assert h_score(part, y[17:250]) == pytest.approx(h_score(part.copy(), y[17:250]), abs=1e-13)


# Rows go in blocks and depth slices, columns in strips and tiles: sizes on both sides of the edges.
ROWS = [30, *(edge + d for edge in (192, 256, 384, 512, 960, 1024, 1152) for d in (-1, 0, 1)), 2049]
COLUMNS = [1, 2, *(edge + d for edge in (4, 8, 12, 16, 24, 48, 96, 192) for d in (-1, 0, 1))]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("n_samples", ROWS)
def test_row_counts_around_block_edges(n_samples: int, precision: str) -> None:
    check_size(n_samples, 13, precision)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("n_features", COLUMNS)
def test_column_counts_around_tile_edges(n_features: int, precision: str) -> None:
    check_size(401, n_features, precision)


def check_size(n_samples: int, n_features: int, precision: str) -> None:
    x, y = make_problem(n_samples, n_features, 4)
    allowed = 1e-12 if precision == "float64" else 1e-6
    if precision == "float32":
        x = x.astype(np.float32)
    for given in (x, np.asfortranarray(x)):
        assert h_score(given, y, precision=precision) == pytest.approx(
            svd_h_score(x, y), abs=allowed
        )


@pytest.mark.parametrize("n_samples", [2, 3, 5])
def test_very_few_rows(n_samples: int) -> None:
    x = np.arange(n_samples, dtype=np.float64) ** 2
    y = np.arange(n_samples) % 2
    if n_samples == 2:  # one column and two rows: saturated
        with pytest.warns(match="labels"):
            assert h_score(x, y) == pytest.approx(1.0, abs=1e-15)
    else:
        assert h_score(x, y) == pytest.approx(svd_h_score(x, y), abs=1e-14)
