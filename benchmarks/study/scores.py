"""Every score of one source on one set of labelled rows, and the seconds it took."""

import time
import warnings

import numpy as np

import hscore_fast

from . import rivals

__all__ = ["OURS", "SCORES", "score_all"]

# The names under which the tables show them, in their order.
OURS = ("cross-validated", "regularized", "adjusted", "h_score")
SCORES = (*OURS, "LogME", "kNN left out", "ridge left out", "tuned probe", "width", "random")


_FUNCTIONS = {
    "cross-validated": hscore_fast.cross_validated_h_score,
    "regularized": hscore_fast.regularized_h_score,
    "adjusted": hscore_fast.adjusted_h_score,
    "h_score": hscore_fast.h_score,
    "LogME": rivals.log_evidence,
    "kNN left out": hscore_fast.rivals.knn,
    "ridge left out": rivals.ridge_left_out,
    "width": lambda features, labels: features.shape[1],
}


def score_all(features, labels, seed):
    """Score a source.

    Returns
    -------
    values, seconds : dict of str to float
        Without "tuned probe", which the truth measures as it goes.
    """
    values, seconds = {}, {}
    for name, function in _FUNCTIONS.items():
        with warnings.catch_warnings():
            # More features than rows are the normal case here; what follows from that is the
            # subject of the benchmark.
            warnings.simplefilter("ignore", hscore_fast.SaturationWarning)
            warnings.simplefilter("ignore", hscore_fast.PrecisionWarning)
            start = time.perf_counter()
            values[name] = float(function(features, labels))
            seconds[name] = time.perf_counter() - start
    values["random"] = float(np.random.default_rng(seed).random())
    seconds["random"] = 0.0
    return values, seconds
