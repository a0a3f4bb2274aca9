"""Tail probabilities that do not underflow, against exact sums and SciPy."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import special, stats

from hscore_fast._results.distributions import log_beta_tail, student_quantile


def exact_tail(y: Fraction, a: int, b: int) -> Fraction:
    """P(Beta(a, b) > y) as a sum of binomial probabilities, in whole numbers."""
    n = a + b - 1
    return sum((math.comb(n, k) * y**k * (1 - y) ** (n - k) for k in range(a)), Fraction(0))


def log_of(value: Fraction) -> float:
    shift = value.denominator.bit_length() - value.numerator.bit_length()
    return math.log(float(value * 2**shift)) - shift * math.log(2)


@pytest.mark.parametrize(
    ("a", "b"), [(1, 1), (1, 7), (9, 2), (40, 300), (300, 40), (150, 150), (3, 1000), (500, 3)]
)
@pytest.mark.parametrize("percent", [1, 10, 31, 50, 77, 95, 99])
def test_against_exact_sums(a, b, percent):
    y = Fraction(percent, 100)
    want = log_of(exact_tail(y, a, b))
    found = log_beta_tail(percent / 100, a, b, x=1 - percent / 100)
    assert found == pytest.approx(want, rel=1e-12, abs=1e-14)


def test_against_scipy_where_that_does_not_underflow():
    rng = np.random.default_rng(0)
    for _ in range(300):
        a, b = 10 ** rng.uniform(-1, 6, 2)
        mean, deviation = a / (a + b), math.sqrt(a * b / (a + b + 1)) / (a + b)
        y = float(np.clip(mean + deviation * rng.uniform(-6, 8), 1e-9, 1 - 1e-6))
        want = special.betainc(b, a, 1 - y)
        if want > 1e-290:
            assert math.exp(log_beta_tail(y, a, b)) == pytest.approx(want, rel=2e-9)


def test_far_beyond_what_a_float_can_hold():
    # 1 - y^a for b = 1, where y is nearly 1, and (1 - y)^b for a = 1.
    assert log_beta_tail(1 - 1e-12, 1.0, 500.0, x=1e-12) == pytest.approx(500 * math.log(1e-12))
    assert log_beta_tail(0.5, 1.0, 1e7) == pytest.approx(1e7 * math.log(0.5), rel=1e-14)


def test_the_ends():
    assert log_beta_tail(0.0, 2.0, 3.0) == 0
    assert log_beta_tail(-1e-17, 2.0, 3.0) == 0
    assert log_beta_tail(1.0, 2.0, 3.0) == -math.inf


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("freedom", [1, 3, 19, 199.5])
def test_student_quantile(confidence, freedom):
    want = stats.t.ppf((1 + confidence) / 2, freedom)
    assert student_quantile(confidence, freedom) == pytest.approx(want, rel=1e-9)
