"""What is read in blocks is scored by the same products as in memory, under the same promise."""

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hscore_fast import _variants, build_info, h_score, regularized_h_score
from hscore_fast._files import blocks as blocks_module
from hscore_fast._files import limits
from hscore_fast._files.source import Joined
from hscore_fast._problem import InputOptions
from hscore_fast._scores import h_score as h_score_module
from hscore_fast._scores.h_score import score_result
from hscore_fast.readers import Source, read_moments

ROWS, COLUMNS = 9_000, 512  # enough for products of less than float64


def draw(n_classes: int, correlation: float = 0.0, rows: int = ROWS) -> tuple:
    """Draw features that have more or less in common."""
    rng = np.random.default_rng(n_classes)
    y = rng.integers(0, n_classes, rows)
    x = rng.normal(size=(rows, COLUMNS)) + 0.2 * rng.normal(size=(n_classes, COLUMNS))[y]
    x += correlation * x[:, :8] @ rng.normal(size=(8, COLUMNS))
    return (x + 3).astype(np.float32), y


class Pieces(Source):
    """An array cut in pieces, that counts how often it is read."""

    def __init__(self, x: np.ndarray, ends: list[int]) -> None:
        super().__init__("pieces", x.shape, x.dtype)
        self._x, self._ends = x, ends
        self.readings = 0
        self.fails_in = 0

    def blocks(self, n_rows: int) -> Iterator[np.ndarray]:
        self.readings += 1
        for first, last in zip([0, *self._ends], [*self._ends, len(self._x)], strict=True):
            if first and self.readings == self.fails_in:
                raise OSError("the disk is gone")
            yield self._x[first:last]


def score(source: Source, y: np.ndarray, precision: str = "auto", threads: int = 2):
    """Score a source as `h_score` does a file that is read in blocks."""
    return score_result(source, y, precision, options=InputOptions(threads=threads))


