"""Columns that are no features: in no function, from no kind of table, do they reach the score."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runs import run
from oracles import svd_h_score

import hscore_fast
from hscore_fast import ColumnWarning, Moments, TargetMoments, readers

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("polars")

import pandas as pd
import polars as pl
import pyarrow as pa
import table_calls
from table_calls import (
    CALLS,
    FILES,
    FRAME,
    IN_MEMORY,
    KINDS,
    RNG,
    ROWS,
    TRUE_LABELS,
    TRUTH,
    X,
    Y,
    labels_of,
    write,
)


def test_every_public_function_that_takes_features_is_called_here() -> None:
    public: dict[str, Any] = {
        **{name: getattr(hscore_fast, name) for name in hscore_fast.__all__},
        **{f"Moments.{name}": getattr(Moments, name) for name in ("update", "from_blocks")},
        "TargetMoments.update": TargetMoments.update,
        "read_moments": readers.read_moments,
    }
    takes = {
        name
        for name, member in public.items()
        if inspect.isfunction(member) or inspect.ismethod(member)
        if {"features", "sources", "blocks"} & set(inspect.signature(member).parameters)
    }
    assert takes - set(CALLS) == set()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CALLS)
def test_labels_index_and_text_are_no_features(tmp_path, name, kind) -> None:
    if name in IN_MEMORY and kind in FILES:
        pytest.skip("takes no files")
    table = write(tmp_path, kind)
    assert CALLS[name](table, labels_of(table)) == pytest.approx(TRUTH, rel=1e-9)


def noise_and_good(folder) -> tuple[str, str, float]:
    """Two tables that both carry the labels, and a fold: one of noise, one that knows something."""
    noise = pd.DataFrame(np.random.default_rng(5).standard_normal((ROWS, 6))).add_prefix("n")
    paths = (folder / "a.parquet", folder / "b.parquet")
    noise.assign(label=Y).to_parquet(paths[0])
    FRAME.to_parquet(paths[1])
    return str(paths[0]), str(paths[1]), svd_h_score(noise.to_numpy(), Y)


@pytest.mark.filterwarnings("error")
def test_labels_in_every_table_are_left_out(tmp_path) -> None:
    noise, good, h_noise = noise_and_good(tmp_path)
    for labels in (f"{good}:label", FRAME["label"], FRAME[["label"]]):
        ranking = hscore_fast.rank_sources({"noise": noise, "good": good}, labels)
        assert ranking.names == ["good", "noise"]
        assert ranking[0].left_out == {"label": "labels", "path": "no numbers (large_string)"}
        assert ranking[1].left_out == {"label": "labels"}
        assert ranking[1].h_score == pytest.approx(h_noise)
        assert "left out of noise: label (labels)" in str(ranking)
        matrix = hscore_fast.transfer_matrix({"noise": noise, "good": good}, {"y": labels})
        assert matrix.h_scores[:, 0] == pytest.approx([h_noise, TRUTH])
        assert matrix.n_features.tolist() == [6, 6]
        assert matrix.left_out["noise"] == {"label": "labels"}
        assert "left out of noise: label (labels)" in str(matrix)
        pairs = hscore_fast.pair_scores({"noise": noise, "good": good}, labels)
        together = svd_h_score(np.hstack([X, pd.read_parquet(noise).to_numpy()[:, :6]]), Y)
        assert pairs.h_score[0, 1] == pytest.approx(together)
        assert pairs.left_out["noise"] == {"label": "labels"}
        both = {"noise": noise, "good": good}
        chosen = hscore_fast.select_sources(both, labels, by="adjusted_h_score")
        assert chosen.selected == ["good"]
        assert chosen.left_out == pairs.left_out


@pytest.mark.filterwarnings("error")
def test_all_targets_are_left_out_of_every_source(tmp_path) -> None:
    """Columns of another target may leak as much: here the other one is finer."""
    finer = 2 * Y + RNG.integers(0, 2, ROWS)
    frame = FRAME.assign(finer=finer)
    frame.to_parquet(tmp_path / "t.parquet")
    path = str(tmp_path / "t.parquet")
    expected = [TRUTH, svd_h_score(X, finer)]
    for source in (path, frame, pl.from_pandas(frame)):
        for targets in (
            {"y": f"{path}:label", "z": f"{path}:finer"},
            {"y": frame["label"], "z": frame["finer"]},
        ):
            matrix = hscore_fast.transfer_matrix({"s": source}, targets)
            assert matrix.h_scores[0] == pytest.approx(expected)
            scores = hscore_fast.h_scores(source, targets.values())
            assert scores == pytest.approx(expected)


def test_the_command_line_says_what_was_left_out(tmp_path, capsys) -> None:
    noise, good, h_noise = noise_and_good(tmp_path)
    code, out, err = run(capsys, "score", noise, f"{noise}:label", "--json")
    assert (code, err) == (
        0,
        "hscore-fast: 6 columns taken as features (left out: label (labels))\n",
    )
    report = json.loads(out)
    assert report["h_score"] == pytest.approx(h_noise)
    assert report["left_out"] == {"label": "labels"}
    code, out, err = run(capsys, "rank", noise, good, "-l", f"{good}:label", "--json")
    assert code == 0
    first, second = json.loads(out)["sources"]
    assert (first["name"], second["name"]) == ("b", "a")
    assert second["h_score"] == pytest.approx(h_noise)
    assert second["left_out"] == {"label": "labels"}
    assert "hscore-fast: a: 6 columns taken as features (left out: label (labels))" in err
    words = (noise, good, "--labels", f"{good}:label")
    code, out, err = run(capsys, "matrix", *words, "--json")
    assert code == 0
    matrix = json.loads(out)
    assert matrix["h_scores"] == [[pytest.approx(h_noise)], [pytest.approx(TRUTH)]]
    assert matrix["left_out"]["a"] == {"label": "labels"}
    assert "hscore-fast: a: 6 columns taken as features (left out: label (labels))" in err


def test_a_report_prints_what_was_left_out() -> None:
    report = hscore_fast.evaluate(FRAME, FRAME["label"])
    assert "left out" in str(report)
    assert "label (labels), path (no numbers" in str(report)
    assert "label (labels)" in report._repr_html_()
    assert json.loads(report.to_json())["left_out"]["label"] == "labels"
    assert report.to_series()["left_out"] == "label, path"
    assert hscore_fast.evaluate(X, Y).left_out == {}


# These would need another truth where there are more columns.
OF_ONE_WIDTH = {"chance_level", "adjusted_h_score", "cross_validate", "cross_validated_h_score"}
CALLERS = {Path(__file__), Path(table_calls.__file__)}


@pytest.mark.parametrize("name", CALLS)
def test_a_column_of_folds_is_warned_of_where_the_call_is(name) -> None:
    """In every function, and the column is taken all the same."""
    frame = FRAME[[f"f{j}" for j in range(6)]].assign(fold=RNG.integers(0, 5, ROWS))
    with pytest.warns(ColumnWarning, match="'fold' by the name") as caught:
        score = CALLS[name](frame, Y)
    assert {Path(warning.filename) for warning in caught} <= CALLERS
    if name not in OF_ONE_WIDTH:
        truth = svd_h_score(frame.to_numpy(), Y)
        assert score == pytest.approx(truth, rel=1e-9) or name == "transferability, optimal"


@pytest.mark.parametrize("kind", ["parquet", "arrow", "pandas", "polars", "Arrow"])
def test_labels_without_a_name_are_seen_by_their_values(tmp_path, kind) -> None:
    table = write(tmp_path, kind)
    with pytest.warns(ColumnWarning, match="'label' has one value for each class"):
        hscore_fast.h_score(table, TRUE_LABELS)
    with pytest.warns(ColumnWarning, match="'label' has one value for each class"):
        hscore_fast.h_score(table, np.array(["x", "y", "z"])[TRUE_LABELS])


def test_a_name_that_is_a_number_counts_only_with_the_values() -> None:
    """A frame without names calls its columns 0, 1, ...; labels of the name 0 say nothing."""
    frame = pd.DataFrame(X)
    labels = pd.Series(Y, name=0)
    assert hscore_fast.evaluate(frame, labels).n_features == 6
    report = hscore_fast.evaluate(frame.assign().join(pd.DataFrame({6: Y})), pd.Series(Y, name=6))
    assert report.left_out == {"6": "labels"}
    assert report.h_score == pytest.approx(TRUTH)


def test_parts_with_other_columns_are_refused(tmp_path) -> None:
    frame = FRAME.drop(columns=["path"])
    frame[:150].to_parquet(tmp_path / "p0.parquet")
    frame[150:][["f1", "f0", *frame.columns[2:]]].to_parquet(tmp_path / "p1.parquet")
    with pytest.raises(ValueError, match=r"p1.* has those of .*p0.* in another order"):
        hscore_fast.h_score(str(tmp_path / "p*.parquet"), Y)
    frame[150:].rename(columns={"f2": "g2"}).to_parquet(tmp_path / "p1.parquet")
    with pytest.raises(ValueError, match="'g2' where the first has 'f2'"):
        hscore_fast.h_score(str(tmp_path / "p*.parquet"), Y)


@pytest.mark.parametrize("kind", ["parquet", "feather", "arrow"])
def test_two_columns_of_one_name_are_one_clear_error(tmp_path, kind) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table([X[:, 0], X[:, 1]], names=["a", "a"])
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    with pytest.raises(ValueError, match="more than one column named 'a'"):
        hscore_fast.h_score(path, Y)
    assert hscore_fast.h_score(table, Y) == pytest.approx(svd_h_score(X[:, :2], Y))


ORDINARY: dict[str, Callable[[Any], Any]] = {
    "counts": lambda rng: {f"w{j}": rng.poisson(2, ROWS) for j in range(20)},
    "bag of words": lambda rng: {w: rng.poisson(0.2, ROWS) for w in ("set", "id", "fold", "index")},
    "one-hot": lambda rng: {f"c{j}": rng.integers(0, 4, ROWS) == j for j in range(4)},
    "quantized": lambda rng: {f"q{j}": (40 * X[:, j % 6]).astype(np.int8) for j in range(30)},
    "floats and a count": lambda rng: {**dict(FRAME.iloc[:, :6]), "n": rng.poisson(3, ROWS)},
    "floats and a flag": lambda rng: {**dict(FRAME.iloc[:, :6]), "male": rng.integers(0, 2, ROWS)},
    "timestamps": lambda rng: {**dict(FRAME.iloc[:, :6]), "t": 1_700_000_000 + np.arange(ROWS)},
    "dates": lambda rng: {**dict(FRAME.iloc[:, :6]), "at": pd.date_range("2020", periods=ROWS)},
    "a year": lambda rng: {**dict(FRAME.iloc[:, :6]), "year": 1700 + np.arange(ROWS)},
    "categories": lambda rng: {**dict(FRAME.iloc[:, :6]), "k": pd.Categorical(["a", "b"] * 150)},
    "zeros": lambda rng: {**dict(FRAME.iloc[:, :6]), "z": np.zeros(ROWS, int)},
    "a rank": lambda rng: {**dict(FRAME.iloc[:, :6]), "place": rng.permutation(ROWS)},
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("labels", ["sorted", "shuffled", "text", "floats"])
@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_tables_raise_no_warning(kind, labels) -> None:
    frame = pd.DataFrame(ORDINARY[kind](np.random.default_rng(2)))
    y = {
        "sorted": Y,
        "shuffled": TRUE_LABELS,
        "text": np.array(["a", "b", "c"])[TRUE_LABELS],
        "floats": (Y > 0).astype(float),
    }[labels]
    for table in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        assert np.isfinite(hscore_fast.h_score(table, y))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits"])
def test_the_frames_of_scikit_learn(name) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    data = getattr(datasets, f"load_{name}")(as_frame=True)
    inside = hscore_fast.evaluate(data.frame, data.target)
    apart = hscore_fast.evaluate(data.data, data.target)
    assert inside.h_score == pytest.approx(apart.h_score, rel=1e-9)
    assert (inside.left_out, apart.left_out) == ({"target": "labels"}, {})


FOLDED = FRAME.assign(fold=np.random.default_rng(4).integers(0, 5, ROWS))
WITH_FOLD = svd_h_score(np.column_stack([X, FOLDED["fold"]]), Y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["parquet", "arrow", "pandas", "polars", "Arrow"])
@pytest.mark.parametrize("name", CALLS)
def test_columns_drop_and_keep_in_every_function(tmp_path, name, kind) -> None:
    if name in IN_MEMORY and kind in FILES:
        pytest.skip("takes no files")
    call = CALLS[name]
    if name == "transferability, optimal":
        pytest.skip("the options are about the features")
    table = write(tmp_path, kind, FOLDED)
    labels = labels_of(table)
    for options in ({"columns": "f?"}, {"columns": ["f[0-9]"]}, {"drop": "fold"}, {"drop": "f?ld"}):
        assert call(table, labels, **options) == pytest.approx(TRUTH, rel=1e-9)
    if name not in OF_ONE_WIDTH:
        assert call(table, labels, keep="fold") == pytest.approx(WITH_FOLD, rel=1e-9)
        assert call(table, labels, columns=["f?", "fold"]) == pytest.approx(WITH_FOLD, rel=1e-9)
    with pytest.raises(ValueError, match=r"drop='flod' matches no column .*near it are 'fold'"):
        call(table, labels, drop=["f0", "flod"])
    with pytest.raises(TypeError, match="'path' of type"):
        call(table, labels, keep="path")
    with pytest.raises(TypeError, match="drop must be the name of a column"):
        call(table, labels, drop=b"fold")


@pytest.mark.parametrize("option", ["columns", "drop", "keep"])
@pytest.mark.parametrize("name", CALLS)
def test_arrays_have_no_columns_to_choose(tmp_path, name, option) -> None:
    if name == "transferability, optimal":
        pytest.skip("the options are about the features")
    sources: list[Any] = [X, X.tolist(), [X[:100], X[100:]], pd.Series(list(X))]
    if name not in IN_MEMORY:
        np.save(tmp_path / "x.npy", X)
        FOLDED.assign(emb=list(X))[["emb", "fold"]].to_parquet(tmp_path / "t.parquet")
        sources += [tmp_path / "x.npy", f"{tmp_path}/t.parquet:emb"]
    for features in sources:
        with pytest.raises(ValueError, match=f"{option}='f0' needs a table"):
            CALLS[name](features, Y, **{option: "f0"})


def test_of_several_sources_one_must_have_what_is_dropped(tmp_path) -> None:
    np.save(tmp_path / "x.npy", X)
    sources = {"folded": FOLDED, "plain": FRAME, "array": X, "file": tmp_path / "x.npy"}
    labels = FRAME["label"]
    ranking = hscore_fast.rank_sources(sources, labels, drop="fold")
    assert [entry.h_score for entry in ranking] == pytest.approx([TRUTH] * 4)
    matrix = hscore_fast.transfer_matrix(sources, {"y": labels}, drop="fold")
    assert matrix.h_scores[:, 0] == pytest.approx([TRUTH] * 4)
    assert hscore_fast.pair_scores(sources, labels, drop="fold").rank.max() == 6
    with pytest.raises(ValueError, match="drop='flod' matches no column of any source"):
        hscore_fast.rank_sources(sources, labels, drop="flod")
    ranking = hscore_fast.rank_sources(sources, labels, columns="f?")
    assert {entry.name for entry in ranking.failed} == {"array", "file"}


def test_columns_on_the_command_line(tmp_path, capsys) -> None:
    path = write(tmp_path, "parquet", FOLDED)
    labels = f"{path}:label"
    for words in (
        ("--columns", "f?"),
        ("--drop", "fold"),
        ("--columns", "f0", "--columns", "f[1-5]"),
    ):
        code, out, err = run(capsys, "score", path, labels, *words, "--json")
        assert code == 0
        assert json.loads(out)["h_score"] == pytest.approx(TRUTH)
        assert err.startswith("hscore-fast: 6 columns taken as features (left out: ")
    code, out, err = run(capsys, "rank", path, "-l", labels, "--drop", "fold", "--json")
    assert (code, json.loads(out)["sources"][0]["h_score"]) == (0, pytest.approx(TRUTH))
    words = (path, "--labels", labels, "--keep", "fold", "--json")
    code, out, err = run(capsys, "matrix", *words)
    assert json.loads(out)["h_scores"] == [[pytest.approx(WITH_FOLD)]]
    assert "ColumnWarning" not in err
    code, out, err = run(capsys, "score", path, labels, "--drop", "flod")
    assert (code, out) == (2, "")
    assert "drop='flod' matches no column" in err


SUSPICIOUS = {
    "bool fold": ("fold", RNG.random(ROWS) < 0.5),
    "an index written twice": ("Unnamed: 0.1", RNG.permutation(ROWS)),
    "ids that a join made floats": ("sample_id", RNG.permutation(ROWS) * 1.0),
    "parts in float32": ("split", RNG.integers(0, 2, ROWS).astype(np.float32)),
}


@pytest.mark.parametrize("kind", ["pandas", "polars", "Arrow", "parquet"])
@pytest.mark.parametrize("name", SUSPICIOUS)
def test_columns_that_are_suspected_by_name(tmp_path, name, kind) -> None:
    column, values = SUSPICIOUS[name]
    frame = FRAME.assign(**{column: values[np.argsort(table_calls.SHUFFLED)]})
    table = write(tmp_path, kind, frame)
    with pytest.warns(ColumnWarning, match=f"'{column}' by the name numbers"):
        hscore_fast.h_score(table, labels_of(table))


@pytest.mark.filterwarnings("error")
def test_measured_values_are_no_ids_whatever_they_are_called() -> None:
    """A refractive index, for one."""
    hscore_fast.h_score(FRAME.assign(index=RNG.random(ROWS)), FRAME["label"])


@pytest.mark.filterwarnings("error")
def test_labels_of_a_frame_with_several_levels_of_names() -> None:
    frame = FRAME[[f"f{j}" for j in range(6)]].assign(label=Y)
    frame.columns = pd.MultiIndex.from_product([["run"], frame.columns])
    labels = frame["run", "label"]
    report = hscore_fast.evaluate(frame, labels)
    assert report.h_score == pytest.approx(svd_h_score(X, Y))
    assert report.left_out == {"('run', 'label')": "labels"}


def test_labels_in_containers() -> None:
    with pytest.raises(TypeError, match=r"labels is a dict of arrays \('y'\), .* pass one"):
        hscore_fast.h_score(X, {"y": Y})
    with pytest.raises(ValueError, match=r"list of 2 arrays .* join them, .*numpy\.concatenate"):
        hscore_fast.h_score([X[:100], X[100:]], [Y[:100], Y[100:]])
