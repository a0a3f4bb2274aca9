"""Scores of sources against targets, as colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hscore_fast.plots.figure import SMALL, new_figure, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["heat_map"]

_MOST_CELLS_WITH_TEXT = 400


def heat_map(
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    label: str = "H-score",
    row_label: str = "source",
    column_label: str = "target",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a matrix as colours, with its numbers where they fit.

    Parameters
    ----------
    values : array_like of shape (n_rows, n_columns)
        The matrix; nan is left white.
    rows, columns : sequence of str
        Names.
    label, row_label, column_label : str
        What the numbers, the rows and the columns are.
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
        If the shapes differ.
    ModuleNotFoundError
        If matplotlib is not installed.

    Examples
    --------
    >>> from hscore_fast.plots import heat_map
    >>> figure = heat_map([[0.9, 0.2], [0.4, 0.8]], ["a", "b"], ["a", "b"])
    """
    matrix = numbers(values, "values", (len(rows), len(columns)))
    width = 2.4 + 0.52 * len(columns)
    figure, (axes,) = new_figure(width, 1.7 + 0.30 * len(rows), title, ax=ax)
    # cividis: perceptually uniform and made for colour blindness.
    lowest, highest = np.nanmin(matrix), np.nanmax(matrix)
    image = axes.imshow(matrix, cmap="cividis", aspect="auto")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.set_xlabel(column_label)
    axes.set_ylabel(row_label)
    if matrix.size <= _MOST_CELLS_WITH_TEXT:
        for (row, column), value in np.ndenumerate(matrix):
            if not math.isnan(value):
                dark = value < (lowest + highest) / 2
                axes.text(
                    column,
                    row,
                    f"{value:.2f}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if dark else "black",
                )
    bar = figure.colorbar(image, ax=axes, shrink=0.9)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    return figure
