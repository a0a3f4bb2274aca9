"""float32 products under `precision="auto"`: taken with many classes, and the error told covers."""

import numpy as np
import pytest

from hscore_fast.scores import score_result

N, F = 8_000, 512


def features(kind: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(N, F))
    if kind.startswith("condition"):
        rotation = np.linalg.qr(rng.normal(size=(F, F)))[0]
        return (x * np.geomspace(1, 1 / float(kind.split()[1]), F)) @ rotation
    if kind == "rectified":
        return np.maximum(x * np.geomspace(1, 0.03, F) @ rng.normal(size=(F, F)) / 8, 0)
    if kind == "counts":  # sums of like terms, which float32 rounds alike
        return np.round(np.maximum(x, 0) * 3) / 3
    return x


def score(x: np.ndarray, y: np.ndarray, precision: str):
    return score_result(x, y, precision, None, None, True)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("classes", [100, 600])
@pytest.mark.parametrize(
    "kind", ["normal", "condition 1e2", "condition 3e2", "rectified", "counts"]
)
def test_many_classes_take_float32_products(kind, classes, dtype) -> None:
    y = np.random.default_rng(6).integers(0, classes, N)
    x = (features(kind) + np.eye(F)[y % F] * 0.5).astype(dtype)
    truth = score(x, y, "float64").score
    found = score(x, y, "auto")
    assert found.precision_used.startswith("float32")
    assert abs(found.score - truth) <= found.error_bound <= 1e-6 * truth


@pytest.mark.parametrize("classes", [100, 600])
def test_float64_where_float32_products_are_not_safe(classes) -> None:
    y = np.random.default_rng(6).integers(0, classes, N)
    x = features("condition 1e6").astype(np.float32)
    found = score(x, y, "auto")
    assert found.precision_used == "float64"
    assert found.score == score(x, y, "float64").score
