"""What is following the curriculum worth? Small networks learn real tasks one after the other.

    pip install ".[demo]" scikit-image
    python benchmarks/curriculum.py [--seeds 5] [--labels 60] [--quick]

Each task has few labelled images of its own. A network is trained on each from nothing; the forms
of the H-score of its hidden layer on every other task's images give a matrix each, and that a tree.
Then every task is learned in the tree's order, all weights trained, from the hidden layers of its
parent as they came out of the parent's own training. Beside it stand other ways: random trees, the
tree's order backwards (each from the best of those already learned), the worst tree, all from the
one best source, all from nothing, and the tree of what transfer between each pair of networks
really brings, which nobody knows beforehand.
"""

import argparse
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from study.agreement import agree, interval_of_mean
from study.families import FAMILIES
from study.learner import WIDTHS, learn

import hscore_fast
from hscore_fast import TransferMatrix

FORMS = {
    "h_score": hscore_fast.h_score,
    "regularized": hscore_fast.regularized_h_score,
    "adjusted": hscore_fast.adjusted_h_score,
    "cross-validated": hscore_fast.cross_validated_h_score,
}
SCRATCH = "from nothing"
REACHED = 0.97  # of what training from nothing reaches: how soon is that much there?
TEST = 600


class Study:
    """One family of tasks with one draw of images, labels and weights."""

    def __init__(self, family, seed, n_labels, n_random):
        self.family = FAMILIES[family](seed)
        self.names = tuple(self.family.labels)
        self.seed, self.n_labels, self.n_random = seed, n_labels, n_random
        self.test = slice(len(self.family.images) - TEST, None)
        self.alone = {name: self._learn(name) for name in self.names}

    def _rows(self, name):
        """Return the images that have a label for a task; no other task has the same."""
        begin = self.names.index(name) * self.n_labels
        return slice(begin, begin + self.n_labels)

    def _learn(self, name, start=None):
        labels, rows = self.family.labels[name], self._rows(name)
        rng = np.random.default_rng((self.seed, self.names.index(name)))
        images = self.family.images
        return learn(images[rows], labels[rows], images[self.test], labels[self.test], rng, start)

    def scores(self, form):
        """Return the score of each network (row) on each task's labelled images (column)."""
        table = np.zeros((len(self.names), len(self.names)))
        for row, source in enumerate(self.names):
            for column, target in enumerate(self.names):
                rows = self._rows(target)
                features = self.alone[source].hidden.features(self.family.images[rows])
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", hscore_fast.SaturationWarning)
                    warnings.simplefilter("ignore", hscore_fast.PrecisionWarning)
                    table[row, column] = FORMS[form](features, self.family.labels[target][rows])
        return table

    def n_classes(self):
        """Return every task's number of classes."""
        return np.array([self.family.labels[name].max() + 1 for name in self.names])

    def tree(self, table):
        """Return the curriculum of a table: for each task, in order, the task it starts from."""
        # A network's score on its own training images stands on the diagonal; no tree uses it.
        matrix = TransferMatrix(
            sources=self.names,
            targets=self.names,
            scores=table,
            standard_errors=None,
            ranks=np.ones(len(self.names), np.int64),
            n_samples=self.n_labels,
            n_classes=self.n_classes(),
            by="regularized_h_score",  # so that nothing is computed from the ranks
            n_features=np.full(len(self.names), WIDTHS[-1]),
        )
        return dict(matrix.curriculum(by="bound").parents)

    def pairs(self):
        """Return the accuracy of each task (column) learned from each other's network (row)."""
        table = np.zeros((len(self.names), len(self.names)))
        for row, source in enumerate(self.names):
            for column, target in enumerate(self.names):
                if row == column:
                    table[row, column] = self.alone[target].accuracy
                else:
                    learned = self._learn(target, self.alone[source].hidden)
                    table[row, column] = learned.accuracy
        return table

    def follow(self, parents):
        """Learn along a tree; return by task the accuracy and the epochs to what alone reaches."""
        learned = {}
        for name, parent in parents.items():
            if parent is None:
                learned[name] = self.alone[name]
            else:
                learned[name] = self._learn(name, learned[parent].hidden)
        return {
            name: (found.accuracy, found.epochs_to(REACHED * self.alone[name].accuracy))
            for name, found in learned.items()
        }

    def run(self):
        """Return by way of learning what each task reaches, and how well the scores foretell it."""
        names = self.names
        tables = {form: self.scores(form) for form in FORMS}
        trees = {f"tree of {form}": self.tree(table) for form, table in tables.items()}
        best = tables["cross-validated"] / (self.n_classes() - 1)
        order = list(trees["tree of cross-validated"])
        trees["the order backwards"] = backwards(order, names, best)
        trees["worst tree"] = self.tree(-tables["cross-validated"])
        means = (best.sum(axis=1) - np.diag(best)) / (len(names) - 1)
        chief = names[int(means.argmax())]
        trees["from the best source"] = {
            chief: None,
            **{name: chief for name in names if name != chief},
        }
        trees[SCRATCH] = dict.fromkeys(names)
        results = {way: self.follow(parents) for way, parents in trees.items()}
        random = [
            self.follow(random_tree(names, np.random.default_rng((self.seed, 99, number))))
            for number in range(self.n_random)
        ]
        results["random trees"] = {
            name: tuple(np.mean([found[name] for found in random], axis=0)) for name in names
        }
        truth = self.pairs()
        gains = truth - np.diag(truth)
        # The tree of gains: on the scale that `tree` divides by again.
        results["tree of true gains"] = self.follow(self.tree(gains * (self.n_classes() - 1)))
        return results, {form: foretold(table, truth) for form, table in tables.items()}


