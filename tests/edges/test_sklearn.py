"""The module for scikit-learn gives what the functions give, where scikit-learn asks for it."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from hscore_fast import cross_validated_h_score, regularized_h_score, select_sources
from hscore_fast.sklearn import SourceSelector, TransferScorer, feature_scores

N = 300
LABELS = np.arange(N) % 3
RNG = np.random.default_rng(4)
SIGNAL = np.eye(3)[LABELS] + RNG.standard_normal((N, 3))
NOISE = RNG.standard_normal((N, 6))
X = np.hstack([NOISE, SIGNAL])
SOURCES = {"noise": slice(0, 6), "signal": [6, 7, 8]}


def test_single_features_have_the_f_test_of_scikit_learn():
    with_constant = np.hstack([X, np.full((N, 1), 3.0)])
    scores, p_values = feature_scores(with_constant, LABELS)
    f, p = f_classif(X, LABELS)
    np.testing.assert_allclose(scores[:-1], f * 2 / (f * 2 + N - 3), rtol=1e-10)
    np.testing.assert_allclose(p_values[:-1], p, rtol=1e-8)
    assert (scores[-1], p_values[-1]) == (0, 1)


def test_the_best_features_are_kept():
    kept = SelectKBest(feature_scores, k=3).fit(X, LABELS).get_support(indices=True)
    assert kept.tolist() == [6, 7, 8]


def test_a_scorer_scores_what_the_transformer_makes():
    pca = PCA(2).fit(X)
    expected = cross_validated_h_score(pca.transform(X), LABELS)
    assert TransferScorer()(pca, X, LABELS) == expected
    oas = TransferScorer("regularized_h_score", shrinkage="oas")
    expected = regularized_h_score(pca.transform(X), LABELS, shrinkage="oas")
    assert oas(pca, X, LABELS) == expected
    assert repr(oas) == "TransferScorer('regularized_h_score', shrinkage='oas')"


def test_a_scorer_chooses_in_a_search():
    grid = GridSearchCV(SelectKBest(feature_scores), {"k": [1, 3]}, scoring=TransferScorer(), cv=3)
    assert grid.fit(X, LABELS).best_params_ == {"k": 3}
    assert (cross_val_score(PCA(2), X, LABELS, scoring=TransferScorer(), cv=3) < 2).all()


def test_a_classifier_is_refused_with_the_way_out():
    classifier = LogisticRegression().fit(X, LABELS)
    with pytest.raises(TypeError, match="needs a method transform, which LogisticRegression"):
        TransferScorer()(classifier, X, LABELS)
    with pytest.raises(ValueError, match="by must be one of 'cross_validated_h_score'"):
        TransferScorer("accuracy")


def test_a_selector_keeps_what_select_sources_chooses():
    selector = clone(SourceSelector(SOURCES)).fit(X, LABELS)
    chosen = select_sources({"noise": NOISE, "signal": SIGNAL}, LABELS)
    assert selector.selection_.selected == chosen.selected == ["signal"]
    np.testing.assert_array_equal(selector.transform(X), SIGNAL)
    assert selector.get_feature_names_out().tolist() == ["x6", "x7", "x8"]
    pipeline = make_pipeline(SourceSelector(SOURCES), LogisticRegression())
    alone = LogisticRegression().fit(SIGNAL, LABELS).score(SIGNAL, LABELS)
    assert pipeline.fit(X, LABELS).score(X, LABELS) == pytest.approx(alone)


@pytest.mark.parametrize("columns", [slice(20, 30), [9], [-1], [[0, 1]], [0.5], []])
def test_a_selector_refuses_columns_that_are_not_there(columns):
    with pytest.raises(ValueError, match=r"sources\['odd'\]"):
        SourceSelector({"odd": columns}).fit(X, LABELS)
