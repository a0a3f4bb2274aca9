"""Scores that others have proposed, beside those of `hscore_fast.rivals`."""

import numpy as np

from hscore_fast import rivals

from .truth import standardized

__all__ = ["leep", "log_evidence", "nce", "ridge_left_out"]


def log_evidence(features, labels):
    """Return LogME where the published code stops, after 11 rounds at most."""
    return rivals.log_me(features, labels, rounds=11)


def ridge_left_out(features, labels):
    """Return the score by which RidgeClassifierCV chooses its ridge.

    Minus the mean squared error of the rows' leave-one-out fits.
    """
    from sklearn.linear_model import RidgeClassifierCV

    (x,) = standardized(features)
    ridge = RidgeClassifierCV(alphas=np.logspace(0, 4, 5)).fit(x, labels)
    return float(ridge.best_score_)


def leep(outputs, labels):
    """Return LEEP of a source's class probabilities, which float32 may have left a little off."""
    z = np.clip(np.asarray(outputs, np.float64), 0, None)
    return rivals.leep(z / z.sum(axis=1, keepdims=True), labels)


def nce(outputs, labels):
    """Return NCE of the source's likeliest class."""
    return rivals.nce(np.asarray(outputs).argmax(axis=1), labels)
