"""What a coverage-guided fuzzer calls with bytes: the decoder of Moments, and the compiled core.

``fuzz_guided.py`` runs them under a fuzzer, ``test_corpus.py`` again on every input that is kept in
``corpus``. The core is called directly, below the package's checks: it may refuse, but must never
crash, read outside an array or loop for ever, whatever it is given.
"""

from __future__ import annotations

import contextlib
import itertools
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from hscore_fast import Moments
from hscore_fast._moments.format import MAGIC
from hscore_fast._variants import core

REFUSALS = (ValueError, TypeError, MemoryError)
LENGTH_AT = 16  # of the field with the length of all
KINDS = ["?", *"bhilBHILefd", ">f8", ">f4", ">i2", ">i8", "F", "S3"]
# None that a machine could serve: the core takes a number of classes at its word.
EXTREMES = [-(2**63), -(2**31), -2, -1, 0, 2**37, 2**40, 2**61, 2**63 - 1]
SCORES: list[Callable[[Moments], Any]] = [
    Moments.h_score,
    Moments.regularized_h_score,
    lambda moments: moments.regularized_h_score(shrinkage="oas", convention="paper"),
    repr,
]


def decode(data: bytes) -> None:
    """Read the bytes as they come, and with length and checksum put right."""
    read(data)
    if len(data) >= LENGTH_AT + 12:
        whole = bytearray(MAGIC + data[len(MAGIC) :])
        struct.pack_into("<Q", whole, LENGTH_AT, len(whole))
        struct.pack_into("<I", whole, len(whole) - 4, zlib.crc32(whole[:-4]))
        read(bytes(whole))


