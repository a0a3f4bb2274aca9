"""What a score is doubted for, each case against the true number."""

import inspect
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from cli_runs import run
from oracles import gold

import hscore_fast as hs
from hscore_fast.readers import read_moments

RNG = np.random.default_rng(0)


def corrupted(value: float) -> tuple[np.ndarray, np.ndarray]:
    """One row of 1,000 is a code for a missing value, in all 20 columns."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 5, 1000)
    x = rng.normal(size=(1000, 20)) + rng.normal(size=(5, 20))[y]
    x[17] = value
    return x, y


@pytest.mark.parametrize("value", [1e9, -999_999_999.0])
def test_one_value_that_hides_the_others_is_told(value) -> None:
    x, y = corrupted(value)
    truth = hs.h_score(x, y, precision="high")
    assert truth == pytest.approx(hs.h_score(np.delete(x, 17, 0), np.delete(y, 17)), rel=0.02)
    with pytest.warns(hs.PrecisionWarning, match='dropped as noise .*precision="high"') as caught:
        found = hs.h_score(x, y)
    assert len(caught) == 1
    assert found < 0.01 * truth
    with pytest.warns(hs.PrecisionWarning, match="dropped as noise"):
        report = hs.evaluate(x, y)
    assert "dropped as noise" in report.warnings[0]
    ranking = hs.rank_sources({"bad": x, "noise": RNG.normal(size=(1000, 3))}, y)
    assert "dropped as noise" in {entry.name: entry.warning for entry in ranking}["bad"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hs.h_score(x, y, tol=2.0**-41)  # who gives a tolerance has said what is noise


def test_near_duplicates_whose_difference_knows_the_labels() -> None:
    y = RNG.integers(0, 3, 1000)
    x = RNG.normal(size=1000)
    near = np.column_stack([x, x + 4e-7 * ((y == 2) + 0.1 * RNG.normal(size=1000))])
    with pytest.warns(hs.PrecisionWarning, match="dropped as noise"):
        found = hs.h_score(near, y)
    assert hs.h_score(near, y, precision="high") > 2 * found


def test_behind_a_layer_norm_the_cause_and_the_remedies_are_named() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 2000)
    z = (rng.normal(size=(2000, 384)) + 0.3 * rng.normal(size=(4, 384))[y]).astype(np.float32)
    z = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + np.float32(1e-5))
    with pytest.warns(hs.PrecisionWarning, match='LayerNorm.* precision="high" .*tol=1e-6'):
        hs.h_score(z, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        high = hs.h_score(z, y, precision="high")
        assert hs.h_score(z, y, tol=1e-6) == pytest.approx(high, rel=1e-3)


def test_nearly_as_many_features_as_rows() -> None:
    y = RNG.integers(0, 3, 201)
    x = RNG.normal(size=(201, 190))
    for score in (hs.h_score, hs.adjusted_h_score):
        with pytest.warns(hs.SaturationWarning, match=r"rank 190 .* near its bound of 2 for any l"):
            score(x, y)
    with pytest.warns(hs.SaturationWarning, match="every H-score is near its bound"):
        hs.h_scores(x, [y, y])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hs.h_score(x[:, :179], y)


def test_nearly_as_many_classes_as_rows() -> None:
    """Ids for labels: the score is the rank of any features."""
    x = RNG.normal(size=(300, 8))
    ids = np.arange(300) + 1000
    with pytest.warns(hs.SaturationWarning, match="300 classes .* bound of 8 for any features"):
        assert hs.h_score(x, ids) == pytest.approx(8)
    with pytest.warns(hs.SaturationWarning, match=r"targets\[1\] has 300 classes"):
        hs.h_scores(x, [ids % 3, ids])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hs.h_score(x, ids // 2)
        # One row a class, few-shot: the report says what the score is worth.
        report = hs.evaluate(x[:50], np.arange(50))
    assert report.h_score == pytest.approx(8)
    assert report.chance_level == pytest.approx(8)
    assert report.adjusted_h_score == pytest.approx(0, abs=1e-9)
    assert report.p_value == 1


def test_continuous_targets_are_refused_in_python_and_on_the_command_line(tmp_path, capsys) -> None:
    x = RNG.normal(size=(300, 8))
    y = x @ RNG.normal(size=8) + 0.1 * RNG.normal(size=300)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    (tmp_path / "y.csv").write_text("\n".join(map(str, y.round(3))))
    for function in (hs.h_score, hs.evaluate, hs.regularized_h_score, hs.adjusted_h_score):
        with pytest.raises(ValueError, match="300 values that are not whole numbers"):
            function(x, y)
    with pytest.raises(ValueError, match=r"targets\[0\]: .*not whole numbers"):
        hs.h_scores(x, [y])
    for labels in ("y.npy", "y.csv"):
        for words in (("score", f"{tmp_path}/x.npy", f"{tmp_path}/{labels}"),):
            code, out, err = run(capsys, *words)
            assert (code, out) == (2, "")
            assert "not whole numbers" in err
            assert err.count("\n") == 1
    thirds = pd.qcut(y, 3)
    codes = np.asarray(thirds.codes)
    assert hs.h_score(x, thirds) == pytest.approx(gold(x, codes).h_score, rel=1e-12)
    assert hs.h_score(x, codes.astype(float)) == pytest.approx(gold(x, codes).h_score, rel=1e-12)


def test_a_frame_and_a_series_in_another_order() -> None:
    y = RNG.integers(0, 3, 200)
    x = RNG.normal(size=(200, 4)) + RNG.normal(size=(3, 4))[y]
    names = [f"img{k}" for k in range(200)]
    frame, series = pd.DataFrame(x, index=names), pd.Series(y, index=names)
    shuffled = series.sample(frac=1, random_state=0)
    truth = gold(x, y).h_score
    weights = pd.Series(1.0, index=names).sample(frac=1, random_state=0)
    for call in (
        lambda: hs.h_score(frame, shuffled),
        lambda: hs.evaluate(frame, shuffled),
        lambda: hs.regularized_h_score(frame, shuffled),
        lambda: hs.Moments().update(frame, shuffled),
        lambda: hs.Moments().update(frame, series, weights=weights),
        lambda: hs.rank_sources({"a": frame}, shuffled),
        lambda: hs.select_sources({"a": frame, "b": frame**2}, shuffled),
        lambda: hs.pair_scores({"a": frame, "b": frame**2}, shuffled),
        lambda: hs.cross_validate(frame, shuffled),
        lambda: hs.h_scores(frame, [series, shuffled]),
        lambda: hs.h_scores(x, [series, shuffled]),
        lambda: hs.TargetMoments().update(frame, [series, shuffled]),
        lambda: hs.transfer_matrix({"a": frame}, {"y": series, "z": shuffled}),
        lambda: hs.transferability(frame, shuffled),
        lambda: hs.transferability(frame, series, optimal=frame.loc[shuffled.index]),
        lambda: hs.transferability(frame, series, optimal="ace", inputs=frame.loc[shuffled.index]),
        lambda: hs.maximal_correlation(series, shuffled),
        lambda: hs.cross_validate(frame, series, groups=shuffled),
        lambda: hs.cross_validated_h_score(x, series, weights=weights),
        lambda: hs.evaluate(frame, series, groups=shuffled),
        lambda: hs.rank_sources(
            {"a": frame}, series, groups=shuffled, by="cross_validated_h_score"
        ),
        lambda: hs.rank_sources({"a": [(frame, shuffled)]}),
        lambda: hs.Moments.from_blocks([(frame, shuffled)]),
    ):
        with pytest.raises(ValueError, match="have the same index in another order"):
            call()
    assert hs.h_score(frame, shuffled.loc[frame.index]) == pytest.approx(truth, rel=1e-12)
    by_number = pd.Series(y).sample(frac=1, random_state=0)
    frame = pd.DataFrame(x)
    for call in (
        lambda: hs.h_score(frame, by_number),
        lambda: hs.evaluate(frame, by_number),
        lambda: hs.h_scores(frame, [by_number, by_number]),
        lambda: hs.TargetMoments().update(frame, [by_number]),
        lambda: hs.transfer_matrix({"a": frame}, {"y": by_number}),
        lambda: hs.maximal_correlation(pd.Series(y), by_number),
        lambda: hs.transferability(frame, y, optimal="ace", inputs=by_number.to_frame()),
        lambda: hs.cross_validate(frame, y, groups=by_number, n_folds=3),
        lambda: hs.Moments().update(frame, by_number, weights=pd.Series(np.ones(200))),
        lambda: hs.rank_sources({"a": frame}, by_number),
        lambda: hs.rank_sources({"a": [(frame, by_number)]}),
    ):
        with pytest.warns(hs.AlignmentWarning, match="row numbers in another order") as caught:
            call()
        assert len(caught) == 1
        assert caught[0].filename == __file__


def test_shards_of_which_some_are_missing(tmp_path, capsys) -> None:
    y = RNG.integers(0, 3, (4, 300))
    x = RNG.normal(size=(4, 300, 5)) + RNG.normal(size=(3, 5))[y]
    for k in (0, 2, 3):
        np.save(tmp_path / f"x{k}.npy", x[k])
    for k in (0, 1, 3):
        np.save(tmp_path / f"y{k}.npy", y[k])
    features, labels = f"{tmp_path}/x*.npy", f"{tmp_path}/y*.npy"
    for call in (
        lambda: hs.h_score(features, labels),
        lambda: hs.evaluate(features, labels),
        lambda: hs.rank_sources({"a": features}, labels),
        lambda: hs.select_sources({"a": features}, labels),
        lambda: hs.readers.read_moments(features, labels),
        lambda: hs.cross_validate(features, labels),
        lambda: hs.h_scores(features, [labels]),
        lambda: hs.transfer_matrix({"a": features}, {"b": labels}),
        lambda: hs.transferability(features, labels),
        lambda: hs.pair_scores({"a": features}, labels),
    ):
        with pytest.raises(ValueError, match=r"'x2\.npy', 'y1\.npy' have no partner"):
            call()
    code, out, err = run(capsys, "score", features, labels)
    assert (code, out) == (2, "")
    assert "'x2.npy', 'y1.npy' have no partner" in err
    (tmp_path / "x2.npy").unlink()
    (tmp_path / "y1.npy").unlink()
    both = gold(np.concatenate([x[0], x[3]]), np.concatenate([y[0], y[3]])).h_score
    assert hs.h_score(features, labels) == pytest.approx(both, rel=1e-12)
    code, out, _ = run(capsys, "score", features, labels, "--json")
    assert json.loads(out)["h_score"] == pytest.approx(both, rel=1e-12)


def test_the_name_of_a_column_in_place_of_the_labels(tmp_path) -> None:
    y = RNG.integers(0, 3, 60)
    frame = pd.DataFrame(RNG.normal(size=(60, 2))).add_prefix("f").assign(y=y)
    frame.to_parquet(tmp_path / "t.parquet")
    path = str(tmp_path / "t.parquet")
    for given, meant in ((frame, r"features\['y'\]"), (path, "t.parquet:y")):
        for call in (
            lambda: hs.h_score(given, "y"),  # noqa: B023
            lambda: hs.evaluate(given, "y"),  # noqa: B023
            lambda: hs.cross_validate(given, "y"),  # noqa: B023
            lambda: hs.h_scores(given, ["y"]),  # noqa: B023
            lambda: hs.rank_sources({"a": given}, "y"),  # noqa: B023
            lambda: hs.pair_scores({"a": given}, "y"),  # noqa: B023
            lambda: hs.transfer_matrix({"a": given}, {"b": "y"}),  # noqa: B023
        ):
            with pytest.raises(ValueError, match=f"='y' is the name of a column of .*{meant}"):
                call()
    with pytest.raises(ValueError, match="groups='y' is the name of a column of features"):
        hs.cross_validate(frame, frame["y"], groups="y")


def test_a_file_of_four_dimensions_tells_its_shape(tmp_path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((30, 16, 1, 1)))
    with pytest.raises(ValueError, match=r"4 dimensions \(30, 16, 1, 1\)"):
        hs.h_score(tmp_path / "x.npy", np.arange(30) % 3)


WARNING_CALLS = {
    "h_score": lambda x, y: hs.h_score(x, y),
    "adjusted_h_score": lambda x, y: hs.adjusted_h_score(x, y),
    "evaluate": lambda x, y: hs.evaluate(x, y),
    "h_scores": lambda x, y: hs.h_scores(x, [y]),
    "transferability": lambda x, y: hs.transferability(x, y),
    "transfer_matrix": lambda x, y: hs.transfer_matrix({"a": x}, {"b": y}, by="h_score"),
    "Moments.h_score": lambda x, y: hs.Moments().update(x, y).h_score(),
    "Moments.adjusted_h_score": lambda x, y: hs.Moments().update(x, y).adjusted_h_score(),
    "Moments.evaluate": lambda x, y: hs.Moments().update(x, y).evaluate(),
    "TargetMoments": lambda x, y: hs.TargetMoments().update(x, [y]).h_scores(),
    "rank_sources": lambda x, y: hs.rank_sources({"a": x}, y, by="adjusted_h_score"),
    "chance_level": lambda x, y: hs.chance_level(pd.DataFrame(x[:, :2]), series(y)),
    "regularized_h_score": lambda x, y: hs.regularized_h_score(x, y * 0),
    "cross_validated_h_score": lambda x, y: hs.cross_validated_h_score(x, y * 0),
    "cross_validate": lambda x, y: hs.cross_validate(x, y * 0),
    "select_sources": lambda x, y: hs.select_sources({"a": x}, y * 0),
    "pair_scores": lambda x, y: hs.pair_scores({"a": x, "b": x**2}, y),
    "maximal_correlation": lambda x, y: hs.maximal_correlation(pd.Series(y), series(y)),
    "transferability, inputs": lambda x, y: hs.transferability(
        x[:, :2], y, optimal="ace", inputs=np.arange(12)
    ),
    "Moments.update": lambda x, y: hs.Moments().update(pd.DataFrame(x), series(y)),
    "Moments.from_blocks": lambda x, y: hs.Moments.from_blocks([(pd.DataFrame(x), series(y))]),
    "Moments.regularized_h_score": lambda x, y: hs.Moments().update(x, y * 0).regularized_h_score(),
    "TargetMoments.update": lambda x, y: hs.TargetMoments().update(pd.DataFrame(x), [series(y)]),
    "read_moments": lambda x, y: hs.readers.read_moments(pd.DataFrame(x), series(y)),
}


def series(y: np.ndarray) -> pd.Series:
    """Labels whose index is that of other rows."""
    return pd.Series(y, index=np.arange(len(y))[::-1])


@pytest.mark.parametrize("name", WARNING_CALLS)
def test_warnings_are_raised_at_the_callers_line(name) -> None:
    x, y = RNG.normal(size=(12, 40)), np.arange(12) % 3  # saturated
    with pytest.warns(hs.HScoreWarning) as caught:
        WARNING_CALLS[name](x, y)
    for warning in caught:
        assert warning.filename == __file__
        assert issubclass(warning.category, hs.HScoreWarning)


def test_every_public_function_that_takes_data_is_among_those_calls() -> None:
    members = {**{name: getattr(hs, name) for name in hs.__all__}, "read_moments": read_moments}
    members |= {f"Moments.{name}": getattr(hs.Moments, name) for name in dir(hs.Moments)}
    members |= {"TargetMoments.update": hs.TargetMoments.update}
    takes = {
        name
        for name, member in members.items()
        if (inspect.isfunction(member) or inspect.ismethod(member)) and "._" not in name
        if {"features", "sources", "blocks", "labels", "targets"}
        & set(inspect.signature(member).parameters)
    }
    assert takes - set(WARNING_CALLS) == set()
