"""LogME against the paper's formulas, written out with matrices, and against the density itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hscore_fast import Moments, PrecisionWarning, SingleClassWarning
from hscore_fast.rivals import log_me, log_me_of_targets


def draw(n: int, width: int, n_classes: int, seed: int = 0, signal: float = 1.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    features = rng.standard_normal((n, width)) + 0.3
    features[:, : min(n_classes, width)] += signal * np.eye(n_classes)[labels][:, :width]
    return features, labels


def evidence_by_the_paper(x: NDArray, y: NDArray, rounds: int = 5_000, tol: float = 1e-9) -> float:
    """Iterate over alpha, beta, gamma and the weights m, as Algorithm 1 of You et al. does."""
    n, width = x.shape
    gram, xy = x.T @ x, x.T @ y
    sigma = np.linalg.eigvalsh(gram).clip(0)
    alpha = beta = 1.0
    for _ in range(rounds):
        m = beta * np.linalg.solve(alpha * np.eye(width) + beta * gram, xy)
        gamma = (beta * sigma / (alpha + beta * sigma)).sum()
        before = alpha / beta
        alpha, beta = gamma / (m @ m), (n - gamma) / ((x @ m - y) ** 2).sum()
        if abs(alpha / beta - before) <= tol * before:
            break
    a = alpha * np.eye(width) + beta * gram
    m = beta * np.linalg.solve(a, xy)
    return (
        width / 2 * np.log(alpha)
        + n / 2 * np.log(beta)
        - beta / 2 * ((x @ m - y) ** 2).sum()
        - alpha / 2 * (m @ m)
        - np.linalg.slogdet(a)[1] / 2
        - n / 2 * np.log(2 * np.pi)
    ) / n


def by_the_paper(x: NDArray, labels: NDArray, **options) -> float:
    return float(
        np.mean([evidence_by_the_paper(x, (labels == c) * 1.0, **options) for c in set(labels)])
    )


SHAPES = [(300, 5, 2), (400, 30, 4), (60, 50, 3), (40, 40, 3), (30, 60, 4)]


@pytest.mark.parametrize(("n", "width", "n_classes"), SHAPES)
def test_equals_the_converged_iteration(n, width, n_classes) -> None:
    x, labels = draw(n, width, n_classes, seed=n)
    assert log_me(x, labels) == pytest.approx(by_the_paper(x, labels), abs=1e-9)


@pytest.mark.parametrize(("n", "width", "n_classes"), SHAPES)
def test_equals_the_iteration_that_stops_early(n, width, n_classes) -> None:
    """After 11 rounds at most, as published."""
    x, labels = draw(n, width, n_classes, seed=n)
    expected = by_the_paper(x, labels, rounds=11, tol=1e-3)
    assert log_me(x, labels, rounds=11) == pytest.approx(expected, abs=1e-6)
    if n > 5 * width:
        assert log_me(x, labels) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("n", "width"), [(50, 6), (25, 40)])
def test_is_the_largest_density(n, width) -> None:
    """The log density of y ~ N(0, I / beta + F F' / alpha), at its best alpha and beta."""
    optimize = pytest.importorskip("scipy.optimize")
    stats = pytest.importorskip("scipy.stats")
    x, labels = draw(n, width, 2, seed=9)
    best = []
    for label in range(2):
        y = (labels == label) * 1.0

        def loss(logs, y=y):
            covariance = np.eye(n) * np.exp(-logs[1]) + x @ x.T * np.exp(-logs[0])
            return -stats.multivariate_normal(np.zeros(n), covariance).logpdf(y) / n

        options = {"maxiter": 4000, "xatol": 1e-7, "fatol": 1e-13}
        found = optimize.minimize(loss, [3.0, 1.0], method="Nelder-Mead", options=options)
        best.append(-found.fun)
    assert log_me(x, labels) == pytest.approx(np.mean(best), abs=1e-9)


def test_a_second_maximum_is_not_taken_for_the_largest() -> None:
    """One direction explains much with large weights, many explain the rest with small ones."""
    n = 64
    basis = np.linalg.qr(np.random.default_rng(3).standard_normal((n, n)))[0]
    sizes = np.r_[1e2, np.full(40, 0.1)]
    x = basis[:, :41] * sizes
    y = basis @ np.r_[1.0, np.full(40, 0.2), np.full(23, 0.01)]
    grid = np.exp(np.linspace(-30, 30, 20_001))[:, None]
    s, w = sizes**2, (basis[:, :41].T @ y) ** 2
    energy = y @ y - w.sum() + (w * grid / (grid + s)).sum(axis=1)
    heights = -0.5 * np.log1p(s / grid).sum(axis=1) + n / 2 * np.log(n / energy)
    turns = np.diff(np.sign(np.diff(heights)))
    assert (turns < 0).sum() == 2, "the example has two maxima"
    expected = (heights.max() - n / 2 * (1 + np.log(2 * np.pi))) / n
    assert log_me(x, y, task="regression") == pytest.approx(expected, abs=1e-6)
    assert log_me(x, y, task="regression", rounds=1000) < expected - 0.1, "the one near t = 1"


def test_noise_has_the_evidence_of_no_weights() -> None:
    x = np.array([[1.0], [-1.0], [1.0], [-1.0]] * 5)
    labels = np.repeat([0, 1], 10)  # x is orthogonal to both
    expected = 0.5 * (np.log(20 / 10) - 1 - np.log(2 * np.pi))
    assert log_me(x, labels) == pytest.approx(expected, abs=1e-12)


def test_exact_features_have_no_largest_evidence() -> None:
    x, labels = draw(50, 4, 2)
    x[:, :2] = np.eye(2)[labels]
    assert log_me(x, labels) == np.inf


@pytest.mark.parametrize("shape", [(200, 5, 2), (20, 30, 2)])
@pytest.mark.filterwarnings("ignore:LogME is")
def test_a_mean_far_from_zero_is_warned_of(shape) -> None:
    x, labels = draw(*shape)
    with pytest.warns(PrecisionWarning, match="subtract the mean"):
        log_me(x + 1e7, labels)
    x[:, 1] = 1e7  # a constant has no deviation to lose
    log_me(x, labels)


def test_one_class_is_warned_of() -> None:
    with pytest.warns(SingleClassWarning, match="single class"):
        log_me(np.eye(4), [1, 1, 1, 1])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    scale=st.floats(1e-3, 1e3),
    shape=st.sampled_from([(40, 6, 3), (12, 20, 3)]),
)
def test_turned_scaled_and_reordered_features_score_alike(seed, scale, shape) -> None:
    x, labels = draw(*shape, seed=seed)
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((x.shape[1], x.shape[1])))[0]
    order = rng.permutation(len(x))
    other = log_me(scale * (x @ turn)[order], labels[order])
    assert other == pytest.approx(log_me(x, labels), abs=1e-9)


