"""Tail probabilities, on the logarithmic scale so that they do not underflow."""

from __future__ import annotations

import math

__all__ = ["log_beta_tail", "student_quantile"]

_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def log_beta_tail(y: float, a: float, b: float, *, x: float | None = None) -> float:
    r"""Compute the natural logarithm of the probability that a beta variable exceeds `y`.

    .. math:: \log P(Y > y) = \log I_{1-y}(b, a), \qquad Y \sim \mathrm{Beta}(a, b)

    Parameters
    ----------
    y : float
        From 0 to 1.
    a, b : float
        Positive.
    x : float, optional
        ``1 - y`` where it is known more exactly than that.

    Returns
    -------
    float
        At most 0. As small as it is: the probability itself may underflow.

    Notes
    -----
    The continued fraction of the incomplete beta function [1]_, on the side of the mean where it
    converges fast, evaluated by Lentz's method. The factor before it is written as in Loader's
    binomial probabilities [2]_, which loses no digits for large `a` and `b`.

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 8.17.22.
    .. [2] C. Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000.

    Examples
    --------
    >>> import math
    >>> round(math.exp(log_beta_tail(0.5, 2.0, 1.0)), 12)
    0.75
    """
    x = 1 - y if x is None else x
    if y <= 0:
        return 0.0
    if x <= 0:
        return -math.inf
    if x < (b + 1) / (a + b + 2):  # the fraction converges fast below the mean
        return _log_incomplete_beta(x, y, b, a)
    return math.log1p(-min(1.0, math.exp(_log_incomplete_beta(y, x, a, b))))


def student_quantile(confidence: float, freedom: float) -> float:
    """Find t such that a Student variable lies within -t and t with this probability.

    Examples
    --------
    >>> round(student_quantile(0.95, 19), 6)
    2.093024
    """
    target = math.log1p(-confidence)

    def excess(t: float) -> float:
        square = t * t
        # T^2 / (T^2 + freedom) is a beta variable.
        tail = log_beta_tail(
            square / (square + freedom), 0.5, freedom / 2, x=freedom / (square + freedom)
        )
        return tail - target

    low, high = 0.0, 1.0
    while excess(high) > 0:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def _log_incomplete_beta(x: float, y: float, a: float, b: float) -> float:
    """Compute log I_x(a, b), y = 1 - x, where x lies below the mean or little above."""
    # x^a y^b / (a B(a, b)), by the deviation of x from a / (a + b).
    n = a + b
    deviation = (x * b - y * a) / n
    exponent = a * _log_less(x * n / a, deviation * n / a)
    exponent += b * _log_less(y * n / b, -deviation * n / b)
    scale = 0.5 * math.log(a * b / (2 * math.pi * n)) - math.log(a)
    front = exponent + scale + _stirling(n) - _stirling(a) - _stirling(b)
    return front + math.log(_fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate 1 / (1 + d1 / (1 + d2 / (1 + ...))), DLMF 8.17.22."""
    tiny = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 2_000_000):
        m = step // 2
        if step % 2:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + numerator * d or tiny)
        c = 1 + numerator / c or tiny
        factor = c * d
        value *= factor
        if abs(factor - 1) < 1e-16:
            break
    return 1 / value


def _log_less(ratio: float, u: float) -> float:
    """Compute log(ratio) - u for ratio = 1 + u without cancellation."""
    if abs(u) > 0.3:
        return math.log(ratio) - u
    # log((1 + r) / (1 - r)) = 2 (r + r^3 / 3 + ...) with r = u / (2 + u)
    r = u / (2 + u)
    square = r * r
    total, power, k = 0.0, square * r, 3
    while True:
        term = power / k
        total += term
        if abs(term) <= 1e-17 * abs(total):
            return 2 * total - u * r
        power *= square
        k += 2


def _stirling(z: float) -> float:
    """Compute log Gamma(z) less the leading terms of Stirling's formula."""
    if z < 10:
        leading = (z - 0.5) * math.log(z) - z + 0.5 * math.log(2 * math.pi)
        return math.lgamma(z) - leading
    inverse = 1 / z
    square = inverse * inverse
    total = 0.0
    for coefficient in reversed(_STIRLING):
        total = total * square + coefficient
    return total * inverse
