"""Many targets over rows that come in batches, or from files: the same scores."""

import copy
import doctest
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import make_labels, make_problem

from hscore_fast import (
    SaturationWarning,
    SingleClassWarning,
    TargetMoments,
    h_score,
    h_scores,
    regularized_h_score,
)


def draw(
    n_samples: int, n_features: int, classes: list[int]
) -> tuple[np.ndarray, list[np.ndarray]]:
    x, _ = make_problem(n_samples, n_features)
    rng = np.random.default_rng(0)
    return x, [make_labels(rng, n_samples, c) for c in classes]


@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 5), st.integers(1, 4))
def test_batches_give_the_scores_of_all_rows(seed, n_features, n_targets, n_batches) -> None:
    rng = np.random.default_rng(seed)
    n_samples = int(rng.integers(n_features + 8, 120))
    x = rng.normal(size=(n_samples, n_features)) + 1e5 * rng.normal(size=n_features)
    targets = [make_labels(rng, n_samples, int(rng.integers(2, 6))) for _ in range(n_targets)]
    names = [np.array(["ant", "bee", "cow", "dog", "elk"])[target] for target in targets]
    cuts = np.sort(rng.integers(0, n_samples, n_batches - 1)).tolist()
    moments = TargetMoments()
    for start, end in zip([0, *cuts], [*cuts, n_samples], strict=True):
        moments.update(x[start:end], [name[start:end] for name in names])
    expected = [h_score(x, target, precision="float64") for target in targets]
    np.testing.assert_allclose(moments.h_scores(), expected, rtol=1e-8, atol=1e-10)
    assert (moments.n_samples, moments.n_features) == (n_samples, n_features)
    assert moments.n_targets == n_targets
    assert [set(found) for found in moments.classes] == [set(name) for name in names]


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("regularized", [False, True])
def test_many_classes_and_threads(n_threads, regularized) -> None:
    """More classes than rows in a batch, wide enough for several tiles."""
    x, targets = draw(900, 130, [2, 300, 7])
    moments = TargetMoments()
    for start in range(0, 900, 250):
        end = start + 250
        moments.update(x[start:end], [t[start:end] for t in targets], n_threads=n_threads)
    got = moments.h_scores(regularized=regularized, n_threads=n_threads)
    single = regularized_h_score if regularized else h_score
    expected = [single(x, target, precision="float64") for target in targets]
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    np.testing.assert_allclose(h_scores(x, targets, regularized=regularized), got, rtol=1e-10)


def test_files(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    x, targets = draw(3000, 40, [3, 16, 2])
    np.save(tmp_path / "x.npy", x)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(700, 9), compression="gzip")
    expected = h_scores(x, targets)
    np.testing.assert_array_equal(h_scores(tmp_path / "x.npy", targets), expected)
    told: list[tuple[int, int]] = []
    streamed = h_scores(
        f"{tmp_path}/x.h5:/x", targets, progress=lambda *at: told.append(at), n_threads=1
    )
    np.testing.assert_allclose(streamed, expected, rtol=1e-11)
    assert told[0] == (0, 3)
    assert told[-1] == (3, 3)
    np.testing.assert_allclose(
        h_scores(f"{tmp_path}/x.h5:/x", targets, regularized=True, shrinkage="oas"),
        h_scores(x, targets, regularized=True, shrinkage="oas"),
        rtol=1e-11,
    )
    with pytest.raises(ValueError, match=r"targets\[1\] .* got 2999 labels for 3000 rows"):
        h_scores(f"{tmp_path}/x.h5:/x", [targets[0], targets[1][1:]])
    with pytest.raises(ValueError, match="precision"):
        h_scores(f"{tmp_path}/x.h5:/x", targets, precision="float32")
    x[2345, 6] = np.nan
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(700, 9), compression="gzip")
    with pytest.raises(ValueError, match=r"not finite.*row 2345, column 6"):
        h_scores(f"{tmp_path}/bad.h5:/x", targets)
    assert np.isnan(h_scores(f"{tmp_path}/bad.h5:/x", targets, check_finite=False)).all()


