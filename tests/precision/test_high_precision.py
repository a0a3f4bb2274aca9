"""precision="high": what no Gram matrix can see."""

import numpy as np
import pytest
from oracles import _eliminate, _exact_sums, gold, make_problem

from hscore_fast import PrecisionWarning, adjusted_h_score, chance_level, h_score


def exact(x, y):
    """Eliminate in integers; ``oracles.gold`` without its estimate of the condition."""
    counts = np.bincount(y)
    products, sums, class_sums = _exact_sums(x, y)
    scatter = len(x) * products - np.multiply.outer(sums, sums)
    between = len(x) * class_sums - np.multiply.outer(counts.astype(object), sums)
    forms, _ = _eliminate(scatter, between.T)
    return float(sum(form / (int(n) * len(x)) for form, n in zip(forms, counts, strict=True)))


def in_long_double(x, y):
    """Orthonormalize the columns one by one, each twice; they are the rows of ``q``."""
    q = np.ascontiguousarray(x.T, dtype=np.longdouble)
    for _ in range(2):
        q -= q.mean(axis=1, keepdims=True)
    for j in range(len(q)):
        for _ in range(2):
            q[j] -= np.einsum("i,in->n", q[:j] @ q[j], q[:j])
        q[j] /= np.sqrt(q[j] @ q[j])
    return float(sum((q[:, y == c].sum(1) ** 2).sum() / (y == c).sum() for c in np.unique(y)))


def near_duplicates(n_features, distance, n_samples=2000):
    x, y = make_problem(n_samples, n_features)
    half = n_features // 2
    x[:, half:] = x[:, : n_features - half] + distance * x[:, half:]
    return x, y


def ill_conditioned(n_features, condition, n_samples=2000):
    """Condition of the covariance, so the square of that of the data."""
    x, y = make_problem(n_samples, n_features)
    turn = np.linalg.qr(np.random.default_rng(n_features).standard_normal((n_features,) * 2))[0]
    return x * np.logspace(0, -0.5 * np.log10(condition), n_features) @ turn, y


@pytest.mark.filterwarnings("ignore::hscore_fast.PrecisionWarning")
@pytest.mark.parametrize("distance", [1e-7, 1e-8, 1e-9])
@pytest.mark.parametrize("n_features", [16, 96])
def test_near_duplicates(n_features, distance):
    x, y = near_duplicates(n_features, distance)
    truth = exact(x, y)
    assert h_score(x, y, precision="high") == pytest.approx(truth, abs=1e-7)
    assert abs(h_score(x, y, precision="float64") - truth) > 1e-3  # they count as duplicates


@pytest.mark.parametrize("n_features", [16, 96])
def test_covariance_of_condition_1e14(n_features):
    x, y = ill_conditioned(n_features, 1e14)
    assert h_score(x, y, precision="high") == pytest.approx(exact(x, y), abs=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="long double is no longer")
@pytest.mark.filterwarnings("ignore::hscore_fast.PrecisionWarning")
def test_many_features():
    x, y = near_duplicates(512, 1e-9, n_samples=1000)
    assert h_score(x, y, precision="high") == pytest.approx(in_long_double(x, y), abs=1e-7)
    x, y = ill_conditioned(512, 1e14, n_samples=1000)
    assert h_score(x, y, precision="high") == pytest.approx(in_long_double(x, y), abs=1e-9)


def test_order_and_scale_do_not_matter():
    x, y = near_duplicates(40, 1e-8)
    want = exact(x, y)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(x)), rng.permutation(40)
    assert h_score(x[rows], y[rows], precision="high") == pytest.approx(want, abs=1e-7)
    assert h_score(x[:, columns], y, precision="high") == pytest.approx(want, abs=1e-7)
    scale = 2.0 ** rng.integers(-400, 400, 40)
    assert h_score(x * scale, y, precision="high") == pytest.approx(want, abs=1e-7)
    assert h_score(x, -3 * y, precision="high") == pytest.approx(want, abs=1e-7)


