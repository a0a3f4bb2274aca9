"""The H-score with a shrunk covariance, against the definition and scikit-learn's intensities."""

import pickle
import warnings

import numpy as np
import pytest
from oracles import make_problem
from sklearn import datasets
from sklearn.covariance import OAS, LedoitWolf

from hscore_fast import Moments, SingleClassWarning, h_score, regularized_h_score
from hscore_fast._variants import core

LOADERS = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}
ESTIMATORS = {"ledoit_wolf": LedoitWolf, "oas": OAS}


def load(name):
    return LOADERS[name](return_X_y=True)


def by_definition(x, y, intensity, divisor):
    """Shrink, invert, multiply."""
    x = np.asarray(x, dtype=np.float64)
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / len(x)
    mu = np.trace(covariance) / len(covariance)
    shrunk = (1 - intensity) * covariance + intensity * mu * np.eye(len(covariance))
    means = np.stack([centred[y == c].sum(0) / np.sqrt((y == c).sum()) for c in np.unique(y)])
    return (1 - intensity) * np.sum(means.T * np.linalg.solve(shrunk, means.T)) / divisor


def intensity_of(moments, shrinkage):
    result = core.regularized_h_score_of_moments(moments._core, shrinkage, 0.0, False, 1)
    return result.intensity


def random_problem(n_samples, n_features, n_classes=4, seed=0):
    rng = np.random.default_rng([seed, n_samples, n_features])
    y = rng.integers(n_classes, size=n_samples)
    y[:n_classes] = np.arange(n_classes)
    x = rng.standard_normal((n_samples, n_features)) * rng.uniform(0.2, 3, n_features)
    return x + y[:, None] * rng.uniform(0, 0.5, n_features) + 5, y


def test_iris_has_the_published_values():
    x, y = load("iris")
    assert regularized_h_score(x, y) == pytest.approx(1.177842499331281, abs=1e-12)
    single = regularized_h_score(x.astype(np.float32), y)
    assert single == pytest.approx(1.177842480406727, abs=1e-6)
    assert regularized_h_score(x, y, convention="paper") == pytest.approx(1.1699902160, abs=1e-9)


@pytest.mark.parametrize("shrinkage", ESTIMATORS)
@pytest.mark.parametrize("name", LOADERS)
def test_intensities_are_scikit_learns(name, shrinkage):
    x, y = load(name)
    fitted = ESTIMATORS[shrinkage]().fit(x)
    want = by_definition(x, y, fitted.shrinkage_, len(x) - 1)
    assert regularized_h_score(x, y, shrinkage=shrinkage) == pytest.approx(want, rel=1e-9)
    pieces = [
        Moments().update(x[first : first + 64], y[first : first + 64])
        for first in range(0, len(x), 64)
    ]
    stream = Moments()
    for first in range(0, len(x), 64):
        stream.update(x[first : first + 64], y[first : first + 64])
    assert intensity_of(stream, shrinkage) == pytest.approx(fitted.shrinkage_, abs=1e-10)
    for seed in range(3):
        merged = Moments()
        for piece in np.random.default_rng(seed).permutation(len(pieces)):
            merged.merge(pieces[piece])
        assert intensity_of(merged, shrinkage) == pytest.approx(fitted.shrinkage_, abs=1e-10)
        assert merged.regularized_h_score(shrinkage=shrinkage) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas", 0.03, 0.7])
