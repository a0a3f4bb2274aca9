"""Call every public function with random input, good and bad, and look for what must not happen.

    python tests/fuzz_public.py --seconds 600 --seed 0
    python tests/fuzz_public.py --seed 0 --case 1234        # one case again, with its arguments

Allowed are a score within its bounds, nan where the documentation says so, and a ValueError,
TypeError or MemoryError with a message of this library's. Features must keep their bytes, and only
this library's categories may warn. A crash ends the process; the case's number is then the last
line of the file named by ``--trace``.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import pickle
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import hscore_fast
from hscore_fast import Moments, PrecisionWarning, SaturationWarning, SingleClassWarning

OURS = (PrecisionWarning, SaturationWarning, SingleClassWarning)
REFUSALS = (ValueError, TypeError, MemoryError)
# Texts that only the layers below would write.
LEAKS = ("incompatible function arguments", "std::", "vector::", "Traceback", "cannot create")

REAL = [*"?bBhHiIqQefd"]
JUNK = [*"gFDGOSUMmV"]


class BrokenPromiseError(AssertionError):
    """What the library promised did not hold."""


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class Case:
    """One random call; all that is random comes from ``rng``."""

    def __init__(self, seed: int, number: int, libraries: dict[str, Any]) -> None:
        self.rng = np.random.default_rng([seed, number])
        self.libraries = libraries
        self.n_samples = int(self.pick([0, 1, 2, 3, 5, 9, 20, 40, 70, 200, 1100]))
        self.n_features = int(self.pick([0, 1, 2, 3, 7, 8, 13, 30, 65, 130]))
        self.spoilt = False
        self.features = self.contain(self.lay_out(self.make_features()))
        self.labels = self.make_labels()
        self.n_classes: int | None = None

    def pick(self, options: list[Any]) -> Any:
        return options[self.rng.integers(len(options))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    # --- features ---------------------------------------------------------------------------

    def make_features(self) -> np.ndarray:
        shape: tuple[int, ...] = (self.n_samples, self.n_features)
        if self.chance(0.06):
            shape = self.pick([(), (self.n_samples,), (*shape, 1), (0,), (3, 2, 2), (*shape, 0)])
        x = self.values(shape)
        kind = self.pick(JUNK) if self.chance(0.06) else self.pick(REAL)
        bfloat16 = self.libraries.get("ml_dtypes")
        dtype = np.dtype(kind)
        if bfloat16 is not None and self.chance(0.05):
            dtype = np.dtype(self.pick([bfloat16.bfloat16, bfloat16.float8_e5m2, bfloat16.int4]))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            x = np.asarray(x).astype(dtype)
        if dtype.kind == "f" and x.size and self.chance(0.1):
            places = self.rng.integers(0, x.size, self.rng.integers(1, 4))
            x.reshape(-1)[places] = self.pick([np.nan, np.inf, -np.inf])
        return x

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        rng = self.rng
        form = self.pick(["normal", "whole", "low rank", "constant", "duplicates", "sparse", "one"])
        x: np.ndarray = np.asarray(rng.standard_normal(shape))
        if form == "whole":
            x = rng.integers(-3, 4, shape).astype(float)
        elif form == "low rank" and len(shape) == 2:
            rank = int(rng.integers(0, 4))
            x = rng.integers(-2, 3, (shape[0], rank)) @ rng.integers(-2, 3, (rank, shape[1])) * 1.0
        elif form == "constant":
            x = np.full(shape, rng.standard_normal())
        elif form == "duplicates" and len(shape) == 2 and shape[1]:
            x = x[:, rng.integers(0, shape[1], shape[1])]
            if self.chance(0.5):
                x = x + rng.standard_normal(shape) * 10.0 ** rng.integers(-16, -2)
        elif form == "sparse":
            x = x * (rng.random(shape) < 0.1)
        elif form == "one":
            x = np.zeros(shape)
            if x.size:
                x.reshape(-1)[0] = 1
        with np.errstate(all="ignore"):
            if self.chance(0.3):
                x = x * 10.0 ** rng.integers(-330, 309)
            elif self.chance(0.3) and len(shape) == 2:
                x = x * 10.0 ** rng.integers(-9, 10, shape[1])
            if self.chance(0.2):
                x = x + 10.0 ** rng.integers(-3, 9)
        return x

    def lay_out(self, x: np.ndarray) -> np.ndarray:
        if x.ndim and self.chance(0.15):
            x = np.repeat(x, 2, axis=0)[::2]
        if x.ndim and self.chance(0.15):
            x = np.ascontiguousarray(x[::-1])[::-1]
        if x.ndim == 2 and self.chance(0.15):
            x = np.repeat(x, 3, axis=1)[:, ::-3]
        if x.ndim == 2 and self.chance(0.2):
            x = np.asfortranarray(x)
        if x.dtype.kind in "fiub" and x.dtype.type.__module__ == "numpy" and self.chance(0.1):
            x = x.astype(x.dtype.newbyteorder())
        if x.dtype.kind in "fiu" and x.ndim == 2 and self.chance(0.1):
            room = np.zeros(x.nbytes + 3, np.uint8)
            moved = room[3 : 3 + x.nbytes].view(x.dtype).reshape(x.shape)
            moved[...] = x
            x = moved
        if x.ndim == 2 and len(x) and self.chance(0.05):
            x = np.broadcast_to(x[: self.pick([1, len(x)]), :1], x.shape)
        if self.chance(0.01):
            x = np.broadcast_to(np.float32(1), (max(self.n_samples, 2), 2 ** self.pick([38, 45])))
        if x.ndim and x.flags.writeable and self.chance(0.1):
            x.flags.writeable = False
        return x

    def contain(self, x: np.ndarray) -> Any:
        self.array = x
        small = x.size < 10_000
        if small and self.chance(0.05):
            return x.tolist()
        if self.chance(0.02):
            return self.pick([None, 3, "features", {}, object(), np.ma.array([[1.0], [2.0]]), [[]]])
        if not small or self.chance(0.7):
            return x
        library = self.pick(sorted(self.libraries))
        try:
            return self.hand_to(library, x)
        except Exception:  # a library need not take what we made
            return x

    def hand_to(self, library: str, x: np.ndarray) -> Any:
        made = self.libraries[library]
        if library == "torch":
            tensor = made.from_numpy(np.array(x))
            if tensor.is_floating_point() and self.chance(0.3):
                tensor = tensor.to(self.pick([made.bfloat16, made.float16])).requires_grad_()
            return self.pick([tensor, tensor.t().contiguous().t()])
        if library == "pandas":
            frame = made.DataFrame(x)
            if self.chance(0.3):
                frame = frame.convert_dtypes()
            if self.chance(0.2):
                frame["extra"] = self.pick([1, 0.5, True, "a", None, np.datetime64("2020-01-01")])
            return frame
        if library == "polars":
            frame = made.DataFrame(np.array(x))
            if self.chance(0.3):
                frame = made.concat([frame, frame.head(len(frame) // 3)], rechunk=False)
            if self.chance(0.2):
                frame = frame.with_columns(extra=made.lit(self.pick([1, 0.5, True, "a", None])))
            return frame
        if library == "pyarrow":
            cut = int(self.rng.integers(0, len(x) + 1))
            columns = {
                str(j): made.chunked_array([np.array(c[:cut]), np.array(c[cut:])])
                for j, c in enumerate(x.T)
            }
            if self.chance(0.2):
                columns["extra"] = made.array([self.pick([1, 0.5, True, "a", None])] * len(x))
            return made.table(columns)
        return x

    # --- labels -----------------------------------------------------------------------------

    def make_labels(self) -> Any:
        n = max(0, self.n_samples + (int(self.rng.integers(-2, 3)) if self.chance(0.04) else 0))
        n_classes = int(self.pick([1, 2, 2, 3, 5, max(n, 1)]))
        codes = self.rng.integers(0, n_classes, n)
        if self.chance(0.2):
            codes = np.sort(codes)
        return self.dress(codes, n_classes)

    def dress(self, codes: np.ndarray, n_classes: int) -> Any:
        form = self.pick(
            ["integers"] * 4
            + ["dtype", "strings", "floats", "objects", "one-hot", "column", "list", "missing"]
            + ["dates", "mixed", "library", "junk", "huge"]
        )
        if form == "dtype":
            return codes.astype(self.pick([*"?bBhHiIqQefdgSU", ">i4", ">f8", ">U3", "M8[s]", "F"]))
        if form == "strings":
            return np.array([f"class {c}" for c in range(n_classes)])[codes]
        if form == "floats":
            return codes / 7 - 1
        if form == "objects":
            return np.array([(c, str(c)) if c % 2 else c for c in range(n_classes)], object)[codes]
        if form == "one-hot":
            hot = np.eye(n_classes)[codes].astype(self.pick([float, int, bool, np.float16]))
            if hot.size and self.chance(0.2):
                hot[0, 0] = 1 - hot[0, 0]
            return hot
        if form == "column":
            return codes[:, None] - 3
        if form == "list":
            return codes.tolist()
        if form == "missing":
            spoilt = codes.astype(object) if self.chance(0.5) else codes.astype(float)
            if len(spoilt):
                spoilt[self.rng.integers(len(spoilt))] = (
                    self.pick([None, np.nan, float("nan")]) if spoilt.dtype == object else np.nan
                )
            return spoilt
        if form == "dates":
            return np.datetime64("2020-01-01") + codes
        if form == "mixed":
            return [self.pick([1, "a", 2.5, b"x", True, (1,), 2**70]) for _ in codes]
        if form == "junk":
            return self.pick([None, 3, "abc", {}, [[]], np.zeros((3, 2, 1)), [[1, 2], [3]], set()])
        if form == "huge":
            return (codes.astype(np.int64) - 2) * (2**62 // max(n_classes, 1))
        if form == "library":
            library = self.pick(sorted(self.libraries))
            made = self.libraries[library]
            if library == "torch":
                return made.tensor(codes)
            if library == "pandas":
                series = made.Series(codes)
                return self.pick([series, series.astype("category"), series.astype("Int64")])
            if library == "polars":
                return self.pick([made.Series(codes), made.Series(codes.astype(str).tolist())])
            if library == "pyarrow":
                return self.pick(
                    [made.array(codes), made.array(codes.astype(str)).dictionary_encode()]
                )
        return codes - 2

    # --- options and calls --------------------------------------------------------------------

    def options(self, *names: str) -> dict[str, Any]:
        choices: dict[str, tuple[list[Any], list[Any]]] = {
            "precision": (["auto", "float64", "float32", "high"], ["double", None, 3, b"auto"]),
            "tol": ([None, 1e-12, 1e-6, 0.5, np.float32(1e-9)], [0, 1, -1, np.nan, "a", 2**70]),
            "n_threads": ([None, 1, 2, np.int8(2)], [0, -1, 1.0, "2", True, 2**70, 5000]),
            "check_finite": ([True, False], []),
            "shrinkage": (
                ["ledoit_wolf", "oas", 0.0, 0.3, 1, np.float64(0.5)],
                ["lw", -0.1, 1.1, np.nan, None, True, 2**70],
            ),
            "convention": (["tllib", "paper"], ["other", None, 1]),
        }
        given = {}
        for name in names:
            good, bad = choices[name]
            if self.chance(0.5):
                given[name] = self.pick(bad) if bad and self.chance(0.05) else self.pick(good)
        return given

    def run(self) -> str:
        """Make the call and judge it; return the outcome's name."""
        before = self.array.tobytes() if self.array.nbytes < 10**7 else b""
        call: Callable[[], list[tuple[str, float]]] = self.pick(
            [self.score, self.score, self.adjusted, self.shrunk, self.stream]
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                results = call()
                outcome = "scored"
            except REFUSALS as refusal:
                self.judge_refusal(refusal)
                results, outcome = [], type(refusal).__name__
        for warning in caught:
            if not issubclass(warning.category, OURS):
                raise BrokenPromiseError(f"{warning.category.__name__}: {warning.message}")
        categories = {warning.category for warning in caught}
        for name, value in results:
            self.judge(name, value, categories)
        if before and self.array.tobytes() != before:
            raise BrokenPromiseError("the features' bytes have changed")
        return outcome

    def judge_refusal(self, refusal: BaseException) -> None:
        text = str(refusal)
        if not text.strip():
            raise BrokenPromiseError(f"an empty {type(refusal).__name__}") from refusal
        if any(leak in text for leak in LEAKS) or "\n" in text:
            raise BrokenPromiseError(f"a message from below: {text}") from refusal

    def count_classes(self) -> int:
        return len(Moments().update(np.zeros((len(self.labels), 1)), self.labels).classes)

    def judge(self, name: str, value: float, categories: set[type]) -> None:
        if type(value) is not float:
            raise BrokenPromiseError(f"{name} is a {type(value).__name__}")
        if np.isnan(value):
            undefined = name == "adjusted" and SaturationWarning in categories
            if not undefined and not self.unchecked:
                raise BrokenPromiseError(f"{name} is nan without a reason")
            return
        if not np.isfinite(value):
            raise BrokenPromiseError(f"{name} is {value}")
        most = self.count_classes() - 1
        if name == "regularized":
            rows = len(self.labels)
            most *= rows / (rows - 1)
        if value > most * (1 + 1e-9) + 1e-9 or (name != "adjusted" and value < 0):
            raise BrokenPromiseError(f"{name} is {value}, outside 0 to {most}")

    unchecked = False

    def score(self) -> list[tuple[str, float]]:
        options = self.options("precision", "tol", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        value = hscore_fast.h_score(self.features, self.labels, **options)
        chance = hscore_fast.chance_level(self.features, self.labels, **options)
        q, m = self.count_classes() - 1, len(self.labels) - 1
        # The noise of float32 products may count as rank, which a warning says.
        if q > 0 and np.isfinite(value) and options.get("precision") != "float32":
            # From the chance level r q / m the rank: every H lies between max(0, r + q - m) and
            # min(r, q).
            rank = chance * m / q
            slack = 1e-6
            if not max(0, rank + q - m) - slack <= value <= min(rank, q) + slack:
                raise BrokenPromiseError(
                    f"h_score is {value} for rank {rank}, q = {q}, N - 1 = {m}"
                )
        return [("h_score", value), ("chance", chance)]

    def adjusted(self) -> list[tuple[str, float]]:
        options = self.options("precision", "tol", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        value = hscore_fast.adjusted_h_score(self.features, self.labels, **options)
        return [("adjusted", value)]

    def shrunk(self) -> list[tuple[str, float]]:
        options = self.options("shrinkage", "convention", "precision", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        return [
            (
                "regularized",
                hscore_fast.regularized_h_score(self.features, self.labels, **options),
            )
        ]

    def stream(self) -> list[tuple[str, float]]:
        options = self.options("n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        moments = self.pick([Moments, lambda: Moments(max(self.n_features, 1))])()
        x, y = self.features, self.labels
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.ndim and y.ndim:
            cut = int(self.rng.integers(0, len(y) + 1))
            moments.update(x[:cut], y[:cut], **options)
            rest = Moments().update(x[cut:], y[cut:], **options)
            moments = moments + rest if self.chance(0.5) else moments.merge(rest)
        else:
            moments.update(x, y, **options)
        moments = self.pick([lambda m: m, Moments.copy, lambda m: pickle.loads(pickle.dumps(m))])(
            moments
        )
        if moments != moments.copy() and not self.unchecked:
            raise BrokenPromiseError("a copy is not equal")
        repr(moments)
        return [
            ("h_score", moments.h_score(**self.options("tol", "n_threads"))),
            ("chance", moments.chance_level(**self.options("tol", "n_threads"))),
            (
                "regularized",
                moments.regularized_h_score(**self.options("shrinkage", "convention")),
            ),
            ("adjusted", moments.adjusted_h_score(**self.options("tol"))),
        ]


def fuzz(
    seconds: float,
    seed: int,
    libraries: tuple[str, ...] = ("ml_dtypes", "pandas", "polars", "pyarrow", "torch"),
    trace: Path | None = None,
) -> tuple[Counter[str], list[str]]:
    """Run cases for so long; return how they ended and the failures, each with its number."""
    present = {name: module for name in libraries if (module := optional(name)) is not None}
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end and len(failures) < 50:
        if trace is not None:
            trace.write_text(f"{number}\n")
        try:
            outcomes[Case(seed, number, present).run()] += 1
        except Exception:
            outcomes["broken"] += 1
            failures.append(f"case {number} of seed {seed}:\n{traceback.format_exc()}")
        number += 1
    return outcomes, failures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="run this case only")
    parser.add_argument("--trace", type=Path, help="file that names the case that is running")
    arguments = parser.parse_args()
    faulthandler.enable()
    if arguments.case is not None:
        names = ("ml_dtypes", "pandas", "polars", "pyarrow", "torch")
        present = {name: module for name in names if (module := optional(name)) is not None}
        case = Case(arguments.seed, arguments.case, present)
        print(f"features: {type(case.features)}\n{case.features!r}\nlabels: {case.labels!r}")
        print(case.run())
        return 0
    outcomes, failures = fuzz(arguments.seconds, arguments.seed, trace=arguments.trace)
    for failure in failures:
        print(failure)
    print(f"{sum(outcomes.values())} cases: {dict(outcomes.most_common())}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