def test_squares_that_leave_the_range():
    x, y = make_problem(300, 8)
    want = h_score(x, y)
    x[:, 1] *= 2.0**900
    x[:, 2] *= 2.0**-900
    assert h_score(x, y, precision="high") == pytest.approx(want, abs=1e-12)


def test_duplicates_and_constants_do_not_count():
    x, y = make_problem(500, 20)
    rng = np.random.default_rng(1)
    wide = np.hstack([np.full((500, 1), 1e6 + 0.1), x, x @ rng.standard_normal((20, 30)), x, x * 3])
    assert h_score(wide, y, precision="high") == pytest.approx(h_score(x, y), abs=1e-12)
    assert chance_level(wide, y, precision="high") == chance_level(x, y)
    want = adjusted_h_score(x, y)
    assert adjusted_h_score(wide, y, precision="high") == pytest.approx(want, abs=1e-11)
    assert h_score(np.ones((10, 3)), np.arange(10) % 2, precision="high") == 0


def test_a_warning_where_digits_are_lost_after_all():
    x, y = near_duplicates(20, 1e-11)
    with pytest.warns(PrecisionWarning, match="depend linearly on each other"):
        h_score(x, y, precision="high")


def test_tol_overrides():
    x, y = near_duplicates(20, 1e-6)
    alone = h_score(x[:, :10], y)
    assert h_score(x, y, precision="high", tol=1e-10) == pytest.approx(alone, abs=1e-5)
    assert h_score(x, y, precision="high") > alone + 1e-3


@pytest.mark.parametrize("shape", [(30, 30), (30, 45), (30, 200), (31, 30), (2, 1), (2, 9)])
def test_few_rows(shape):
    x, y = make_problem(*shape, n_classes=2)
    if shape[0] > shape[1] + 1:
        assert h_score(x, y, precision="high") == pytest.approx(h_score(x, y), abs=1e-12)
        return
    with pytest.warns(UserWarning, match="whatever the labels are"):
        assert h_score(x, y, precision="high") == 1


@pytest.mark.parametrize("dtype", [np.int8, np.float16, np.float32, ">f8", bool])
def test_every_dtype(dtype):
    x, y = make_problem(400, 12)
    x = np.clip(np.round(x * 8), -100, 100).astype(dtype)
    want = h_score(x.astype(np.float64), y)
    assert h_score(x, y, precision="high") == pytest.approx(want, abs=1e-12)
    assert h_score(x[::-1, ::-1], y[::-1], precision="high") == pytest.approx(want, abs=1e-12)


def test_threads_do_not_change_the_bits():
    x, y = make_problem(1500, 300)
    one = h_score(x, y, precision="high", n_threads=1)
    assert h_score(x, y, precision="high", n_threads=2) == one
    assert h_score(x, y, precision="high", n_threads=5) == one


def test_what_is_not_finite():
    x, y = make_problem(50, 4)
    x[9, 3] = np.inf
    with pytest.raises(ValueError, match="row 9, column 3"):
        h_score(x, y, precision="high")
    assert np.isnan(h_score(x, y, precision="high", check_finite=False))


def test_dependent_columns_with_fewer_rows_than_columns() -> None:
    """Dependent columns leave rows of R empty, so that what counts lies below row N."""
    rng = np.random.default_rng(0)
    scored = 0
    for _ in range(40):
        n_samples, n_features = rng.integers(5, 25, 2)
        rank = rng.integers(1, max(2, min(n_samples, n_features) - 2))
        x = rng.integers(0, 2, (n_samples, rank)).astype(np.float64)
        x = x[:, np.sort(rng.integers(0, rank, n_features))]
        y = rng.integers(0, 4, n_samples)
        truth = gold(x, y)
        if truth.rank == n_samples - 1 or len(np.unique(y)) < 2:
            continue
        assert h_score(x, y, precision="high") == pytest.approx(truth.h_score, abs=1e-12)
        scored += 1
    assert scored > 20