@pytest.mark.parametrize("shape", [(60, 61), (40, 200), (100, 1000), (5, 700), (300, 20), (3, 2)])
def test_both_sides_of_square_follow_the_definition(shape, shrinkage):
    x, y = random_problem(*shape, n_classes=min(4, shape[0]))
    intensity = shrinkage
    if isinstance(shrinkage, str):
        intensity = ESTIMATORS[shrinkage]().fit(x).shrinkage_
    for convention, divisor in (("tllib", len(x) - 1), ("paper", len(x))):
        want = by_definition(x, y, intensity, divisor)
        got = regularized_h_score(x, y, shrinkage=shrinkage, convention=convention)
        assert got == pytest.approx(want, rel=1e-10, abs=1e-13)
        moments = Moments().update(x, y)
        got = moments.regularized_h_score(shrinkage=shrinkage, convention=convention)
        assert got == pytest.approx(want, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("shape", [(500, 40), (50, 400)])
def test_every_dtype_and_layout(shape):
    x, y = random_problem(*shape)
    x = np.round(x * 4)
    want = regularized_h_score(x, y)
    for dtype in (np.int8, np.int64, np.float16, np.float32, ">f4", ">f8"):
        assert regularized_h_score(x.astype(dtype), y) == pytest.approx(want, rel=1e-6)
    for same in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1, ::-1]):
        codes = y if same is not x[::-1, ::-1] else y[::-1]
        if same.strides[0] < 0:
            codes = y[::-1]
        assert regularized_h_score(same, codes) == pytest.approx(want, rel=1e-12)
    assert regularized_h_score(x, y, precision="float32") == pytest.approx(want, rel=1e-5)
    for n_threads in (1, 2, 3):
        assert regularized_h_score(x, y, n_threads=n_threads) == pytest.approx(want, rel=1e-13)


@pytest.mark.parametrize("shape", [(300, 12), (30, 90)])
def test_one_unit_for_all_features_does_not_matter_but_their_ratio_does(shape):
    x, y = random_problem(*shape)
    want = regularized_h_score(x, y)
    for scale in (2.0**-450, 2.0**400, -1e-3):
        assert regularized_h_score(x * scale, y) == pytest.approx(want, rel=1e-9)
        moments = Moments().update(x[:20] * scale, y[:20]).update(x[20:] * scale, y[20:])
        assert moments.regularized_h_score() == pytest.approx(want, rel=1e-9)
    x[:, 0] *= 100
    assert regularized_h_score(x, y) != pytest.approx(want, rel=1e-3)


def test_zero_is_the_plain_score_and_one_is_nothing():
    x, y = random_problem(400, 30)
    x[:, 7] = x[:, 3]
    x[:, 8] = 0.1
    plain = h_score(x, y)
    got = regularized_h_score(x, y, shrinkage=0, convention="paper")
    assert got == pytest.approx(plain, abs=1e-12)
    assert regularized_h_score(x, y, shrinkage=0) == pytest.approx(plain * 400 / 399, abs=1e-12)
    assert regularized_h_score(x, y, shrinkage=1.0) == 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saturated = regularized_h_score(x[:15], y[:15], shrinkage=0.0, convention="paper")
    assert saturated == pytest.approx(3, abs=1e-12)


@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas", 0.3])
def test_constant_features_and_single_columns(shrinkage):
    y = np.arange(20) % 3
    assert regularized_h_score(np.full((20, 4), 0.1), y, shrinkage=shrinkage) == 0.0
    assert regularized_h_score(np.full((20, 40), 1e6 + 0.1), y, shrinkage=shrinkage) == 0.0
    x = np.random.default_rng(0).standard_normal((20, 1))
    intensity = 0.3 if shrinkage == 0.3 else ESTIMATORS[shrinkage]().fit(x).shrinkage_
    want = by_definition(x, y, intensity, 19)
    assert regularized_h_score(x, y, shrinkage=shrinkage) == pytest.approx(want, rel=1e-12)
    # A constant column counts in the mean variance.
    wide = np.hstack([random_problem(20, 3)[0], np.full((20, 1), 7.0)])
    fitted = 0.3 if shrinkage == 0.3 else ESTIMATORS[shrinkage]().fit(wide).shrinkage_
    want = by_definition(wide, y, fitted, 19)
    assert regularized_h_score(wide, y, shrinkage=shrinkage) == pytest.approx(want, rel=1e-11)


def test_a_single_class_warns():
    with pytest.warns(SingleClassWarning, match="single class"):
        assert regularized_h_score(np.eye(4), [1, 1, 1, 1]) == 0.0
    with pytest.warns(SingleClassWarning, match="single class"):
        assert Moments().update(np.eye(4), [1, 1, 1, 1]).regularized_h_score() == 0.0


