"""The adjusted score and the chance level."""

import itertools

import numpy as np
import pytest

from hscore_fast import (
    Moments,
    SaturationWarning,
    SingleClassWarning,
    adjusted_h_score,
    chance_level,
    h_score,
)


def test_chance_is_the_mean_over_all_permutations():
    x = np.random.default_rng(0).standard_normal((6, 2))
    labels = np.array([0, 0, 0, 1, 1, 2])
    permuted = list(set(itertools.permutations(labels)))
    assert np.mean([h_score(x, p) for p in permuted]) == pytest.approx(2 * 2 / 5, abs=1e-13)
    assert chance_level(x, labels) == pytest.approx(2 * 2 / 5, abs=1e-15)
    assert np.mean([adjusted_h_score(x, p) for p in permuted]) == pytest.approx(0, abs=1e-13)


def test_two_classes_give_the_adjusted_r_squared():
    rng = np.random.default_rng(1)
    y = np.arange(80) % 2
    x = rng.standard_normal((80, 7)) + y[:, None] * 0.4
    design = np.hstack([np.ones((80, 1)), x])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    want = 1 - (residual @ residual / (80 - 1 - 7)) / (np.var(y) * 80 / 79)
    assert adjusted_h_score(x, y) == pytest.approx(want, abs=1e-12)


def test_noise_features_leave_the_adjusted_score_where_it_is():
    rng = np.random.default_rng(2)
    y = np.arange(1000) % 4
    means = rng.standard_normal((4, 10)) * 0.7
    informative = rng.standard_normal((1000, 10)) + means[y]
    noise = rng.standard_normal((1000, 780))
    alone = adjusted_h_score(informative, y)
    for width in (20, 200, 780):
        wide = np.hstack([informative, noise[:, :width]])
        assert adjusted_h_score(wide, y) == pytest.approx(alone, abs=0.12)
        assert h_score(wide, y) > h_score(informative, y)
    assert h_score(wide, y) > alone + 0.5


def test_redundant_features_do_not_count():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((50, 5))
    y = np.arange(50) % 3
    doubled = np.hstack([x, x, np.ones((50, 2))])
    assert adjusted_h_score(doubled, y) == pytest.approx(adjusted_h_score(x, y), abs=1e-12)
    assert chance_level(doubled, y) == chance_level(x, y) == pytest.approx(5 * 2 / 49)
    assert chance_level(np.ones((50, 2)), y) == 0
    assert adjusted_h_score(np.ones((50, 2)), y) == 0


@pytest.mark.parametrize("shape", [(10, 9), (10, 12), (10, 60)])
def test_saturation_is_nan_with_a_reason(shape):
    x = np.random.default_rng(4).standard_normal(shape)
    y = np.arange(10) % 3
    with pytest.warns(SaturationWarning, match=r"undefined \(nan\)"):
        assert np.isnan(adjusted_h_score(x, y))
    with pytest.warns(SaturationWarning, match=r"undefined \(nan\)"):
        assert np.isnan(Moments().update(x, y).adjusted_h_score())
    assert chance_level(x, y) == 2


def test_a_single_class():
    with pytest.warns(SingleClassWarning, match="single class"):
        assert adjusted_h_score(np.eye(4)[:, :2], [0, 0, 0, 0]) == 0
    assert chance_level(np.eye(4)[:, :2], [0, 0, 0, 0]) == 0


def test_every_row_a_class_of_its_own():
    x = np.random.default_rng(5).standard_normal((12, 4))
    assert adjusted_h_score(x, np.arange(12)) == pytest.approx(0, abs=1e-13)
    assert h_score(x, np.arange(12)) == pytest.approx(4, abs=1e-13)


def test_moments_agree():
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((90, 6)), np.arange(90) % 4
    moments = Moments().update(x[:40], y[:40]).update(x[40:], y[40:])
    assert moments.adjusted_h_score() == pytest.approx(adjusted_h_score(x, y), abs=1e-13)
    assert moments.chance_level() == chance_level(x, y)
    with pytest.raises(ValueError, match="at least 2 rows"):
        Moments().adjusted_h_score()
    x[3, 3] = np.nan
    assert np.isnan(adjusted_h_score(x, y, check_finite=False))
    assert np.isnan(chance_level(x, y, check_finite=False))
    with pytest.raises(ValueError, match="row 3, column 3"):
        adjusted_h_score(x, y)


def test_warnings_point_at_the_caller():
    x, y = np.eye(6), [0, 1, 0, 1, 0, 1]
    for call in (adjusted_h_score, h_score):
        with pytest.warns(SaturationWarning) as caught:
            call(x, y)
        assert caught[0].filename == __file__
    moments = Moments().update(x, y)
    for method in (moments.adjusted_h_score, moments.h_score):
        with pytest.warns(SaturationWarning) as caught:
            method()
        assert caught[0].filename == __file__
    for method in (moments.regularized_h_score,):
        one = Moments().update(x, [0] * 6)
        with pytest.warns(SingleClassWarning) as caught:
            getattr(one, method.__name__)()
        assert caught[0].filename == __file__
