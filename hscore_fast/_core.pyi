"""The compiled core; every instruction set's module has this interface."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast import BuildInfo

class HScore:
    @property
    def score(self) -> float: ...
    @property
    def n_samples(self) -> int: ...
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

class Moments:
    def __init__(self, n_features: int) -> None: ...
    def update(
        self,
        features: NDArray[Any],
        codes: NDArray[np.int32],
        n_classes: int,
        bfloat16: bool,
        n_threads: int,
    ) -> None: ...
    def merge(self, other: Moments, classes: NDArray[np.int32]) -> None: ...
    def h_score(self, tol: float, n_threads: int) -> HScore | None: ...
    def copy(self) -> Moments: ...
    def state(
        self,
    ) -> tuple[
        NDArray[np.float64],
        NDArray[np.float64],
        NDArray[np.int64],
        NDArray[np.float64],
        float,
        float,
        NDArray[np.float64],
    ]: ...
    @staticmethod
    def from_state(
        shift: NDArray[np.float64],
        scatter: NDArray[np.float64],
        counts: NDArray[np.int64],
        class_sums: NDArray[np.float64],
        norm_unit: float,
        norm_fourth: float,
        norm_cubes: NDArray[np.float64],
    ) -> Moments: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def n_classes(self) -> int: ...

def h_score(
    features: NDArray[Any],
    codes: NDArray[np.int32],
    n_classes: int,
    bfloat16: bool,
    precision: str,
    tol: float,
    n_threads: int,
) -> HScore | None: ...
def regularized_h_score(
    features: NDArray[Any],
    codes: NDArray[np.int32],
    n_classes: int,
    bfloat16: bool,
    float32_products: bool,
    shrinkage: str,
    intensity: float,
    paper: bool,
    n_threads: int,
) -> RegularizedHScore: ...
def regularized_h_score_of_moments(
    moments: Moments, shrinkage: str, intensity: float, paper: bool, n_threads: int
) -> RegularizedHScore: ...
def h_scores(
    features: NDArray[Any],
    bfloat16: bool,
    codes: Sequence[NDArray[np.int32]],
    n_classes: Sequence[int],
    float32_rows: bool,
    tol: float,
    regularized: bool,
    shrinkage: str,
    intensity: float,
    paper: bool,
    n_threads: int,
    progress: Callable[[int], object] | None,
) -> TargetScores: ...
def find_non_finite(
    features: NDArray[Any], bfloat16: bool, n_threads: int
) -> tuple[int, int, int]: ...
def encode_integers(
    labels: NDArray[Any],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]: ...
def build_info() -> BuildInfo: ...
def best_isa() -> str: ...
def thread_count(n_threads: int) -> int: ...
