"""Which problems are timed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

__all__ = ["DEFAULT", "FULL", "QUICK", "Case", "Plan", "select"]

Kind = Literal["score", "dependent", "factor", "encode", "mapped"]


@dataclass(frozen=True)
class Case:
    """One problem on one number of threads.

    ``kind`` is "score", the whole score; "dependent", the same of features that share many strong
    factors; "factor", the score from moments that are there already; "encode", labels to class
    codes; or "mapped", the score of a memory-mapped file.
    """

    kind: Kind
    n_samples: int
    n_features: int
    n_classes: int
    dtype: str
    threads: int

    @property
    def name(self) -> str:
        """The text that ``--only`` matches, such as ``score 20000x512x100 float64 2 threads``."""
        shape = f"{self.n_samples}x{self.n_features}x{self.n_classes}"
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.kind} {shape} {self.dtype} {threads}"

    @property
    def product_flops(self) -> float:
        """Operations of the one product, ``N F^2``: what GFLOP/s count."""
        return float(self.n_samples) * self.n_features**2

    @property
    def reference_flops(self) -> float:
        """Operations of the published definition: two covariances, one SVD, one product."""
        return 2 * self.product_flops + 27.0 * self.n_features**3

    @property
    def bytes_needed(self) -> int:
        """Memory the contenders need at once, roughly."""
        item = 4 if self.dtype == "float32" else 8
        rows = 0 if self.kind == "mapped" else 5 * item * self.n_samples * self.n_features
        return rows + 6 * 8 * self.n_features**2


@dataclass(frozen=True)
class Plan:
    """How long to take, and for what.

    Parameters
    ----------
    name : str
        The option that chooses it.
    seconds : float
        Time to spend on the rounds of one case; the least number of rounds may take longer.
    least_rounds, most_rounds : int
        Bounds of the number of rounds.
    slow : float
        A contender that takes more seconds a call runs once and is not repeated.
    begin_before : float
        No case is begun after so many seconds, so that slow machines are done in time as well.
    reference_rounds : int
        The most rounds in which the NumPy reference takes part.
    reference_flops : float
        The most operations per thread for which the NumPy reference is run at all.
    reference_classes : int or None
        The one number of classes at which the reference is run on large problems; None for all.
    """

    name: str
    seconds: float
    least_rounds: int
    most_rounds: int
    slow: float
    begin_before: float
    reference_rounds: int
    reference_flops: float
    reference_classes: int | None = None

    def cases(self, threads: Sequence[int]) -> list[Case]:
        """List the cases for these numbers of threads; those that share data are neighbours."""
        return list(_CASES[self.name](sorted(set(threads))))

    def why_no_reference(self, case: Case) -> str | None:
        """Say why the reference is not run, None if it is."""
        if case.reference_flops > self.reference_flops * case.threads:
            return "would take too long"
        large = case.product_flops > 1e9
        if large and self.reference_classes not in (None, case.n_classes):
            return f"run at {self.reference_classes} classes only"
        return None


_FOREVER = float("inf")
QUICK = Plan("quick", 0.4, 4, 15, 0.5, 20.0, 2, 1.5e10)
DEFAULT = Plan("default", 2.0, 5, 25, 3.0, 140.0, 2, 2.2e11)
FULL = Plan("full", 8.0, 5, 25, 30.0, _FOREVER, 5, 1e12, 100)

_FLOATS = ("float64", "float32")
_MILLION = 1_000_000


def _scores(
    shapes: Iterable[tuple[int, int]],
    classes: Iterable[int],
    threads: Iterable[int],
    dtypes: Iterable[str] = _FLOATS,
) -> Iterable[Case]:
    counts, numbers, kinds = list(classes), list(threads), list(dtypes)
    for n_samples, n_features in shapes:
        for dtype in kinds:
            for n_classes in counts:
                for number in numbers:
                    yield Case("score", n_samples, n_features, n_classes, dtype, number)


def _small() -> Iterable[Case]:
    """Return small cases, where overhead counts and a second thread would only cost."""
    yield Case("score", 200, 16, 3, "float64", 1)
    yield Case("score", 1_000, 64, 10, "float64", 1)
    yield Case("encode", _MILLION, 0, 1_000, "int64", 1)


def _quick(threads: Sequence[int]) -> Iterable[Case]:
    yield from _small()
    yield from _scores([(5_000, 256)], [100], threads[-1:])
    yield from _scores([(10_000, 512)], [100], threads)
    yield Case("factor", 2_000, 1_024, 100, "float64", threads[-1])


def _default(threads: Sequence[int]) -> Iterable[Case]:
    yield from _small()
    yield from _scores([(20_000, 512)], [10, 1_000], threads)
    yield from _scores([(10_000, 1_024)], [100], threads)
    yield from _scores([(20_000, 2_048)], [100], threads[-1:])
    yield Case("dependent", 20_000, 512, 64, "float64", threads[-1])
    yield Case("factor", 4_096, 2_048, 100, "float64", threads[-1])


def _full(threads: Sequence[int]) -> Iterable[Case]:
    yield from _small()
    yield from _scores([(10_000, 1_024)], [100], threads)
    shapes = [(20_000, 512), (20_000, 1_024), (20_000, 2_048), (20_000, 4_096), (100_000, 768)]
    yield from _scores(shapes, [10, 100, 1_000], threads)
    for n_features in (512, 1_024, 2_048):  # as many classes as the default still corrects for
        for number in threads:
            yield Case("dependent", 20_000, n_features, n_features // 8, "float64", number)
    yield Case("factor", 4_096, 2_048, 100, "float64", threads[-1])
    for number in threads:
        yield Case("factor", 10_000, 8_192, 100, "float64", number)
    yield Case("mapped", 1_281_167, 2_048, 1_000, "float32", threads[-1])


_CASES = {"quick": _quick, "default": _default, "full": _full}


def select(cases: Iterable[Case], pattern: str | None) -> list[Case]:
    """Keep the cases whose name holds a pattern, in which ``*`` and ``?`` are wild.

    Examples
    --------
    >>> from hscore_fast.bench.cases import QUICK, select
    >>> [case.name for case in select(QUICK.cases([1]), "x64x")]
    ['score 1000x64x10 float64 1 thread']
    """
    return [case for case in cases if fnmatchcase(case.name, f"*{pattern or ''}*")]
