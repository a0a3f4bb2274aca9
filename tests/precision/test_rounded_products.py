"""Rows rounded to integers under `precision="auto"`: what it does to the score follows its law."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from hscore_fast import _variants, build_info
from hscore_fast._problem import InputOptions
from hscore_fast._scores.h_score import score_result

N, F = 8_000, 512
TWO_THREADS = InputOptions(threads=2)

# Only the x86 family has the instructions; elsewhere "auto" takes float32 products.
pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="no products of integers"
)
# Few processors have one; what all have is tested below as "pairs of rows".
needs_tiles = pytest.mark.skipif(not build_info()["tile_unit"], reason="no tile unit")


@pytest.fixture(params=["pairs of rows", "digits"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Score by the core that multiplies integers that way."""
    cores = [_variants.load(isa) for isa in _variants.available_isas()]
    has_tiles = [core.build_info()["tile_unit"] for core in cores]
    wanted = request.param == "digits"
    if wanted not in has_tiles:
        pytest.skip("no tile unit")
    core = [core for core, has in zip(cores, has_tiles, strict=True) if has == wanted][-1]
    monkeypatch.setattr("hscore_fast._scores.h_score.core", core)
    return request.param


def scores(x: np.ndarray, y: np.ndarray):
    return (
        score_result(x, y, "auto"),
        score_result(x, y, "float64"),
    )


def make_features(kind: str, rng: np.random.Generator) -> np.ndarray:
    x = rng.normal(size=(N, F))
    if kind == "rectified":
        return np.maximum(x - 0.5, 0)
    if kind == "counts":  # few values, many of them equal
        return np.round(np.maximum(x, 0) * 2)
    if kind == "factors":  # what rounding does must cancel between features that share them
        return x + 2 * rng.normal(size=(N, 20)) @ rng.normal(size=(20, F))
    if kind == "heavy tails":
        return np.sign(x) * np.abs(x) ** 3
    if kind == "periodic":  # stretches alike, so that noise without variety would add up
        return np.tile(rng.normal(size=(96, F)), (N // 96 + 1, 1))[:N] + x
    if kind == "growing":
        return x * np.geomspace(1e-3, 1, N)[:, None]
    if kind == "pair":  # one direction in which there is next to nothing
        x[:, 1] = x[:, 0] + 1e-2 * x[:, 1]
    return x


KINDS = ["normal", "rectified", "counts", "heavy tails", "periodic", "growing"]


@pytest.mark.parametrize("kind", KINDS)
def test_uncorrected_errors_have_the_deviation_that_is_reported(kind: str, products: str) -> None:
    rng = np.random.default_rng(11)
    shares = []
    for _ in range(12):
        y = rng.integers(0, 600, N)
        x = (make_features(kind, rng) + 0.2 * rng.normal(size=(600, F))[y]).astype(np.float32)
        found, truth = scores(x, y)
        if found.precision_used not in ("int16", "int24"):
            assert kind == "growing"  # noise is more than can be had, so other products are taken
            assert abs(found.score - truth.score) <= 1e-6 * truth.score
            continue
        assert abs(found.score - truth.score) <= found.error_bound <= 1e-6 * truth.score
        # The bound is four deviations, and a little for a factor in float32.
        little = 1e-7 * truth.score
        deviation = (found.error_bound - (little if found.error_bound > little else 0)) / 4
        shares.append((found.score - truth.score) / deviation)
    if kind != "growing":
        assert 0.3 < np.sqrt(np.mean(np.square(shares))) < 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [8, 60])
@pytest.mark.parametrize("kind", [*KINDS, "factors", "pair"])
def test_scores_keep_the_promise(kind: str, classes: int, dtype: type, products: str) -> None:
    rng = np.random.default_rng(12)
    y = rng.integers(0, classes, N)
    x = (make_features(kind, rng) + 0.2 * rng.normal(size=(classes, F))[y]).astype(dtype)
    found, truth = scores(x, y)
    assert found.precision_used.startswith("int")
    promise = 1e-6 if dtype is np.float32 else 1e-9
    assert abs(found.score - truth.score) <= found.error_bound <= promise * truth.score


@pytest.mark.parametrize("size", [1e-120, 1e-42, 1e-30, 1e-9, 1e30, 1e42, 1e120])
def test_features_of_any_size_have_the_same_score(size: float, products: str) -> None:
    rng = np.random.default_rng(5)
    y = rng.integers(0, 8, N)
    x = rng.normal(size=(N, F)) + 0.2 * rng.normal(size=(8, F))[y]
    truth = score_result(x, y, "float64").score
    for some in (slice(None), slice(3, 4)):
        scaled = x.copy()
        scaled[:, some] *= size
        found = score_result(scaled, y, "auto")
        assert found.score == pytest.approx(truth, rel=1e-9)


def test_the_same_bits_again_and_within_the_bounds_for_other_rows(products: str) -> None:
    rng = np.random.default_rng(13)
    y = rng.integers(0, 600, N)
    x = rng.normal(size=(N, F)).astype(np.float32)
    first, again = (score_result(x, y, "auto", options=TWO_THREADS) for _ in range(2))
    assert first.precision_used == "int16"
    assert first.score == again.score
    order = rng.permutation(N)
    other = score_result(x[order], y[order], "auto", options=TWO_THREADS)
    assert other.precision_used == "int16"
    assert abs(other.score - first.score) <= other.error_bound + first.error_bound


@needs_tiles
@pytest.mark.parametrize("classes", [80, 400])
def test_four_digits_have_the_deviation_that_is_reported(classes: int) -> None:
    rng = np.random.default_rng(14)
    shares = []
    for _ in range(12):
        y = rng.integers(0, classes, N)
        x = rng.normal(size=(N, F)) + 0.2 * rng.normal(size=(classes, F))[y]
        found, truth = scores(x, y)
        assert found.precision_used == "int32"
        assert abs(found.score - truth.score) <= found.error_bound <= 1e-9 * truth.score
        shares.append(4 * (found.score - truth.score) / found.error_bound)
    assert 0.3 < np.sqrt(np.mean(np.square(shares))) < 2


def test_the_tile_unit_can_be_left_out() -> None:
    code = f"""
import numpy as np
from hscore_fast import build_info
from hscore_fast._problem import InputOptions
from hscore_fast._scores.h_score import score_result
y = np.arange({N}) % 10
x = np.random.default_rng(0).normal(size=({N}, {F})).astype("f4") + y[:, None] % 3
found = score_result(x, y, "auto", options=InputOptions(threads=2))
print(build_info()["tile_unit"], found.precision_used, found.score)
"""
    answers = []
    for wanted in ("0", "1"):
        environment = {**os.environ, "HSCORE_TILE_UNIT": wanted}
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, env=environment, check=True, capture_output=True, text=True)
        answers.append(done.stdout.split())
    (without, *_, one), (has, *_, other) = answers
    assert (without, has) == ("False", str(build_info()["tile_unit"]))
    assert float(one) == pytest.approx(float(other), rel=2e-6)
    assert (one == other) == (has == "False")


@needs_tiles
def test_what_rounding_cannot_keep_is_left_to_other_products() -> None:
    rng = np.random.default_rng(15)
    y = rng.integers(0, 50, N)
    x = rng.normal(size=(N, F))
    x[:, 1] = x[:, 0] + 1e-5 * x[:, 1]
    found, truth = scores(x, y)
    assert found.precision_used == "float64"
    assert found.score == truth.score
    x = rng.normal(size=(N, F))
    x[7, 3] = np.nan
    assert score_result(x, y, "auto", options=InputOptions(check_finite=False)) is None
