"""``hscore-fast demo``: does the score predict what training finds? On real images."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hscore_fast.cli.figures import FORMATS, require
from hscore_fast.cli.messages import BadInput, complain, one_line_each
from hscore_fast.cli.options import JsonOption
from hscore_fast.cli.progress import share_bar
from hscore_fast.cli.tables import Column, Value, write_json, write_rows
from hscore_fast.demo import figures, study
from hscore_fast.demo.tasks import RANDOM, UNTRAINED

_FORM_NAMES = {
    "cross_validated_h_score": "cross-validated",
    "h_score": "plain",
    "regularized_h_score": "regularized",
    "adjusted_h_score": "adjusted",
}
_PACKAGES = ("sklearn", "scipy", "networkx", "matplotlib", "threadpoolctl")

_MEASUREMENTS = (
    Column("target", "Target"),
    Column("source", "Network"),
    Column("layer", "Layer"),
    Column("width", "Width"),
    Column("cross_validated_h_score", "Cross-\nvalidated", "{:.3f}".format),
    Column("cross_validated_error", "Error", "{:.3f}".format),
    Column("h_score", "H-score", "{:.3f}".format),
    Column("regularized_h_score", "Regul-\narized", "{:.3f}".format),
    Column("adjusted_h_score", "Ad-\njusted", "{:.3f}".format),
    Column("accuracy", "Accu-\nracy", "{:.3f}".format),
    Column("accuracy_error", "Error", "{:.3f}".format),
)
_CORRELATIONS = (
    Column("target", "Target"),
    Column("form", "Form"),
    Column("pearson", "Pearson", "{:.2f}".format),
    Column("spearman", "Spearman", "{:.2f}".format),
    Column("spearman_of_last", "Spearman,\nlast layers", "{:.2f}".format),
)


def demo(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the figures go; it is made if need be.")
    ] = Path("hscore-demo"),
    form: Annotated[str, typer.Option("--format", help="Of the figures: svg, pdf or png.")] = "svg",
    quick: Annotated[
        bool, typer.Option("--quick", help="Train less and fewer networks, in a few seconds.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train networks on handwritten digits and see whether the H-score predicts their use.

    Each network learns another task. Scores of its hidden layers, from a few labels of tasks that
    it has never seen, stand beside the accuracy of linear probes. Takes about a minute.
    """
    if f".{form}" not in FORMATS:
        known = ", ".join(ending.removeprefix(".") for ending in FORMATS)
        raise BadInput(f"--format must be one of {known}, got {form!r}")
    for package in _PACKAGES:
        require(package, "demo")
    with one_line_each():
        out.mkdir(parents=True, exist_ok=True)
        begin = time.perf_counter()
        with share_bar() as tell:
            found = study.run(study.QUICK if quick else study.FULL, tell)
        seconds = time.perf_counter() - begin
        paths = figures.save(found, out, form)
    if as_json:
        write_json(_as_dict(found, seconds, paths))
        return
    if not sys.stdout.isatty():
        write_rows("", _MEASUREMENTS, [asdict(each) for each in found.measurements], "")
        print()
        write_rows("", _CORRELATIONS, [asdict(each) for each in found.correlations], "")
        complain(f"the figures are in {str(out)!r}")
        return
    _show(found)
    print(f"Took {seconds:.0f} s. Figures:")
    for path in paths:
        print(f"  {path}")


def _as_dict(found: study.Study, seconds: float, paths: list[Path]) -> dict[str, Any]:
    return {
        "data": "UCI handwritten digits",
        "seed": study.SEED,
        "images": {
            "source": found.plan.n_source,
            "labelled": found.plan.n_labelled,
            "test": found.n_test,
        },
        "measurements": [asdict(each) for each in found.measurements],
        "correlations": [asdict(each) for each in found.correlations],
        "matrix": found.matrix.to_dict(),
        "hierarchy": found.matrix.hierarchy().to_dict(),
        "curriculum": found.tasks.curriculum().to_dict(),
        "largest_difference_from_reference": found.largest_difference,
        "seconds": seconds,
        "figures": [str(path) for path in paths],
    }


def _show(found: study.Study) -> None:
    """Write tables and what they say on a terminal."""
    target = found.plan.targets[0]
    ranking: list[dict[str, Value]] = [asdict(each) for each in found.on(target)]
    for row in ranking:
        row["source"] = row["source"] if row["layer"] else f"({row['source']})"
    write_rows(
        f"Hidden layers for the task {target!r}, best cross-validated score first",
        [column for column in _MEASUREMENTS if column.key not in ("target", "width")],
        ranking,
        f"Scores from {found.plan.n_labelled} labelled images; the first error is the standard "
        f"error of the cross-validated score. Accuracy: of a linear probe trained on the same "
        f"{found.plan.n_labelled}, on {found.n_test} others.\n",
    )
    correlations: list[dict[str, Value]] = [
        {**asdict(each), "form": _FORM_NAMES[each.form]} for each in found.correlations
    ]
    n_layers = len(ranking)
    write_rows(
        f"Correlation of score and accuracy, over {n_layers} layers",
        _CORRELATIONS,
        correlations,
        f"{_verdict(found)}\n\n"
        f"The networks by what their last layers transfer to\n{found.matrix.hierarchy()}\n\n"
        "From which task to learn each other task: shares of what a task's own network reaches\n"
        f"{found.tasks.curriculum()}\n\n"
        f"All H-scores equal those of the NumPy definition to {found.largest_difference:.0e}.\n",
    )


def _verdict(found: study.Study) -> str:
    """Say which form agrees and where one does not."""
    over = {form: found.mean("spearman", form) for form in study.FORMS}
    last = {form: found.mean("spearman_of_last", form) for form in study.FORMS}
    best, worst = max(over, key=over.__getitem__), min(over, key=over.__getitem__)
    means = ", ".join(f"{_FORM_NAMES[form]} {value:.2f}" for form, value in over.items())
    harder = ", ".join(f"{_FORM_NAMES[form]} {value:.2f}" for form, value in last.items())
    low = min(found.correlations, key=lambda each: each.spearman)
    ranking = found.on(found.plan.targets[0])
    places = []
    for name in (RANDOM, UNTRAINED):
        place, best_layer = next(
            (k, each) for k, each in enumerate(ranking, 1) if each.source == name
        )
        places.append(f"{name!r} stands at place {place} with accuracy {best_layer.accuracy:.3f}")
    return (
        f"Mean Spearman correlation: {means}. The {_FORM_NAMES[best]} form agrees best and the "
        f"{_FORM_NAMES[worst]} form worst; at its worst, a form has {low.spearman:.2f} "
        f"({_FORM_NAMES[low.form]}, {low.target!r}).\n\n"
        "Part of it is easy: deeper layers are narrower and further from the pixels, and every "
        f"score sees that. Among the last layers alone, all {found.plan.widths[-1]} wide: "
        f"{harder}, over {len(found.plan.sources) + 2} networks only.\n\n"
        "Of the two networks that learned nothing of use, by their best layer in the table above, "
        f"{' and '.join(places)}, of {len(ranking)}. Wide random features keep much of what the "
        "pixels hold: neither the score nor the probe knows what a network was trained for."
    )
