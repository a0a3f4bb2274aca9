"""The matrix by default: every entry is a held-out score of its own, and names rank's winner."""

import numpy as np
import pytest

from hscore_fast import (
    SaturationWarning,
    SingleClassWarning,
    cross_validate,
    rank_sources,
    transfer_matrix,
)


def problem(n=80, seed=0):
    """Sources narrower and wider than the sample, and targets of several sizes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 6, n)
    x = rng.standard_normal((n, 10)) + np.eye(6, 10)[y]
    sources = {
        "narrow": x[:, :5],
        "whole": np.round(8 * x).astype(np.int16),
        "wide": np.c_[x, rng.standard_normal((n, 150))].astype(np.float32),
        "noise": rng.standard_normal((n, 200)),
    }
    names = np.array(list("abcdef"))[y]
    return sources, {"six": y, "names": names, "two": y > 2, "luck": rng.integers(0, 3, n)}


def test_every_entry_is_a_call_of_its_own(tmp_path):
    sources, targets = problem()
    matrix = transfer_matrix(sources, targets)
    assert matrix.by == "cross_validated_h_score"
    for row, x in enumerate(sources.values()):
        for column, y in enumerate(targets.values()):
            alone = cross_validate(x, y)
            assert matrix.scores[row, column] == pytest.approx(alone.score, abs=1e-12)
            assert matrix.standard_errors[row, column] == pytest.approx(alone.standard_error)
    with pytest.warns(SaturationWarning):  # of which the scores held out know nothing
        plain = transfer_matrix(sources, targets, by="h_score", errors=False)
    np.testing.assert_array_equal(matrix.h_scores, plain.scores)
    np.testing.assert_array_equal(matrix.adjusted, plain.adjusted)
    np.testing.assert_array_equal(matrix.ranks, plain.ranks)
    np.savez_compressed(tmp_path / "x.npz", **sources)
    files = transfer_matrix({name: f"{tmp_path}/x.npz:{name}" for name in sources}, targets)
    np.testing.assert_array_equal(files.scores, matrix.scores)
    assert str(matrix).startswith("cross-validated H-score, +- standard error\n")


@pytest.mark.parametrize("seed", range(4))
def test_the_best_is_that_of_the_ranking(seed):
    sources, targets = problem(seed=seed)
    sources["copy"] = sources["narrow"][:, ::-1]  # equal but for rounding
    matrix = transfer_matrix(sources, targets)
    assert list(matrix.best) == list(targets)
    for target, y in targets.items():
        assert matrix.best[target] == rank_sources(sources, y).best.name


def test_a_target_with_an_undefined_score_has_no_best():
    sources, targets = problem()
    with pytest.warns(UserWarning, match="2 sources, the first"):
        matrix = transfer_matrix(sources, targets, by="adjusted_h_score")
    assert matrix.best == {}


def test_groups():
    sources, targets = problem()
    groups = np.arange(80) // 4
    matrix = transfer_matrix(sources, targets, groups=groups)
    alone = cross_validate(sources["wide"], targets["two"], groups=groups)
    assert matrix.scores[2, 2] == pytest.approx(alone.score, abs=1e-12)
    assert matrix.standard_errors[2, 2] == pytest.approx(alone.standard_error)


def test_a_single_class_is_told_and_nothing_else():
    sources, targets = problem()
    with pytest.warns(SingleClassWarning, match=r"1 of 5 targets.*targets\['one'\]") as told:
        matrix = transfer_matrix(sources, {**targets, "one": np.zeros(80)})
    assert len(told) == 1
    assert matrix.scores[:, 4].tolist() == [0, 0, 0, 0]


def test_progress_counts_scores():
    sources, targets = problem()
    told: list[tuple[int, int]] = []
    transfer_matrix(sources, targets, progress=lambda *at: told.append(at))
    assert told == sorted(told)
    assert told[-1] == (16, 16)

    def stop(done: int, total: int) -> None:
        raise InterruptedError(f"at {done} of {total}")

    with pytest.raises(InterruptedError, match="of 16"):
        transfer_matrix(sources, targets, progress=stop)


def test_the_curriculum_is_by_the_same_score():
    pytest.importorskip("networkx")
    rng = np.random.default_rng(0)
    labels = {name: rng.integers(0, 2, 60) for name in "abc"}
    features = {name: np.c_[y, rng.standard_normal((60, 90))] for name, y in labels.items()}
    curriculum = transfer_matrix(features, labels).curriculum(by="bound")
    assert str(curriculum).startswith("by cross-validated H-score, normalized by bound\n")
