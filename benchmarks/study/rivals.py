"""Scores that others have proposed, written here from their definitions."""

import numpy as np

from .truth import standardized

__all__ = ["leep", "log_evidence", "nce", "neighbours_left_out", "ridge_left_out"]


def log_evidence(features, labels):
    """Return LogME: the mean log evidence, per row, of a linear model of each class's indicator.

    You, Liu, Wang and Long, "LogME: Practical Assessment of Pre-trained Models for Transfer
    Learning", ICML 2021: weights with precision alpha, noise with precision beta, both found by
    MacKay's fixed-point iteration. Stops as the published code does: at a relative change of t =
    alpha / beta below 1e-3, or after 11 rounds.
    """
    x = np.asarray(features, np.float64)
    n, width = x.shape
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    squares = s**2
    evidence = []
    for label in np.unique(labels):
        y = (labels == label).astype(np.float64)
        z = (u.T @ y) ** 2
        outside = max(float(y @ y - z.sum()), 0.0)
        alpha = beta = 1.0
        for _ in range(11):
            t = alpha / beta
            gamma = float(np.sum(squares / (squares + t)))
            length = float(np.sum(squares * z / (t + squares) ** 2))
            residual = float(np.sum(z / (1 + squares / t) ** 2)) + outside
            alpha, beta = gamma / (length + 1e-5), (n - gamma) / (residual + 1e-5)
            if abs(alpha / beta - t) / t <= 1e-3:
                break
        evidence.append(_evidence(alpha, beta, squares, z, outside, n, width))
    return float(np.mean(evidence))


def _evidence(alpha, beta, squares, z, outside, n, width):
    """Return the log evidence per row at given precisions."""
    length = np.sum(squares * z / (alpha / beta + squares) ** 2)
    residual = np.sum(z / (1 + beta / alpha * squares) ** 2) + outside
    log_determinant = np.sum(np.log(alpha + beta * squares))
    log_determinant += (width - len(squares)) * np.log(alpha)
    return float(
        width * np.log(alpha)
        + n * np.log(beta)
        - log_determinant
        - beta * residual
        - alpha * length
        - n * np.log(2 * np.pi)
    ) / (2 * n)


def neighbours_left_out(features, labels, k=3):
    """Return the share of rows that their k nearest other rows vote right, columns standardized."""
    (x,) = standardized(features)
    norms = np.einsum("ij,ij->i", x, x)
    distances = norms[:, None] + norms - 2 * x @ x.T
    np.fill_diagonal(distances, np.inf)
    near = np.argpartition(distances, k - 1, axis=1)[:, :k]
    votes = np.zeros((len(x), int(labels.max()) + 1))
    for column in near.T:
        votes[np.arange(len(x)), labels[column]] += 1
    return float(np.mean(votes.argmax(axis=1) == labels))


def ridge_left_out(features, labels):
    """Return the score by which RidgeClassifierCV chooses its ridge.

    Minus the mean squared error of the rows' leave-one-out fits.
    """
    from sklearn.linear_model import RidgeClassifierCV

    (x,) = standardized(features)
    ridge = RidgeClassifierCV(alphas=np.logspace(0, 4, 5)).fit(x, labels)
    return float(ridge.best_score_)


def leep(outputs, labels):
    """Return LEEP (Nguyen, Hassner, Seeger and Archambeau 2020) of a source's class probabilities.

    The mean log likelihood of the labels by P(y | x) = sum_z P(y | z) P(z | x), with P(y | z) from
    the joint averages of the outputs and the labels.
    """
    z = np.clip(np.asarray(outputs, np.float64), 0, None)
    z = z / np.maximum(z.sum(axis=1, keepdims=True), 1e-300)
    classes = np.unique(labels, return_inverse=True)[1]
    joint = np.zeros((classes.max() + 1, z.shape[1]))
    np.add.at(joint, classes, z / len(z))
    conditional = joint / np.maximum(joint.sum(axis=0), 1e-300)
    likelihood = np.einsum("ij,ij->i", z, conditional[classes])
    return float(np.mean(np.log(np.maximum(likelihood, 1e-300))))


def nce(outputs, labels):
    """Return the negative conditional entropy of the labels given the source's likeliest class.

    Tran, Nguyen and Hassner 2019.
    """
    z = np.asarray(outputs).argmax(axis=1)
    joint = np.zeros((int(labels.max()) + 1, int(z.max()) + 1))
    np.add.at(joint, (labels, z), 1 / len(z))
    given = joint / np.maximum(joint.sum(axis=0), 1e-300)
    positive = joint > 0
    return float(np.sum(joint[positive] * np.log(given[positive])))
