"""The study as a figure."""

import numpy as np

from .tables import agreements, task_means

__all__ = ["draw"]


def draw(halves, path):
    """Draw each score's Spearman correlation, a dot for each task, and write the figure.

    Parameters
    ----------
    halves : dict of str to list
        The cells of each half, by its name.
    path : path-like
        Where to; the ending names the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    offsets = np.linspace(-0.15, 0.15, max(len(halves), 2))
    names = []
    for offset, color, (half, cells) in zip(offsets, ("C0", "C1"), halves.items(), strict=False):
        means = task_means(agreements(cells), "spearman")
        names = list(means)
        for row, values in enumerate(means.values()):
            places = np.full(len(values), row + offset)
            axes.plot(values, places, "o", color=color, alpha=0.4, markersize=5)
            axes.plot(
                values.mean(),
                row + offset,
                "|",
                color=color,
                markersize=14,
                markeredgewidth=2.5,
                label=f"{half}: mean" if row == 0 else None,
            )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(0, color="0.8", zorder=0)
    axes.set_xlabel("Spearman correlation with the accuracy of a tuned probe, a dot for each task")
    axes.legend(loc="lower left")
    figure.savefig(path)