def test_warnings() -> None:
    x, targets = draw(30, 3, [2, 3])
    with pytest.warns(SingleClassWarning, match=r"1 of 3 targets, the first targets\[2\]"):
        found = TargetMoments().update(x, [*targets, np.zeros(30)]).h_scores()
    assert found[2] == 0
    with pytest.warns(SaturationWarning, match="every H-score"):
        assert TargetMoments().update(x[:4], [[0, 1, 2, 0]]).h_scores().tolist() == [2]


def test_what_is_refused_leaves_the_statistics_as_they_were() -> None:
    x, targets = draw(60, 3, [2, 3])
    moments = TargetMoments().update(x, targets)
    before = moments.h_scores()
    bad = x.copy()
    bad[7, 1] = np.inf
    for features, labels, words in (
        (x[:, :2], targets, "3 columns as before, got 2"),
        (x, targets[:1], "2 label vectors as before, got 1"),
        (x, [targets[0], targets[1][1:]], r"targets\[1\] .* got 59 labels for 60 rows"),
        (bad, targets, r"not finite.*row 7, column 1"),
        (bad, [t + 10 for t in targets], "not finite"),
        (np.full_like(x, 1e200) * [1, -1, 1], targets, "overflow"),
        (x, [], "at least one label vector"),
    ):
        with pytest.raises(ValueError, match=words):
            moments.update(features, labels)
    np.testing.assert_array_equal(moments.h_scores(), before)
    assert moments.n_samples == 60
    assert moments.classes[0] == sorted(moments.classes[0])
    with pytest.raises(
        ValueError, match="the statistics must have at least 2 rows, got 0: call update first"
    ):
        TargetMoments().h_scores()
    with pytest.raises(ValueError, match="shrinkage"):
        moments.h_scores(shrinkage="none")
    assert repr(moments) == "TargetMoments(n_samples=60, n_features=3, n_targets=2)"
    unchecked = TargetMoments().update(bad, targets, check_finite=False)
    assert np.isnan(unchecked.h_scores()).all()


def test_examples() -> None:
    found = doctest.testmod(sys.modules[TargetMoments.__module__])
    assert found.attempted > 6
    assert found.failed == 0


@pytest.mark.parametrize("way", ["pickle", "copy", "deepcopy"])
def test_pickles_and_copies_go_on_as_the_original(way) -> None:
    x, targets = draw(200, 6, [3, 5])
    names = [np.array(list("abcde"))[target] for target in targets]
    original = TargetMoments().update(x[:90], [own[:90] for own in names])
    take = {"pickle": lambda m: pickle.loads(pickle.dumps(m)), "copy": copy.copy}
    twin = take.get(way, copy.deepcopy)(original)
    assert repr(twin) == repr(original)
    assert twin.classes == original.classes
    assert (twin.h_scores() == original.h_scores()).all()  # to the last bit
    before = original.h_scores()
    twin.update(x[90:], [own[90:] for own in names])
    assert (original.h_scores() == before).all()
    original.update(x[90:], [own[90:] for own in names])
    for regularized in (False, True):
        assert (
            twin.h_scores(regularized=regularized) == original.h_scores(regularized=regularized)
        ).all()
    empty = take.get(way, copy.deepcopy)(TargetMoments())
    assert empty.update(x, names).h_scores() == pytest.approx(original.h_scores(), rel=1e-12)


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 0},
        {"counts": []},
        {"sums": [np.ones(3)]},
        {"centre": np.ones(2)},
        {"classes": [["a"], ["b"]]},
        {"statistics": b"none"},
    ],
    ids=str,
)
def test_a_damaged_pickle_is_refused(damage) -> None:
    x, targets = draw(50, 4, [3, 2])
    state = TargetMoments().update(x, targets).__getstate__()
    with pytest.raises(ValueError, match=r"damaged|pickled in format 0"):
        TargetMoments().__setstate__(state | damage)
