"""Arrays, tensors and tables of other libraries that cannot be scored are refused clearly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from foreign_inputs import N_SAMPLES, X, Y
from numpy.typing import NDArray

from hscore_fast import h_score

# JAX and Polars name things of NumPy and Python that are on their way out.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class OnTheGpu:
    """What a GPU array shows of itself."""

    shape = (40, 5)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, **_: Any) -> Any:
        raise AssertionError("must not be asked for")

    def __array__(self, *_: Any) -> Any:
        raise AssertionError("must not be asked for")


class Unreadable:
    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("the file\nis closed")


REFUSALS: dict[str, tuple[str, Callable[[Any], Any], type[Exception], tuple[str, ...]]] = {
    "GPU array": ("numpy", lambda m: OnTheGpu(), TypeError, ("OnTheGpu", "CUDA", ".cpu()")),
    "unreadable": ("numpy", lambda m: Unreadable(), TypeError, ("Unreadable", "file is closed")),
    "masked": ("numpy", lambda m: m.ma.array(X), TypeError, ("masked", ".filled(0)")),
    "eight-bit float": (
        *("ml_dtypes", lambda m: X.astype(m.float8_e5m2), TypeError),
        ("float8_e5m2", ".astype"),
    ),
    "four-bit integer": ("ml_dtypes", lambda m: X.astype(m.int4), TypeError, ("int4", ".astype")),
    "torch without values": (
        *("torch", lambda m: m.zeros(40, 5, device="meta"), TypeError),
        ("meta", "no values", ".cpu()"),
    ),
    "torch sparse": (
        *("torch", lambda m: m.tensor(X).to_sparse(), TypeError),
        ("sparse_coo", ".to_dense()"),
    ),
    "torch float8": (
        *("torch", lambda m: m.zeros(40, 5).to(m.float8_e4m3fn), TypeError),
        ("float8_e4m3fn", ".float()"),
    ),
    "torch complex": (
        *("torch", lambda m: m.zeros(40, 5, dtype=m.complex64), TypeError),
        ("complex64",),
    ),
    "torch to be negated": (
        *("torch", lambda m: m.imag(m.zeros(40, 5, dtype=m.complex64).conj()), TypeError),
        ("negated", "resolve_neg"),
    ),
    "torch, three dimensions": ("torch", lambda m: m.zeros(4, 5, 6), ValueError, ("(4, 5, 6)",)),
    "torch with NaN": (
        *("torch", lambda m: m.tensor(with_nan()).bfloat16(), ValueError),
        ("NaN", "row 7", "column 3"),
    ),
    "ml_dtypes with NaN": (
        *("ml_dtypes", lambda m: with_nan().astype(m.bfloat16), ValueError),
        ("NaN", "row 7", "column 3", "1 value"),
    ),
    "sparse": ("scipy.sparse", lambda m: m.csr_array(X), TypeError, ("csr_array", ".toarray()")),
    "sparse matrix": ("scipy.sparse", lambda m: m.coo_matrix(X), TypeError, (".toarray()",)),
    "pandas strings": (
        *("pandas", lambda m: m.DataFrame({"b": ["x"]}), TypeError),
        ("'b'", "pandas.to_numeric"),
    ),
    "pandas objects": (
        *("pandas", lambda m: m.DataFrame({"a": np.array([1, 2.5], object)}), TypeError),
        ("'a'", "object", "pandas.to_numeric"),
    ),
    "pandas dates": (
        *("pandas", lambda m: m.DataFrame({"when": m.to_datetime(["2020-01-01"])}), TypeError),
        ("'when'", "datetime64"),
    ),
    "pandas category": (
        *("pandas", lambda m: m.DataFrame({"a": m.Categorical([1, 2])}), TypeError),
        ("'a'", "category"),
    ),
    "pandas NA": (
        *("pandas", lambda m: m.DataFrame({"a": m.array([1, None, None], "Int64")}), ValueError),
        ("'a'", "2 missing", "row 1", "fill"),
    ),
    "pandas NaN": (
        *("pandas", lambda m: m.DataFrame(with_nan()).add_prefix("f"), ValueError),
        ("nan", "row 7", "column 3 ('f3')"),
    ),
    "pandas sparse": (
        *("pandas", lambda m: m.DataFrame({"a": m.arrays.SparseArray([0.0, 1.0])}), TypeError),
        ("'a'", "sparse", ".sparse.to_dense()"),
    ),
    "pandas empty": ("pandas", lambda m: m.DataFrame(index=range(3)), ValueError, ("column",)),
    "polars null": (
        *("polars", lambda m: m.DataFrame({"a": [1, 2], "b": [1, None]}), ValueError),
        ("'b'", "1 missing", "row 1"),
    ),
    "polars strings": ("polars", lambda m: m.DataFrame({"a": ["x"]}), TypeError, ("'a'", "String")),
    "polars lists of different lengths": (
        *("polars", lambda m: m.DataFrame({"a": [[1.0, 2.0], [3.0]]}), ValueError),
        ("'a'", "2 in row 0", "1 in row 1"),
    ),
    "polars null within an array": (
        *("polars", lambda m: m.Series("a", [[1.0, None]], m.Array(m.Float64, 2)), TypeError),
        ("'a'", "missing"),
    ),
    "polars lazy": ("polars", lambda m: m.LazyFrame({"a": [1.0]}), TypeError, (".collect()",)),
    "polars NaN": (
        *("polars", lambda m: m.DataFrame(with_nan()), ValueError),
        ("nan", "row 7", "column 3 ('column_3')"),
    ),
    "arrow null": (
        *("pyarrow", lambda m: m.table({"a": m.chunked_array([[1.0], [2.0, None]])}), ValueError),
        ("'a'", "1 missing", "row 2"),
    ),
    "arrow null within a list": (
        "pyarrow",
        lambda m: m.array([[1.0, 2.0], [3.0, None]], m.list_(m.float64(), 2)),
        ValueError,
        ("1 missing", "row 1"),
    ),
    "arrow strings": ("pyarrow", lambda m: m.table({"a": ["x"]}), TypeError, ("'a'", "string")),
    "arrow lists of different lengths": (
        *("pyarrow", lambda m: m.table({"a": [[1.0, 2.0], [3.0]]}), ValueError),
        ("'a'", "2 in row 0", "1 in row 1"),
    ),
    "pandas vectors of different lengths": (
        *("pandas", lambda m: m.DataFrame({"a": [np.ones(2), np.ones(3)]}), ValueError),
        ("'a'", "(2,)", "row 1", "(3,)"),
    ),
    "pandas vectors beside a number": (
        *("pandas", lambda m: m.Series([np.ones(2), 3.0], name="a"), TypeError),
        ("'a'", "float", "row 1"),
    ),
    "vectors beside other columns": (
        *("pandas", lambda m: m.DataFrame({"a": [np.ones(2)] * 2, "b": [1, 2]}), ValueError),
        ("'a'", "'b'", "columns='a'"),
    ),
    "mapping": ("numpy", lambda m: {"a": X, "b": X}, TypeError, ("dict", "'a'", "features['a']")),
    "batches of different widths": (
        *("numpy", lambda m: [X[:9], X[9:, :2]], ValueError),
        ("different widths", "features[1]", "(202, 2)"),
    ),
    "arrow decimals": (
        *("pyarrow", lambda m: m.table({"a": m.array([1, 2]).cast(m.decimal128(20))}), TypeError),
        ("'a'", "decimal", "cast"),
    ),
    "arrow without rows": ("pyarrow", lambda m: m.table({"a": m.array([], "f8")}), ValueError, ()),
}


def with_nan() -> NDArray:
    x = X.copy()
    x[7, 3] = np.nan
    return x


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case: str) -> None:
    library, make, error, words = REFUSALS[case]
    features = make(pytest.importorskip(library))
    n_samples = features.shape[0] if hasattr(features, "shape") else len(X)
    with pytest.raises(error) as caught:
        h_score(features, np.arange(n_samples) % 3)
    text = str(caught.value)
    assert text.startswith("features")
    assert "\n" not in text
    for word in words:
        assert word.lower() in text.lower()


LABEL_REFUSALS: dict[str, tuple[str, Callable[[Any], Any], type[Exception], tuple[str, ...]]] = {
    "GPU array": ("numpy", lambda m: OnTheGpu(), TypeError, ("CUDA", ".cpu()")),
    "masked": ("numpy", lambda m: m.ma.array(Y), TypeError, ("masked",)),
    "torch without values": (
        *("torch", lambda m: m.zeros(211, device="meta"), TypeError),
        ("meta", ".cpu()"),
    ),
    "sparse one-hot": (
        "scipy.sparse",
        lambda m: m.csr_array(np.eye(5)[Y]),
        TypeError,
        (".toarray",),
    ),
    "polars null": ("polars", lambda m: m.Series([None, *Y[1:]]), ValueError, ("missing", "row 0")),
    "polars null string": (
        *("polars", lambda m: m.Series([*"ab" * 105, None]), ValueError),
        ("1 missing", "row 210"),
    ),
    "arrow null": ("pyarrow", lambda m: m.array([*Y[1:], None]), ValueError, ("missing", "210")),
    "arrow null in a dictionary": (
        *("pyarrow", lambda m: m.array([*"ab" * 105, None]).dictionary_encode(), ValueError),
        ("missing", "row 210"),
    ),
    "pandas NA among objects": (
        *("pandas", lambda m: m.Series([*"ab" * 105, m.NA], dtype=object), ValueError),
        ("1 missing", "row 210"),
    ),
    "pandas NaT": (
        *("pandas", lambda m: m.Series([*m.date_range("2020", periods=210), m.NaT]), ValueError),
        ("missing", "row 210"),
    ),
    "NaN among strings": ("numpy", lambda m: [*"ab" * 105, m.nan], ValueError, ("missing", "210")),
}


@pytest.mark.parametrize("case", LABEL_REFUSALS)
def test_refusal_of_labels(case: str) -> None:
    library, make, error, words = LABEL_REFUSALS[case]
    labels = make(pytest.importorskip(library))
    with pytest.raises(error) as caught:
        h_score(X, labels)
    text = str(caught.value)
    assert text.startswith("labels")
    for word in words:
        assert word in text


def test_numbers_and_words_in_one_list_are_not_written_out() -> None:
    """NumPy would make one class of 1 and "1"."""
    labels = [[1, "1", "b"][code % 3] for code in range(N_SAMPLES)]
    assert h_score(X, labels) == h_score(X, np.arange(N_SAMPLES) % 3)