def test_moments_carry_what_shrinkage_needs():
    x, y = random_problem(300, 17)
    want = regularized_h_score(x, y)
    moments = Moments(17).update(x[:100], y[:100])
    moments = pickle.loads(pickle.dumps(moments)).copy().update(x[100:], y[100:])
    assert moments.regularized_h_score() == pytest.approx(want, rel=1e-12)
    assert (Moments(17) + moments).regularized_h_score() == pytest.approx(want, rel=1e-12)
    assert pickle.loads(pickle.dumps(moments)) == moments
    with pytest.raises(ValueError, match="at least 2 rows"):
        Moments(3).regularized_h_score()


@pytest.mark.parametrize("shape", [(20, 3), (20, 50)])
def test_what_is_not_finite(shape):
    x, y = random_problem(*shape)
    x[11, 2] = np.nan
    with pytest.raises(ValueError, match="row 11, column 2"):
        regularized_h_score(x, y)
    assert np.isnan(regularized_h_score(x, y, check_finite=False))
    x[11, 2] = 1e200
    with pytest.raises(ValueError, match="overflow"):
        regularized_h_score(x, y)
    tiny, y = random_problem(*shape)
    with pytest.raises(ValueError, match="underflow"):
        regularized_h_score(tiny * 1e-170, y)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"shrinkage": "lw"}, ValueError, "'ledoit_wolf', 'oas' or a number"),
        ({"shrinkage": -0.1}, ValueError, "between 0 and 1, got -0.1"),
        ({"shrinkage": float("nan")}, ValueError, "between 0 and 1, got nan"),
        ({"shrinkage": None}, TypeError, "got None of type NoneType"),
        ({"shrinkage": True}, TypeError, "got True of type bool"),
        ({"convention": "mine"}, ValueError, "'tllib', 'paper', got 'mine'"),
        ({"precision": "half"}, ValueError, "precision must be one of"),
        ({"n_threads": 0}, ValueError, "n_threads must be"),
    ],
)
def test_options_are_checked(options, error, text):
    with pytest.raises(error, match=text):
        regularized_h_score(np.eye(4), [0, 1, 0, 1], **options)


def test_too_little():
    with pytest.raises(ValueError, match="at least 2 rows"):
        regularized_h_score([[1.0]], [0])
    with pytest.raises(ValueError, match="one entry per row"):
        regularized_h_score(np.eye(3), [0, 1])


def rectified(x):
    return np.maximum(x, 0)


def common_factor(x):
    """A strong common factor: what tells the classes apart is small beside it."""
    return 0.05 * x + x[:, :1]


def far_from_zero(x):
    return x + 1000


@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas", 0.1, 1e-6])
@pytest.mark.parametrize("change", [rectified, common_factor, far_from_zero])
def test_float32_products_keep_the_promise(change, shrinkage):
    """Large enough for "auto" to try float32 products of float32 features."""
    x, y = make_problem(20_000, 330, 20)
    x = change(x).astype(np.float32)
    want = regularized_h_score(x, y, shrinkage=shrinkage, precision="float64")
    got = regularized_h_score(x, y, shrinkage=shrinkage)
    assert got == pytest.approx(want, rel=1e-6)
    if change is rectified and isinstance(shrinkage, float):  # easy, so that float32 is taken
        assert got == regularized_h_score(x, y, shrinkage=shrinkage, precision="float32")


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rows", [2, 40])
def test_rounding_keeps_the_score_within_its_bounds(precision: str, rows: int) -> None:
    """Classes that the features know nothing of, or all of, where rounding errs to either side."""
    rng = np.random.default_rng(0)
    for columns in (1, 13, 65):
        for _ in range(40):
            direction = (rng.standard_normal(columns) * 1e5).astype(np.float32)
            x = np.outer(np.arange(rows) // 2 % 2 if rows > 2 else [0, 1], direction)
            score = regularized_h_score(x, np.arange(rows) % 2, precision=precision)
            assert 0 <= score <= rows / (rows - 1)
