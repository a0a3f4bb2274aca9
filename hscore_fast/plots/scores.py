"""Scores: as a ranking, and against what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast.plots.figure import COLOURS, MARKERS, SMALL, new_figure, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["agreement", "classes", "ranking"]

_MOST_CLASSES = 40


def ranking(
    names: Sequence[str],
    scores: ArrayLike,
    errors: ArrayLike | None = None,
    *,
    tied: Sequence[bool] | None = None,
    label: str = "H-score",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw scores as a ranking, the best on top, with error bars.

    Parameters
    ----------
    names : sequence of str
        What was scored.
    scores : array_like of shape (n,)
        One score each, in any order; those that are nan stand last, without a mark.
    errors : array_like of shape (n,), optional
        Standard errors; the bars are one long to each side.
    tied : sequence of bool, optional
        Which cannot be told from the best; they are filled, the others hollow.
    label : str
        What the scores are, under the axis.
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
        If the lengths differ.
    ModuleNotFoundError
        If matplotlib is not installed.

    Examples
    --------
    >>> from hscore_fast.plots import ranking
    >>> figure = ranking(["resnet", "vit"], [3.1, 3.4], [0.1, 0.1], tied=[False, True])
    """
    values = numbers(scores, "scores", (len(names),))
    bars = None if errors is None else numbers(errors, "errors", values.shape)
    filled = [True] * len(names) if tied is None else list(tied)
    if len(filled) != len(names):
        raise ValueError(f"tied must have one entry per name, got {len(filled)} for {len(names)}")
    order = _best_first(values)
    figure, (axes,) = new_figure(6.4, 1.0 + 0.26 * max(len(names), 2), title, ax=ax)
    for place, index in enumerate(order):
        if math.isnan(values[index]):
            continue
        axes.errorbar(
            values[index],
            place,
            xerr=None if bars is None else bars[index],
            fmt="o",
            color=COLOURS[0],
            markerfacecolor=COLOURS[0] if filled[index] else "white",
            markersize=5,
            elinewidth=1.1,
            capsize=2.5,
        )
    _name_rows(axes, [names[i] for i in order])
    notes = []
    if bars is not None:
        notes.append("bars: one standard error")
    if tied is not None and not all(filled):
        notes.append("filled: tied with the best")
    axes.set_xlabel("\n".join(filter(None, [label, "; ".join(notes)])))
    return figure


