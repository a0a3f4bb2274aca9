"""Draw docs/figures/performance.svg from the tables of docs/performance-run.md.

Run it as ``python benchmarks/performance_chart.py`` after the run has been replaced.
"""

from __future__ import annotations

from pathlib import Path

from hscore_fast.plots.figure import COLOURS, MARKERS, new_figure, save

DOCS = Path(__file__).parents[1] / "docs"
LINES = {
    "hscore-fast ms": "hscore-fast",
    "NumPy ms": "NumPy at its best",
    "reference ms": "definition",
}
CASE = {"N": "20,000", "C": "100", "dtype": "float32", "thr.": "2", "precision": "auto"}


def rows(text: str) -> list[dict[str, str]]:
    """Read the rows of the first table of whole scores."""
    section = text.split("## Whole score\n", 1)[1].split("\n## ", 1)[0]
    header, _, *lines = [line for line in section.splitlines() if line.startswith("|")]
    names = [cell.strip() for cell in header.strip("|").split("|")]
    return [
        dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True))
        for line in lines
    ]


def main() -> None:
    """Draw times against the number of features, both on logarithmic scales."""
    table = rows((DOCS / "performance-run.md").read_text(encoding="utf-8"))
    chosen = [row for row in table if all(row[key] == value for key, value in CASE.items())]
    figure, (axes,) = new_figure(6.4, 3.4, None)
    for number, (key, label) in enumerate(LINES.items()):
        points = [
            (float(row["F"].replace(",", "")), float(row[key].replace(",", "")))
            for row in chosen
            if row[key] != "-"
        ]
        x, y = zip(*points, strict=True)
        axes.plot(x, y, color=COLOURS[number], marker=MARKERS[number], markersize=5)
        axes.annotate(
            label,
            (x[-1], y[-1]),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS[number],
            fontsize=9,
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({float(row["F"].replace(",", "")) for row in chosen})
    axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axes.set_xlim(right=ticks[-1] * 2.2)
    axes.set_xlabel("features")
    axes.set_ylabel("milliseconds")
    axes.grid(linewidth=0.4, color="#D0D0D0")
    save(figure, DOCS / "figures" / "performance.svg")


if __name__ == "__main__":
    main()
