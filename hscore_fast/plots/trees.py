"""Hierarchies and curricula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from hscore_fast.plots.figure import COLOURS, GREY, SMALL, new_figure, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["dendrogram", "tree"]


def dendrogram(
    linkage: ArrayLike,
    names: Sequence[str],
    *,
    label: str = "distance of transferability profiles",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a hierarchy as a dendrogram, its leaves on the left.

    Parameters
    ----------
    linkage : array_like of shape (n - 1, 4)
        As SciPy's ``linkage`` returns it.
    names : sequence of str
        Of the n leaves.
    label : str
        What the heights are.
    title : str, optional
        Over the figure.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, which notebooks show.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the number of names is not that of the leaves.
    ModuleNotFoundError
        If matplotlib or SciPy is not installed.

    Examples
    --------
    >>> from hscore_fast.plots import dendrogram
    >>> figure = dendrogram([[0, 1, 0.2, 2], [2, 3, 0.7, 3]], ["cat", "dog", "car"])
    """
    merges = numbers(linkage, "linkage", (len(names) - 1, 4))
    figure, (axes,) = new_figure(6.4, 1.0 + 0.26 * len(names), title, ax=ax)
    from scipy.cluster import hierarchy

    drawing = hierarchy.dendrogram(merges, labels=list(names), no_plot=True)
    for x, y in zip(drawing["dcoord"], drawing["icoord"], strict=True):
        axes.plot(x, y, color=COLOURS[0], linewidth=1.2)
    # SciPy's leaves stand 10 apart, beginning at 5.
    axes.set_yticks([5 + 10 * i for i in range(len(names))], drawing["ivl"])
    axes.set_ylim(0, 10 * len(names))
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label)
    return figure


def tree(
    parents: Mapping[str, str | None],
    weights: Mapping[str, float] | None = None,
    *,
    label: str = "numbers: normalized transferability",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a tree of tasks from its root on the left, an arrow from each task to what it teaches.

    Parameters
    ----------
    parents : mapping of str to str or None
        Each task's parent, None for the root; parents come before their children.
    weights : mapping of str to float, optional
        Numbers for the arrows, by the task they lead to.
    label : str
        What the numbers are.
    title : str, optional
        Over the figure.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, which notebooks show.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a task comes before its parent.
    ModuleNotFoundError
        If matplotlib is not installed.

    Examples
    --------
    >>> from hscore_fast.plots import tree
    >>> figure = tree({"edges": None, "digits": "edges"}, {"digits": 0.8})
    """
    depth: dict[str, int] = {}
    children: dict[str, list[str]] = {name: [] for name in parents}
    for name, parent in parents.items():
        if parent is not None and parent not in depth:
            raise ValueError(f"{name!r} comes before its parent {parent!r}")
        depth[name] = 0 if parent is None else depth[parent] + 1
        if parent is not None:
            children[parent].append(name)
    heights = _heights(parents, children)
    leaves = sum(not below for below in children.values())
    levels = 1 + max(depth.values(), default=0)
    column = 0.9 + 0.085 * max(map(len, parents), default=0)
    figure, (axes,) = new_figure(max(3.2, column * levels), 0.9 + 0.42 * leaves, title, ax=ax)
    boxes: dict[str, Any] = {}
    for name, parent in parents.items():
        at = (depth[name], heights[name])
        text = axes.annotate(
            name,
            at,
            ha="center",
            va="center",
            fontsize=9,
            bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": COLOURS[0]},
            zorder=2,
        )
        boxes[name] = text.get_bbox_patch()
        if parent is None:
            continue
        start = (depth[parent], heights[parent])
        # Drawn after the boxes, whose places are known only then; the arrow spans the gap.
        arrow = {
            "arrowstyle": "-|>",
            "color": GREY,
            "linewidth": 1.0,
            "patchA": boxes[parent],
            "patchB": boxes[name],
            "shrinkA": 2,
            "shrinkB": 2,
        }
        axes.annotate("", xy=at, xytext=start, arrowprops=arrow, zorder=3)
        if weights and name in weights:
            axes.text(
                start[0] + 0.5 * (at[0] - start[0]),
                start[1] + 0.5 * (at[1] - start[1]),
                f"{weights[name]:.2f}",
                ha="center",
                va="center",
                fontsize=SMALL,
                color="black",
                bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"},
                zorder=4,
            )
    axes.set_xlim(-0.5, levels - 0.5)
    axes.set_ylim(leaves - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    if weights:
        axes.set_xlabel(label, fontsize=SMALL)
    return figure


def _heights(
    parents: Mapping[str, str | None], children: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Put leaves on lines of their own and everything else between its children."""
    heights: dict[str, float] = {}
    waiting = [name for name, parent in parents.items() if parent is None][::-1]
    order = []
    while waiting:
        order.append(waiting.pop())
        waiting += children[order[-1]][::-1]
    for name in order:
        if not children[name]:
            heights[name] = float(len(heights))
    for name in reversed(order):
        if children[name]:
            below = [heights[child] for child in children[name]]
            heights[name] = (below[0] + below[-1]) / 2
    return heights
