"""The compiled core; every instruction set's module has this interface."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hscore_fast._build_info import BuildInfo

__version__: str

class Columns:
    def __init__(self, segments: list[list[NDArray[Any]]], n_features: int) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...

class KeptRows:
    def __init__(self, features: NDArray[Any] | Columns, rows: NDArray[np.intp]) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...

class Blocks:
    def __init__(
        self,
        begin: Callable[[], Generator[NDArray[Any] | Columns | KeptRows]],
        n_samples: int,
        n_features: int,
        narrow: bool,
    ) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...

class HScore:
    @property
    def score(self) -> float: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def total_weight(self) -> float: ...
    @property
    def n_features(self) -> int: ...
    @property
    def n_classes(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def smallest_pivot(self) -> float: ...
    @property
    def smallest_unique_share(self) -> float: ...
    @property
    def precision_used(self) -> str: ...
    @property
    def error_bound(self) -> float: ...
    @property
    def dropped_above_noise(self) -> int: ...
    @property
    def class_shares(self) -> list[float]: ...

class RegularizedHScore:
    @property
    def score(self) -> float: ...
    @property
    def intensity(self) -> float: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def n_classes(self) -> int: ...
    @property
    def finite(self) -> bool: ...

class TargetScores:
    @property
    def finite(self) -> bool: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def error_bound(self) -> float: ...
    @property
    def intensity(self) -> float: ...
    @property
    def scores(self) -> list[float]: ...
    @property
    def n_classes(self) -> list[int]: ...
    @property
    def standard_errors(self) -> list[float]: ...

class Moments:
    def __init__(self, n_features: int) -> None: ...
    def update(
        self,
        features: NDArray[Any] | Columns | KeptRows | Blocks,
        codes: NDArray[np.int32],
        n_classes: int,
        weights: NDArray[np.float64] | None,
        bfloat16: bool,
        only_finite: bool,
        n_threads: int,
        progress: Callable[[int, int], object] | None,
    ) -> bool: ...
    def merge(self, other: Moments, classes: NDArray[np.int32]) -> None: ...
    def subtract(self, other: Moments, classes: NDArray[np.int32]) -> None: ...
    def h_score(self, tol: float, n_threads: int) -> HScore | None: ...
    def h_score_of_values(
        self, n_targets: int, tol: float, n_threads: int
    ) -> tuple[HScore, NDArray[np.float64]] | None: ...
    def regularized_h_score_of_values(
        self, n_targets: int, shrinkage: str, intensity: float, paper: bool, n_threads: int
    ) -> RegularizedHScore: ...
    def columns(self, features: Sequence[int]) -> Moments: ...
    def copy(self) -> Moments: ...
    def state(
        self,
    ) -> tuple[
        int,
        int,
        NDArray[np.float64],
        NDArray[np.float64],
        NDArray[np.float64],
        NDArray[np.float64],
        NDArray[np.float64],
        float,
        float,
        NDArray[np.float64],
    ]: ...
    @staticmethod
    def from_state(
        rows: int,
        rows_when_centred: int,
        shift: NDArray[np.float64],
        scatter: NDArray[np.float64],
        counts: NDArray[np.float64],
        class_sums: NDArray[np.float64],
        cancelled: NDArray[np.float64],
        norm_unit: float,
        norm_fourth: float,
        norm_cubes: NDArray[np.float64],
    ) -> Moments: ...
    def counts(self) -> NDArray[np.float64]: ...
    @property
    def finite(self) -> bool: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def total_weight(self) -> float: ...
    @property
    def n_features(self) -> int: ...
    @property
    def n_classes(self) -> int: ...

class SourceElimination:
    def __init__(
        self, joint: Moments, first_columns: Sequence[int], tol: float, n_threads: int
    ) -> None: ...
    def score_with(self, source: int, n_threads: int) -> HScore: ...
    def choose(self, source: int, n_threads: int) -> None: ...
    def leave_one_out(self, sources: Sequence[int], n_threads: int) -> list[HScore]: ...
    @property
    def fourth_powers(self) -> float: ...

def h_score(
    features: NDArray[Any] | Columns | KeptRows | Blocks,
    codes: NDArray[np.int32],
    n_classes: int,
    bfloat16: bool,
    precision: str,
    tol: float,
    n_threads: int,
    progress: Callable[[int, int], object] | None,
) -> HScore | None: ...
def regularized_h_score(
    features: NDArray[Any] | Columns | KeptRows | Blocks,
    codes: NDArray[np.int32],
    n_classes: int,
    bfloat16: bool,
    precision: str,
    shrinkage: str,
    intensity: float,
    paper: bool,
    n_threads: int,
    progress: Callable[[int, int], object] | None,
) -> RegularizedHScore: ...
def regularized_h_score_of_moments(
    moments: Moments, shrinkage: str, intensity: float, paper: bool, n_threads: int
) -> RegularizedHScore: ...
def evaluate(
    features: NDArray[Any] | Columns | KeptRows,
    codes: NDArray[np.int32],
    n_classes: int,
    bfloat16: bool,
    precision: str,
    tol: float,
    leverages: bool,
    regularized: bool,
    shrinkage: str,
    intensity: float,
    paper: bool,
    groups: NDArray[np.int32] | None,
    n_groups: int,
    n_threads: int,
    progress: Callable[[int, int], object] | None,
) -> tuple[HScore, NDArray[np.float64], float, RegularizedHScore | None, float] | None: ...

_InfluenceState: TypeAlias = tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    float,
    int,
    bool,
    NDArray[np.float64],
    list[int],
    NDArray[np.float64],
    NDArray[np.float64],
    bool,
]

class InfluenceFunction:
    def __init__(self, moments: Moments, tol: float, n_threads: int) -> None: ...
    def __call__(
        self,
        features: NDArray[Any] | Columns | KeptRows,
        codes: NDArray[np.int32],
        bfloat16: bool,
        n_threads: int,
    ) -> NDArray[np.float64]: ...
    def state(self) -> _InfluenceState: ...
    @staticmethod
    def from_state(state: _InfluenceState) -> InfluenceFunction: ...

def h_scores(
    features: NDArray[Any] | Columns | KeptRows,
    bfloat16: bool,
    codes: Sequence[NDArray[np.int32]],
    n_classes: Sequence[int],
    float32_rows: bool,
    tol: float,
    regularized: bool,
    shrinkage: str,
    intensity: float,
    paper: bool,
    error_rows: int,
    n_threads: int,
    progress: Callable[[int], object] | None,
) -> TargetScores: ...

class TargetMoments:
    def __init__(self, n_features: int) -> None: ...
    def update(
        self,
        features: NDArray[Any] | Columns | KeptRows,
        codes: Sequence[NDArray[np.int32]],
        n_classes: Sequence[int],
        bfloat16: bool,
        only_finite: bool,
        n_threads: int,
    ) -> bool: ...
    def h_scores(
        self,
        tol: float,
        regularized: bool,
        shrinkage: str,
        intensity: float,
        paper: bool,
        n_threads: int,
    ) -> TargetScores: ...
    def parts(
        self,
    ) -> tuple[
        Moments, NDArray[np.float64], list[NDArray[np.float64]], list[NDArray[np.float64]]
    ]: ...
    @staticmethod
    def from_parts(
        moments: Moments,
        centre: NDArray[np.float64],
        counts: list[NDArray[np.float64]],
        sums: list[NDArray[np.float64]],
    ) -> TargetMoments: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def n_features(self) -> int: ...

class CrossValidation:
    @property
    def finite(self) -> bool: ...
    @property
    def score(self) -> float: ...
    @property
    def ridge(self) -> float: ...
    @property
    def ridge_scores(self) -> list[float]: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def total_weight(self) -> float: ...
    @property
    def n_features(self) -> int: ...
    @property
    def n_classes(self) -> int: ...
    def counts(self) -> NDArray[np.float64]: ...
    def class_shares(self) -> NDArray[np.float64]: ...
    def fold_deviations(self) -> NDArray[np.float64]: ...
    def gains(self) -> NDArray[np.float64]: ...
    def predictions(self) -> NDArray[np.int32]: ...

RIDGES: list[float]

def folds_of_rows(
    codes: NDArray[np.int32],
    n_classes: int,
    groups: NDArray[np.int32] | None,
    n_groups: int,
    n_folds: int,
) -> NDArray[np.int32]: ...
def cross_validate(
    features: NDArray[Any] | Columns | Blocks,
    codes: NDArray[np.int32],
    n_classes: int,
    bfloat16: bool,
    folds: NDArray[np.int32],
    n_folds: int,
    weights: NDArray[np.float64] | None,
    ridges: Sequence[float],
    n_threads: int,
    progress: Callable[[int, int], object] | None,
) -> CrossValidation: ...
def cross_validate_moments(
    moments: Sequence[Moments],
    classes: Sequence[Sequence[int]],
    ridges: Sequence[float],
    n_threads: int,
) -> CrossValidation: ...
def find_non_finite(
    features: NDArray[Any] | Columns | KeptRows, bfloat16: bool, n_threads: int
) -> tuple[int, int, int, float]: ...

class GuardedRange:
    def __init__(self, mapped: Any, path: bytes, needed: int) -> None: ...
    @property
    def is_short(self) -> bool: ...

def refuse_shortened(matrix: NDArray[Any] | Columns | KeptRows) -> None: ...
def encode_integers(
    labels: NDArray[Any],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]: ...
def build_info() -> BuildInfo: ...
def best_isa() -> str: ...
def quota_processors(membership: str, mount: str) -> int: ...
def thread_count(n_threads: int) -> int: ...
