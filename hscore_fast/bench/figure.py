"""The ratios of a report as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hscore_fast.bench.contenders import NAMES
from hscore_fast.bench.results import Row

__all__ = ["save"]

_MARKS = {"syrk": "o", "numpy": "s", "reference": "D"}


def save(report: dict[str, Any], path: Path) -> None:
    """Draw our time over each rival's, a line for each row of the main table.

    Parameters
    ----------
    report : dict
        As `hscore_fast.bench.run.as_dict` returns it.
    path : Path
        Its ending chooses the format: ``.png``, ``.svg``, ``.pdf``.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    ValueError
        If there is nothing to draw or the format is unknown.
    """
    from matplotlib.figure import Figure

    found: list[Row] = [row for row in report["rows"] if row["kind"] == "score"]
    if not found:
        raise ValueError("there is nothing to draw: no whole score was timed")
    figure = Figure(figsize=(9, 1.6 + 0.24 * len(found)), layout="constrained")
    axes = figure.subplots()
    for name, mark in _MARKS.items():
        points = [
            (row["ratio"][name], line) for line, row in enumerate(found) if name in row["ratio"]
        ]
        if not points:
            continue
        middle = [ratio["median"] for ratio, _ in points]
        axes.errorbar(
            middle,
            [line for _, line in points],
            xerr=(
                [ratio["median"] - ratio["low"] for ratio, _ in points],
                [ratio["high"] - ratio["median"] for ratio, _ in points],
            ),
            fmt=mark,
            markersize=4,
            elinewidth=1,
            label=NAMES[name],
        )
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(found)), [_label(row) for row in found], fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", linewidth=0.3)
    axes.set_xlabel("time of hscore-fast over the other's; left of 1, hscore-fast is faster")
    machine = report["machine"]
    figure.suptitle(
        f"hscore-fast {machine['hscore_fast']} ({machine['isa']}) on {machine['cpu']}", fontsize=9
    )
    figure.legend(loc="outside lower center", ncols=len(_MARKS), fontsize=8)
    figure.savefig(path, dpi=150)


def _label(row: Row) -> str:
    shape = f"{row['n_samples']:,} x {row['n_features']:,} x {row['n_classes']:,}"
    return f"{shape} {row['dtype']} ({row['precision']}), {row['threads']} thr."