def classes(
    names: Sequence[str],
    r_squared: ArrayLike,
    *,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw how well each class is told from the rest, the best on top.

    Parameters
    ----------
    names : sequence of str
        The classes. Of more than 40 the 20 best and the 20 worst are drawn.
    r_squared : array_like of shape (n,)
        For each class the share of the variance of its indicator that the features explain, as in
        ``class_r_squared`` of a report.
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
        If the lengths differ.
    ModuleNotFoundError
        If matplotlib is not installed.

    Examples
    --------
    >>> from hscore_fast.plots import classes
    >>> figure = classes(["cat", "dog", "car"], [0.4, 0.5, 0.9])
    """
    values = numbers(r_squared, "r_squared", (len(names),))
    order = _best_first(values)
    hidden = len(order) - _MOST_CLASSES
    if hidden > 0:
        half = _MOST_CLASSES // 2
        order = order[:half] + order[-half:]
    figure, (axes,) = new_figure(6.4, 1.0 + 0.22 * max(len(order), 2), title, ax=ax)
    axes.barh(range(len(order)), values[order], color=COLOURS[0], height=0.62)
    _name_rows(axes, [names[i] for i in order])
    axes.set_xlim(0, 1)
    label = "R squared of each class: 1 if a linear function of the features tells it from the rest"
    axes.set_xlabel(f"{label}\n{hidden} classes between not shown" if hidden > 0 else label)
    return figure


def _best_first(values: NDArray[np.float64]) -> list[int]:
    """Return the places of the values from the highest on, nan last, equal ones in order."""
    return sorted(range(len(values)), key=lambda i: (math.isnan(values[i]), -values[i], i))


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Give each name a row, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", linewidth=0.4, color="#D0D0D0")
    axes.set_axisbelow(True)


def agreement(
    scores: Mapping[str, ArrayLike],
    accuracy: ArrayLike | Mapping[str, ArrayLike],
    *,
    groups: Sequence[str] | None = None,
    score_errors: Mapping[str, ArrayLike] | None = None,
    accuracy_errors: ArrayLike | Mapping[str, ArrayLike] | None = None,
    notes: Mapping[str, str] | None = None,
    n_columns: int | None = None,
    accuracy_label: str = "measured accuracy",
    title: str | None = None,
) -> Figure:
    """Draw measured accuracy against scores, one panel for each kind of score.

    Parameters
    ----------
    scores : mapping of str to array_like of shape (n,)
        Kinds of scores by their names, which stand under the axes.
    accuracy : array_like of shape (n,), or mapping of such
        What was measured, in the same order; the same for all panels, or for each by its name.
    groups : sequence of str, optional
        To which group each point belongs; every group has a colour and a mark of its own.
    score_errors : mapping of str to array_like of shape (n,), optional
        Standard errors of some of the kinds.
    accuracy_errors : array_like of shape (n,), or mapping of such, optional
        Standard errors of the accuracy.
    notes : mapping of str to str, optional
        Text in the corner of some of the panels, such as a correlation.
    n_columns : int, optional
        Panels side by side; by default all.
    accuracy_label : str
        What was measured, beside the axis.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the lengths differ or there is nothing to draw.
    ModuleNotFoundError
        If matplotlib is not installed.

    Examples
    --------
    >>> from hscore_fast.plots import agreement
    >>> figure = agreement({"H-score": [0.1, 0.5, 0.9]}, [0.6, 0.7, 0.9])
    """
    if not scores:
        raise ValueError("scores must hold at least one kind of score, got none")
    columns = len(scores) if n_columns is None else n_columns
    rows = -(-len(scores) // columns)
    figure, panels = new_figure(
        1.2 + 2.9 * columns, 0.9 + 2.7 * rows, title, (rows, columns), isinstance(accuracy, Mapping)
    )
    for axes in panels[len(scores) :]:
        axes.set_visible(False)
    names: list[str] = []
    for axes, (kind, given) in zip(panels, scores.items(), strict=False):
        y = np.asarray(_of(accuracy, kind), dtype=np.float64)
        y = numbers(y, "accuracy", (y.size,))
        names = ["" for _ in y] if groups is None else list(groups)
        if len(names) != len(y):
            raise ValueError(f"groups must have one entry per point, got {len(names)} for {len(y)}")
        x = numbers(given, kind, y.shape)
        x_bars, y_bars = _of(score_errors or {}, kind), _of(accuracy_errors, kind)
        bars = None if x_bars is None else numbers(x_bars, f"errors of {kind}", y.shape)
        y_bars = None if y_bars is None else numbers(y_bars, "accuracy_errors", y.shape)
        for number, group in enumerate(dict.fromkeys(names)):
            here = np.array([name == group for name in names])
            axes.errorbar(
                x[here],
                y[here],
                xerr=None if bars is None else bars[here],
                yerr=None if y_bars is None else y_bars[here],
                fmt=MARKERS[number % len(MARKERS)],
                color=COLOURS[number % len(COLOURS)],
                markersize=4.5,
                markeredgecolor="white",
                markeredgewidth=0.4,
                elinewidth=0.7,
                alpha=0.9,
                label=group,
            )
        axes.set_xlabel(kind)
        axes.grid(linewidth=0.4, color="#D0D0D0")
        axes.set_axisbelow(True)
        if notes and kind in notes:
            axes.set_title(notes[kind], fontsize=SMALL, loc="left")
    for axes in panels[::columns]:
        axes.set_ylabel(accuracy_label)
    if groups is not None:
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=min(len(labels), 5),
            frameon=False,
            fontsize=9,
        )
    return figure


def _of(values: Any, kind: str) -> Any:
    """Return what belongs to one panel."""
    return values.get(kind) if isinstance(values, Mapping) else values
