"""In which order to learn tasks: each from the best source among those learned before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._results.tables import Displayed, Page
from hscore_fast._transfer.text_tree import text_tree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curriculum", "plan"]


@dataclass(frozen=True, eq=False, repr=False)
class Curriculum(Displayed):
    """A tree of tasks and an order along it, as :meth:`TransferMatrix.curriculum` finds them.

    Attributes
    ----------
    order : tuple of str
        The tasks as they are learned. The first has no teacher; each next one is, of those whose
        teacher has been learned, the one to which the transfer is best.
    parents : dict of str to str or None
        The task that each is learned from, in the same order.
    transferability : dict of str to float
        The normalized score of that transfer, for all tasks but the first.
    by : str
        Which score, and how it was normalized; empty if that was not said.

    Examples
    --------
    >>> from hscore_fast import Curriculum
    >>> parents = {"edges": None, "shape": "edges", "digit": "shape", "ink": "edges"}
    >>> transferability = {"shape": 0.7, "digit": 0.8, "ink": 0.2}
    >>> curriculum = Curriculum(tuple(parents), parents, transferability)
    >>> print(curriculum)
    edges
    ├─ shape  0.7
    │  └─ digit  0.8
    └─ ink  0.2
    >>> round(curriculum.total, 12), curriculum.children("edges")
    (1.7, ['shape', 'ink'])
    """

    order: tuple[str, ...]
    parents: Mapping[str, str | None]
    transferability: Mapping[str, float]
    by: str = ""

    @property
    def total(self) -> float:
        """The sum of the transferabilities, which no other tree exceeds."""
        return sum(self.transferability.values())

    def children(self, task: str) -> list[str]:
        """Say what is learned from a task.

        Parameters
        ----------
        task : str
            One of the tasks.

        Returns
        -------
        list of str
            In the order of learning.

        Raises
        ------
        KeyError
            If there is no such task.
        """
        if task not in self.parents:
            raise KeyError(task)
        return [name for name, parent in self.parents.items() if parent == task]

    def plot(self, title: str | None = None, *, ax: Axes | None = None) -> Figure:
        """Draw the tree; needs matplotlib.

        Parameters
        ----------
        title : str, optional
            Over the figure.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a figure of its own, which notebooks show.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from hscore_fast import plots

        return plots.tree(self.parents, self.transferability, title=title, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as lists, strings and numbers.

        Returns
        -------
        dict
            ``by``, ``order``, ``parents``, ``transferability`` and ``total``.
        """
        return {
            "by": self.by,
            "order": list(self.order),
            "parents": dict(self.parents),
            "transferability": dict(self.transferability),
            "total": self.total,
        }

    def __repr__(self) -> str:
        return f"<Curriculum of {len(self.order)} tasks, from {self.order[0]!r}>"

    def _page(self) -> Page:
        def shown(task: str) -> str:
            if task not in self.transferability:
                return task
            return f"{task}  {self.transferability[task]:.3g}"

        tree = text_tree(self.order[0], self.children, shown)
        return Page(tree=f"by {self.by}\n{tree}" if self.by else tree)


def plan(
    names: Sequence[str], transferability: NDArray[np.float64], start: str | None, by: str = ""
) -> Curriculum:
    """Find the best tree; entry (i, j) is the transferability from task i to task j.

    It is a maximum spanning arborescence, found by Chu, Liu and Edmonds's algorithm. In the order
    of learning each task's parent is then the best of all tasks learned before: any other of them
    is no descendant, so that learning from it would be a tree, too, and its sum would be larger.
    """
    if start is not None and start not in names:
        raise ValueError(f"start must be one of the tasks {', '.join(names)}, got {start!r}")
    if len(names) == 1:
        return Curriculum(tuple(names), {names[0]: None}, {}, by)
    parent = _arborescence(transferability, None if start is None else list(names).index(start))
    (root,) = (task for task in range(len(names)) if task not in parent)
    order = [root]
    while len(order) < len(names):
        ready = [task for task in parent if parent[task] in order and task not in order]
        order.append(max(ready, key=lambda task: (transferability[parent[task], task], -task)))
    return Curriculum(
        tuple(names[task] for task in order),
        {names[task]: names[parent[task]] if task != root else None for task in order},
        {names[task]: float(transferability[parent[task], task]) for task in order[1:]},
        by,
    )


def _arborescence(weights: NDArray[np.float64], root: int | None) -> dict[int, int]:
    """Return the parent of every task but the root."""
    try:
        import networkx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a curriculum needs networkx, which is not installed: pip install networkx",
            name="networkx",
        ) from error
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(weights)))
    graph.add_weighted_edges_from(
        (source, target, float(weight))
        for (source, target), weight in np.ndenumerate(weights)
        if source != target and target != root
    )
    tree = networkx.maximum_spanning_arborescence(graph)
    return {target: source for source, target in tree.edges}
