"""Ordinary data raises no warning, whatever looks odd about it."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hscore_fast import (
    Moments,
    SaturationWarning,
    adjusted_h_score,
    evaluate,
    h_score,
    h_scores,
    rank_sources,
    regularized_h_score,
)

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 5, 400)
X = RNG.standard_normal((400, 12)) + 0.7 * RNG.standard_normal((5, 12))[Y]
WORDS = RNG.poisson(0.05, (400, 60)) * 1.0


def few_shot(shots: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw 50 classes with so many rows each, in turn."""
    labels = np.concatenate([np.full(shots[c % len(shots)], c) for c in range(50)])
    return RNG.standard_normal((len(labels), 16)), labels


def one_hot(codes: np.ndarray) -> np.ndarray:
    """All columns, which sum to one."""
    return np.eye(codes.max() + 1)[codes]


def zero_padded() -> np.ndarray:
    x = X.copy()
    x[300:] = 0
    return x


def layer_norm(x: np.ndarray) -> np.ndarray:
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return x.astype(np.float32)


CASES: dict[str, Callable[[], tuple[Any, Any]]] = {
    "plain": lambda: (X, Y),
    "sorted labels": lambda: (X[np.argsort(Y)], np.sort(Y)),
    "float labels 0.0 and 1.0": lambda: (X, (Y > 2).astype(float)),
    "float32 labels": lambda: (X, Y.astype(np.float32)),
    "counts": lambda: (RNG.poisson(3, (400, 20)), Y),
    "bag of words": lambda: (WORDS, Y),
    "bag of words with words twice": lambda: (np.hstack([WORDS, WORDS[:, :9]]), Y),
    "one-hot": lambda: (one_hot(RNG.integers(0, 9, 400)), Y),
    "one-hot of two columns": lambda: (
        np.hstack([one_hot(RNG.integers(0, 9, 400)), one_hot(RNG.integers(0, 4, 400))]),
        Y,
    ),
    "one row a class": lambda: few_shot([1]),
    "one row in some classes": lambda: few_shot([1, 5]),
    "five rows a class": lambda: few_shot([5]),
    "timestamps": lambda: (np.column_stack([1.6e9 + np.cumsum(RNG.random(400)) * 60, X]), Y),
    "timestamps in nanoseconds": lambda: (
        np.column_stack([1_600_000_000_000_000_000 + np.arange(400) * 10**9, X.astype(int)]),
        Y,
    ),
    "zero-padded rows": lambda: (zero_padded(), Y),
    "dead columns": lambda: (np.maximum(np.hstack([X, X - 9]), 0), Y),
    "int8": lambda: (np.clip(np.rint(X * 20), -128, 127).astype(np.int8), Y),
    "quantized": lambda: (np.rint(X * 20) * 0.05, Y),
    "quantized float32": lambda: (np.float32(np.rint(X * 20) * 0.05), Y),
    "float16": lambda: (X.astype(np.float16), Y),
    "Celsius and Fahrenheit": lambda: (np.hstack([X, 1.8 * X[:, :3] + 32]), Y),
    "float32 of low rank": lambda: (
        (X[:, :6] @ RNG.standard_normal((6, 30))).astype(np.float32),
        Y,
    ),
    "float64 of low rank": lambda: (X[:, :6] @ RNG.standard_normal((6, 30)), Y),
    "averages beside what they are of": lambda: (np.column_stack([X, X.mean(1), X.sum(1)]), Y),
    "an outlier": lambda: (np.where(np.arange(400)[:, None] == 7, 1e4, X), Y),
    "heavy tails": lambda: (RNG.standard_cauchy((400, 10)), Y),
    "a pandas frame": lambda: (pd.DataFrame(X), pd.Series(Y)),
    "a shuffled frame": lambda: (
        pd.DataFrame(X).sample(frac=1, random_state=0),
        pd.Series(Y).sample(frac=1, random_state=0),
    ),
}


def run_all(x: Any, y: Any) -> None:
    """Call what scores one matrix; any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        h_score(x, y)
        adjusted_h_score(x, y)
        regularized_h_score(x, y)
        report = evaluate(x, y)
        h_scores(x, [y])
        Moments().update(x, y).h_score()
        ranking = rank_sources({"x": x, "again": x}, y)
    assert report.warnings == ()
    # Classes of one row are told, since their rows cannot be held out.
    assert not any(entry.warning for entry in ranking if "a single row" not in entry.warning)


@pytest.mark.parametrize("name", CASES)
def test_ordinary_data_raises_no_warning(name: str) -> None:
    run_all(*CASES[name]())


def test_the_output_of_scalers_and_encoders_raises_no_warning() -> None:
    sklearn = pytest.importorskip("sklearn")
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import (
        LabelEncoder,
        OneHotEncoder,
        OrdinalEncoder,
        QuantileTransformer,
        StandardScaler,
    )

    assert sklearn.__version__
    frame = pd.DataFrame(X, columns=[f"f{k}" for k in range(12)])
    labels = pd.Series(np.array(["ant", "bee", "cow", "dog", "elk"])[Y], name="animal")
    train, _, y, _ = train_test_split(frame, labels, random_state=0)
    for scaler in (StandardScaler(), QuantileTransformer(n_quantiles=50)):
        run_all(scaler.fit_transform(train), y)  # rows without an index beside one
        run_all(scaler.set_output(transform="pandas").fit_transform(train), y)
        run_all(pd.DataFrame(scaler.set_output(transform="default").fit_transform(train)), y)
    run_all(train, LabelEncoder().fit_transform(y))
    run_all(train, pd.Series(LabelEncoder().fit_transform(y)))
    run_all(train, OrdinalEncoder().fit_transform(y.to_frame()))
    run_all(train, OneHotEncoder(sparse_output=False).fit_transform(y.to_frame()))
    groups = pd.DataFrame({"kind": np.array(list("pqrs"))[RNG.integers(0, 4, len(y))]}, y.index)
    run_all(OneHotEncoder(sparse_output=False).fit_transform(groups), y)
    run_all(pd.get_dummies(groups), y)


@pytest.mark.parametrize(
    "name", ["iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud"]
)
def test_forty_rows_of_what_ships_with_scikit_learn(name: str) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    y = bunch.target if name != "linnerud" else bunch.target["Weight"]
    if name in ("diabetes", "linnerud"):  # measured: in thirds
        y = pd.qcut(y, 3)
    rows = np.random.default_rng(1).permutation(len(y))[:40]
    x, y = bunch.data.iloc[rows], y.iloc[rows]
    if name == "digits":  # more pixels than rows: the score is 9 for any labels, which is said
        with pytest.warns(SaturationWarning, match="for 40 samples, so that .* whatever"):
            assert h_score(x, y) == y.nunique() - 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            regularized_h_score(x, y)
        return
    run_all(x, y)
