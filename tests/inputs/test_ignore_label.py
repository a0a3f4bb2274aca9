"""Rows whose label is to be ignored are not there: for no sum, no count and no check."""

import csv
import inspect
import io
import json

import numpy as np
import pandas as pd
import pytest
from cli_runs import run
from oracles import gold, make_problem

import hscore_fast
from hscore_fast import (
    Moments,
    TargetMoments,
    adjusted_h_score,
    chance_level,
    cross_validate,
    cross_validated_h_score,
    evaluate,
    h_score,
    h_scores,
    maximal_correlation,
    pair_scores,
    rank_sources,
    regularized_h_score,
    select_sources,
    transfer_matrix,
    transferability,
)
from hscore_fast.readers import read_moments

X, Y = make_problem(400, 6, 4)
VOID = np.random.default_rng(1).random(400) < 0.3
GIVEN = np.where(VOID, -100, Y)
KEPT, CODES = X[~VOID], Y[~VOID]
TRUTH = gold(KEPT, CODES).h_score

LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "backwards": lambda x: x[::-1].copy()[::-1],
    "every second": lambda x: np.repeat(x, 2, axis=0)[::2],
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "frame": pd.DataFrame,
    "frame of separate columns": lambda x: pd.DataFrame({k: x[:, k].copy() for k in range(6)}),
    "list": lambda x: x.tolist(),
}
LABELS = {
    "integers": (GIVEN, -100),
    "several": (np.where(VOID, np.where(np.arange(400) % 2, 255, -1), Y), [255, -1]),
    "a set": (np.where(VOID, np.where(np.arange(400) % 2, 255, -1), Y), {255, -1}),
    "an array": (GIVEN, np.array([-100, 7])),
    "floats": (GIVEN.astype(float), -100),
    "text": (np.where(VOID, "void", Y.astype(str)), "void"),
    "objects": (np.where(VOID, "void", Y.astype(object)), "void"),
    "categories": (pd.Categorical(np.where(VOID, "void", Y.astype(str))), "void"),
    "measured values that are ignored": (np.where(VOID, 0.5, Y), 0.5),
    "NumPy's number": (GIVEN, np.int8(-100)),
}


def make_first_block_void(path):
    """Write features in blocks of which the first has no row that counts."""
    labels = GIVEN.copy()
    labels[:150] = -100
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=X, chunks=(50, 6), compression="gzip")
    return labels


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("precision", ["auto", "float64", "float32", "high"])
def test_any_layout(layout, precision) -> None:
    found = h_score(LAYOUTS[layout](X), GIVEN, ignore_label=-100, precision=precision)
    assert found == pytest.approx(TRUTH, rel=1e-5 if precision == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["f2", "f4", "i2", "u1", "?"])
def test_narrow_types(dtype) -> None:
    x = np.abs(X * 20).astype(dtype)
    assert h_score(x, GIVEN, ignore_label=-100) == pytest.approx(h_score(x[~VOID], CODES), rel=1e-9)


@pytest.mark.parametrize("kind", LABELS)
def test_any_label(kind) -> None:
    labels, ignored = LABELS[kind]
    assert h_score(X, labels, ignore_label=ignored) == pytest.approx(TRUTH, rel=1e-12)


def test_every_function() -> None:
    for function in (h_score, adjusted_h_score, chance_level, regularized_h_score):
        want = function(KEPT, CODES)
        assert function(X, GIVEN, ignore_label=-100) == pytest.approx(want, rel=1e-12)
    for method in ("pillai", "permutation"):
        found = evaluate(X, GIVEN, ignore_label=-100, method=method).to_dict()
        want = evaluate(KEPT, CODES, method=method).to_dict()
        assert found["n_samples"] == want["n_samples"] == len(KEPT)
        for key, value in want.items():
            if isinstance(value, float):
                assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), key
    weights = np.random.default_rng(0).random(400)
    moments = Moments()
    for part in (slice(0, 170), slice(170, 400)):
        moments.update(X[part], GIVEN[part], weights=weights[part], ignore_label=-100)
    want = Moments().update(KEPT, CODES, weights=weights[~VOID])
    assert sorted(moments.classes) == sorted(want.classes)
    assert moments.n_samples == len(KEPT)
    assert moments.h_score() == pytest.approx(want.h_score(), rel=1e-12)
    blocks = [(X[:170], GIVEN[:170]), (X[170:], GIVEN[170:])]
    found = Moments.from_blocks(blocks, ignore_label=-100)
    assert found.h_score() == pytest.approx(TRUTH, rel=1e-12)


