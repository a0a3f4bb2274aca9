"""H-scores where scikit-learn asks for a scorer, a score of single features, or a transformer.

`TransferScorer` scores transformers in a search or in cross-validation, `feature_scores` is for
``SelectKBest``, and `SourceSelector` keeps those sources of features that are worth combining, as a
step of a pipeline. Needs scikit-learn 1.6 or later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from hscore_fast._public import publish
from hscore_fast._results.significance import pillai_test
from hscore_fast._scores.adjusted import adjusted_h_score
from hscore_fast._scores.cross_validated import cross_validated_h_score
from hscore_fast._scores.h_score import h_score, score_result
from hscore_fast._scores.regularized import regularized_h_score
from hscore_fast._sources.select_sources import select_sources

__all__ = ["SourceSelector", "TransferScorer", "feature_scores"]

_SCORES: dict[str, Callable[..., float]] = {
    "cross_validated_h_score": cross_validated_h_score,
    "adjusted_h_score": adjusted_h_score,
    "regularized_h_score": regularized_h_score,
    "h_score": h_score,
}


class TransferScorer:
    """Score a fitted transformer by the H-score of what it makes of the features.

    An object to be passed as ``scoring`` to ``cross_val_score``, ``GridSearchCV`` and their like:
    no classifier is trained. A pipeline counts as a transformer if its last step is one.

    Parameters
    ----------
    by : {"cross_validated_h_score", "adjusted_h_score", "regularized_h_score", "h_score"}
        Which score.
    **options
        Passed on to the function of that name.

    Raises
    ------
    ValueError
        If there is no such score.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import GridSearchCV
    >>> from hscore_fast.datasets import load_digits
    >>> from hscore_fast.sklearn import TransferScorer
    >>> images, digits = load_digits()
    >>> grid = {"n_components": [2, 8, 16]}
    >>> search = GridSearchCV(PCA(random_state=0), grid, scoring=TransferScorer(), cv=3)
    >>> search.fit(images, digits).best_params_
    {'n_components': 16}
    """

    def __init__(
        self,
        by: Literal[
            "cross_validated_h_score", "adjusted_h_score", "regularized_h_score", "h_score"
        ] = "cross_validated_h_score",
        **options: Any,
    ) -> None:
        if by not in _SCORES:
            known = ", ".join(map(repr, _SCORES))
            raise ValueError(f"by must be one of {known}, got {by!r}")
        self.by = by
        self.options = options

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Transform the features and return their score for the labels."""
        if not hasattr(estimator, "transform"):
            raise TypeError(
                "an H-score is of features, so the estimator needs a method transform, which "
                f"{type(estimator).__name__} does not have: score the steps before the classifier"
            )
        return float(_SCORES[self.by](estimator.transform(X), y, **self.options))

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"TransferScorer({self.by!r}{options})"


def feature_scores(X: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score each feature on its own, for ``SelectKBest`` and its like.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        The features.
    y : array_like of shape (n_samples,)
        The labels.

    Returns
    -------
    scores : ndarray of shape (n_features,)
        The H-score of each feature: the share of its variance that lies between the classes, 0 for
        a constant one.
    p_values : ndarray of shape (n_features,)
        Of the F test of a one-way analysis of variance; 1 for a constant feature.

    Raises
    ------
    ValueError, TypeError
        As :func:`hscore_fast.h_score` does.

    Notes
    -----
    The score is a monotonic function of the F statistic of ``sklearn.feature_selection.f_classif``,
    which loses digits where features have a large offset.

    Examples
    --------
    >>> from sklearn.feature_selection import SelectKBest
    >>> from hscore_fast.datasets import load_digits
    >>> from hscore_fast.sklearn import feature_scores
    >>> images, digits = load_digits()
    >>> SelectKBest(feature_scores, k=10).fit_transform(images, digits).shape
    (1797, 10)
    """
    matrix = np.asarray(X)
    if matrix.ndim != 2:
        raise ValueError(f"X must have two dimensions, got shape {matrix.shape}")
    scores = np.zeros(matrix.shape[1])
    p_values = np.ones(matrix.shape[1])
    for place in range(matrix.shape[1]):
        result = score_result(matrix[:, place : place + 1], y)
        assert result is not None  # values that are not finite have been refused
        test = pillai_test(result.score, result.rank, result.n_classes, result.total_weight)
        scores[place], p_values[place] = result.score, test.p_value
    return scores, p_values


class SourceSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """Keep the columns of those sources that are worth combining, as a step of a pipeline.

    Parameters
    ----------
    sources : mapping of str to slice or sequence of int
        Which columns belong to which source, such as ``{"resnet": slice(0, 512), "vit": slice(512,
        1280)}``. The columns of a slice are read in place; those of a sequence are copied.
    k : int, optional
        Keep at most so many; by default as many as help, see :func:`hscore_fast.select_sources`.

    Attributes
    ----------
    selection_ : SourceSelection
        The steps; ``selection_.selected`` names the sources that are kept.
    n_features_in_ : int
        Columns seen by `fit`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from hscore_fast.datasets import load_digits
    >>> from hscore_fast.sklearn import SourceSelector
    >>> images, digits = load_digits()
    >>> sources = {"top": slice(0, 32), "bottom": slice(32, 64), "corner": [0, 1, 8, 9]}
    >>> selector = SourceSelector(sources).fit(images, digits)
    >>> selector.selection_.selected, selector.transform(images).shape
    (['bottom', 'top'], (1797, 64))
    >>> pipeline = make_pipeline(SourceSelector(sources, k=1), LogisticRegression(max_iter=5000))
    >>> pipeline.fit(images[:900], digits[:900]).score(images[900:], digits[900:]) > 0.7
    True
    """

    def __init__(self, sources: Mapping[str, slice | ArrayLike], k: int | None = None) -> None:
        self.sources = sources
        self.k = k

    def fit(self, X: Any, y: Any) -> SourceSelector:
        """Choose the sources.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The columns of all sources.
        y : array_like of shape (n_samples,)
            The labels.

        Returns
        -------
        SourceSelector
            Itself.

        Raises
        ------
        ValueError, TypeError
            As :func:`hscore_fast.select_sources` does; if a source names columns that are not
            there.
        """
        X = validate_data(self, X)
        self._places = {
            name: _places(name, columns, X.shape[1]) for name, columns in self.sources.items()
        }
        self.selection_ = select_sources(
            {name: X[:, columns] for name, columns in self._places.items()}, y, k=self.k
        )
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        for name in self.selection_.selected:
            mask[self._places[name]] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _places(name: str, columns: Any, n_features: int) -> Any:
    """Check which columns belong to a source."""
    if isinstance(columns, slice):
        if not range(n_features)[columns]:
            raise ValueError(
                f"sources[{name!r}] is {columns}, which has none of {n_features} columns"
            )
        return columns
    places = np.asarray(columns)
    inside = places.ndim == 1 and places.size and places.dtype.kind in "iu"
    if not inside or places.min() < 0 or places.max() >= n_features:
        raise ValueError(
            f"sources[{name!r}] must be a slice or numbers of columns from 0 to {n_features - 1}, "
            f"got {columns!r}"
        )
    return places


publish(globals())
