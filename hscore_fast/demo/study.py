"""The study: train sources, score their features on few labels, measure what probes reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import hscore_fast
from hscore_fast import TransferMatrix, reference
from hscore_fast.datasets import load_digits
from hscore_fast.demo import networks
from hscore_fast.demo.tasks import RANDOM, SOURCES, TARGETS, UNTRAINED, labels_of

__all__ = ["FORMS", "FULL", "QUICK", "Correlation", "Measurement", "Plan", "Study", "run"]

SEED = 0
PIXELS = "pixels"
FORMS = ("cross_validated_h_score", "h_score", "regularized_h_score", "adjusted_h_score")

Tell = Callable[[str, "float | None"], None]


class Plan(NamedTuple):
    """How much is done."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    widths: tuple[int, ...]
    max_iter: int
    n_source: int  # images to train the sources on
    n_labelled: int  # images with labels for the targets; all others are for the test


FULL = Plan(SOURCES, TARGETS, (64, 32, 16), 200, 900, 300)
QUICK = Plan(SOURCES[:4], TARGETS[:2], (32, 16), 15, 900, 300)


@dataclass(frozen=True)
class Measurement:
    """One layer of one network on one target."""

    target: str
    source: str
    layer: int  # 0 for the pixels
    width: int
    cross_validated_h_score: float
    cross_validated_error: float
    h_score: float
    regularized_h_score: float
    adjusted_h_score: float
    standard_error: float  # of h_score
    adjusted_standard_error: float
    accuracy: float
    accuracy_error: float


@dataclass(frozen=True)
class Correlation:
    """How one form of the score agrees with the accuracy on one target."""

    target: str
    form: str
    pearson: float
    spearman: float
    spearman_of_last: float  # among the last layers alone, which are equally wide


@dataclass(frozen=True)
class Study:
    """All that was found."""

    plan: Plan
    n_test: int
    measurements: list[Measurement]
    correlations: list[Correlation]
    matrix: TransferMatrix  # last layers against all tasks
    tasks: TransferMatrix  # those of the sources that have learned something, and their tasks
    largest_difference: float  # relative, from the definition in NumPy

    def on(self, target: str) -> list[Measurement]:
        """Give the measurements on one target, the best cross-validated score first."""
        found = [each for each in self.measurements if each.target == target]
        return sorted(found, key=lambda each: -each.cross_validated_h_score)

    def mean(self, what: str, form: str) -> float:
        """Average a form's correlation over the targets."""
        return float(np.mean([getattr(c, what) for c in self.correlations if c.form == form]))


class _Layer(NamedTuple):
    source: str
    number: int
    labelled: NDArray[np.float64]
    test: NDArray[np.float64]


