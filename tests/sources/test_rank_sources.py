"""Rankings by scores of all rows: each number against the sources' own reports, and all kinds.

The default, by held-out rows, is tested in test_rank_by_held_out_rows.py.
"""

import json
import math
import threading
import time
from functools import partial

import numpy as np
import pytest
from oracles import make_problem

import hscore_fast
from hscore_fast import (
    Moments,
    SaturationWarning,
    SourceRanking,
    SourceScore,
    adjusted_h_score,
    evaluate,
    h_score,
    regularized_h_score,
)
from hscore_fast._sources.ranking import probability

rank_sources = partial(hscore_fast.rank_sources, by="adjusted_h_score")


def make_sources(n_samples=1500, n_classes=4, seed=0):
    """Four views of the same signal, each noisier than the one before."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n_samples)
    signal = rng.standard_normal((n_samples, 6)) + rng.standard_normal((n_classes, 6))[y]
    noise = (0.0, 0.5, 1.0, 4.0)
    sources = {
        f"noise {level}": np.hstack(
            [
                signal + level * rng.standard_normal(signal.shape),
                rng.standard_normal((n_samples, w)),
            ]
        )
        for level, w in zip(noise, (1, 30, 2, 5), strict=True)
    }
    return sources, y


SOURCES, LABELS = make_sources()
NAMES = list(SOURCES)


def blocks_of(x, y, size=97):
    return ((x[i : i + size], y[i : i + size]) for i in range(0, len(x), size))


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_scores_and_errors_are_those_of_the_reports(n_threads):
    ranking = rank_sources(SOURCES, LABELS, n_threads=n_threads)
    assert isinstance(ranking, SourceRanking)
    assert ranking.names == NAMES  # the noisier the worse, however wide
    assert ranking.by == "adjusted_h_score"
    for place, entry in enumerate(ranking):
        report = evaluate(SOURCES[entry.name], LABELS)
        assert isinstance(entry, SourceScore)
        assert entry.score == entry.adjusted_h_score == pytest.approx(report.adjusted_h_score)
        assert entry.h_score == pytest.approx(report.h_score)
        assert entry.standard_error == pytest.approx(report.standard_error, rel=1e-9)
        assert entry.neg_log10_p_value == pytest.approx(report.neg_log10_p_value, rel=1e-9)
        assert entry.n_features == SOURCES[entry.name].shape[1]
        assert ranking.covariance[place, place] == pytest.approx(report.standard_error**2)
        assert not entry.error
    assert ranking.best is ranking[0]
    assert ranking.best.tied_with_best
    assert ranking[:2] == (ranking[0], ranking[1])
    assert sum(entry.probability_best for entry in ranking) == pytest.approx(1)
    assert 0.8 < ranking.stability <= 1


@pytest.mark.parametrize(
    ("by", "function"),
    [
        ("h_score", h_score),
        ("adjusted_h_score", adjusted_h_score),
        ("regularized_h_score", regularized_h_score),
    ],
)
def test_by_any_score(by, function):
    ranking = rank_sources(SOURCES, LABELS, by=by)
    want = {name: function(x, LABELS) for name, x in SOURCES.items()}
    assert ranking.names == sorted(want, key=lambda name: -want[name])
    for entry in ranking:
        assert entry.score == pytest.approx(want[entry.name], rel=1e-9)
        assert getattr(entry, by) == entry.score
    if by == "h_score":
        report = evaluate(SOURCES["noise 0.5"], LABELS)
        found = next(entry for entry in ranking if entry.name == "noise 0.5")
        assert found.standard_error == pytest.approx(report.h_score_standard_error, rel=1e-9)
    if by == "regularized_h_score":
        assert math.isnan(ranking.best.standard_error)
        assert ranking.errors_from == "none"
        assert "tied with" not in str(ranking)
        assert not any("=" in line or "~" in line for line in str(ranking).splitlines())
        assert all(entry.tied_with_next is None for entry in ranking)
        assert all(entry.tied_with_best is None for entry in ranking[1:])


def test_the_error_of_a_difference_is_paired():
    """By leaving out one row at a time, of both sources."""
    x = {"a": SOURCES["noise 0.0"][:150], "b": SOURCES["noise 1.0"][:150]}
    y = LABELS[:150]
    ranking = rank_sources(x, y)
    deleted = {}
    for name, features in x.items():
        keep = ~np.eye(150, dtype=bool)
        scores = np.array([h_score(features[rows], y[rows]) for rows in keep])
        deleted[name] = scores / math.sqrt(1 - features.shape[1] / 149)
    difference = deleted["a"] - deleted["b"]
    want = math.sqrt(149 / 150 * np.sum((difference - difference.mean()) ** 2))
    found, error = ranking.difference("a", "b")
    assert found == ranking[0].score - ranking[1].score
    assert error == pytest.approx(want, rel=0.05)
    unpaired = math.hypot(ranking[0].standard_error, ranking[1].standard_error)
    assert error < 0.8 * unpaired
    assert ranking.difference("b", "a")[1] == pytest.approx(error)


def test_a_copy_is_tied_and_another_rotation_of_it_too():
    x = SOURCES["noise 1.0"]
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    ranking = rank_sources({"x": x, "turned": x @ turn, "worse": SOURCES["noise 4.0"]}, LABELS)
    assert {entry.name for entry in ranking.tied_with_best} == {"x", "turned"}
    assert ranking[0].tied_with_next
    assert not ranking[1].tied_with_next
    assert ranking.difference("x", "turned")[1] == pytest.approx(0, abs=1e-5)


def test_sources_of_every_kind(tmp_path):
    x = SOURCES["noise 0.5"]
    np.save(tmp_path / "mapped.npy", x)
    np.savez_compressed(tmp_path / "streamed.npz", x=x)
    np.save(tmp_path / "y.npy", LABELS)
    sources = {
        "array": x,
        "mapped": tmp_path / "mapped.npy",
        "streamed": str(tmp_path / "streamed.npz"),
        "blocks": blocks_of(x, LABELS),
        "moments": Moments().update(x, LABELS),
        "list": x.tolist(),
    }
    for labels in (LABELS, tmp_path / "y.npy"):
        ranking = rank_sources(sources | {"blocks": blocks_of(x, LABELS)}, labels)
        by_name = {entry.name: entry for entry in ranking}
        assert not ranking.failed
        for entry in ranking:
            assert entry.score == pytest.approx(ranking.best.score, rel=1e-9)
        # All have the blocks of the streams, the arrays from their rows' values.
        assert ranking.errors_from == "jackknife"
        error = by_name["streamed"].standard_error
        assert by_name["blocks"].standard_error == pytest.approx(error, rel=1e-9)
        assert by_name["array"].standard_error == pytest.approx(error, rel=0.1)
        assert by_name["array"].standard_error == by_name["mapped"].standard_error
        assert ranking.difference("streamed", "array")[1] < 0.2 * error
        assert math.isnan(by_name["moments"].standard_error)
        # It may be the best, or not: then nobody's chance is known.
        assert all(math.isnan(entry.probability_best) for entry in ranking)
        assert by_name["moments"].tied_with_next is None
        assert math.isnan(ranking.stability)
    assert rank_sources({"array": x, "list": x.tolist()}, LABELS).errors_from == "influence"


def test_sources_that_bring_their_labels():
    names = np.array(["ant", "bee", "cow", "dog"])[LABELS]
    sources = {name: blocks_of(x, names) for name, x in SOURCES.items()}
    ranking = rank_sources(sources)
    assert ranking.names == NAMES
    assert ranking.errors_from == "jackknife"
    with pytest.raises(ValueError, match=r"sources\['a'\]: labels are missing"):
        rank_sources({"a": SOURCES["noise 1.0"]})


def test_one_failing_source_does_not_lose_the_others(tmp_path):
    broken = SOURCES["noise 1.0"].copy()
    broken[3, 2] = np.nan

    def stops():
        yield SOURCES["noise 1.0"][:100], LABELS[:100]
        raise RuntimeError("the disk is gone")

    sources = SOURCES | {
        "nan": broken,
        "short": broken[:10],
        "text": np.array([["a"]] * 1500),
        "missing": tmp_path / "missing.npy",
        "stops": stops(),
        "other labels": blocks_of(SOURCES["noise 1.0"], (LABELS + 1) % 4),
        "fewer blocks": blocks_of(SOURCES["noise 1.0"][:200], LABELS[:200]),
        "other moments": Moments().update(SOURCES["noise 1.0"][:500], LABELS[:500]),
    }
    ranking = rank_sources(sources, LABELS)
    assert ranking.names[:4] == NAMES
    reasons = {entry.name: entry.error for entry in ranking.failed}
    assert list(reasons) == list(sources)[4:] or set(reasons) == set(list(sources)[4:])
    assert "row 3, column 2" in reasons["nan"]
    assert reasons["short"].startswith("ValueError: labels must have one entry per row")
    assert "real numbers" in reasons["text"]
    assert reasons["missing"].startswith("FileNotFoundError")
    assert reasons["stops"] == "RuntimeError: the disk is gone"
    assert "labels of block 0 are not those" in reasons["other labels"]
    assert "200 rows, and there are 1500 labels" in reasons["fewer blocks"]
    assert "statistics of other rows: 500" in reasons["other moments"]
    assert math.isnan(ranking[-1].score)
    assert "was not scored" in str(ranking)
    assert "not scored" in ranking._repr_html_()


def test_when_all_fail_the_first_is_raised():
    with pytest.raises(ValueError, match=r"sources\['a'\]: .*row 0, column 0"):
        rank_sources({"a": [[np.nan], [1.0]], "b": [["x"], ["y"]]}, [0, 1])


def test_saturated_sources_stand_last_but_are_reported():
    rng = np.random.default_rng(0)
    sources = {
        "wide": rng.standard_normal((60, 100)),
        "narrow": rng.standard_normal((60, 3)),
        "wider": rng.standard_normal((60, 200)),
        "noise": rng.standard_normal((60, 4)),
    }
    with pytest.warns(SaturationWarning, match=r"2 of 4 sources \(wide, wider\)") as caught:
        ranking = rank_sources(sources, np.arange(60) % 3)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert set(ranking.names[:2]) == {"narrow", "noise"}
    assert {entry.name for entry in ranking.undefined} == {"wide", "wider"}
    assert math.isnan(ranking[2].score)
    assert "undefined" in ranking[2].warning
    assert ranking[2].h_score == 2
    # The widest may be the best of all: nobody is the best for certain, or tied with it.
    assert all(math.isnan(entry.probability_best) for entry in ranking)
    assert all(entry.tied_with_best is entry.tied_with_next is None for entry in ranking)
    assert math.isfinite(ranking[0].standard_error)
    assert math.isnan(ranking.stability)
    text = str(ranking)
    assert text.startswith("2 of 4 sources (wide, wider) have no adjusted H-score (undefined)")
    assert text.count("undefined") == 1
    assert "=" not in text
    assert ranking._repr_html_().index("2 of 4 sources") < ranking._repr_html_().index("narrow")
    assert ranking.to_dict()["sources"][0]["tied_with_next"] is None
    full = rank_sources(sources, np.arange(60) % 3, by="regularized_h_score")
    assert not full.undefined


def test_sources_that_differ_by_rounding_share_the_first_place():
    """Neither a copy, nor the same shifted or turned, is better than the other."""
    x = SOURCES["noise 1.0"]
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    for others in ([x.copy()], [x + 1], [x.copy(), x @ turn]):
        sources = {str(k): other for k, other in enumerate([x, *others])}
        ranking = rank_sources(sources | {"worse": SOURCES["noise 4.0"]}, LABELS)
        equal = [entry for entry in ranking if entry.name != "worse"]
        for entry in equal:
            assert entry.probability_best == pytest.approx(1 / len(equal), abs=1e-3)
            assert entry.tied_with_best
        assert [entry.tied_with_next for entry in ranking] == [True] * len(others) + [False, False]
        # Of the pairs only those with another source have an order.
        pairs = len(equal) * (len(equal) + 1) / 2
        assert ranking.stability == pytest.approx(len(equal) / pairs, abs=0.02)


def test_a_source_that_failed_is_named_first():
    ranking = rank_sources(SOURCES | {"text": np.array([["a"]] * 1500)}, LABELS)
    assert str(ranking).startswith("1 of 5 sources (text) could not be scored")
    assert ranking.failed[0].tied_with_next is None


def test_it_converts_and_prints():
    pandas = pytest.importorskip("pandas")
    ranking = rank_sources(SOURCES, LABELS)
    data = json.loads(ranking.to_json(indent=1))
    assert [entry["name"] for entry in data["sources"]] == NAMES
    assert data["sources"][0]["regularized_h_score"] is None
    frame = ranking.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.index) == NAMES
    assert frame.loc["noise 0.5", "standard_error"] == ranking[1].standard_error
    text = str(ranking)
    assert "tied with the best" in text
    assert text.startswith("ranked by adjusted H-score, errors from influence\n")
    assert text.splitlines()[3].startswith("noise 0.0")
    assert "the first of 4 may be first by luck" in text
    assert repr(ranking).startswith("<SourceRanking of 4 by adjusted_h_score: noise 0.0")
    assert "<td>noise 0.0</td>" in ranking._repr_html_()


def test_it_plots():
    pytest.importorskip("matplotlib")
    ranking = rank_sources(SOURCES, LABELS)
    (axes,) = ranking.plot(title="four").axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == NAMES
    assert rank_sources(SOURCES, LABELS, by="regularized_h_score").plot().axes


def test_the_seed_decides_the_draws_and_nothing_else():
    one = rank_sources(SOURCES, LABELS, n_draws=200)
    assert rank_sources(SOURCES, LABELS, n_draws=200).entries == one.entries
    other = rank_sources(SOURCES, LABELS, n_draws=200, seed=1)
    assert other.names == one.names
    assert [e.standard_error for e in other] == [e.standard_error for e in one]


def test_the_probability_is_that_of_the_normal_distribution():
    from scipy import stats

    x = SOURCES["noise 1.0"]
    rng = np.random.default_rng(1)
    sources = {"a": x + 0.02 * rng.standard_normal(x.shape), "b": x + 0.02}
    ranking = rank_sources(sources, LABELS, n_draws=100_000)
    gap, error = ranking.difference(*ranking.names)
    assert ranking.best.probability_best == pytest.approx(stats.norm.cdf(gap / error), abs=0.01)
    assert ranking.stability == pytest.approx(2 * stats.norm.cdf(gap / error) - 1, abs=0.02)


def test_progress_and_interrupts():
    before = threading.active_count()
    seen = []
    rank_sources(SOURCES, LABELS, n_threads=2, progress=lambda *a: seen.append(a))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def stop(done, total):
        raise KeyboardInterrupt

    for n_threads in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            rank_sources(SOURCES, LABELS, n_threads=n_threads, progress=stop)
    end = time.monotonic() + 10  # a thread that has given its result may still be ending
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"by": "accuracy"}, ValueError, "by must be one of 'cross_validated_h_score'"),
        ({"confidence": 95}, ValueError, "confidence must lie between 0 and 1, got 95"),
        ({"n_blocks": 1}, ValueError, "n_blocks"),
        ({"n_draws": 0}, ValueError, "n_draws must be an integer between"),
        ({"n_draws": 1.5}, TypeError, "n_draws must be an integer"),
        ({"precision": "half"}, ValueError, "precision"),
        ({"n_threads": 0}, ValueError, "n_threads"),
        ({"progress": 1}, TypeError, "progress"),
        ({"labels": [None] * 1500}, ValueError, "missing"),
    ],
)
def test_what_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        rank_sources(SOURCES, **({"labels": LABELS} | options))


def test_sources_that_are_no_mapping():
    with pytest.raises(TypeError, match="mapping of names to features"):
        rank_sources([SOURCES["noise 1.0"]], LABELS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sources must hold at least one entry"):
        rank_sources({}, LABELS)
    with pytest.raises(TypeError, match="names of sources must be str, got 3"):
        rank_sources({3: SOURCES["noise 1.0"]}, LABELS)  # type: ignore[dict-item]


def test_labels_of_any_kind():
    x, y = make_problem(200, 4, 3)
    want = rank_sources({"x": x}, y)
    for labels in (np.array(list("abc"))[y], y.tolist(), np.eye(3)[y]):
        assert rank_sources({"x": x}, labels).best.score == want.best.score
    assert want.stability != want.stability


def test_sources_are_found_by_name():
    x, y = np.random.default_rng(0).standard_normal((60, 3)), np.arange(60) % 2
    ranking = rank_sources({"resnet50": x, "vit_b16": x[:, :2]}, y)
    assert ranking["vit_b16"].name == "vit_b16"
    assert "vit_b16" in ranking
    assert ranking[0] in ranking
    assert "vit" not in ranking
    with pytest.raises(KeyError) as caught:
        ranking["resnet5"]
    assert str(caught.value) == "there is no source 'resnet5': did you mean 'resnet50'?"
    with pytest.raises(KeyError, match="there is no source 'zzz': there are 'resnet50', 'vit_b16'"):
        ranking.difference("resnet50", "zzz")


def test_probabilities_are_never_certain():
    assert [probability(p) for p in (0.0, 0.004, 0.4, 0.996, 1.0, math.nan)] == [
        *("<1 %", "<1 %", "40 %", ">99 %", ">99 %", "-")
    ]


def test_frames():
    x, y = np.random.default_rng(0).standard_normal((60, 3)), np.arange(60) % 2
    ranking = rank_sources({"a": x, "b": x[:, :2]}, y)
    frame = pytest.importorskip("polars").DataFrame(ranking.to_polars())
    assert frame["name"].to_list() == ranking.names
    assert frame["score"].to_list() == [entry.score for entry in ranking]
    assert ranking.to_markdown().count("\n| ") == 4
