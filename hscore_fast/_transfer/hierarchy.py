"""Which sources resemble each other: a hierarchy of what they transfer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._results.tables import Displayed, Page
from hscore_fast._transfer.text_tree import text_tree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Hierarchy", "cluster"]


@dataclass(frozen=True, eq=False, repr=False)
class Hierarchy(Displayed):
    """Merges of ever larger groups of sources, as :meth:`TransferMatrix.hierarchy` finds them.

    Attributes
    ----------
    names : tuple of str
        The sources.
    linkage : ndarray of float64, shape (n_sources - 1, 4)
        The merges, as SciPy's ``linkage`` gives them: row i joins the two clusters that its first
        two numbers name, at the distance that is the third, into cluster ``n_sources + i``.

    Examples
    --------
    >>> import numpy as np
    >>> from hscore_fast import Hierarchy
    >>> linkage = np.array([[0, 2, 0.1, 2], [1, 3, 0.5, 3]])
    >>> hierarchy = Hierarchy(("cat", "car", "dog"), linkage)
    >>> print(hierarchy)
    0.5
    ├─ car
    └─ 0.1
       ├─ cat
       └─ dog
    >>> hierarchy.clusters(2)
    [['car'], ['cat', 'dog']]
    >>> hierarchy.to_newick()
    "('car':0.5,('cat':0.1,'dog':0.1):0.4);"
    """

    names: tuple[str, ...]
    linkage: NDArray[np.float64]

    @property
    def order(self) -> tuple[str, ...]:
        """The sources so that clusters stand together, as in the dendrogram."""
        return tuple(self.names[leaf] for leaf in self._leaves(self._root))

    def clusters(self, n_clusters: int) -> list[list[str]]:
        """Cut the hierarchy into groups.

        Parameters
        ----------
        n_clusters : int
            From 1 to the number of sources.

        Returns
        -------
        list of list of str
            The groups, in the order of the dendrogram.

        Raises
        ------
        ValueError
            If there cannot be so many.
        """
        if not 1 <= n_clusters <= len(self.names):
            raise ValueError(
                f"n_clusters must lie between 1 and the number of sources, {len(self.names)}, "
                f"got {n_clusters}"
            )
        # The last merges are undone first: SciPy gives them by increasing distance.
        kept = len(self.names) + len(self.linkage) - (n_clusters - 1)
        groups, waiting = [], [self._root]
        while waiting:
            node = waiting.pop()
            if node < kept:
                groups.append([self.names[leaf] for leaf in self._leaves(node)])
            else:
                waiting += self._children(node)[::-1]
        return groups

    def to_newick(self) -> str:
        """Write the tree in the Newick format, which phylogenetics programs read.

        Returns
        -------
        str
            Names in quotes, branch lengths that add up to the height of a merge, a semicolon.
        """
        written: dict[int, str] = {
            leaf: "'" + name.replace("'", "''") + "'" for leaf, name in enumerate(self.names)
        }
        for node in range(len(self.names), self._root + 1):
            height = self._height(node)
            parts = [
                f"{written.pop(child)}:{height - self._height(child):.6g}"
                for child in self._children(node)
            ]
            written[node] = f"({','.join(parts)})"
        return written[self._root] + ";"

    def plot(self, title: str | None = None, *, ax: Axes | None = None) -> Figure:
        """Draw the dendrogram; needs matplotlib and SciPy.

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

        return plots.dendrogram(self.linkage, self.names, title=title, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as lists, strings and numbers.

        Returns
        -------
        dict
            ``names``, ``linkage``, ``order`` and ``newick``.
        """
        return {
            "names": list(self.names),
            "linkage": self.linkage.tolist(),
            "order": list(self.order),
            "newick": self.to_newick(),
        }

    def __repr__(self) -> str:
        return f"<Hierarchy of {len(self.names)} sources>"

    def _page(self) -> Page:
        tree = text_tree(
            self._root,
            self._children,
            lambda node: (
                self.names[node] if node < len(self.names) else f"{self._height(node):.3g}"
            ),
        )
        return Page(tree=tree)

    @property
    def _root(self) -> int:
        return len(self.names) + len(self.linkage) - 1

    def _children(self, node: int) -> list[int]:
        if node < len(self.names):
            return []
        return [int(child) for child in self.linkage[node - len(self.names), :2]]

    def _height(self, node: int) -> float:
        return 0.0 if node < len(self.names) else float(self.linkage[node - len(self.names), 2])

    def _leaves(self, node: int) -> list[int]:
        leaves, waiting = [], [node]
        while waiting:
            node = waiting.pop()
            if node < len(self.names):
                leaves.append(node)
            waiting += self._children(node)[::-1]
        return leaves


def cluster(names: tuple[str, ...], profiles: ArrayLike, method: str, metric: str) -> Hierarchy:
    """Cluster sources by their profiles, a row each."""
    values = np.asarray(profiles, dtype=np.float64)
    if len(names) < 2:
        raise ValueError(f"a hierarchy needs at least two sources, got {len(names)}")
    try:
        from scipy.cluster import hierarchy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a hierarchy needs SciPy, which is not installed: pip install scipy",
            name="scipy",
        ) from error
    # SciPy's stubs list the names it knows; it refuses others itself.
    options: Any = {"method": method, "metric": metric, "optimal_ordering": True}
    return Hierarchy(names, hierarchy.linkage(values, **options))