def run(plan: Plan, tell: Tell) -> Study:
    """Do all of it, the same each time on the same machine."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # The networks are too small for several threads, and one gives the same numbers again.
    with threadpool_limits(limits=1):
        return _run(plan, tell)


def _run(plan: Plan, tell: Tell) -> Study:
    images, digits = load_digits()
    order = np.random.default_rng(SEED).permutation(len(images))
    source, labelled, test = np.split(order, [plan.n_source, plan.n_source + plan.n_labelled])
    layers = _layers(plan, images, digits, (source, labelled, test), tell)
    targets = {task: labels_of(task, images, digits) for task in plan.targets}
    scored = {f"{each.source}, layer {each.number}": each.labelled for each in layers}
    few = {task: labels[labelled] for task, labels in targets.items()}
    tell("score", None)
    plain = hscore_fast.transfer_matrix(scored, few, by="h_score")
    shrunk = hscore_fast.transfer_matrix(scored, few, by="regularized_h_score")
    measurements = _measure(layers, targets, (labelled, test), (plain, shrunk), tell)
    tell("compare", 1.0)
    definition = [
        [reference.h_score(features, labels) for labels in few.values()]
        for features in scored.values()
    ]
    last = {each.source: each.labelled for each in layers if each.number == len(plan.widths)}
    learned = {task: labels_of(task, images, digits)[labelled] for task in plan.sources}
    matrix = hscore_fast.transfer_matrix(last, {**learned, **few})
    return Study(
        plan,
        len(test),
        measurements,
        _correlate(plan, measurements),
        matrix,
        matrix.subset(plan.sources, plan.sources),
        float(np.max(np.abs(np.array(definition) / plain.scores - 1))),
    )


def _layers(
    plan: Plan,
    images: NDArray[Any],
    digits: NDArray[Any],
    parts: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    tell: Tell,
) -> list[_Layer]:
    """Train the networks; the pixels are a layer of their own."""
    source, labelled, test = parts
    found = [_Layer(PIXELS, 0, images[labelled] / 16, images[test] / 16)]
    names = (*plan.sources, RANDOM, UNTRAINED)
    for number, name in enumerate(names):
        tell(f"train on {name}" if name != UNTRAINED else name, number / (2 * len(names)))
        if name == UNTRAINED:
            network = networks.untrained(images.shape[1], plan.widths, SEED)
        else:
            if name == RANDOM:
                labels = np.random.default_rng(SEED).integers(0, 10, len(source))
            else:
                labels = labels_of(name, images, digits)[source]
            network = networks.train(images[source], labels, plan.widths, plan.max_iter, SEED)
        both = zip(network.features(images[labelled]), network.features(images[test]), strict=True)
        found += [_Layer(name, depth, few, rest) for depth, (few, rest) in enumerate(both, 1)]
    return found


def _measure(
    layers: list[_Layer],
    targets: dict[str, NDArray[np.int64]],
    parts: tuple[NDArray[Any], NDArray[Any]],
    matrices: tuple[TransferMatrix, TransferMatrix],
    tell: Tell,
) -> list[Measurement]:
    """Put scores and the accuracies of linear probes side by side."""
    labelled, test = parts
    plain, shrunk = matrices
    assert plain.adjusted is not None
    assert plain.standard_errors is not None
    found = []
    for row, layer in enumerate(layers):
        tell(f"probe {layer.source}", 0.5 + 0.5 * row / len(layers))
        for column, (task, labels) in enumerate(targets.items()):
            accuracy = networks.probe(layer.labelled, labels[labelled], layer.test, labels[test])
            error = float(plain.standard_errors[row, column])
            held_out = hscore_fast.cross_validate(layer.labelled, labels[labelled])
            found.append(
                Measurement(
                    target=task,
                    source=layer.source,
                    layer=layer.number,
                    width=layer.labelled.shape[1],
                    cross_validated_h_score=held_out.score,
                    cross_validated_error=held_out.standard_error,
                    h_score=float(plain.scores[row, column]),
                    regularized_h_score=float(shrunk.scores[row, column]),
                    adjusted_h_score=float(plain.adjusted[row, column]),
                    standard_error=error,
                    adjusted_standard_error=float(
                        error / (1 - plain.ranks[row, column] / (plain.n_samples[column] - 1))
                    ),
                    accuracy=accuracy,
                    accuracy_error=float(np.sqrt(accuracy * (1 - accuracy) / len(test))),
                )
            )
    return found


def _correlate(plan: Plan, measurements: list[Measurement]) -> list[Correlation]:
    from scipy.stats import pearsonr, spearmanr

    def correlate(function: Any, rows: list[Measurement], form: str) -> float:
        scores = [getattr(each, form) for each in rows]
        return float(function(scores, [each.accuracy for each in rows]).statistic)

    found = []
    for target in plan.targets:
        here = [each for each in measurements if each.target == target]
        last = [each for each in here if each.layer == len(plan.widths)]
        found += [
            Correlation(
                target,
                form,
                correlate(pearsonr, here, form),
                correlate(spearmanr, here, form),
                correlate(spearmanr, last, form),
            )
            for form in FORMS
        ]
    return found