def backwards(order, names, table):
    """Return a tree along an order from its end: each task from the best of those before it."""
    place = {name: number for number, name in enumerate(names)}
    parents = {order[-1]: None}
    for name in reversed(order[:-1]):
        parents[name] = max(parents, key=lambda source: table[place[source], place[name]])
    return parents


def random_tree(names, rng):
    """Return a tree in a random order, every task from any of those before it."""
    order = [names[i] for i in rng.permutation(len(names))]
    parents = {order[0]: None}
    for number, name in enumerate(order[1:], 1):
        parents[name] = order[rng.integers(number)]
    return parents


def foretold(table, truth):
    """Return the mean over targets of the rank correlation of scores and transfer accuracies."""
    others = ~np.eye(len(table), dtype=bool)
    found = [agree(table[others[:, c], c], truth[others[:, c], c]) for c in range(len(table))]
    return float(np.mean([each.spearman for each in found]))


def _one(plan):
    return Study(*plan).run()


def report(family, found, tell):
    """Print one family's table."""
    names = list(found[0][0][SCRATCH])
    tell(f"{family}: {len(names)} tasks ({', '.join(names)}), {len(found)} seeds\n")
    tell(f"{'way':24} {'accuracy':>16} {'gain':>18} {'epochs':>14}")
    alone = np.array([[results[SCRATCH][n][0] for n in names] for results, _ in found])
    for way in found[0][0]:
        reached = np.array([[results[way][n][0] for n in names] for results, _ in found])
        epochs = np.array([[results[way][n][1] for n in names] for results, _ in found])
        mean, error = interval_of_mean(reached.mean(axis=1))
        gain, gain_error = interval_of_mean((reached - alone).mean(axis=1))
        needed, needed_error = interval_of_mean(epochs.mean(axis=1))
        tell(
            f"{way:24} {mean:7.4f} +- {error:.4f} {gain:+8.4f} +- {gain_error:.4f} "
            f"{needed:6.1f} +- {needed_error:.1f}"
        )
    tell(
        "\nSpearman of a score and the accuracy after fine-tuning, over sources, mean over targets"
    )
    for form in FORMS:
        mean, error = interval_of_mean([foretold_by[form] for _, foretold_by in found])
        tell(f"{form:24} {mean:7.3f} +- {error:.3f}")
    tell("")


def main():
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=60, help="labelled images of every task")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one seed of the digits")
    args = parser.parse_args()
    start = time.perf_counter()

    def tell(line):
        print(line, flush=True)

    tell(
        f"{args.labels} labels a task; epochs until the test accuracy is {REACHED:g} of what "
        "training from nothing reaches\n"
    )
    families = ["digits"] if args.quick else list(FAMILIES)
    seeds = 1 if args.quick else args.seeds
    with ProcessPoolExecutor(args.processes) as pool:
        plans = [(family, seed, args.labels, 3) for family in families for seed in range(seeds)]
        found = list(pool.map(_one, plans))
    for place, family in enumerate(families):
        report(family, found[place * seeds : (place + 1) * seeds], tell)
    tell(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
