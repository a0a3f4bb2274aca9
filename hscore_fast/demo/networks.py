"""Small networks on the pixels, their hidden features, and linear probes on them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Network", "probe", "train", "untrained"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """Hidden layers of rectified units."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def features(self, images: NDArray[Any]) -> list[Floats]:
        """Compute what each hidden layer makes of images, from the first to the last."""
        layers = []
        values: Floats = _pixels(images)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            values = np.maximum(values @ weight + bias, 0)
            layers.append(values)
        return layers


def train(
    images: NDArray[Any],
    labels: NDArray[Any],
    widths: tuple[int, ...],
    max_iter: int,
    seed: int,
) -> Network:
    """Train a network by scikit-learn's defaults; its hidden layers are kept."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(widths, max_iter=max_iter, random_state=seed)
    with warnings.catch_warnings():
        # Random labels take longer to learn by heart than there is time.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(_pixels(images), labels)
    return Network(tuple(network.coefs_[:-1]), tuple(network.intercepts_[:-1]))


def untrained(n_pixels: int, widths: tuple[int, ...], seed: int) -> Network:
    """Draw the weights with which training would begin (Glorot and Bengio 2010)."""
    random = np.random.default_rng(seed)
    weights, biases = [], []
    for before, after in zip((n_pixels, *widths), widths, strict=False):
        bound = np.sqrt(6 / (before + after))
        weights.append(random.uniform(-bound, bound, (before, after)))
        biases.append(random.uniform(-bound, bound, after))
    return Network(tuple(weights), tuple(biases))


def probe(
    features: Floats, labels: NDArray[Any], test_features: Floats, test_labels: NDArray[Any]
) -> float:
    """Train a linear classifier on features; return its accuracy on the test's."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    model.fit(features, labels)
    return float(model.score(test_features, test_labels))


def _pixels(images: NDArray[Any]) -> Floats:
    return images.astype(np.float64) / 16