def read(data: bytes) -> None:
    try:
        moments = Moments.from_bytes(data)
    except ValueError:
        return
    again = Moments.from_bytes(moments.to_bytes())
    assert again.to_bytes() == moments.to_bytes()
    assert (moments.n_samples, moments.classes) == (again.n_samples, again.classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for score in SCORES:
            with contextlib.suppress(*REFUSALS):
                score(moments)
        with contextlib.suppress(*REFUSALS):
            again.merge(moments).subtract(moments).h_score()
        with contextlib.suppress(*REFUSALS):
            again.update(np.eye(3, moments.n_features or 2), [1, 2, 1])


class Choices:
    """Decisions taken from bytes, which run out into zeros."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken.ljust(count, b"\0")

    def below(self, limit: int) -> int:
        return self.take(1)[0] % limit

    def pick(self, options: list[Any]) -> Any:
        return options[self.below(len(options))]

    def size(self, usual: int) -> int:
        """Give a small number, one time in eight a strange one."""
        return self.below(usual) if self.below(8) else self.pick(EXTREMES)

    def real(self) -> float:
        return float(struct.unpack("<d", self.take(8))[0])

    def array(self, dimensions: int, dtype: str, limit: int) -> np.ndarray:
        """Any strides, any start, never outside the memory that it owns."""
        shape = [self.below(limit) for _ in range(dimensions)]
        strides = [(self.below(9) - 4) * self.pick([1, 4, 8, 96]) for _ in range(dimensions)]
        kind = np.dtype(dtype)
        reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True) if n]
        start = -sum(r for r in reach if r < 0)
        memory = np.zeros(start + sum(r for r in reach if r > 0) + kind.itemsize, np.uint8)
        given = np.frombuffer(self.take(min(len(memory), 4 * limit)), np.uint8)
        memory[:] = np.resize(given, len(memory)) if len(given) else 0
        return np.ndarray(shape, kind, memory, start, strides)

    def labels(self) -> tuple[np.ndarray, int]:
        classes = self.size(7)
        codes = np.frombuffer(self.take(self.below(40)), np.int8).astype(np.int32)
        if self.below(8) and 0 < classes < 127:
            codes %= classes
        return codes, classes

    def features(self) -> Any:
        if self.below(8):
            return self.array(2, self.pick(KINDS), 40)
        tables = [
            [self.array(2, self.pick(KINDS), 12) for _ in range(self.below(4))]
            for _ in range(self.below(3))
        ]
        return core.Columns(tables, self.size(12))


def gathered(choose: Choices) -> Any:
    moments = core.Moments(choose.size(12))
    for _ in range(choose.below(3)):
        with contextlib.suppress(*REFUSALS):
            weights = choose.array(1, "d", 40) if choose.below(2) else None
            moments.update(
                *(choose.array(2, "f", 12), *choose.labels(), weights),
                *(False, bool(choose.below(2)), 1, None),
            )
    return moments


def call_core(data: bytes) -> None:
    """Call one entry point of the compiled core."""
    choose = Choices(data)
    with np.errstate(all="ignore"):
        try:
            choose.pick(ENTRIES)(choose)
        except REFUSALS as refusal:
            # Else an entry whose arguments have changed would be called no more, and nobody told.
            if "incompatible function arguments" in str(refusal):
                raise AssertionError from refusal


def score_matrix(choose: Choices) -> None:
    precision = choose.pick(["auto", "float64", "float32", "high", "none"])
    core.h_score(
        *(choose.features(), *choose.labels(), bool(choose.below(2)), precision),
        *(choose.real(), choose.below(4) - 1, None),
    )


def score_regularized(choose: Choices) -> None:
    core.regularized_h_score(
        *(choose.features(), *choose.labels(), bool(choose.below(2))),
        *(choose.pick(["auto", "float64", "high"]), choose.pick(["ledoit_wolf", "oas", "fixed"])),
        *(choose.real(), bool(choose.below(2)), choose.below(4) - 1, None),
    )


def labels_of_targets(choose: Choices) -> tuple[list[np.ndarray], list[int]]:
    targets = [choose.labels() for _ in range(choose.below(5))]
    return [t[0] for t in targets], [t[1] for t in targets][: 5 - choose.below(2)]


def score_targets(choose: Choices) -> None:
    codes, classes = labels_of_targets(choose)
    core.h_scores(
        *(choose.features(), bool(choose.below(2)), codes, classes),
        *(bool(choose.below(2)), choose.real(), bool(choose.below(2)), "ledoit_wolf"),
        *(choose.real(), bool(choose.below(2)), choose.size(9), choose.below(4) - 1, None),
    )


def combine(choose: Choices) -> None:
    moments, other = gathered(choose), gathered(choose)
    classes = np.frombuffer(choose.take(choose.below(9)), np.int8).astype(np.int32)
    with contextlib.suppress(*REFUSALS):
        choose.pick([moments.merge, moments.subtract])(other, classes)
    moments.copy().h_score(choose.real(), 1)
    core.regularized_h_score_of_moments(moments, "oas", choose.real(), True, 1)


def restore(choose: Choices) -> None:
    features, classes = choose.below(6), choose.below(5)
    sizes = [
        *(features, features * (features + 1) // 2, classes, classes * features),
        *(choose.pick([0, features]), choose.pick([0, features])),
    ]
    sizes[choose.below(6)] += choose.pick([0, 0, 0, 1, -1])
    parts = [
        np.frombuffer(choose.take(8 * max(0, n)), "<f8") * (1.0 if choose.below(2) else 0.0)
        for n in sizes
    ]
    shift, scatter, counts, sums, cancelled, cubes = parts
    moments = core.Moments.from_state(
        *(choose.size(99), choose.size(99), shift, scatter, counts, sums, cancelled),
        *(choose.real(), choose.real(), cubes),
    )
    core.Moments.from_state(*moments.state())
    moments.h_score(choose.real(), 1)
    core.regularized_h_score_of_moments(moments, "ledoit_wolf", choose.real(), False, 1)


def evaluate(choose: Choices) -> None:
    groups, n_groups = choose.labels() if choose.below(2) else (None, 0)
    core.evaluate(
        *(choose.features(), *choose.labels(), bool(choose.below(2))),
        *(choose.pick(["auto", "float64", "float32", "high"]), choose.real()),
        *(bool(choose.below(2)), bool(choose.below(2)), choose.pick(["ledoit_wolf", "oas"])),
        *(choose.real(), bool(choose.below(2)), groups, n_groups, choose.below(4) - 1, None),
    )


def influence(choose: Choices) -> None:
    function = core.InfluenceFunction(gathered(choose), choose.real(), 1)
    arrays = [part for part in function.state() if isinstance(part, np.ndarray)]
    longer = choose.below(len(arrays)), choose.pick([0, 0, 0, 1, -1])
    seen = itertools.count()

    def strange(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            size = part.size + (longer[1] if next(seen) == longer[0] else 0)
            return np.frombuffer(choose.take(8 * max(0, size)), part.dtype)
        if isinstance(part, list):
            return [choose.below(9) - 1 for _ in part]
        if isinstance(part, bool):
            return bool(choose.below(2))
        return choose.size(9) if isinstance(part, int) else choose.real()

    damaged = tuple(strange(part) for part in function.state())
    for one in (function, core.InfluenceFunction.from_state(damaged)):
        with contextlib.suppress(ValueError):
            one(choose.features(), choose.labels()[0], bool(choose.below(2)), 1)


def eliminate(choose: Choices) -> None:
    joint = gathered(choose)
    with contextlib.suppress(*REFUSALS):
        joint = joint.columns([choose.size(12) for _ in range(choose.below(12))])
    starts = [0, *(choose.size(12) for _ in range(choose.below(4)))]
    sources = core.SourceElimination(joint, starts, choose.real(), 1)
    for _ in range(choose.below(6)):
        with contextlib.suppress(ValueError):
            choose.pick([sources.score_with, sources.choose])(choose.size(5), 1)
    sources.leave_one_out([choose.size(5) for _ in range(choose.below(5))], 1)


def stream_targets(choose: Choices) -> None:
    moments = core.TargetMoments(choose.size(12))
    for _ in range(choose.below(4)):
        with contextlib.suppress(*REFUSALS):
            moments.update(
                *(choose.features(), *labels_of_targets(choose)),
                *(bool(choose.below(2)), bool(choose.below(2)), 1),
            )
    shrinkage = choose.pick(["ledoit_wolf", "oas", "fixed"])
    moments.h_scores(choose.real(), bool(choose.below(2)), shrinkage, choose.real(), False, 1)


# New ones at the end: the first byte of an input in the corpus is the place in this list.
ENTRIES: list[Callable[[Choices], object]] = [
    score_matrix,
    score_regularized,
    score_targets,
    combine,
    restore,
    lambda choose: core.find_non_finite(choose.features(), bool(choose.below(2)), 1),
    lambda choose: core.encode_integers(choose.array(1 + choose.below(2), choose.pick(KINDS), 64)),
    evaluate,
    influence,
    eliminate,
    stream_targets,
]

TARGETS = {"decode": decode, "core": call_core}
