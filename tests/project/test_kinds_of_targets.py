"""What every public function does with every kind of target: a score, or a refusal that says why.

A function that takes labels is in the table below or among those that cannot be asked.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hscore_fast
from hscore_fast import rivals

N = 60
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 4))
CLASSES = np.arange(N) % 3
TARGETS = {
    "classes": CLASSES,
    "one-hot": np.eye(3)[CLASSES],
    "several labels": RNG.integers(0, 2, (N, 3)),
    "continuous": X[:, 0] + RNG.standard_normal(N),
    "continuous columns": X[:, :2] + RNG.standard_normal((N, 2)),
}
# By the kind of target: the tasks with which it has a score. With others it is refused.
SCORED = {
    "classes": {"classes", "regression"},
    "one-hot": {"classes", "multilabel", "regression"},
    "several labels": {"multilabel", "regression"},
    "continuous": {"regression"},
    "continuous columns": {"regression"},
}
TASKS = ("classes", "multilabel", "regression")

WITH_TASK: dict[str, Callable[..., Any]] = {
    "h_score": hscore_fast.h_score,
    "adjusted_h_score": hscore_fast.adjusted_h_score,
    "chance_level": hscore_fast.chance_level,
    "regularized_h_score": hscore_fast.regularized_h_score,
    "rivals.log_me": rivals.log_me,
}
OF_CLASSES: dict[str, Callable[..., Any]] = {
    "evaluate": hscore_fast.evaluate,
    "cross_validate": hscore_fast.cross_validate,
    "cross_validated_h_score": hscore_fast.cross_validated_h_score,
    "transferability": lambda x, y: hscore_fast.transferability(x, y, optimal="bound"),
    "maximal_correlation": lambda x, y: hscore_fast.maximal_correlation(x[:, 0] > 0, y),
    "rank_sources": lambda x, y: hscore_fast.rank_sources({"a": x}, y),
    "select_sources": lambda x, y: hscore_fast.select_sources({"a": x}, y),
    "pair_scores": lambda x, y: hscore_fast.pair_scores({"a": x}, y),
    "transfer_matrix": lambda x, y: hscore_fast.transfer_matrix({"a": x}, {"t": y}),
    "h_scores": lambda x, y: hscore_fast.h_scores(x, [y]),
    "Moments": lambda x, y: hscore_fast.Moments().update(x, y).h_score(),
    "TargetMoments": lambda x, y: hscore_fast.TargetMoments().update(x, [y]).h_scores(),
    "readers.read_moments": lambda x, y: hscore_fast.readers.read_moments(x, y).h_score(),
    "rivals.trans_rate": rivals.trans_rate,
    "rivals.knn": rivals.knn,
    "rivals.log_me_of_targets": lambda x, y: rivals.log_me_of_targets(x, [y]),
    "rivals.score_table": lambda x, y: rivals.score_table({"a": x}, y, scores=["h_score"]),
    "rivals.leep": lambda x, y: rivals.leep(np.full((N, 2), 0.5), y),
    "rivals.nce": lambda x, y: rivals.nce(CLASSES, y),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", WITH_TASK)
def test_with_a_task(name, kind, task) -> None:
    function, target = WITH_TASK[name], TARGETS[kind]
    if task in SCORED[kind]:
        assert np.isfinite(function(X, target, task=task))
        return
    message = {
        "classes": "a continuous target has no classes|neither one column nor one-hot",
        "multilabel": "not 0 or 1, the first",
    }[task]
    with pytest.raises(ValueError, match=message):
        function(X, target, task=task)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", OF_CLASSES)
def test_of_classes(name, kind) -> None:
    if name == "rivals.knn":
        pytest.importorskip("sklearn.neighbors")
    function, target = OF_CLASSES[name], TARGETS[kind]
    if "classes" in SCORED[kind]:
        function(X, target)
        return
    with pytest.raises(
        ValueError, match=r"continuous target has no classes|neither one column nor"
    ):
        function(X, target)


def test_the_tables_are_complete() -> None:
    """Whatever takes labels or targets is there; whatever has a task is in the table with it."""
    found = {}
    for prefix, module in (("", hscore_fast), ("rivals.", rivals)):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing):
                found[prefix + name] = set(inspect.signature(thing).parameters)
    takes = {name for name, own in found.items() if own & {"labels", "targets", "target_labels"}}
    assert takes <= set(WITH_TASK) | set(OF_CLASSES)
    assert {name for name, own in found.items() if "task" in own} == set(WITH_TASK)
