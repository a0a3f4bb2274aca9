"""What must hold wherever a wheel is installed: NumPy and nothing else, every instruction set.

python tests/project/minimal.py
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from importlib.resources import files

import numpy as np

import hscore_fast
from hscore_fast import Moments, h_score, reference, regularized_h_score
from hscore_fast._variants import available_isas


def close(found: float, expected: float, tolerance: float) -> None:
    if not abs(found - expected) <= tolerance * max(1.0, abs(expected)):
        raise AssertionError(f"{found!r} where {expected!r} was expected, to {tolerance}")


def refusal_of(features: object) -> str:
    try:
        h_score(features, [0, 0, 1, 1])  # type: ignore[arg-type]
    except ValueError as error:
        return str(error)
    return ""


def check() -> None:
    close(h_score([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"]), 0.8, 1e-15)

    rng = np.random.default_rng(0)
    labels = rng.integers(-2, 3, 3001)
    x = rng.standard_normal((3001, 77)) + np.eye(5, 77)[labels]
    truth = reference.h_score(x, labels)
    for features, tolerance in ((x, 1e-9), (np.asfortranarray(x), 1e-9), (x.astype("f4"), 1e-5)):
        for n_threads in (1, 2):
            close(h_score(features, labels, n_threads=n_threads), truth, tolerance)
    whole = (x * 4).astype(np.int16)
    close(h_score(whole, labels), reference.h_score(whole.astype(float), labels), 1e-9)

    moments = Moments()
    for start in range(0, len(x), 500):
        moments.update(x[start : start + 500], labels[start : start + 500])
    close(moments.h_score(), truth, 1e-9)
    close(pickle.loads(pickle.dumps(moments)).h_score(), moments.h_score(), 0)
    close(Moments.from_bytes(moments.to_bytes()).h_score(), moments.h_score(), 0)
    close(moments.regularized_h_score(), regularized_h_score(x, labels), 1e-9)
    close(hscore_fast.h_scores(x, [labels, labels[::-1]])[0], truth, 1e-9)

    with files("hscore_fast").joinpath("data/digits.npz").open("rb") as file:
        digits = np.load(file)
        assert {len(digits[name]) for name in digits.files} >= {1797}

    for wrong in ([np.nan, 1.0, 2.0, 3.0], np.zeros((4, 2, 2))):
        if "features" not in refusal_of(wrong):
            raise AssertionError(f"{wrong!r} was not refused")


if __name__ == "__main__":
    forced = os.environ.get("HSCORE_FAST_ISA")
    if forced:
        assert hscore_fast.build_info()["isa"] == forced
        check()
        print("passed:", hscore_fast.build_info(), "NumPy", np.__version__, sys.version.split()[0])
    else:
        for isa in available_isas():
            environment = {**os.environ, "HSCORE_FAST_ISA": isa}
            subprocess.run([sys.executable, __file__], env=environment, check=True)
