"""Embeddings in one column, batches in a list, archives, and addresses that are no local files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hscore_fast

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("polars")

import pandas as pd
import polars as pl
import pyarrow as pa
from table_calls import CALLS, FRAME, TRUTH, X, Y

EMBEDDINGS: dict[str, Callable[[], Any]] = {
    "pandas series": lambda: pd.Series(list(X)),
    "pandas series of lists": lambda: pd.Series(X.tolist()),
    "pandas frame": lambda: pd.DataFrame({"emb": list(X), "path": FRAME["path"]}),
    "pandas, backed by Arrow": lambda: pd.DataFrame(
        {"emb": pd.Series(X.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.float64())))}
    ),
    "Arrow array": lambda: pa.array(X.tolist()),
    "Arrow table": lambda: pa.table({"emb": X.tolist()}),
    "Arrow slice": lambda: pa.table({"emb": [[0.0]] * 3 + X.tolist()}).slice(3),
    "Arrow in pieces": lambda: pa.chunked_array([X[:7].tolist(), X[7:].tolist()]),
    "Arrow large lists": lambda: pa.array(X.tolist(), pa.large_list(pa.float64())),
    "polars series": lambda: pl.Series("emb", X.tolist()),
    "polars frame": lambda: pl.DataFrame({"emb": X.tolist()}),
    "batches": lambda: [X[:100], X[100:101], X[101:]],
    "batches of two types": lambda: (X[:100].astype("f4"), X[100:]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", EMBEDDINGS)
@pytest.mark.parametrize("name", CALLS)
def test_embeddings_in_one_column_and_batches_are_matrices(name, kind) -> None:
    if name == "rank_sources" and kind.startswith("batches of"):
        pytest.skip("pairs are blocks there")
    assert CALLS[name](EMBEDDINGS[kind](), Y) == pytest.approx(TRUTH, rel=1e-6)


def test_torch_batches() -> None:
    torch = pytest.importorskip("torch")
    batches = [torch.tensor(X[:100]).bfloat16(), torch.tensor(X[100:]).bfloat16()]
    whole = torch.tensor(X).bfloat16()
    assert hscore_fast.h_score(batches, Y) == hscore_fast.h_score(whole, Y)


def test_an_archive_that_was_loaded_says_which_arrays_it_has(tmp_path) -> None:
    np.savez(tmp_path / "z.npz", x=X, y=Y)
    with (
        np.load(tmp_path / "z.npz") as archive,
        pytest.raises(TypeError, match=r"NpzFile of 2 arrays \('x', 'y'\).*features\['x'\]"),
    ):
        hscore_fast.h_score(archive, Y)


def test_the_home_folder_is_known(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    np.savez(tmp_path / "z.npz", x=X, y=Y)
    assert hscore_fast.h_score("~/z.npz:x", "~/z.npz:y") == pytest.approx(TRUTH)


@pytest.mark.parametrize("url", ["s3://bucket/x.npy", "https://host/x.parquet", "gs://b/x.h5:/a"])
def test_a_url_says_what_to_do(url) -> None:
    with pytest.raises(ValueError, match=f"'{url}' is a URL.*copy it to a file"):
        hscore_fast.h_score(url, Y)
    with pytest.raises(ValueError, match=f"'{url}' is a URL"):
        hscore_fast.h_score(X, url)
