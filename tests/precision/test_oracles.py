"""The oracles agree with one another, so that a test that fails is about the library."""

import numpy as np
import pytest
from families import FAMILIES, family
from oracles import (
    _eliminate,
    _exact_sums,
    _refine,
    class_codes,
    gold,
    gold_by_fractions,
    make_problem,
    pillai_trace,
    svd_h_score,
)

from hscore_fast import reference


@pytest.mark.parametrize("seed", range(3))
def test_gold_equals_fractions(seed: int) -> None:
    x, y = make_problem(12, 4, 3, seed=seed)
    assert gold(x, y).h_score == float(gold_by_fractions(x, y))


def test_gold_equals_fractions_where_a_column_depends_on_others() -> None:
    x, y = make_problem(12, 4, 3)
    x = np.round(64 * x)
    x[:, 1] = 3 * x[:, 0] - x[:, 2] + 5
    found = gold(x, y)
    assert found.rank == 3
    assert found.h_score == float(gold_by_fractions(x, y))


def test_exact_sums_are_those_of_fractions() -> None:
    x, y = make_problem(7, 2, 2)
    x[:, 1] *= 1e-9
    x[0, 1] = 1e9
    products, sums, class_sums = _exact_sums(x, class_codes(y))
    whole = [[int(v * 2**120) for v in column] for column in x.T]  # exact: 120 bits hold them all
    # Powers of two belong to each column; ratios do not see them.
    assert products[0, 1] ** 2 * sum(v * v for v in whole[0]) * sum(v * v for v in whole[1]) == (
        sum(v * w for v, w in zip(*whole, strict=True)) ** 2 * products[0, 0] * products[1, 1]
    )
    assert list(sums) == list(class_sums.sum(axis=0))
    assert class_sums[0, 1] * sum(whole[1]) == sums[1] * sum(
        v for v, label in zip(whole[1], y, strict=True) if label == 0
    )


def test_refinement_equals_elimination() -> None:
    """The route for many columns gives the bits of the route for few."""
    given = family("condition 1e10", 96)
    codes = class_codes(given.labels)
    products, sums, class_sums = _exact_sums(given.features, codes)
    scatter = len(codes) * products - np.multiply.outer(sums, sums)
    right = (len(codes) * class_sums - np.multiply.outer(np.bincount(codes).astype(object), sums)).T
    ours, theirs = _refine(scatter, right)[0], _eliminate(scatter, right)[0]
    for a, b in zip(ours, theirs, strict=True):
        assert abs(a - b) <= abs(b) * 1e-17


@pytest.mark.parametrize("name", FAMILIES)
def test_svd_agrees_with_gold(name: str) -> None:
    given = family(name, 96)
    assert svd_h_score(given.features, given.labels, 1e-10) == pytest.approx(
        given.truth.h_score, abs=1e-10
    )


def test_four_ways_to_one_score() -> None:
    x, y = make_problem(300, 7, 4)
    truth = gold(x, y).h_score
    assert svd_h_score(x, y) == pytest.approx(truth, abs=1e-13)
    assert pillai_trace(x, y) == pytest.approx(truth, abs=1e-12)
    assert reference.h_score(x, y) == pytest.approx(truth, abs=1e-12)
