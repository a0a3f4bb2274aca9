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

from hscore_fast import datasets, readers, reference, rivals
from hscore_fast._build_info import BuildInfo
from hscore_fast._moments.moments import Moments
from hscore_fast._moments.target_moments import TargetMoments
from hscore_fast._public import publish
from hscore_fast._results.cross_validation import CrossValidation
from hscore_fast._results.report import HScoreReport
from hscore_fast._results.warnings import (
    AlignmentWarning,
    ColumnWarning,
    HScoreWarning,
    PrecisionWarning,
    RepeatedRowsWarning,
    SaturationWarning,
    SingleClassWarning,
    TrainingModeWarning,
    UnwrittenRowsWarning,
)
from hscore_fast._scores.adjusted import adjusted_h_score, chance_level
from hscore_fast._scores.cross_validated import cross_validate, cross_validated_h_score
from hscore_fast._scores.evaluate import evaluate
from hscore_fast._scores.h_score import h_score
from hscore_fast._scores.h_scores import h_scores
from hscore_fast._scores.maximal_correlation import MaximalCorrelation, maximal_correlation
from hscore_fast._scores.regularized import regularized_h_score
from hscore_fast._scores.transferability import Transferability, transferability
from hscore_fast._sources.pair_scores import PairScores, pair_scores
from hscore_fast._sources.rank_sources import rank_sources
from hscore_fast._sources.ranking import SourceRanking, SourceScore
from hscore_fast._sources.select_sources import select_sources
from hscore_fast._sources.selection import SelectionStep, SourceSelection
from hscore_fast._transfer.curriculum import Curriculum
from hscore_fast._transfer.hierarchy import Hierarchy
from hscore_fast._transfer.matrix import TransferMatrix
from hscore_fast._transfer.transfer_matrix import transfer_matrix
from hscore_fast._variants import core as _active_core
from hscore_fast.consensus import consensus  # hides the module of its name, loaded here

__all__ = [
    "AlignmentWarning",
    "BuildInfo",
    "ColumnWarning",
    "CrossValidation",
    "Curriculum",
    "HScoreReport",
    "HScoreWarning",
    "Hierarchy",
    "MaximalCorrelation",
    "Moments",
    "PairScores",
    "PrecisionWarning",
    "RepeatedRowsWarning",
    "SaturationWarning",
    "SelectionStep",
    "SingleClassWarning",
    "SourceRanking",
    "SourceScore",
    "SourceSelection",
    "TargetMoments",
    "TrainingModeWarning",
    "TransferMatrix",
    "Transferability",
    "UnwrittenRowsWarning",
    "__version__",
    "adjusted_h_score",
    "build_info",
    "chance_level",
    "consensus",
    "cross_validate",
    "cross_validated_h_score",
    "datasets",
    "evaluate",
    "h_score",
    "h_scores",
    "maximal_correlation",
    "pair_scores",
    "rank_sources",
    "readers",
    "reference",
    "regularized_h_score",
    "rivals",
    "select_sources",
    "transfer_matrix",
    "transferability",
]


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


# Documented as well; each needs an extra, so it is there once somebody imported it.
_MODULES = ("dask", "plots", "sklearn", "torch")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in _MODULES if name in globals())})


publish(globals())
