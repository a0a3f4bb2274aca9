"""Rankings by the cross-validated score, of sources wider than the sample, too."""

import math

import numpy as np
import pytest

from hscore_fast import Moments, cross_validate, evaluate, rank_sources

BY = "cross_validated_h_score"


def make_sources(n=240, c=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, c, n)
    x = rng.standard_normal((n, 12)) + 1.5 * np.eye(c, 12)[y]
    return {
        "signal": x,
        "wide": np.c_[x, rng.standard_normal((n, 300))],
        "noise": rng.standard_normal((n, 20)),
    }, y


SOURCES, LABELS = make_sources()


def blocks_of(x, y, size=50):
    return ((x[i : i + size], y[i : i + size]) for i in range(0, len(x), size))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_scores_and_errors_are_those_of_cross_validate(n_threads):
    ranking = rank_sources(SOURCES, LABELS, by=BY, n_threads=n_threads)
    assert ranking.names == ["signal", "wide", "noise"]
    assert ranking.errors_from == "rows"
    for entry in ranking:
        alone = cross_validate(SOURCES[entry.name], LABELS)
        assert entry.score == entry.cross_validated_h_score == pytest.approx(alone.score, abs=1e-12)
        assert entry.standard_error == pytest.approx(alone.standard_error, rel=1e-9)
        assert entry.accuracy == alone.accuracy
        assert entry.accuracy_standard_error == pytest.approx(alone.accuracy_standard_error)
        assert entry.probability_best >= 0
        assert entry.warning == ""  # that of the adjusted score is of no concern here
    assert ranking.best.tied_with_best
    assert not ranking[1].tied_with_best


def test_differences_are_paired():
    rng = np.random.default_rng(1)
    x = SOURCES["signal"]
    twin = x + 1e-3 * rng.standard_normal(x.shape)
    ranking = rank_sources({"one": x, "other": twin}, LABELS, by=BY)
    difference, error = ranking.difference("one", "other")
    assert abs(difference) < 0.01
    assert error < 0.05 * ranking.best.standard_error
    assert rank_sources({"one": x, "same": x}, LABELS, by=BY)[1].tied_with_best


def test_groups():
    groups = np.arange(len(LABELS)) // 3
    ranking = rank_sources(SOURCES, LABELS, by=BY, groups=groups)
    assert ranking.errors_from == "groups"
    for entry in ranking:
        alone = cross_validate(SOURCES[entry.name], LABELS, groups=groups)
        assert entry.score == pytest.approx(alone.score, abs=1e-12)
        assert entry.standard_error == pytest.approx(alone.standard_error, rel=1e-9)
    with pytest.raises(ValueError, match="groups need by='cross_validated_h_score'"):
        rank_sources(SOURCES, LABELS, groups=groups, by="h_score")


def test_blocks_files_and_arrays_have_the_same_folds(tmp_path):
    x = SOURCES["signal"]
    np.savez_compressed(tmp_path / "x.npz", x=x)
    ranking = rank_sources(
        {"array": x, "blocks": blocks_of(x, LABELS), "file": f"{tmp_path}/x.npz:x"}, LABELS, by=BY
    )
    assert ranking.errors_from == "folds"
    assert {round(entry.score, 10) for entry in ranking} == {round(ranking.best.score, 10)}
    errors = [entry.standard_error for entry in ranking]
    assert errors == pytest.approx([errors[0]] * 3, rel=1e-6)
    assert math.isnan(next(e for e in ranking if e.name == "blocks").accuracy)
    assert all(entry.tied_with_best for entry in ranking)


def test_what_cannot_be_held_out_says_so():
    x = SOURCES["signal"]
    whole = Moments().update(x, LABELS)
    ranking = rank_sources({"rows": x, "gone": whole}, LABELS, by=BY)
    assert [e.name for e in ranking.failed] == ["gone"]
    assert "cannot be held out" in ranking.failed[0].error
    ranking = rank_sources(
        {"rows": x, "once": blocks_of(x, LABELS)}, LABELS, by=BY, groups=np.arange(len(x)) // 2
    )
    assert "blocks are read once" in ranking.failed[0].error


def test_lone_classes_are_told():
    y = LABELS.copy()
    y[:2] = [7, 8]
    ranking = rank_sources({"signal": SOURCES["signal"]}, y, by=BY)
    assert "2 of 5 classes have a single row" in ranking.best.warning


def test_the_report_has_the_same_numbers(tmp_path):
    x = SOURCES["wide"][:, :40]
    groups = np.arange(len(LABELS)) // 2
    np.savez_compressed(tmp_path / "x.npz", x=x)
    for features in (x, f"{tmp_path}/x.npz:x"):
        report = evaluate(features, LABELS, groups=groups)
        alone = cross_validate(x, LABELS, groups=groups)
        assert report.cross_validated_h_score == pytest.approx(alone.score, abs=1e-10)
        assert report.cross_validated_standard_error == pytest.approx(alone.standard_error)
        assert report.accuracy == alone.accuracy
        assert report.balanced_accuracy == pytest.approx(alone.balanced_accuracy)
        assert "accuracy" in str(report)
    once = evaluate(f"{tmp_path}/x.npz:x", LABELS)  # from blocks of rows: the same folds
    assert once.cross_validated_h_score == pytest.approx(cross_validate(x, LABELS).score, abs=1e-10)
    assert math.isnan(once.accuracy)
    few = evaluate(x[:4, :2], [0, 1, 0, 1])  # fewer rows than folds
    assert math.isfinite(few.cross_validated_h_score)


def test_the_report_of_statistics_holds_out_their_blocks():
    x = SOURCES["signal"]
    parts = [Moments().update(x[i::20], LABELS[i::20]) for i in range(20)]
    total = Moments()
    for part in parts:
        total.merge(part)
    folds = [parts[i] + parts[i + 5] + parts[i + 10] + parts[i + 15] for i in range(5)]
    report = total.evaluate(blocks=parts)
    assert report.cross_validated_h_score == pytest.approx(cross_validate(folds).score, abs=1e-10)
    assert math.isnan(total.evaluate().cross_validated_h_score)
