"""Pickles of this package's objects: those made today name public places, those of old still load.

`python tests/project/test_pickles.py NAME` writes the pickle of a new kind of object to `pickles`.
What is there stays: somebody may have written the same.
"""

import pickle
import pickletools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hscore_fast

PICKLES = Path(__file__).parent / "pickles"
LABELS = np.arange(60) % 3
FEATURES = np.random.default_rng(0).standard_normal((60, 4)).round(6) + (LABELS == 1)[:, None]
SOURCES = {"left": FEATURES[:, :2], "right": FEATURES[:, 2:]}
TARGETS = {"class": LABELS, "first": LABELS == 0, "last": LABELS == 2}


def moments() -> hscore_fast.Moments:
    return hscore_fast.Moments().update(FEATURES, np.array(["ant", "bee", "cow"])[LABELS])


def matrix() -> hscore_fast.TransferMatrix:
    return hscore_fast.transfer_matrix(SOURCES, TARGETS, by="h_score")


MADE: dict[str, Callable[[], Any]] = {
    "Moments": moments,
    "HScoreReport": lambda: hscore_fast.evaluate(FEATURES, LABELS),
    "MaximalCorrelation": lambda: hscore_fast.maximal_correlation(LABELS % 2, LABELS),
    "PairScores": lambda: hscore_fast.pair_scores(SOURCES, LABELS),
    "SourceRanking": lambda: hscore_fast.rank_sources(SOURCES, LABELS, by="adjusted_h_score"),
    "SourceSelection": lambda: hscore_fast.select_sources(SOURCES, LABELS, by="adjusted_h_score"),
    "TransferMatrix": matrix,
    "Transferability": lambda: hscore_fast.transferability(FEATURES, LABELS),
}


@pytest.mark.parametrize("name", MADE)
def test_a_pickle_names_what_users_can_import(name: str) -> None:
    made = pickle.dumps(MADE[name](), protocol=4)
    words = {str(word) for _, word, _ in pickletools.genops(made) if isinstance(word, str)}
    places = {word for word in words if word.startswith("hscore_fast")}
    assert places == {"hscore_fast"}
    assert name in words


@pytest.mark.parametrize("name", MADE)
def test_a_pickle_of_old_still_loads(name: str) -> None:
    if np.__version__.startswith("1."):
        pytest.skip("arrays in the pickles are NumPy 2's")
    loaded = pickle.loads((PICKLES / f"{name}.pickle").read_bytes())
    assert type(loaded) is getattr(hscore_fast, name)
    if isinstance(loaded, hscore_fast.Moments):
        assert loaded.classes == ["ant", "bee", "cow"]
        assert loaded.h_score() == pytest.approx(moments().h_score(), rel=1e-12)
        assert loaded.merge(moments()).n_samples == 120
        return
    assert str(loaded)
    assert repr(loaded)
    new = vars(MADE[name]())
    assert set(vars(loaded)) <= set(new), "what it held has another name now"
    for key, found in vars(loaded).items():
        if isinstance(found, (float, np.ndarray)):
            np.testing.assert_allclose(found, new[key], rtol=1e-6, atol=1e-9)


def test_every_pickle_is_of_a_kind_that_is_tested() -> None:
    assert {path.stem for path in PICKLES.iterdir()} == set(MADE)


if __name__ == "__main__":
    for kind in sys.argv[1:]:
        (PICKLES / f"{kind}.pickle").write_bytes(pickle.dumps(MADE[kind](), protocol=4))