def test_rankings() -> None:
    sources = {"x": X, "noisy": X + np.random.default_rng(0).normal(size=X.shape)}
    want = rank_sources({name: x[~VOID] for name, x in sources.items()}, CODES)
    found = rank_sources(sources, GIVEN, ignore_label=-100)
    assert found.names == want.names
    for mine, theirs in zip(found, want, strict=True):
        assert mine.score == pytest.approx(theirs.score, rel=1e-12)
        assert mine.standard_error == pytest.approx(theirs.standard_error, rel=1e-9)
        assert mine.n_samples == len(KEPT)
    blocks = [(X[:170], GIVEN[:170]), (X[170:], GIVEN[170:])]
    alone = rank_sources({"blocks": blocks}, ignore_label=-100)
    assert alone.best.h_score == pytest.approx(TRUTH, rel=1e-12)


OTHER = np.where(np.random.default_rng(2).random(400) < 0.2, -100, Y % 2)  # void in other rows


def make_streamed(path) -> str:
    """Write the features where they are read in blocks."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=X, chunks=(50, 6), compression="gzip")
    return f"{path}:x"


@pytest.mark.parametrize("where", ["memory", "blocks"])
def test_several_targets_by_their_own_rows(tmp_path, where) -> None:
    features = X if where == "memory" else make_streamed(tmp_path / "x.h5")
    text = np.where(VOID, "void", Y.astype(str))
    targets = [GIVEN, Y, OTHER, GIVEN % 2 * (GIVEN >= 0) + GIVEN * (GIVEN < 0), text]
    wanted = [h_score(X, y, ignore_label=[-100, "void"]) for y in targets[:1]] + [
        h_score(X, y, ignore_label=-100) for y in targets[1:4]
    ]
    wanted.append(TRUTH)
    found = h_scores(features, targets, ignore_label=[-100, "void"])
    assert found == pytest.approx(wanted, rel=1e-12)
    shrunk = h_scores(features, [GIVEN, OTHER], ignore_label=-100, regularized=True)
    assert shrunk == pytest.approx(
        [regularized_h_score(X, y, ignore_label=-100) for y in (GIVEN, OTHER)], rel=1e-9
    )
    done = []
    h_scores(features, targets[:4], ignore_label=-100, progress=lambda *n: done.append(n))
    assert done[-1] == (4, 4)
    matrix = transfer_matrix({"x": features, "half": X[:, :3]}, {"a": GIVEN, "b": OTHER, "c": Y},
                             by="h_score", ignore_label=-100)  # fmt: skip
    assert matrix.n_samples.tolist() == [len(KEPT), (OTHER >= 0).sum(), 400]
    for row, x in enumerate((X, X[:, :3])):
        for column, y in enumerate((GIVEN, OTHER, Y)):
            report = evaluate(x[y >= 0], y[y >= 0])
            assert matrix.scores[row, column] == pytest.approx(report.h_score, rel=1e-12)
            assert matrix.adjusted[row, column] == pytest.approx(report.adjusted_h_score, rel=1e-9)
            assert matrix.standard_errors[row, column] == pytest.approx(
                report.h_score_standard_error, rel=0.05
            )
    assert matrix.subset(targets=["b"]).n_samples.tolist() == [(OTHER >= 0).sum()]


def test_what_none_of_several_targets_can_be() -> None:
    with pytest.raises(TypeError, match="ignore_label 'void' can be none of the labels"):
        h_scores(X, [Y, Y % 2], ignore_label="void")
    with pytest.raises(TypeError, match="ignore_label 'void' can be none of the labels"):
        transfer_matrix({"x": X}, {"y": Y}, ignore_label="void")
    with pytest.raises(ValueError, match=r"at least 2 rows, got 0 of 400 whose label is not ign"):
        h_scores(X, [Y, Y * 0 - 100], ignore_label=-100)


def test_statistics_of_several_targets() -> None:
    moments = TargetMoments()
    parity = np.where(VOID, -100, Y % 2)
    for part in (slice(0, 170), slice(170, 400)):
        moments.update(X[part], [GIVEN[part], parity[part]], ignore_label=-100)
    assert moments.n_samples == len(KEPT)
    assert moments.h_scores() == pytest.approx(h_scores(KEPT, [CODES, CODES % 2]), rel=1e-12)
    with pytest.raises(ValueError, match=r"other rows of targets\[1\] than of targets\[0\]"):
        moments.update(X, [GIVEN, OTHER], ignore_label=-100)
    assert moments.n_samples == len(KEPT)


@pytest.mark.parametrize("where", ["memory", "blocks"])
def test_sources_side_by_side(tmp_path, where) -> None:
    second = make_streamed(tmp_path / "x.h5") if where == "blocks" else X
    sources = {"half": X[:, :3], "all": second}
    kept = {"half": KEPT[:, :3], "all": KEPT}
    found, want = pair_scores(sources, GIVEN, ignore_label=-100), pair_scores(kept, CODES)
    assert found.h_score == pytest.approx(want.h_score, rel=1e-12)
    assert found.adjusted_h_score == pytest.approx(want.adjusted_h_score, rel=1e-12)
    chosen, want = select_sources(sources, GIVEN, ignore_label=-100), select_sources(kept, CODES)
    assert chosen.selected == want.selected
    assert chosen.n_samples == len(KEPT)
    for mine, theirs in zip(chosen.steps, want.steps, strict=True):
        assert mine.h_score == pytest.approx(theirs.h_score, rel=1e-12)
        assert mine.standard_error == pytest.approx(theirs.standard_error, rel=1e-9)
    x = X.copy()
    row = int(np.flatnonzero(~VOID)[20])
    x[row, 1] = np.nan
    with pytest.raises(ValueError, match=rf"sources\['bad'\]: .* row {row}, column 1"):
        pair_scores({"all": second, "bad": x}, GIVEN, ignore_label=-100)
    x[row, 1], x[VOID] = 0, np.nan
    pair_scores({"all": second, "good": x}, GIVEN, ignore_label=-100)


def test_held_out_rows() -> None:
    groups = np.arange(400) // 4 * 1.5  # names of any kind
    weights = np.random.default_rng(0).random(400)
    beside = {"groups": groups, "weights": weights}
    mine = {name: values[~VOID] for name, values in beside.items()}
    want = cross_validate(KEPT, CODES, **mine)
    found = cross_validate(X, GIVEN, ignore_label=-100, **beside)
    assert found.score == pytest.approx(want.score, rel=1e-12)
    assert found.standard_error == pytest.approx(want.standard_error, rel=1e-12)
    score = cross_validated_h_score(X, GIVEN, ignore_label=-100, **beside)
    assert score == pytest.approx(want.score, rel=1e-12)
    want = evaluate(KEPT, CODES, groups=mine["groups"]).cross_validated_h_score
    found = evaluate(X, GIVEN, groups=groups, ignore_label=-100).cross_validated_h_score
    assert found == pytest.approx(want, rel=1e-12)
    by = "cross_validated_h_score"
    ranking = rank_sources({"x": X}, GIVEN, by=by, groups=groups, ignore_label=-100)
    assert ranking.best.score == pytest.approx(want, rel=1e-12)
    with pytest.raises(TypeError, match=r"pass it to Moments\.update"):
        cross_validate([Moments().update(X, Y)] * 2, ignore_label=-100)


def test_optima() -> None:
    inputs = np.arange(400) % 7
    want = maximal_correlation(inputs[~VOID], CODES)
    found = maximal_correlation(inputs, GIVEN, ignore_label=-100)
    assert found.correlations == pytest.approx(want.correlations)
    assert found.inputs == want.inputs
    assert found.classes == want.classes
    for optimal, beside, mine in (
        ("bound", {}, {}),
        ("ace", {}, {}),
        ("ace", {"inputs": inputs}, {"inputs": inputs[~VOID]}),
        ("ace", {"inputs": X[:, :2]}, {"inputs": KEPT[:, :2]}),
        (X**2, {}, {}),
    ):
        own = optimal if isinstance(optimal, str) else optimal[~VOID]
        found = transferability(X, GIVEN, optimal=optimal, ignore_label=-100, **beside)
        want = transferability(KEPT, CODES, optimal=own, **mine)
        assert float(found) == pytest.approx(float(want), rel=1e-9)


def test_every_public_function_that_takes_labels_has_the_option() -> None:
    members = {**vars(hscore_fast), "Moments.update": Moments.update, "read": read_moments}
    members |= {"TargetMoments": TargetMoments.update, "blocks": Moments.from_blocks}
    for name, member in members.items():
        if inspect.isfunction(member) or inspect.ismethod(member):
            given = set(inspect.signature(member).parameters)
            if given & {"labels", "targets", "blocks"}:
                assert "ignore_label" in given, name


def test_files(tmp_path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", GIVEN)
    address = f"{tmp_path}/x.npy"
    assert h_score(address, f"{tmp_path}/y.npy", ignore_label=-100) == pytest.approx(TRUTH)
    labels = make_first_block_void(tmp_path / "x.h5")
    want = h_score(X[labels != -100], labels[labels != -100])
    streamed = f"{tmp_path}/x.h5:x"
    assert h_score(streamed, labels, ignore_label=-100) == pytest.approx(want, rel=1e-12)
    found = read_moments(streamed, labels, ignore_label=-100)
    assert found.n_samples == (labels != -100).sum()
    assert found.h_score() == pytest.approx(want, rel=1e-12)
    assert evaluate(streamed, labels, ignore_label=-100).h_score == pytest.approx(want, rel=1e-12)


def test_a_value_in_an_ignored_row_may_be_anything(tmp_path) -> None:
    x = X.copy()
    x[VOID] = np.nan
    assert h_score(x, GIVEN, ignore_label=-100) == pytest.approx(TRUTH, rel=1e-12)
    row = int(np.flatnonzero(~VOID)[20])
    x[row, 3] = np.inf
    with pytest.raises(ValueError, match=rf"1 value that .* row {row}, column 3"):
        h_score(x, GIVEN, ignore_label=-100)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(50, 6), compression="gzip")
    with pytest.raises(ValueError, match=rf"1 value that .* row {row}, column 3"):
        h_score(f"{tmp_path}/x.h5:x", GIVEN, ignore_label=-100)


def test_what_is_not_there_ignores_nothing() -> None:
    assert h_score(X, Y, ignore_label=255) == h_score(X, Y)
    assert h_score(X, Y, ignore_label=[]) == h_score(X, Y, ignore_label=None) == h_score(X, Y)


@pytest.mark.parametrize(
    ("ignored", "error", "words"),
    [
        ("255", TypeError, "ignore_label '255' can be none of the labels: it is of text"),
        (float("nan"), ValueError, "missing value nan"),
        ([None], ValueError, "missing value None"),
        ([[1]], TypeError, "hashable"),
        ([0, 1, 2, 3], ValueError, "at least 2 rows, got 0"),
    ],
)
def test_bad_values(ignored, error, words) -> None:
    with pytest.raises(error, match=words):
        h_score(X, Y, ignore_label=ignored)


@pytest.mark.parametrize("text", [False, True])
def test_the_command_line(tmp_path, capsys, text) -> None:
    np.save(tmp_path / "x.npy", X)
    words = [f"class {c}" if text and c >= 0 else str(c) for c in GIVEN.tolist()]
    (tmp_path / "y.csv").write_text("\n".join(words))
    x, y = f"{tmp_path}/x.npy", f"{tmp_path}/y.csv"
    code, out, err = run(capsys, "score", x, y, "--ignore-label", "-100", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["h_score"] == pytest.approx(TRUTH, rel=1e-12)
    assert json.loads(out)["n_samples"] == len(KEPT)
    code, out, err = run(capsys, "rank", x, "-l", y, "--ignore-label", "-100", "--csv")
    assert (code, err) == (0, "")
    (row,) = csv.DictReader(io.StringIO(out))
    assert float(row["h_score"]) == pytest.approx(TRUTH, rel=1e-12)
    words = (x, "--labels", y, "--ignore-label", "-100", "--json")
    code, out, err = run(capsys, "matrix", *words)
    assert (code, err) == (0, "")
    assert json.loads(out)["h_scores"][0][0] == pytest.approx(TRUTH, rel=1e-12)
    assert json.loads(out)["n_samples"] == [len(KEPT)]


@pytest.mark.parametrize("in_memory", [False, True])
def test_dask(in_memory) -> None:
    da = pytest.importorskip("dask.array")
    from hscore_fast import dask

    features = da.from_array(X, chunks=(90, 6))
    labels = GIVEN if in_memory else da.from_array(GIVEN, chunks=90)
    found = dask.moments(features, labels, ignore_label=-100)
    assert found.n_samples == len(KEPT)
    assert sorted(found.classes) == [0, 1, 2, 3]
    assert dask.h_score(features, labels, ignore_label=-100) == pytest.approx(TRUTH, rel=1e-12)
    report = dask.evaluate(features, labels, ignore_label=-100)
    want = evaluate(KEPT, CODES)
    assert report.h_score == pytest.approx(TRUTH, rel=1e-12)
    assert report.standard_error == pytest.approx(want.standard_error, rel=1e-6)