@pytest.mark.parametrize("shape", [(90, 7, 3), (30, 50, 3)])
def test_statistics_give_what_rows_give(shape) -> None:
    x, labels = draw(*shape)
    parts = [Moments().update(x[k::3], labels[k::3]) for k in range(3)]
    whole = parts[0].merge(parts[1]).merge(parts[2])
    assert log_me(whole) == pytest.approx(log_me(x, labels), abs=1e-9)


def test_weights_are_frequencies() -> None:
    x, labels = draw(40, 5, 2)
    counts = np.arange(40) % 3
    weighted = Moments().update(x, labels, weights=counts)
    assert log_me(weighted) == pytest.approx(
        log_me(np.repeat(x, counts, axis=0), np.repeat(labels, counts)), abs=1e-10
    )


@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "strided", "column_major", "file"])
@pytest.mark.parametrize("shape", [(60, 9, 3), (9, 60, 3)])
def test_any_input(kind, shape, tmp_path) -> None:
    x, labels = draw(*shape)
    x = np.round(8 * x)
    given = {
        "strided": lambda: np.repeat(x, 2, axis=1)[:, ::2],
        "column_major": lambda: np.asfortranarray(x),
    }.get(kind, lambda: x.astype(kind if kind != "file" else np.float64))()
    if kind == "file":
        np.savez_compressed(tmp_path / "x.npz", x=x)
        given = tmp_path / "x.npz"
    assert log_me(given, labels) == pytest.approx(log_me(x, labels), abs=1e-9)


