"""What features are worth: the accuracy that classifiers trained on them reach on other rows."""

import warnings

import numpy as np

__all__ = ["CHOICES", "nearest_neighbours", "standardized", "tuned_probe"]

CHOICES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # C of the logistic probe
NEIGHBOURS = 5


def standardized(train, *others):
    """Scale columns to mean 0 and deviation 1 on the training rows; dead columns become 0."""
    train = np.asarray(train, np.float64)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    alive = deviation > 1e-6 * np.abs(mean) + 1e-12
    inverse = np.where(alive, 1 / np.where(alive, deviation, 1), 0)
    return tuple((np.asarray(x, np.float64) - mean) * inverse for x in (train, *others))


def tuned_probe(train, labels, test, test_labels, seed):
    """Train a logistic probe whose C is chosen on a quarter of the training rows.

    Returns
    -------
    accuracy, validation, C : float
        The accuracy on the test, that on the quarter by which C was chosen (of the chosen C), and
        the chosen C.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    held, fitted = np.split(order, [len(order) // 4])
    fit, validate = standardized(train[fitted], train[held])
    found = _accuracies(fit, labels[fitted], [(validate, labels[held])], CHOICES)
    validation, C = max((float(accuracy[0]), -C) for C, accuracy in found.items())
    C = -C  # the smallest of those that are equally good
    fit, test = standardized(train, test)
    accuracy = _accuracies(fit, labels, [(test, test_labels)], (C,))[C][0]
    return float(accuracy), validation, C


def _accuracies(train, labels, tests, choices):
    """Fit a probe for each C, each from the one before; return accuracies by C."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) == 1:
        return {C: [np.mean(y == labels[0]) for _, y in tests] for C in choices}
    train, tests = _rotated(train, tests)
    probe = LogisticRegression(max_iter=200, tol=1e-3, warm_start=True)
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for C in choices:
            probe.set_params(C=C).fit(train, labels)
            found[C] = [probe.score(x, y) for x, y in tests]
    return found


def _rotated(train, tests):
    """Turn the space so that as many coordinates as rows are enough.

    A penalty on the length of the weights does not notice, so the fit is the same.
    """
    if train.shape[1] <= train.shape[0]:
        return train, tests
    _, s, vt = np.linalg.svd(train, full_matrices=False)
    axes = vt[s > 1e-10 * s[0]].T
    return train @ axes, [(x @ axes, y) for x, y in tests]


def nearest_neighbours(train, labels, test, test_labels):
    """Return the accuracy of the vote of the five nearest rows, columns standardized."""
    from sklearn.neighbors import KNeighborsClassifier

    train, test = standardized(train, test)
    voters = KNeighborsClassifier(min(NEIGHBOURS, len(train)))
    return float(voters.fit(train, labels).score(test, test_labels))
