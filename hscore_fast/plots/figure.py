"""Start, colour and write a figure: the parts that all figures share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "GREY", "MARKERS", "SMALL", "new_figure", "numbers", "save"]

FORMATS = (".png", ".svg", ".pdf")

# Okabe and Ito's colours (2008), which people with any common colour blindness can tell apart; the
# markers differ too, for prints without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#6E6E6E")
MARKERS = "osD^vPX*<>"
GREY = "#6E6E6E"
SMALL = 8


def new_figure(
    width: float,
    height: float,
    title: str | None,
    shape: tuple[int, int] = (1, 1),
    own_heights: bool = False,
    ax: Axes | None = None,
) -> tuple[Figure, list[Axes]]:
    """Make a figure of its own with rows of axes, which share the vertical axis unless told.

    If `ax` is given, that is styled and returned with the figure that it belongs to.
    """
    try:
        from hscore_fast.plots.shown import ShownFigure
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ModuleNotFoundError(
            "figures need matplotlib, which is not installed: pip install matplotlib",
            name="matplotlib",
        ) from error

    figure: Figure
    if ax is not None:
        figure, panels = cast("Figure", ax.figure), [ax]
    else:
        figure = ShownFigure(figsize=(width, height), layout="constrained")
        panels = list(
            figure.subplots(*shape, sharey="col" if own_heights else "all", squeeze=False).flat
        )
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=SMALL)
        axes.xaxis.label.set_fontsize(9)
        axes.yaxis.label.set_fontsize(9)
    if title is not None and ax is not None:
        ax.set_title(title, fontsize=10)
    elif title is not None:
        figure.suptitle(title, fontsize=10)
    return figure, panels


def numbers(values: ArrayLike, what: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the values as float64, or say that their shape does not match the rest."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{what} must have shape {shape} to match the rest, got {array.shape}")
    return array


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure; the ending chooses the format.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to write.
    path : str or path-like
        It ends in .svg or .pdf for vectors, .png for pixels.

    Raises
    ------
    ValueError
        If it ends otherwise.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> from hscore_fast.plots import ranking, save
    >>> save(ranking(["a", "b"], [1.0, 2.0]), "ranking.docx")
    Traceback (most recent call last):
    ValueError: a figure's file must end in one of .png, .svg, .pdf, got 'ranking.docx'
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise ValueError(
            f"a figure's file must end in one of {', '.join(FORMATS)}, got {str(path)!r}"
        )
    dates: dict[str, dict[str, Any]] = {
        ".svg": {"Date": None},
        ".pdf": {"CreationDate": None, "ModDate": None},
        ".png": {},
    }
    figure.savefig(path, dpi=200, metadata=dates[ending])  # no date: the same figure again
