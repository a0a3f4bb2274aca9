"""Integers of 8 bytes that float64 cannot hold are refused, not rounded."""

import numpy as np
import pytest

from hscore_fast import Moments, h_score


@pytest.mark.parametrize("dtype", ["int64", "uint64", ">i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_integers_that_float64_cannot_hold_are_refused(dtype: str, order: str) -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 200)
    small = rng.integers(-500, 500, (200, 3)) + 100 * y[:, None]
    large = np.asarray(small.astype(np.int64) + 2**62, dtype=dtype, order=order)
    with pytest.raises(ValueError, match=r"column \d is \d+, an integer beyond 2\^53"):
        h_score(large, y)
    with pytest.raises(ValueError, match=r"beyond 2\^53"):
        Moments().update(large, y)
    # What float64 holds exactly is no matter how large.
    even = np.asarray((small.astype(np.int64) << 10) + 2**62, dtype=dtype, order=order)
    assert h_score(even, y) == pytest.approx(h_score(small, y), rel=1e-9)


def test_one_value_without_end_is_looked_at_once() -> None:
    endless = np.broadcast_to(np.int64(2**62), (4, 2**50))
    with pytest.raises(MemoryError):
        h_score(endless, [0, 1, 0, 1])
