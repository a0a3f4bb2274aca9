"""A small network that goes on learning: its hidden layers pass from task to task."""

from dataclasses import dataclass

import numpy as np

__all__ = ["WIDTHS", "Hidden", "Learned", "learn"]

WIDTHS = (64, 32)
EPOCHS = 40
BATCH = 16
RATE = 2e-3  # Adam's step


@dataclass(frozen=True)
class Hidden:
    """The weights of the hidden layers, which the next task starts from."""

    weights: tuple
    biases: tuple

    def features(self, x):
        """Return the last hidden layer."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = np.maximum(x @ weight + bias, 0)
        return x


@dataclass(frozen=True)
class Learned:
    """A network after training on one task, and its test accuracy after each epoch."""

    hidden: Hidden
    accuracies: np.ndarray

    @property
    def accuracy(self):
        """The mean over the last five epochs, which a lucky last step sways less."""
        return float(self.accuracies[-5:].mean())

    def epochs_to(self, accuracy):
        """Return after how many epochs the test accuracy was reached; all and one if never."""
        reached = np.flatnonzero(self.accuracies >= accuracy)
        return int(reached[0]) + 1 if len(reached) else len(self.accuracies) + 1


def untrained(n_inputs, rng):
    """Draw hidden layers (He et al. 2015)."""
    weights, before = [], n_inputs
    for width in WIDTHS:
        weights.append(rng.normal(0, np.sqrt(2 / before), (before, width)))
        before = width
    return Hidden(tuple(weights), tuple(np.zeros(width) for width in WIDTHS))


def learn(train, labels, test, test_labels, rng, start=None, epochs=EPOCHS):
    """Train all layers on a task, from another task's hidden layers or from nothing.

    The head is new in any case. Adam (Kingma and Ba 2015) on the cross-entropy.
    """
    n_classes = int(max(labels.max(), test_labels.max())) + 1
    hidden = start or untrained(train.shape[1], rng)
    parameters = [
        array.copy() for pair in zip(hidden.weights, hidden.biases, strict=True) for array in pair
    ]
    parameters += [
        rng.normal(0, np.sqrt(1 / WIDTHS[-1]), (WIDTHS[-1], n_classes)),
        np.zeros(n_classes),
    ]
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    targets = np.eye(n_classes)[labels]
    accuracies, step = [], 0
    for _ in range(epochs):
        order = rng.permutation(len(train))
        for begin in range(0, len(train), BATCH):
            rows = order[begin : begin + BATCH]
            step += 1
            for place, gradient in enumerate(_gradients(parameters, train[rows], targets[rows])):
                first[place] += 0.1 * (gradient - first[place])
                second[place] += 0.001 * (gradient**2 - second[place])
                size = RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                parameters[place] -= size * first[place] / (np.sqrt(second[place]) + 1e-8)
        accuracies.append(np.mean(_forward(parameters, test)[-1].argmax(axis=1) == test_labels))
    last = Hidden(tuple(parameters[0:-2:2]), tuple(parameters[1:-2:2]))
    return Learned(last, np.array(accuracies))


def _forward(parameters, x):
    values = [x]
    for weight, bias in zip(parameters[0:-2:2], parameters[1:-2:2], strict=True):
        values.append(np.maximum(values[-1] @ weight + bias, 0))
    values.append(values[-1] @ parameters[-2] + parameters[-1])
    return values


def _gradients(parameters, x, targets):
    """Return the gradients of the mean cross-entropy, in the order of the parameters."""
    values = _forward(parameters, x)
    logits = values[-1] - values[-1].max(axis=1, keepdims=True)
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    back = (probabilities - targets) / len(x)
    gradients = []
    for place in range(len(parameters) - 2, -1, -2):
        before = values[place // 2]
        gradients[:0] = [before.T @ back, back.sum(axis=0)]
        if place:
            back = (back @ parameters[place].T) * (before > 0)
    return gradients
