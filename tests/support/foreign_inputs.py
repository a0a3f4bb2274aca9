"""Features as other libraries hold them: arrays, tensors, columns and tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import make_problem, svd_h_score

N_SAMPLES, N_FEATURES = 211, 12


def whole_numbers(n_features: int = N_FEATURES) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Make features that eight bits of mantissa hold exactly."""
    x, y = make_problem(N_SAMPLES, n_features, 5)
    return np.clip(np.round(20 * x), -100, 100), y


X, Y = whole_numbers()
TRUTH = svd_h_score(X, Y)
KINDS_OF_COLUMN = ["f8", "f4", "i1", "i2", "u2", "i8"]


class Offers:
    """An array that can be had by one protocol only."""

    def __init__(self, x: NDArray, protocol: str) -> None:
        self._x = x
        setattr(self, protocol, getattr(x, protocol))


class OffersArray(Offers):
    def __array__(self, *args: Any, **kwargs: Any) -> NDArray:
        return self._x.__array__(*args, **kwargs)


class OffersDlpack:
    def __init__(self, x: NDArray) -> None:
        self._x = x

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self._x.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self._x.__dlpack_device__()


def mixed(x: NDArray) -> dict[str, NDArray]:
    """Take the columns apart and give them dtypes of all sizes."""
    kinds = KINDS_OF_COLUMN * len(x.T)
    return {f"c{j}": (x[:, j] % 64).astype(kinds[j]) for j in range(x.shape[1])}


def cut(column: NDArray, *places: int) -> list[NDArray]:
    return [np.ascontiguousarray(part) for part in np.split(column, places)]


Build = Callable[[Any, NDArray], Any]

# name: the library, and how it holds the features
MATRICES: dict[str, tuple[str, Build]] = {
    "ml_dtypes bfloat16": ("ml_dtypes", lambda m, x: x.astype(m.bfloat16)),
    "ml_dtypes bfloat16, Fortran": (
        *("ml_dtypes", lambda m, x: np.asfortranarray(x.astype(m.bfloat16))),
    ),
    "ml_dtypes bfloat16, strided": (
        *("ml_dtypes", lambda m, x: np.repeat(x, 2, 1).astype(m.bfloat16)[:, ::2]),
    ),
    **{
        f"torch {dtype}": ("torch", lambda m, x, dtype=dtype: m.tensor(x).to(getattr(m, dtype)))
        for dtype in ("float16", "bfloat16", "float32", "float64", "int8", "int32", "int64")
    },
    "torch, requires grad": ("torch", lambda m, x: m.tensor(x).requires_grad_()),
    "torch bfloat16, requires grad": (
        *("torch", lambda m, x: m.tensor(x).bfloat16().requires_grad_()),
    ),
    "torch parameter": ("torch", lambda m, x: m.nn.Parameter(m.tensor(x))),
    "torch, transposed": ("torch", lambda m, x: m.tensor(x.T.copy()).t()),
    "torch bfloat16, transposed": ("torch", lambda m, x: m.tensor(x.T.copy()).bfloat16().t()),
    "torch, strided": ("torch", lambda m, x: m.tensor(np.repeat(x, 3, axis=1))[:, ::3]),
    "jax": ("jax.numpy", lambda m, x: m.asarray(x, dtype=m.float32)),
    "jax bfloat16": ("jax.numpy", lambda m, x: m.asarray(x, dtype=m.bfloat16)),
    "jax int8": ("jax.numpy", lambda m, x: m.asarray(x, dtype=m.int8)),
    "arrow tensor": ("pyarrow", lambda m, x: m.Tensor.from_numpy(x)),
    "arrow column of lists of fixed size": (
        "pyarrow",
        lambda m, x: m.table(
            {"x": m.FixedSizeListArray.from_arrays(m.array(x.ravel()), x.shape[1])}
        ),
    ),
    "arrow column of tensors": (
        "pyarrow",
        lambda m, x: m.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(x)),
    ),
    "polars column of arrays": (
        *("polars", lambda m, x: m.Series("x", x, dtype=m.Array(m.Float64, x.shape[1]))),
    ),
    "only __array__": ("numpy", lambda m, x: OffersArray(x, "shape")),
    "only __array_interface__": ("numpy", lambda m, x: Offers(x, "__array_interface__")),
    "only __dlpack__": ("numpy", lambda m, x: OffersDlpack(x)),
    "memoryview": ("numpy", lambda m, x: memoryview(x)),
}

TABLES: dict[str, tuple[str, Build]] = {
    "pandas, one block": ("pandas", lambda m, x: m.DataFrame(x)),
    "pandas, one Fortran block": ("pandas", lambda m, x: m.DataFrame(np.asfortranarray(x))),
    "pandas, columns named alike": (
        "pandas",
        lambda m, x: m.DataFrame(x, columns=["a"] * len(x.T)),
    ),
    "pandas nullable": ("pandas", lambda m, x: m.DataFrame(x).astype("Int16")),
    "pandas nullable floats": ("pandas", lambda m, x: m.DataFrame(x).astype("Float32")),
    "polars": ("polars", lambda m, x: m.DataFrame(x)),
    "polars in pieces": (
        "polars",
        lambda m, x: m.concat([m.DataFrame(x[:90]), m.DataFrame(x[90:])], rechunk=False),
    ),
    "arrow batch": (
        "pyarrow",
        lambda m, x: m.record_batch({str(j): m.array(c.copy()) for j, c in enumerate(x.T)}),
    ),
    "arrow, cut differently": (
        "pyarrow",
        lambda m, x: m.table(
            {str(j): m.chunked_array(cut(c, 7, 40 + 11 * j)) for j, c in enumerate(x.T)}
        ),
    ),
    "arrow, sliced": (
        "pyarrow",
        lambda m, x: m.table(
            {str(j): m.array(np.concatenate([[77.0], c, [77.0]])) for j, c in enumerate(x.T)}
        ).slice(1, len(x)),
    ),
}

MIXED: dict[str, tuple[str, Build]] = {
    "pandas": ("pandas", lambda m, x: m.DataFrame(mixed(x))),
    "polars": ("polars", lambda m, x: m.DataFrame(mixed(x))),
    "arrow": ("pyarrow", lambda m, x: m.table(mixed(x))),
    "arrow in pieces": (
        "pyarrow",
        lambda m, x: m.table({k: m.chunked_array(cut(c, 50, 60)) for k, c in mixed(x).items()}),
    ),
}


def build(kinds: dict[str, tuple[str, Build]], kind: str, x: NDArray) -> Any:
    library, make = kinds[kind]
    return make(pytest.importorskip(library), x)
