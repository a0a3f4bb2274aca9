"""Right on hard inputs, to the figures that the project promises."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from families import FAMILIES, Family, family
from numpy.typing import ArrayLike
from oracles import gold, make_problem, svd_h_score
from published import FAILURES, published, table_row

from hscore_fast import PrecisionWarning, SaturationWarning, h_score

SIZES = [16, 96, pytest.param(512, marks=pytest.mark.slow)]


def score_and_warnings(
    features: ArrayLike, labels: ArrayLike, **options: str
) -> tuple[float, set[type[Warning]]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        score = h_score(features, labels, **options)
    return score, {warning.category for warning in caught}


def due_warnings(given: Family) -> set[type[Warning]]:
    if given.saturated:
        return {SaturationWarning}
    return {PrecisionWarning} if given.doubtful else set()


@pytest.mark.parametrize("n_features", SIZES)
@pytest.mark.parametrize("name", FAMILIES)
def test_family(name: str, n_features: int) -> None:
    given = family(name, n_features)
    truth = given.truth.h_score
    score, told = score_and_warnings(given.features, given.labels, precision="float64")
    assert score == pytest.approx(truth, rel=0, abs=given.tolerance)
    assert told == due_warnings(given)
    score, told = score_and_warnings(given.features, given.labels)
    assert score == pytest.approx(truth, rel=0, abs=max(given.tolerance, 1e-9 * truth))
    assert told == due_warnings(given)


@pytest.mark.parametrize("n_features", SIZES)
@pytest.mark.parametrize("name", FAMILIES)
def test_family_in_other_orders_and_units(name: str, n_features: int) -> None:
    """Permuting rows or columns and powers of two as units change no bit of the question."""
    given = family(name, n_features)
    rng = np.random.default_rng(n_features)
    for _ in range(1 if n_features > 128 else 3):
        rows = rng.permutation(len(given.features))
        columns = rng.permutation(n_features)
        units = np.ldexp(1.0, rng.integers(-26, 27, n_features))
        x = given.features
        for changed, labels in (
            (x[rows], given.labels[rows]),
            (x[:, columns], given.labels),
            (x * units, given.labels),
            ((x * units)[np.ix_(rows, columns)], given.labels[rows]),
        ):
            score, told = score_and_warnings(changed, labels, precision="float64")
            assert score == pytest.approx(given.truth.h_score, rel=0, abs=given.tolerance)
            assert told == due_warnings(given)


def test_rescaling_by_any_number() -> None:
    x, y = make_problem(2000, 40)
    scale = np.random.default_rng(0).permutation(np.logspace(-8, 8, 40))
    assert h_score(x * scale, y) == pytest.approx(h_score(x, y), abs=1e-12)


@pytest.mark.parametrize("distance", [1e-7, 1e-9, 1e-12])
def test_closer_than_5e_7_counts_as_a_duplicate(distance: float) -> None:
    x, y = make_problem(2000, 24)
    near = np.hstack([x, x + distance * np.random.default_rng(0).standard_normal(x.shape)])
    with pytest.warns(PrecisionWarning, match="columns were dropped as noise"):
        score = h_score(near, y)
    assert score == pytest.approx(gold(x, y).h_score, abs=10 * distance + 1e-12)


def test_tol_moves_the_line_between_near_and_duplicate() -> None:
    x, y = make_problem(2000, 8)
    near = np.hstack([x[:, :4], x[:, :4] + 1e-3 * x[:, 4:]])
    assert h_score(near, y) == pytest.approx(gold(near, y).h_score, abs=1e-9)
    # A residual of 1e-6 of the variance is above the default line and below this one.
    assert h_score(near, y, tol=1e-4) == pytest.approx(gold(x[:, :4], y).h_score, abs=1e-2)


def test_float32_products_on_easy_features() -> None:
    x, y = make_problem(2000, 96)
    x = x.astype(np.float32)
    truth = gold(x, y).h_score
    assert h_score(x, y, precision="float32") == pytest.approx(truth, rel=1e-6)
    assert h_score(x, y, precision="auto") == pytest.approx(truth, rel=1e-6)
    assert h_score(x, y, precision="float64") == pytest.approx(truth, rel=1e-12)


# --- where the definition, evaluated as it is published, is wrong ---------------------------------


@pytest.mark.parametrize("name", FAILURES)
def test_right_where_the_published_definition_is_wrong(name: str) -> None:
    case = FAILURES[name]()
    try:
        theirs = published(case.features, case.labels)
    except TypeError:
        assert case.features.dtype == np.float16
    else:
        assert abs(theirs - case.truth) > 1e-3  # a hard input, or this test shows nothing
    score, _ = score_and_warnings(case.features, case.labels, precision="float64")
    assert score == pytest.approx(case.truth, rel=0, abs=1e-12)
    score, _ = score_and_warnings(case.features, case.labels)
    assert score == pytest.approx(case.truth, rel=1e-6)


def test_the_table_of_failures_in_the_docs() -> None:
    """The column of the definition is left out: what it returns hangs on rounding errors."""
    page = (Path(__file__).parents[2] / "docs" / "score.md").read_text(encoding="utf-8")

    def lasting(row: str) -> list[str]:
        cells = row.split(" | ")
        return [cells[0], cells[1], cells[3]]

    told = {lasting(line)[0]: lasting(line) for line in page.splitlines() if line.count(" | ") == 3}
    for name in FAILURES:
        want = lasting(table_row(name))
        assert told[want[0]] == want


def test_integers_beyond_float32_are_not_rounded() -> None:
    x, y = make_problem(500, 5)
    whole = np.round(x * 2**20).astype(np.int64) + 2**45
    truth = gold(whole, y).h_score
    assert h_score(whole, y) == pytest.approx(truth, abs=1e-11)
    assert abs(svd_h_score(whole.astype(np.float32), y) - truth) > 1e-3


@pytest.mark.parametrize("power", [-1000, -600, -530, -500, 480, 500, 900])
def test_squares_out_of_range_are_scaled_or_refused(power: int) -> None:
    """A column whose squares leave float64 must not pass for a dead one."""
    x, y = make_problem(300, 6)
    x[:, 2] = np.ldexp(x[:, 2], power)
    truth = gold(x, y).h_score
    try:
        score = h_score(x, y)
    except ValueError as refusal:
        assert "features" in str(refusal)  # noqa: PT017
    else:
        assert score == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1, -1e300, 5e-324])
def test_constants_score_nothing(value: float) -> None:
    y = np.arange(1000) % 3
    assert h_score(np.full((1000, 3), value), y) == 0.0