@pytest.mark.parametrize("task", ["regression", "multilabel"])
@pytest.mark.parametrize("shape", [(80, 6, 3), (20, 30, 3)])
def test_values_are_fitted_column_by_column(task, shape) -> None:
    x = draw(*shape)[0]
    rng = np.random.default_rng(1)
    y = x[:, :3] + rng.standard_normal((len(x), 3))
    if task == "multilabel":
        y = y > 0.5
    expected = np.mean([evidence_by_the_paper(x, column * 1.0) for column in y.T])
    assert log_me(x, y, task=task) == pytest.approx(expected, abs=1e-9)
    each = [log_me(x, column, task=task) for column in y.T]
    assert np.mean(each) == pytest.approx(expected, abs=1e-9)


def test_indicators_of_classes_score_as_the_classes() -> None:
    x, labels = draw(80, 6, 3)
    expected = log_me(x, labels)
    assert log_me(x, np.eye(3)[labels], task="multilabel") == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("rounds", [None, 11])
def test_many_targets(rounds) -> None:
    x, labels = draw(200, 12, 4)
    rng = np.random.default_rng(0)
    targets = [labels, labels % 2, rng.integers(0, 900, 200), rng.integers(0, 5, 200), labels < 2]
    found = log_me_of_targets(x, targets, rounds=rounds)
    expected = [log_me(x, target, rounds=rounds) for target in targets]
    np.testing.assert_allclose(found, expected, atol=1e-11)


def test_many_targets_of_a_file(tmp_path) -> None:
    x, labels = draw(200, 12, 4)
    np.savez_compressed(tmp_path / "x.npz", x=x)
    found = log_me_of_targets(tmp_path / "x.npz", [labels, labels % 2])
    np.testing.assert_allclose(found, log_me_of_targets(x, [labels, labels % 2]), atol=1e-11)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: log_me(x, y, task="other"), "task must be one of"),
        (lambda x, y: log_me(x, y, rounds=0), "rounds must be"),
        (lambda x, y: log_me(x), "labels must be given"),
        (lambda x, y: log_me(Moments().update(x, y), y), "must not be given with a Moments"),
        (lambda x, y: log_me(Moments().update(x, y), task="regression"), 'must be "classes"'),
        (lambda x, y: log_me(Moments().update(x, y), ignore_label=1), "its rows have been read"),
        (lambda x, y: log_me(x, y / 3), "continuous target has no classes"),
        (lambda x, y: log_me(x, y * 2, task="multilabel"), "not 0 or 1, the first"),
        (lambda x, y: log_me(x, y * np.nan, task="regression"), "not finite"),
        (lambda x, y: log_me(x, y * 0, task="regression"), "0 in all rows of column 0"),
        (lambda x, y: log_me(x, y.astype(str), task="regression"), "must be real numbers"),
        (lambda x, y: log_me(x, y, task="regression", ignore_label=1), "ignore_label is for"),
        (lambda x, y: log_me(x, y[:-1], task="regression"), "one entry per row"),
        (lambda x, y: log_me(np.where(x > 1, np.nan, x), y), "features has .* not finite"),
        (lambda x, y: log_me(np.where(x.T > 1, np.nan, x.T), y[:6]), "features has .* not finite"),
        (lambda x, y: log_me_of_targets(np.where(x > 1, np.nan, x), [y]), "not finite"),
        (
            lambda x, y: log_me(np.where(x > 1, np.inf, x), y, task="regression"),
            "features has .* not finite",
        ),
    ],
)
def test_refusals(call, message) -> None:
    x, labels = draw(40, 6, 3)
    with pytest.raises((TypeError, ValueError), match=message):
        call(x, labels)
