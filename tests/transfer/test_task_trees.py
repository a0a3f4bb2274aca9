"""Hierarchies and curricula of tasks: known trees are found, and no other tree is better."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hscore_fast import Curriculum, Hierarchy, TransferMatrix, transfer_matrix
from hscore_fast.datasets import load_digits

scipy_hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
pytest.importorskip("networkx")


def matrix_of(scores, names=None):
    """Put numbers into a matrix, as they are where they are normalized by the bound."""
    scores = np.array(scores, float)
    names = tuple(names or (f"t{k}" for k in range(len(scores))))
    n = len(names)
    facts = (np.full(n, 5), 1000, np.full(n, 2), "h_score", np.full(n, 5))
    return TransferMatrix(names, names, scores, None, *facts, h_scores=scores)


def tasks_of_tree(parents, seed=0, n=4000, rho=0.85, noise=0.4):
    """Draw tasks that hang together as a tree does.

    What task v is about, s_v, is a step of an autoregression away from that of its parent, so that
    two tasks correlate by rho to the power of their distance. A network trained on it knows s_v but
    for noise, in a mixture with what has to do with no task; the labels are quartiles of s_v.
    """
    rng = np.random.default_rng(seed)
    about, features, labels = {}, {}, {}
    for name, parent in parents.items():
        fresh = rng.standard_normal(n)
        about[name] = fresh if parent is None else rho * about[parent] + np.sqrt(1 - rho**2) * fresh
        known = np.column_stack(
            [about[name] + noise * rng.standard_normal(n), rng.standard_normal((n, 3))]
        )
        features[name] = (known @ rng.standard_normal((4, 4))).astype(np.float32)
        labels[name] = np.searchsorted(np.quantile(about[name], [0.25, 0.5, 0.75]), about[name])
    return features, labels


BALANCED = {
    "root": None,
    **dict.fromkeys(["animals", "things"], "root"),
    **dict.fromkeys(["cats", "dogs"], "animals"),
    **dict.fromkeys(["cars", "chairs"], "things"),
    **dict.fromkeys(["lion", "tiger"], "cats"),
    **dict.fromkeys(["poodle", "wolf"], "dogs"),
    **dict.fromkeys(["van", "bus"], "cars"),
    **dict.fromkeys(["stool", "sofa"], "chairs"),
}
LEAVES = ["sofa", "lion", "bus", "wolf", "stool", "van", "tiger", "poodle"]


def groups(clusters):
    return {frozenset(cluster) for cluster in clusters}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("by", ["bound", "column", "diagonal"])
@pytest.mark.parametrize("of", ["scores", "adjusted"])
def test_a_known_hierarchy_of_tasks_is_found(seed, by, of):
    features, labels = tasks_of_tree(BALANCED, seed)
    matrix = transfer_matrix(
        {name: features[name] for name in LEAVES}, {name: labels[name] for name in LEAVES}
    )
    hierarchy = matrix.hierarchy(by, of=of)
    pairs = {("lion", "tiger"), ("poodle", "wolf"), ("van", "bus"), ("stool", "sofa")}
    assert groups(hierarchy.clusters(4)) == {frozenset(pair) for pair in pairs}
    assert groups(hierarchy.clusters(2)) == {
        frozenset({"lion", "tiger", "poodle", "wolf"}),
        frozenset({"van", "bus", "stool", "sofa"}),
    }
    assert hierarchy.clusters(1) == [list(hierarchy.order)]
    assert groups(hierarchy.clusters(8)) == {frozenset({name}) for name in LEAVES}


def random_tree(seed, n_tasks):
    rng = np.random.default_rng(seed)
    names = [f"task {k}" for k in rng.permutation(n_tasks)]
    return {name: None if k == 0 else names[int(rng.integers(k))] for k, name in enumerate(names)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("of", ["scores", "adjusted"])
def test_a_known_curriculum_is_found(seed, of):
    parents = random_tree(seed, 9)
    features, labels = tasks_of_tree(parents, seed)
    matrix = transfer_matrix(features, dict(sorted(labels.items())))
    root = next(iter(parents))
    found = matrix.curriculum(start=root, of=of)
    assert found.parents == parents
    # From elsewhere the same links, the other way round where they lead to the new start.
    links = {frozenset(link) for link in parents.items() if None not in link}
    free = matrix.curriculum(of=of)
    assert {frozenset(link) for link in free.parents.items() if None not in link} == links
    assert free.total >= found.total - 1e-12


def every_tree(n_tasks):
    """Give every tree over tasks as a parent for each, None for the root."""
    for choice in itertools.product(range(-1, n_tasks), repeat=n_tasks):
        if choice.count(-1) != 1:
            continue
        for task in range(n_tasks):
            seen = set()
            while task >= 0 and task not in seen:
                seen.add(task)
                task = choice[task]
            if task >= 0:
                break
        else:
            yield choice


TREES = {n: list(every_tree(n)) for n in (1, 2, 3, 4)}


def test_there_are_as_many_trees_as_cayley_says():
    assert [len(TREES[n]) for n in (1, 2, 3, 4)] == [1, 2, 9, 64]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans(), st.booleans())
def test_no_tree_is_better(seed, n, negative, given_start):
    rng = np.random.default_rng(seed)
    weights = rng.random((n, n)).round(1) if seed % 3 else rng.random((n, n))
    weights -= 0.5 * negative
    matrix = matrix_of(weights)
    start = int(rng.integers(n)) if given_start else None
    names = matrix.sources
    found = matrix.curriculum(None if start is None else names[start], by="bound")
    totals = [
        sum(weights[parent, task] for task, parent in enumerate(tree) if parent >= 0)
        for tree in TREES[n]
        if start is None or tree[start] == -1
    ]
    assert found.total == pytest.approx(max(totals), abs=1e-12)
    assert set(found.order) == set(names)
    if start is not None:
        assert found.order[0] == names[start]
    learned = [found.order[0]]
    assert found.parents[learned[0]] is None
    for task in found.order[1:]:
        column = names.index(task)
        best = max(weights[names.index(teacher), column] for teacher in learned)
        assert found.parents[task] in learned
        assert found.transferability[task] == pytest.approx(best, abs=1e-12)
        learned.append(task)


def test_a_curriculum_prints_as_a_tree_and_turns_into_data():
    curriculum = matrix_of(
        [[1, 0.9, 0.2], [0.1, 1, 0.8], [0, 0.3, 1]], ["edges", "shape", "digit"]
    ).curriculum(by="bound")
    assert isinstance(curriculum, Curriculum)
    basis = "H-score, normalized by bound"
    assert str(curriculum) == f"by {basis}\nedges\n└─ shape  0.9\n   └─ digit  0.8"
    assert curriculum.to_dict() == {
        "by": basis,
        "order": ["edges", "shape", "digit"],
        "parents": {"edges": None, "shape": "edges", "digit": "shape"},
        "transferability": {"shape": 0.9, "digit": 0.8},
        "total": pytest.approx(1.7),
    }
    with pytest.raises(ValueError, match="start must be one of the tasks edges, shape, digit"):
        matrix_of(np.eye(3), ["edges", "shape", "digit"]).curriculum("colour")
    with pytest.raises(KeyError, match="colour"):
        curriculum.children("colour")


def test_a_long_chain_is_no_recursion():
    n = 1500
    linkage = [[0, 1, 1, 2], *([n + k, k + 2, k + 2, k + 3] for k in range(n - 2))]
    hierarchy = Hierarchy(tuple(map(str, range(n))), np.array(linkage, float))
    assert len(hierarchy.order) == n
    assert str(hierarchy).count("\n") == 2 * n - 2
    assert hierarchy.to_newick().count("(") == n - 1
    assert [len(group) for group in hierarchy.clusters(3)] == [n - 2, 1, 1]


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_a_hierarchy_is_read_as_scipy_reads_it(seed, n):
    rng = np.random.default_rng(seed)
    matrix = matrix_of(rng.random((n, n)))
    hierarchy = matrix.hierarchy("bound", method="complete", metric="cityblock")
    expected = scipy_hierarchy.linkage(
        matrix.scores, method="complete", metric="cityblock", optimal_ordering=True
    )
    np.testing.assert_array_equal(hierarchy.linkage, expected)
    leaves = scipy_hierarchy.leaves_list(expected)
    assert list(hierarchy.order) == [matrix.sources[leaf] for leaf in leaves]
    for k in range(1, n + 1):
        labels = scipy_hierarchy.fcluster(expected, k, "maxclust")
        by_scipy = {
            frozenset(np.array(matrix.sources)[labels == label].tolist())
            for label in np.unique(labels)
        }
        assert groups(hierarchy.clusters(k)) == by_scipy
    with pytest.raises(ValueError, match="n_clusters must lie between 1"):
        hierarchy.clusters(n + 1)


def test_newick_holds_the_heights():
    linkage = np.array([[1, 2, 0.5, 2], [0, 3, 1.75, 3]])
    hierarchy = Hierarchy(("it's", "b", "c"), linkage)
    assert hierarchy.to_newick() == "('it''s':1.75,('b':0.5,'c':0.5):1.25);"
    assert hierarchy.to_dict()["newick"] == hierarchy.to_newick()


def digit_tasks():
    """Give tasks on the digits and features that know them: least-squares fits from half of it."""
    images, digits = load_digits()
    tasks = {
        "digit": digits,
        "odd or even": digits % 2,
        "above four": (digits > 4).astype(int),
        "loop": np.isin(digits, [0, 6, 8, 9]).astype(int),
        "which loop": np.where(np.isin(digits, [0, 6, 8, 9]), digits, -1),
    }
    learn = np.arange(len(digits)) % 2 == 0
    x = np.column_stack([images, np.ones(len(images))])
    features = {}
    for name, y in tasks.items():
        indicators = (y[:, np.newaxis] == np.unique(y)).astype(float)
        fit = np.linalg.lstsq(x[learn], indicators[learn], rcond=None)[0]
        features[name] = (x @ fit)[~learn]
    return features, {name: y[~learn] for name, y in tasks.items()}


def test_the_tasks_on_the_digits():
    """What must hold of them: which digit says everything else, and which loop says loop."""
    features, labels = digit_tasks()
    matrix = transfer_matrix(features, labels)
    np.testing.assert_allclose(np.diag(matrix.normalized("diagonal")), 1)
    curriculum = matrix.curriculum()
    assert curriculum.order[0] == "digit"
    assert curriculum.parents["which loop"] == "digit"
    assert curriculum.parents["loop"] in ("digit", "which loop")
    assert ["which loop", "loop"] in matrix.hierarchy().clusters(4)
    assert next(iter(matrix.consensus())) == "digit"
