"""How well scores foretell accuracies, and how sure that is."""

from typing import NamedTuple

import numpy as np

__all__ = ["Agreement", "agree", "interval_of_mean", "paired_bootstrap", "regret"]


class Agreement(NamedTuple):
    """How one score's order of the sources agrees with their accuracies."""

    spearman: float
    pearson: float  # among the sources whose score is defined
    weighted_kendall: float  # agreement at the top counts more
    regret: float  # accuracy lost by taking the first


def agree(scores, accuracies):
    """Compare scores with accuracies of the same sources.

    An undefined score stands below all others, as a ranking puts it last. Where all scores or all
    accuracies are equal there is no order to agree with, and a correlation is 0.
    """
    from scipy.stats import pearsonr, spearmanr, weightedtau

    scores = np.asarray(scores, np.float64)
    accuracies = np.asarray(accuracies, np.float64)
    defined = np.isfinite(scores)
    if not defined.any():
        return Agreement(0.0, 0.0, 0.0, regret(np.zeros(len(scores)), accuracies))
    ranked = np.where(defined, scores, scores[defined].min() - 1)
    pearson = 0.0
    if defined.sum() > 2 and np.ptp(scores[defined]) > 0 and np.ptp(accuracies[defined]) > 0:
        pearson = float(pearsonr(scores[defined], accuracies[defined]).statistic)
    if np.ptp(ranked) == 0 or np.ptp(accuracies) == 0:
        return Agreement(0.0, pearson, 0.0, regret(ranked, accuracies))
    return Agreement(
        float(spearmanr(ranked, accuracies).statistic),
        pearson,
        float(weightedtau(ranked, accuracies).statistic),
        regret(ranked, accuracies),
    )


def regret(scores, accuracies):
    """Return the accuracy lost by taking the first; the mean over those that share the place."""
    scores, accuracies = np.asarray(scores), np.asarray(accuracies)
    return float(accuracies.max() - accuracies[scores == scores.max()].mean())


def paired_bootstrap(ours, theirs, *, level=0.9, n=10_000, seed=0):
    """Return the mean difference over tasks and its interval by drawing tasks anew.

    Parameters
    ----------
    ours, theirs : array_like of shape (n_tasks,)
        What two scores reach on the same tasks.

    Returns
    -------
    difference, low, high : float
    """
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    drawn = np.random.default_rng(seed).integers(len(differences), size=(n, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(differences.mean()), float(low), float(high)


def interval_of_mean(values):
    """Return the mean of draws and its standard error (nan for one draw)."""
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return float(values.mean()), float("nan")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
