"""Arrays, tensors and tables of other libraries: read where they lie, or refused clearly."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import make_problem, svd_h_score

from hscore_fast import Moments, adjusted_h_score, h_score, regularized_h_score
from hscore_fast._frames import columns_of
from hscore_fast._inputs import as_features

N_SAMPLES, N_FEATURES = 211, 12

# JAX and Polars name things of NumPy and Python that are on their way out.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


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


def addresses(features: Any) -> tuple[list[int], Any]:
    """Tell where the numbers are read, and keep that memory from being used again."""
    columns = None if isinstance(features, np.ndarray) else columns_of(features)
    pieces = (
        [as_features(features).array]
        if columns is None
        else [piece for column in columns for piece in column.pieces]
    )
    return [piece.ctypes.data for piece in pieces], pieces


@pytest.mark.parametrize("kind", [*MATRICES, *TABLES])
def test_equals_the_float64_copy(kind: str) -> None:
    features = build({**MATRICES, **TABLES}, kind, X)
    assert as_features(features).n_features == N_FEATURES
    assert h_score(features, Y, precision="float64") == pytest.approx(TRUTH, abs=1e-12)
    assert h_score(features, Y) == pytest.approx(TRUTH, rel=1e-9)
    assert h_score(features, Y, precision="high") == pytest.approx(TRUTH, abs=1e-12)
    assert Moments().update(features, Y).h_score() == pytest.approx(TRUTH, abs=1e-12)
    assert adjusted_h_score(features, Y) == pytest.approx(adjusted_h_score(X, Y), rel=1e-9)
    assert regularized_h_score(features, Y) == pytest.approx(regularized_h_score(X, Y), rel=1e-9)


@pytest.mark.parametrize("kind", MIXED)
@pytest.mark.parametrize("n_features", [N_FEATURES, 300])
def test_columns_of_several_types(kind: str, n_features: int) -> None:
    """Also with fewer rows than columns, and across the panels in which columns are packed."""
    x, y = whole_numbers(n_features)
    features = build(MIXED, kind, x)
    plain = np.column_stack(list(mixed(x).values())).astype(np.float64)
    for score in (h_score, adjusted_h_score, regularized_h_score):
        if n_features > N_SAMPLES and score is not regularized_h_score:
            continue
        assert score(features, y) == pytest.approx(score(plain, y), rel=1e-9)
    if n_features > N_SAMPLES:
        with pytest.warns(match="rank 210"):
            assert h_score(features, y) == 4.0


@pytest.mark.parametrize("kind", [*MATRICES, *TABLES])
def test_nothing_is_copied(kind: str) -> None:
    """Two looks at the same features, both alive, see the same memory."""
    features = build({**MATRICES, **TABLES}, kind, X)
    first, keep_first = addresses(features)
    second, keep_second = addresses(features)
    assert first == second
    assert len(keep_first) == len(keep_second) > 0


@pytest.mark.parametrize("kind", [*MATRICES, *TABLES])
def test_the_features_stay_as_they_were(kind: str) -> None:
    features = build({**MATRICES, **TABLES}, kind, X)
    _, pieces = addresses(features)
    before = [piece.tobytes() for piece in pieces]
    h_score(features, Y)
    assert [piece.tobytes() for piece in pieces] == before


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "torch", "jax.numpy"])
def test_booleans(library: str) -> None:
    made = pytest.importorskip(library)
    x = X > 0
    columns = {str(j): np.ascontiguousarray(c) for j, c in enumerate(x.T)}
    features = {
        "pandas": lambda: made.DataFrame(x).astype("boolean"),
        "polars": lambda: made.DataFrame(columns),
        "pyarrow": lambda: made.table(columns),
        "torch": lambda: made.tensor(x),
        "jax.numpy": lambda: made.asarray(x),
    }[library]()
    assert h_score(features, Y) == pytest.approx(svd_h_score(x, Y), abs=1e-12)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "torch"])
def test_one_series_is_one_column(library: str) -> None:
    made = pytest.importorskip(library)
    column = X[:, 0].copy()
    make = {"pandas": "Series", "polars": "Series", "pyarrow": "array", "torch": "tensor"}[library]
    assert h_score(getattr(made, make)(column), Y) == h_score(X[:, :1], Y)


def test_a_large_table_takes_threads_and_corrected_products() -> None:
    pa = pytest.importorskip("pyarrow")
    x, y = make_problem(70_000, 200, 5)
    table = pa.table({str(j): pa.chunked_array(cut(c, 30_000)) for j, c in enumerate(x.T)})
    expected = h_score(x, y, precision="float64")
    for n_threads in (1, 2):
        for precision in ("auto", "float64"):
            found = h_score(table, y, precision=precision, n_threads=n_threads)
            assert found == pytest.approx(expected, rel=1e-9)


def test_arrow_behind_pandas() -> None:
    pd, _ = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    frame = pd.DataFrame(X).astype("float64[pyarrow]")
    assert h_score(frame, Y) == pytest.approx(TRUTH, abs=1e-12)
    first, keep = addresses(frame)
    assert first == addresses(frame)[0]
    del keep


def test_array_module_and_lists_of_tensors() -> None:
    assert h_score(array.array("d", X[:, 0]), Y) == h_score(X[:, 0], Y)
    torch = pytest.importorskip("torch")
    assert h_score([torch.tensor(row) for row in X], Y) == h_score(X, Y)


LABELS: dict[str, tuple[str, Callable[[Any, NDArray], Any]]] = {
    "torch": ("torch", lambda m, y: m.tensor(y - 2)),
    "torch bfloat16": ("torch", lambda m, y: m.tensor(y - 2).bfloat16()),
    "torch one-hot": ("torch", lambda m, y: m.nn.functional.one_hot(m.tensor(y))),
    "torch bool one-hot": ("torch", lambda m, y: m.nn.functional.one_hot(m.tensor(y)).bool()),
    "jax": ("jax.numpy", lambda m, y: m.asarray(y)),
    "ml_dtypes one-hot": ("ml_dtypes", lambda m, y: np.eye(5)[y].astype(m.bfloat16)),
    "polars": ("polars", lambda m, y: m.Series(y)),
    "polars strings": ("polars", lambda m, y: m.Series([f"c{c}" for c in y])),
    "polars categorical": (
        *("polars", lambda m, y: m.Series([f"c{c}" for c in y], dtype=m.Categorical)),
    ),
    "polars enum": (
        *("polars", lambda m, y: m.Series([str(c) for c in y], dtype=m.Enum(list("0123456")))),
    ),
    "polars column": ("polars", lambda m, y: m.DataFrame({"y": y})),
    "polars one-hot": ("polars", lambda m, y: m.DataFrame({"y": y}).to_dummies("y")),
    "arrow": ("pyarrow", lambda m, y: m.array(y)),
    "arrow in pieces": ("pyarrow", lambda m, y: m.chunked_array([y[:9], y[9:]])),
    "arrow strings": ("pyarrow", lambda m, y: m.array([f"c{c}" for c in y])),
    "arrow dictionary": (
        *("pyarrow", lambda m, y: m.array([f"c{c}" for c in y]).dictionary_encode()),
    ),
    "arrow column": ("pyarrow", lambda m, y: m.table({"y": y})),
    "pandas dummies": ("pandas", lambda m, y: m.get_dummies(m.Series(y))),
    "pandas large integers": ("pandas", lambda m, y: m.Series(y + 2**62, dtype="Int64")),
    "NumPy's strings of variable length": (
        *("numpy", lambda m, y: y.astype(str).astype(m.dtypes.StringDType())),
    ),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels(kind: str) -> None:
    library, make = LABELS[kind]
    made = pytest.importorskip(library)
    if "variable length" in kind and not hasattr(getattr(np, "dtypes", None), "StringDType"):
        pytest.skip("this NumPy has none")
    assert h_score(X, make(made, Y)) == pytest.approx(TRUTH, abs=1e-12)


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
        *("pandas", lambda m: m.DataFrame({"a": [1.0], "b": ["x"]}), TypeError),
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
    "polars lists": (
        *("polars", lambda m: m.DataFrame({"a": [[1.0, 2.0]]}), TypeError),
        ("'a'", "List"),
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
    "arrow lists": (
        *("pyarrow", lambda m: m.table({"a": [[1.0, 2.0]]}), TypeError),
        ("'a'", "list", "fixed size"),
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
