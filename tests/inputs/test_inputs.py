"""Arrays, tensors and tables of other libraries: read where they lie, or refused clearly."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from foreign_inputs import (
    MATRICES,
    MIXED,
    N_FEATURES,
    N_SAMPLES,
    TABLES,
    TRUTH,
    X,
    Y,
    build,
    cut,
    mixed,
    whole_numbers,
)
from numpy.typing import NDArray
from oracles import make_problem, svd_h_score

from hscore_fast import Moments, adjusted_h_score, h_score, regularized_h_score
from hscore_fast._inputs.features import as_features
from hscore_fast._inputs.frames import columns_of

# JAX and Polars name things of NumPy and Python that are on their way out.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def addresses(features: Any) -> tuple[list[int], Any]:
    """Tell where the numbers are read, and keep that memory from being used again."""
    found = None if isinstance(features, np.ndarray) else columns_of(features)
    columns = None if found is None else found.columns
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
