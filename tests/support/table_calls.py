"""A table that carries its labels, an index and text, and calls of all that takes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from oracles import svd_h_score
from pyarrow import feather

import hscore_fast
from hscore_fast import Moments, TargetMoments, readers

ARROW = (pa.Table, pa.RecordBatch)
ROWS, CLASSES = 300, 3
RNG = np.random.default_rng(0)
Y = np.sort(RNG.integers(0, CLASSES, ROWS))
X = RNG.standard_normal((ROWS, 6)) + 0.5 * np.eye(CLASSES, 6)[Y]
TRUTH = svd_h_score(X, Y)

FRAME = pd.DataFrame(X).add_prefix("f").assign(label=Y, path=[f"{j}.png" for j in range(ROWS)])
SHUFFLED = RNG.permutation(ROWS)


TRUE_LABELS = Y[SHUFFLED]


def to_arrow(path, frame) -> None:
    table = pa.Table.from_pandas(frame)
    with pa.ipc.new_stream(path, table.schema) as file:
        file.write_table(table)


def write(folder, kind: str, frame: Any = FRAME) -> Any:
    """Give the table as `kind` holds it, in memory or as the address of a file.

    Its rows are shuffled, and its index numbers them as they were, sorted by their labels.
    """
    frame = frame.iloc[SHUFFLED]
    path = folder / f"table.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "named.parquet":
        frame.rename_axis("image").to_parquet(path)
    elif kind == "feather":
        feather.write_feather(pa.Table.from_pandas(frame), path, compression="uncompressed")
    elif kind == "arrow":
        to_arrow(path, frame)
    elif kind == "parts":
        for part in range(3):
            frame[100 * part :][:100].to_parquet(folder / f"part{part}.parquet")
        return str(folder / "part*.parquet")
    else:
        return {
            "pandas": lambda: frame,
            "polars": lambda: pl.from_pandas(frame),
            "Arrow": lambda: pa.Table.from_pandas(frame),
            "batch": lambda: pa.RecordBatch.from_pandas(frame),
        }[kind]()
    return str(path)


FILES = ["parquet", "named.parquet", "feather", "arrow", "parts"]
KINDS = [*FILES, "pandas", "polars", "Arrow", "batch"]


def of_targets(features: Any, labels: Any, **options: Any) -> float:
    moments = TargetMoments().update(features, [labels], **options)
    return float(moments.h_scores()[0])


CALLS: dict[str, Callable[..., float]] = {
    "h_score": hscore_fast.h_score,
    "evaluate": lambda x, y, **o: hscore_fast.evaluate(x, y, **o).h_score,
    "adjusted_h_score": lambda x, y, **o: plain(hscore_fast.adjusted_h_score(x, y, **o)),
    "chance_level": lambda x, y, **o: TRUTH if is_chance(x, y, o) else np.nan,
    "regularized_h_score": lambda x, y, **o: hscore_fast.regularized_h_score(
        x, y, shrinkage=0.0, convention="paper", **o
    ),
    "h_scores": lambda x, y, **o: float(hscore_fast.h_scores(x, [y], **o)[0]),
    "rank_sources": lambda x, y, **o: hscore_fast.rank_sources({"x": x}, y, **o)[0].h_score,
    "select_sources": lambda x, y, **o: (
        hscore_fast.select_sources({"x": x}, y, n_errors=0, alpha=1, **o).h_score
    ),
    "pair_scores": lambda x, y, **o: float(hscore_fast.pair_scores({"x": x}, y, **o).h_score[0, 0]),
    "transfer_matrix": lambda x, y, **o: float(
        hscore_fast.transfer_matrix({"x": x}, {"y": y}, **o).h_scores[0, 0]
    ),
    "transferability": lambda x, y, **o: hscore_fast.transferability(x, y, **o).h_score,
    "transferability, optimal": lambda x, y, **o: (
        hscore_fast.transferability(X[SHUFFLED], y, optimal=x, **o).optimal_h_score
    ),
    "Moments.update": lambda x, y, **o: Moments().update(x, y, **o).h_score(),
    "Moments.from_blocks": lambda x, y, **o: Moments.from_blocks([(x, y)], **o).h_score(),
    "TargetMoments.update": of_targets,
    "cross_validated_h_score": lambda x, y, **o: same(hscore_fast.cross_validated_h_score, x, y, o),
    "cross_validate": lambda x, y, **o: same(
        lambda *given, **how: hscore_fast.cross_validate(*given, **how).score, x, y, o
    ),
    "read_moments": lambda x, y, **o: readers.read_moments(x, y, **o).h_score(),
}


def same(function: Any, features: Any, labels: Any, options: Any) -> float:
    """Give the true H-score if a held-out score is that of the true features, of any order."""
    found = function(features, labels, **options)
    wanted = {function(X, Y), function(X[SHUFFLED], TRUE_LABELS)}
    return TRUTH if any(found == pytest.approx(value, rel=1e-6) for value in wanted) else found


def plain(adjusted: float) -> float:
    """Give the score that an adjusted one is of, for features of this width."""
    most, freedom = CLASSES - 1, ROWS - 1 - X.shape[1]
    return most - (most - adjusted) * freedom / (ROWS - 1)


def is_chance(features: Any, labels: Any, options: Any) -> bool:
    level = hscore_fast.chance_level(features, labels, **options)
    return level == pytest.approx(X.shape[1] * (CLASSES - 1) / (ROWS - 1))


IN_MEMORY = {"transferability", "transferability, optimal", "Moments.update", "Moments.from_blocks"}
IN_MEMORY |= {"TargetMoments.update"}


def labels_of(table: Any) -> Any:
    if isinstance(table, str):
        return f"{table}:label"
    # A column of Arrow's has no name once it is taken out.
    return table.select(["label"]) if isinstance(table, ARROW) else table["label"]
