"""Rankings by the cross-validated score, of sources wider than the sample, too."""

import math

import numpy as np
import pytest

from hscore_fast import Moments, cross_validate, evaluate, rank_sources

BY = "cross_validated_h_score"  # the default


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
    ranking = rank_sources(SOURCES, LABELS, n_threads=n_threads)
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
    ranking = rank_sources({"one": x, "other": twin}, LABELS)
    difference, error = ranking.difference("one", "other")
    assert abs(difference) < 0.01
    assert error < 0.05 * ranking.best.standard_error
    assert rank_sources({"one": x, "same": x}, LABELS)[1].tied_with_best


def test_groups():
    groups = np.arange(len(LABELS)) // 3
    ranking = rank_sources(SOURCES, LABELS, groups=groups)
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
        {"array": x, "blocks": blocks_of(x, LABELS), "file": f"{tmp_path}/x.npz:x"}, LABELS
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
    ranking = rank_sources({"rows": x, "gone": whole}, LABELS)
    assert [e.name for e in ranking.failed] == ["gone"]
    assert "cannot be held out: pass a list of Moments, one of each fold" in ranking.failed[0].error
    assert str(ranking).startswith("1 of 2 sources (gone) could not be scored and are not compared")
    with pytest.raises(ValueError, match=r"sources\['gone'\]: Moments of all rows cannot be held"):
        rank_sources({"gone": whole})
    ranking = rank_sources(
        {"rows": x, "once": blocks_of(x, LABELS)}, LABELS, groups=np.arange(len(x)) // 2
    )
    assert "blocks are read once" in ranking.failed[0].error


def parts_of(x, n_folds=5):
    fold = np.arange(len(x)) % n_folds
    return [Moments().update(x[fold == k], LABELS[fold == k]) for k in range(n_folds)]


def test_statistics_of_folds_are_sources():
    sources = {name: x[:, :15] for name, x in SOURCES.items()}
    ranking = rank_sources({name: parts_of(x) for name, x in sources.items()}, LABELS)
    assert ranking.errors_from == "folds"
    for entry in ranking:
        alone = cross_validate(parts_of(sources[entry.name]))
        assert entry.score == pytest.approx(alone.score, abs=1e-12)
        assert entry.standard_error == pytest.approx(alone.standard_error)
    assert math.isfinite(ranking.choice_score)
    assert rank_sources({"x": parts_of(sources["noise"])}, by="h_score").best.h_score > 0
    mixed = list(parts_of(sources["noise"]))
    with pytest.raises(TypeError, match="place 5 must hold a Moments, got ndarray"):
        rank_sources({"x": [*mixed, sources["noise"]]})
    with pytest.raises(ValueError, match="statistics of other rows"):
        rank_sources({"x": mixed[:3]}, LABELS)
    with pytest.raises(ValueError, match="put whole groups in a fold"):
        rank_sources({"x": mixed}, groups=LABELS)


def test_rows_that_were_cut_otherwise_are_not_paired():
    """Nobody knows which rows a fold of statistics has: errors are then not compared in silence."""
    x = SOURCES["signal"]
    for other in (x, parts_of(x, 6), blocks_of(x, LABELS)):
        for by in (BY, "h_score"):
            ranking = rank_sources({"parts": parts_of(x), "other": other}, LABELS, by=by)
            other = x if not isinstance(other, list) else other  # blocks come once
            assert ranking.errors_from == "none"
            assert math.isnan(ranking.best.probability_best)
            assert math.isnan(ranking.choice_score)
            assert "ties are not known" in str(ranking)


def nested_choice(sources, labels):
    """Choose by the gains of the other folds, from scratch: fits, losses and all."""
    fold = np.zeros(len(labels), int)
    for c in np.unique(labels):
        rows = np.flatnonzero(labels == c)
        fold[rows] = (np.arange(len(rows)) + c) % 5
    y = np.eye(labels.max() + 1)[labels]
    gains = {}
    for name, x in sources.items():
        found = cross_validate(x, labels)
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        own = np.zeros(5)
        for k in range(5):
            train, held = fold != k, fold == k
            m, f = z[train].mean(axis=0), y[train].mean(axis=0)
            t = (z[train] - m).T @ (z[train] - m)
            ridge = found.ridge * np.trace(t) * np.eye(len(t))
            w = np.linalg.solve(t + ridge, (z[train] - m).T @ (y[train] - f))
            error = y[held] - f
            left = error - (z[held] - m) @ w
            own[k] = ((error**2 - left**2) / y.sum(axis=0)).sum()
        gains[name] = own
        assert own.sum() == pytest.approx(found.score, abs=1e-10)
    total = {name: own.sum() for name, own in gains.items()}
    score = 0.0
    for k in range(5):
        best = max(gains, key=lambda name: total[name] - gains[name][k])
        score += gains[best][k]
    return score


@pytest.mark.parametrize("seed", range(3))
def test_the_score_of_the_choice_is_that_of_the_other_folds_choice(seed):
    rng = np.random.default_rng(seed)
    sources = {str(k): rng.standard_normal((len(LABELS), 8 + k)) for k in range(12)}
    for name, x in sources.items():
        x[:, :3] += 0.1 * int(name) * np.eye(3)[LABELS] / 4
    ranking = rank_sources(sources, LABELS)
    assert ranking.choice_score == pytest.approx(nested_choice(sources, LABELS), abs=1e-9)
    assert f"{ranking.choice_score:.4g}" in str(ranking)
    blocks = {name: blocks_of(x, LABELS) for name, x in sources.items()}
    assert rank_sources(blocks, LABELS).choice_score == pytest.approx(ranking.choice_score)


def test_the_choice_is_less_lucky_than_the_winner():
    """Among 20 sources of noise the first has a score above 0, the choice about 0."""
    first, choice = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 4, 60)
        noise = {str(k): rng.standard_normal((60, 10)) for k in range(20)}
        ranking = rank_sources(noise, y, n_draws=1, n_threads=1)
        first.append(ranking.best.score)
        choice.append(ranking.choice_score)
    assert min(first) > 0
    assert np.mean(choice) < 0.5 * np.mean(first)


def test_one_source_has_no_choice():
    ranking = rank_sources({"x": SOURCES["noise"]}, LABELS)
    assert math.isnan(ranking.choice_score)
    assert "luck" not in str(ranking)


def test_lone_classes_are_told():
    y = LABELS.copy()
    y[:2] = [7, 8]
    ranking = rank_sources({"signal": SOURCES["signal"]}, y)
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
