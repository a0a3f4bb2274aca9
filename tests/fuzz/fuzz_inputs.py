"""Random features and labels for ``fuzz_public.py``.

Of every type and layout, from every library that is installed, and now and then what no call takes.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

REAL = [*"?bBhHiIqQefd"]
JUNK = [*"gFDGOSUMmV"]


class RandomInputs:
    """Features and labels of one call; all that is random comes from ``rng``."""

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
            return codes / self.pick([1, 1, 1, 7]) - 1
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
