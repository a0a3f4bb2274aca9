"""How well scores foretell accuracies, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.options import as_integer
from hscore_fast._results.display import WritesJson, html_table, text_table

__all__ = ["Agreement", "Estimate", "agreement"]

Array = NDArray[np.float64]


class Estimate(NamedTuple):
    """Result of :func:`hscore_fast.rivals.agreement` for one measure.

    Attributes
    ----------
    value : float
    standard_error : float
        Of the bootstrap over the sources.
    """

    value: float
    standard_error: float


@dataclass(frozen=True, repr=False)
class Agreement(WritesJson):
    """Result of :func:`hscore_fast.rivals.agreement`.

    Attributes
    ----------
    pearson : Estimate
        Correlation of the values.
    spearman : Estimate
        Correlation of the ranks.
    kendall : Estimate
        Kendall's tau-b: pairs in the same order less pairs in the opposite one.
    weighted_kendall : Estimate
        The same with pairs at the top counted more.
    regret : Estimate
        Accuracy lost by taking the source of the highest score, against the best one.
    n_sources : int
    """

    pearson: Estimate
    spearman: Estimate
    kendall: Estimate
    weighted_kendall: Estimate
    regret: Estimate
    n_sources: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain objects."""
        found = asdict(self)
        return {
            name: {"value": value[0], "standard_error": value[1]}
            if isinstance(value, tuple)
            else value
            for name, value in found.items()
        }

    def __str__(self) -> str:
        return text_table(_rows(self))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html_table(_rows(self))


def _rows(found: Agreement) -> list[list[str]]:
    return [[name.replace("_", " "), cell_of(getattr(found, name))] for name in _MEASURES] + [
        ["sources", str(found.n_sources)]
    ]


def cell_of(estimate: Estimate) -> str:
    """Show a measure with its error."""
    return f"{estimate.value:.3f} +- {estimate.standard_error:.3f}"


