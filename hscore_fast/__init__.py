"""The H-score of task transferability, exact and fast.

Given features that a source model learned and the labels of a target task, the H-score says how
well the features will serve the task, without training anything.

Examples
--------
>>> import numpy as np
>>> from hscore_fast import h_score
>>> features = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.5]])
>>> round(h_score(features, ["cat", "cat", "dog", "dog"]), 6)
0.981481
"""

from __future__ import annotations

from typing import TypedDict

from hscore_fast import reference
from hscore_fast._selected import SelectionStep, SourceSelection
from hscore_fast._variants import core as _active_core
from hscore_fast._warnings import (
    ColumnWarning,
    PrecisionWarning,
    SaturationWarning,
    SingleClassWarning,
)
from hscore_fast.ace import MaximalCorrelation, maximal_correlation
from hscore_fast.adjusted import adjusted_h_score, chance_level
from hscore_fast.consensus import consensus
from hscore_fast.curriculum import Curriculum
from hscore_fast.evaluation import HScoreReport, evaluate
from hscore_fast.hierarchy import Hierarchy
from hscore_fast.matrix import TransferMatrix
from hscore_fast.moments import Moments
from hscore_fast.pairs import PairScores, pair_scores
from hscore_fast.ranking import SourceRanking, SourceScore
from hscore_fast.regularized import regularized_h_score
from hscore_fast.scores import h_score
from hscore_fast.selection import select_sources
from hscore_fast.sources import rank_sources
from hscore_fast.target_moments import TargetMoments
from hscore_fast.targets import h_scores
from hscore_fast.transfer import transfer_matrix
from hscore_fast.transferability import Transferability, transferability

__all__ = [
    "BuildInfo",
    "ColumnWarning",
    "Curriculum",
    "HScoreReport",
    "Hierarchy",
    "MaximalCorrelation",
    "Moments",
    "PairScores",
    "PrecisionWarning",
    "SaturationWarning",
    "SelectionStep",
    "SingleClassWarning",
    "SourceRanking",
    "SourceScore",
    "SourceSelection",
    "TargetMoments",
    "TransferMatrix",
    "Transferability",
    "__version__",
    "adjusted_h_score",
    "build_info",
    "chance_level",
    "consensus",
    "evaluate",
    "h_score",
    "h_scores",
    "maximal_correlation",
    "pair_scores",
    "rank_sources",
    "reference",
    "regularized_h_score",
    "select_sources",
    "transfer_matrix",
    "transferability",
]


class BuildInfo(TypedDict):
    """What :func:`build_info` returns."""

    version: str
    isa: str
    compiler: str
    flags: str
    openmp: bool
    eigen: str
    tile_unit: bool


def build_info() -> BuildInfo:
    """Say how the compiled core in use was built.

    Returns
    -------
    dict
        ``version``; ``isa``, the instruction set picked for this CPU, such as "v3";
        ``compiler``; ``flags``, those of the instruction set; ``openmp``, whether threads are
        available; ``eigen``, the version of Eigen; ``tile_unit``,
        whether this processor's (AMX) is used.

    Examples
    --------
    >>> from hscore_fast import build_info
    >>> sorted(build_info())
    ['compiler', 'eigen', 'flags', 'isa', 'openmp', 'tile_unit', 'version']
    """
    return _active_core.build_info()


__version__: str = _active_core.__version__