@pytest.fixture
def without_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score without the tile unit, which makes a second reading needless."""
    isa = [isa for isa in _variants.available_isas() if isa != "v4"][-1]
    for module in (h_score_module, blocks_module):
        monkeypatch.setattr(module, "core", _variants.load(isa))


def write(path: Path, x: np.ndarray) -> str:
    if path.suffix == ".npz":
        np.savez_compressed(path, x=x)
        return f"{path}:x"
    if path.suffix == ".parquet":
        pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pa.table({f"f{j}": c for j, c in enumerate(x.T)}), path)
        return str(path)
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=x, chunks=(500, x.shape[1]))
    return f"{path}:x"


@pytest.mark.parametrize("dtype", ["f4", "f2"])
@pytest.mark.parametrize("name", ["x.h5", "x.npz", "x.parquet"])
def test_files_keep_the_promise_of_narrow_features(tmp_path, monkeypatch, name, dtype) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 2000 * COLUMNS * 4)
    x, y = draw(100)
    x = x.astype(dtype)
    address = write(tmp_path / name, x)
    exact = h_score(x, y, precision="float64")
    assert h_score(address, y, precision="float64") == pytest.approx(exact, rel=1e-12)
    assert h_score(address, y) == pytest.approx(exact, rel=1e-6)
    assert h_score(address, y) == h_score(address, y)  # to the last bit
    assert h_score(address, y, precision="float32") == pytest.approx(exact, rel=1e-6)
    exact = regularized_h_score(x, y, precision="float64")
    assert regularized_h_score(address, y) == pytest.approx(exact, rel=1e-6)
    assert read_moments(address, y).h_score() == pytest.approx(h_score(x, y), rel=1e-6)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("ends", [[], [2000, 4000, 8000], [10, 8999], list(range(100, ROWS, 100))])
@pytest.mark.parametrize(("n_classes", "correlation"), [(3, 0.0), (3, 0.3), (60, 0.3), (300, 0.0)])
def test_pieces_of_any_size_keep_the_promise(ends, n_classes, correlation, threads) -> None:
    x, y = draw(n_classes, correlation)
    exact = h_score(x, y, precision="float64")
    found = score(Pieces(x, ends), y, threads=threads)
    assert abs(found.score - exact) <= min(1e-6 * exact, found.error_bound + 1e-12)
    assert (found.n_samples, found.n_features, found.n_classes) == (*x.shape, n_classes)


@pytest.mark.usefixtures("without_tiles")  # of which blocks take more digits than a second reading
def test_blocks_and_memory_take_the_same_path() -> None:
    for n_classes, correlation in [(3, 0.0), (60, 0.3), (300, 0.0)]:
        x, y = draw(n_classes, correlation)
        in_blocks, whole = score(Pieces(x, [3000, 6000]), y), score(Pieces(x, []), y)
        codes = y.astype(np.int32)
        memory = h_score_module.core.h_score(x, codes, n_classes, False, "auto", 2.0**-42, 2, None)
        assert in_blocks.precision_used == whole.precision_used == memory.precision_used
        assert memory.precision_used != "float64"
        assert whole.score == memory.score


def test_rows_sorted_by_class_keep_the_promise() -> None:
    """No block is like another, and each class lies far from all others."""
    x, y = draw(40)
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    x += 30 * np.random.default_rng(1).normal(size=(40, COLUMNS)).astype(np.float32)[y]
    exact = h_score(x, y, precision="float64")
    for ends in ([100, 200, 400], list(range(500, ROWS, 500))):
        assert score(Pieces(x, ends), y).score == pytest.approx(exact, rel=1e-6)


@pytest.mark.usefixtures("without_tiles")
def test_what_needs_a_correction_is_read_again() -> None:
    x, y = draw(3, 0.3)
    source = Pieces(x, [4000])
    found = score(source, y)
    assert found.precision_used.endswith("corrected")
    assert source.readings > 1
    assert found.score == pytest.approx(h_score(x, y, precision="float64"), rel=1e-6)


@pytest.mark.usefixtures("without_tiles")
def test_wide_features_are_read_once() -> None:
    x, y = draw(3, 0.3)
    for wide in (x.astype("f8"), np.round(x * 100).astype("i2")):
        source = Pieces(wide, [4000])
        found = score(source, y)
        assert (found.precision_used, source.readings) == ("float64", 1)
        assert found.score == pytest.approx(h_score(wide, y, precision="float64"), rel=1e-12)
    mixed = Joined([Pieces(x[:4000], []), Pieces(x[4000:].astype("f8"), [])])
    assert score(mixed, y).precision_used == "float64"


@pytest.mark.skipif(not build_info()["tile_unit"], reason="no tile unit")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_tile_unit_reads_once(dtype: str) -> None:
    x, y = draw(3, 0.3)
    x = x.astype(dtype)
    source = Pieces(x, [4000])
    found = score(source, y)
    assert (found.precision_used, source.readings) == ("int24" if dtype == "f4" else "int32", 1)
    promise = 1e-6 if dtype == "f4" else 1e-9
    assert found.score == pytest.approx(h_score(x, y, precision="float64"), rel=promise)


def test_near_duplicates_in_high_precision() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 2000)
    x = rng.normal(size=(2000, 6)) + y[:, None]
    x[:, 5] = x[:, 4] + 1e-7 * (rng.normal(size=2000) + y)
    found = score(Pieces(x, [300, 1700]), y, "high")
    assert found.precision_used == "high"
    assert found.score == pytest.approx(h_score(x, y, precision="high"), rel=1e-9)


@pytest.mark.parametrize("precision", ["auto", "float64", "float32"])
def test_a_value_that_is_not_finite_ends_the_reading(precision) -> None:
    x, y = draw(60)
    x[5000, 7] = np.inf
    source = Pieces(x, list(range(1000, ROWS, 1000)))
    with pytest.raises(ValueError, match=r"1 value that is .* \(inf\) in row 5000, column 7"):
        score(source, y, precision)
    assert source.readings == 1


@pytest.mark.usefixtures("without_tiles")
def test_an_error_in_the_second_reading_reaches_the_caller() -> None:
    x, y = draw(3, 0.3)
    source = Pieces(x, [4000])
    source.fails_in = 2
    with pytest.raises(OSError, match="disk is gone"):
        score(source, y)
    assert not [t for t in threading.enumerate() if t.name == "hscore_fast reader"]


def test_progress_is_told_of_the_first_reading_alone(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 3000 * COLUMNS * 4)
    x, y = draw(3, 0.3)
    done: list[tuple[int, int]] = []
    h_score(write(tmp_path / "x.h5", x), y, progress=lambda *told: done.append(told))
    assert done == [(rows, ROWS) for rows in (0, 3000, 6000, 9000)]


def test_nothing_is_kept_when_the_score_is_known() -> None:
    x, y = draw(3, 0.3)
    source = Pieces(x, [4000])
    gone = weakref.ref(source)
    score(source, y)
    del source
    gc.collect()
    assert gone() is None