def agreement(
    scores: Mapping[str, float] | ArrayLike,
    accuracies: Mapping[str, float] | ArrayLike,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Agreement:
    """Measure how well scores of sources agree with the accuracies that they reach.

    Parameters
    ----------
    scores : mapping of str to float, or array_like of shape (n_sources,)
        One number for each source.
    accuracies : mapping of str to float, or array_like of shape (n_sources,)
        What the same sources reach on the target: a mapping of the same names, or numbers in the
        same order.
    n_resamples : int, default 1000
        Of the bootstrap.
    seed : int, default 0
        Of the bootstrap.

    Returns
    -------
    Agreement
        Correlations from -1 to 1 and the regret, each with the standard error of a bootstrap over
        the sources [1]_. A correlation is nan where all scores or all accuracies are equal; such
        resamples are left out of the errors.

    Raises
    ------
    ValueError
        If there are fewer than three sources, the names or lengths differ, or a number is not
        finite.

    Notes
    -----
    The weighted Kendall correlation is that of Vigna [2]_ with hyperbolic weights added, the mean
    of those by the ranks of the scores and of the accuracies, as `scipy.stats.weightedtau` computes
    it. Of sources that share the highest score the regret is the mean.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman and Hall 1993.
    .. [2] S. Vigna, "A Weighted Correlation Index for Rankings with Ties", WWW 2015.

    Examples
    --------
    >>> from hscore_fast.rivals import agreement
    >>> scores = {"resnet": 1.1, "vit": 1.9, "vgg": 0.7, "bert": 0.2}
    >>> accuracies = {"resnet": 0.81, "vit": 0.90, "vgg": 0.83, "bert": 0.40}
    >>> found = agreement(scores, accuracies)
    >>> round(found.spearman.value, 2), round(found.kendall.value, 2), found.regret.value
    (0.8, 0.67, 0.0)
    """
    n_resamples = as_integer(n_resamples, "n_resamples", least=2)
    x, y = _paired(scores, accuracies)
    drawn = np.random.default_rng(seed).integers(len(x), size=(n_resamples, len(x)))
    found = {}
    for name, measure in _MEASURES.items():
        each = np.array([measure(x[rows], y[rows]) for rows in drawn])
        each = each[np.isfinite(each)]
        error = float(each.std(ddof=1)) if len(each) > 1 else float("nan")
        found[name] = Estimate(measure(x, y), error)
    return Agreement(**found, n_sources=len(x))


def _paired(scores: Any, accuracies: Any) -> tuple[Array, Array]:
    if isinstance(scores, Mapping) != isinstance(accuracies, Mapping):
        raise TypeError(
            "scores and accuracies must both be mappings of names to numbers, or both be numbers "
            f"in the same order, got {type(scores).__name__} and {type(accuracies).__name__}"
        )
    if isinstance(scores, Mapping):
        if odd := sorted(set(scores) ^ set(accuracies), key=str):
            raise ValueError(
                f"scores and accuracies must have the same names, got {odd[0]!r} in one of them"
            )
        accuracies = [accuracies[name] for name in scores]
        scores = list(scores.values())
    x = np.asarray(scores, dtype=np.float64)
    y = np.asarray(accuracies, dtype=np.float64)
    for name, values in (("scores", x), ("accuracies", y)):
        if values.ndim != 1:
            raise ValueError(f"{name} must be one number per source, got shape {values.shape}")
        if not np.isfinite(values).all():
            place = int(np.argmin(np.isfinite(values)))
            raise ValueError(
                f"{name} must be finite, got {values[place]} in place {place}: leave that source "
                "out of both"
            )
    if len(x) != len(y):
        raise ValueError(f"scores and accuracies must be as many, got {len(x)} and {len(y)}")
    if len(x) < 3:
        raise ValueError(f"at least 3 sources are needed for an agreement, got {len(x)}")
    return x, y


def _ranks(values: Array) -> Array:
    """Rank from 1, the mean of their places for equal values."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return (below + upto + 1).astype(np.float64) / 2


def _pearson(x: Array, y: Array) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1, 1))


def _spearman(x: Array, y: Array) -> float:
    return _pearson(_ranks(x), _ranks(y))


def _signs(values: Array) -> Array:
    signs: Array = np.sign(values[:, None] - values)
    return signs


def _tau(a: Array, b: Array, weights: Array | float) -> float:
    norm = np.sqrt((a * a * weights).sum() * (b * b * weights).sum())
    return float((a * b * weights).sum() / norm) if norm > 0 else float("nan")


def _kendall(x: Array, y: Array) -> float:
    return _tau(_signs(x), _signs(y), 1.0)


def _weighted_kendall(x: Array, y: Array) -> float:
    a, b = _signs(x), _signs(y)
    return float(np.mean([_tau(a, b, _weights(x, y)), _tau(a, b, _weights(y, x))]))


def _weights(first: Array, second: Array) -> Array:
    """Weigh pairs by the places of both in descending order of one key, then of the other."""
    place = np.empty(len(first))
    place[np.lexsort((second, first))[::-1]] = np.arange(len(first))
    each = 1 / (1 + place)
    weights: Array = each[:, None] + each
    return weights


def _regret(x: Array, y: Array) -> float:
    return float(y.max() - y[x == x.max()].mean())


_MEASURES = {
    "pearson": _pearson,
    "spearman": _spearman,
    "kendall": _kendall,
    "weighted_kendall": _weighted_kendall,
    "regret": _regret,
}


def agreement_table(found: Mapping[str, Agreement]) -> tuple[Sequence[Sequence[str]], list[str]]:
    """Give the rows and the header of a table of several scores' agreements."""
    header = ["score", *(name.replace("_", " ") for name in _MEASURES)]
    rows = [
        [score, *(cell_of(getattr(each, name)) for name in _MEASURES)]
        for score, each in found.items()
    ]
    return rows, header
