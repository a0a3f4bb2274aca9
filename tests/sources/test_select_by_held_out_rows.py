"""Selection by held-out rows, the default: each step against the score of the columns together."""

import json

import numpy as np
import pytest
from source_sets import a_sum_beside_its_halves

from hscore_fast import (
    SingleClassWarning,
    adjusted_h_score,
    cross_validate,
    h_score,
    select_sources,
)


def draw(seed=0, n=120, noise=2):
    """Draw sources that know about different classes, and wide ones that know nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    sources = {
        f"class{c}": rng.standard_normal((n, 6)) + np.outer(labels == c, 1 + rng.random(6))
        for c in range(3)
    }
    sources |= {f"noise{k}": rng.standard_normal((n, 150)) for k in range(noise)}
    return sources, labels


def beside(sources, names):
    return np.concatenate([sources[name] for name in names], axis=1)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_steps_are_the_scores_of_the_columns_together(n_threads, grouped):
    sources, labels = draw()
    groups = np.arange(len(labels)) // 2 if grouped else None
    options = {"groups": groups, "n_threads": n_threads}
    chosen = select_sources(sources, labels, n_errors=0, alpha=1, k=3, **options)
    assert chosen.by == "cross_validated_h_score"
    assert len(chosen) == 3
    before = 0.0
    for end, step in enumerate(chosen, 1):
        matrix = beside(sources, chosen.selected[:end])
        alone = cross_validate(matrix, labels, groups=groups)
        assert step.score == pytest.approx(alone.score, abs=1e-9)
        assert step.standard_error == pytest.approx(alone.standard_error, rel=1e-6)
        assert step.gain == pytest.approx(alone.score - before, abs=1e-9)
        assert step.h_score == pytest.approx(h_score(matrix, labels), rel=1e-9)
        assert step.adjusted_h_score == pytest.approx(adjusted_h_score(matrix, labels), abs=1e-9)
        scores = {
            name: cross_validate(
                beside(sources, [*chosen.selected[: end - 1], name]), labels, groups=groups
            ).score
            for name in sources
            if name not in chosen.selected[: end - 1]
        }
        assert max(scores, key=lambda name: scores[name]) == step.name
        before = alone.score
    assert chosen.score == chosen[-1].score


def test_errors_of_rises_are_paired_by_rows():
    """A source and the same with a trifle changed: the rise is small and its error, too."""
    sources, labels = draw(1)
    x = sources["class0"]
    twin = x + 1e-3 * np.random.default_rng(0).standard_normal(x.shape)
    chosen = select_sources({"x": x, "twin": twin}, labels, n_errors=0, alpha=1, k=2)
    if len(chosen) == 2:  # else there was no rise at all
        assert chosen[1].gain_standard_error < 0.3 * chosen[0].standard_error
    alone = cross_validate(x, labels)
    assert chosen[0].standard_error == pytest.approx(alone.standard_error, rel=0.05)


def test_wide_noise_is_not_chosen_and_signal_is():
    for seed in range(6):
        sources, labels = draw(seed)
        selected = select_sources(sources, labels).selected
        assert selected
        assert not any("noise" in name for name in selected)


def test_nothing_is_chosen_where_nothing_helps():
    rng = np.random.default_rng(0)
    noise = {str(k): rng.standard_normal((60, 80)) for k in range(4)}
    chosen = select_sources(noise, rng.integers(0, 3, 60))
    assert chosen.selected == []
    assert chosen.score == 0
    assert str(chosen).startswith("chosen by cross-validated H-score\nno source was chosen\n")


def test_what_later_sources_make_superfluous_is_dropped():
    """The sum of two halves is the best single source, and worth nothing beside both."""
    sources, labels = a_sum_beside_its_halves()
    chosen = select_sources(sources, labels)
    assert chosen.dropped == ("middle",)
    assert sorted(chosen.selected) == ["left", "right"]
    assert select_sources(sources, labels, k=1).selected == ["middle"]


def test_files_in_blocks_and_arrays_choose_alike(tmp_path):
    h5py = pytest.importorskip("h5py")
    sources, labels = draw(2, 300, noise=0)
    given = dict(sources)
    np.save(tmp_path / "class0.npy", sources["class0"])
    given["class0"] = str(tmp_path / "class0.npy")
    with h5py.File(tmp_path / "more.h5", "w") as file:
        file.create_dataset("a", data=sources["class1"], chunks=(70, 2), compression="gzip")
    given["class1"] = f"{tmp_path}/more.h5:/a"
    got, want = select_sources(given, labels), select_sources(sources, labels)
    assert got.selected == want.selected
    for one, other in zip(got, want, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-9)
        assert one.gain_standard_error == pytest.approx(other.gain_standard_error, rel=1e-6)
    bad = np.ones((300, 6))
    bad[123, 1] = np.nan
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.create_dataset("a", data=bad, chunks=(100, 1), compression="gzip")
    with pytest.raises(ValueError, match=r"sources\['class1'\].*not finite.*row 123, column 1"):
        select_sources({**given, "class1": f"{tmp_path}/bad.h5:/a"}, labels)


def test_what_it_says_of_itself():
    sources, labels = draw(3)
    chosen = select_sources(sources, labels, k=2)
    text = str(chosen)
    assert text.startswith("chosen by cross-validated H-score\n")
    assert "luck of the choice" in text
    assert json.loads(chosen.to_json())["by"] == "cross_validated_h_score"
    assert repr(chosen).startswith("<SourceSelection: 2 of 5 sources, cross-validated H-score ")
    with pytest.warns(SingleClassWarning):
        assert not select_sources({"a": [[1.0], [2.0], [4.0]]}, [1, 1, 1]).selected
