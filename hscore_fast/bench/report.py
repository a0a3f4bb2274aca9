"""Tables of the results, as text that a terminal or a Markdown file can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hscore_fast.bench.contenders import NAMES
from hscore_fast.bench.results import Row, Summary

__all__ = ["Table", "markdown", "notes", "tables"]

_FACTS = {
    "hscore_fast": "hscore-fast",
    "isa": "its instruction set",
    "compiler": "its compiler",
    "flags": "its flags",
    "openmp": "its OpenMP",
    "tile_unit": "its tile unit",
    "cpu": "processor",
    "processors": "processors",
    "affinity": "processors allowed",
    "caches": "caches",
    "memory_gb": "memory (GB)",
    "load_average": "load before",
    "system": "system",
    "python": "Python",
    "numpy": "NumPy",
    "scipy": "SciPy",
    "blas_of_numpy": "BLAS of NumPy",
    "blas_of_scipy": "BLAS of SciPy",
    "environment": "environment",
}
_SHAPE = ("N", "F", "C", "dtype", "thr.")


@dataclass(frozen=True)
class Table:
    """Cells as text; the first ``keys`` columns say what a row is about."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    keys: int = 1


def tables(report: dict[str, Any]) -> list[Table]:
    """Make the tables of a whole report, as `hscore_fast.bench.run.as_dict` returns it."""
    found: list[Row] = report["rows"]
    facts = [(_FACTS.get(k, k), str(v)) for k, v in report["machine"].items() if v is not None]
    made = [
        Table("Machine and build", ("", ""), facts),
        _scores("Whole score", [row for row in found if row["kind"] == "score"]),
        _scores(
            "Whole score of features that share 64 factors",
            [row for row in found if row["kind"] == "dependent"],
        ),
        _factors([row for row in found if row["kind"] == "factor"]),
        _encodings([row for row in found if row["kind"] == "encode"]),
        *(_mapped(row) for row in found if row["kind"] == "mapped"),
        _summary(report["summary"]),
    ]
    return [table for table in made if table.rows]


def notes(report: dict[str, Any]) -> list[str]:
    """Say how the tables came about, what was left out and what to beware of."""
    found: list[Row] = report["rows"]
    said = [
        f"Protocol: {report['protocol']['text']}.",
        "Ratios are hscore-fast's time over the other's: below 1 it is faster, and ! marks where "
        "it is not. GFLOP/s are N F^2 over the time, for the whole score and for SYRK alone. "
        "Errors are relative to " + _list({row["answer_by"] for row in found}) + ".",
        "SYRK is BLAS's product alone, of an already centred copy that it gets for nothing; "
        "NumPy written well is one centring, SYRK, sparse class sums, Cholesky and one triangular "
        "solve in the input's dtype; the reference is the published definition in float64.",
    ]
    left_out: dict[tuple[str, str], list[str]] = {}
    for row in found:
        for name, reason in row["skipped"].items():
            cases = left_out.setdefault((NAMES.get(name, name), reason), [])
            if row["case"] not in cases:
                cases.append(row["case"])
    for (name, reason), cases in left_out.items():
        said.append(f"Not run: {name} ({reason}) in {len(cases)} cases: {'; '.join(cases)}.")
    once = {
        f"{NAMES.get(name, name)} on {row['case']}"
        for row in found
        for name, times in row["rounds"].items()
        if len(times) == 1 and row["kind"] != "mapped"
    }
    if once:
        said.append(f"Run once, because slow: {'; '.join(sorted(once))}.")
    said += [f"Not run: {case}: {why}." for case, why in report["skipped_cases"].items()]
    said += report["hints"]
    return said + [f"WRONG ANSWER: {wrong}." for wrong in report["wrong"]]


def markdown(report: dict[str, Any]) -> str:
    """Write a report as Markdown."""
    parts = []
    for table in tables(report):
        headings = [heading.replace("\n", " ") for heading in table.headings]
        marks = ["---" if k < table.keys or not h else "--:" for k, h in enumerate(headings)]
        lines = [headings, marks, *table.rows]
        parts.append(f"### {table.title}\n")
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
    parts.append("\n".join(f"- {note}" for note in notes(report)) + "\n")
    return "\n".join(parts)


def _shape(row: Row) -> tuple[str, ...]:
    sizes = (row["n_samples"], row["n_features"], row["n_classes"])
    return (*(f"{size:,}" for size in sizes), row["dtype"], str(row["threads"]))


def _scores(title: str, found: Sequence[Row]) -> Table:
    """Show the whole score, call included: the main table."""
    rivals = ("reference", "numpy", "syrk")
    lines = [
        (
            *_shape(row),
            row["precision"],
            *(_time(row, name) for name in ("ours", *rivals)),
            *(_ratio(row, name) for name in rivals),
            *(f"{row['gflops'][name]:.1f}" for name in ("ours", "syrk")),
            _error(row),
        )
        for row in found
    ]
    headings = (
        *_SHAPE,
        "precision",
        "hscore-fast\nms",
        "reference\nms",
        "NumPy\nms",
        "SYRK\nms",
        "ours /\nreference",
        "ours /\nNumPy",
        "ours /\nSYRK",
        "ours\nGFLOP/s",
        "SYRK\nGFLOP/s",
        "error",
    )
    return Table(title, headings, lines, 6)


def _factors(found: Sequence[Row]) -> Table:
    lines = [
        (*_shape(row), _time(row, "ours"), _time(row, "lapack"), _ratio(row, "lapack"), _error(row))
        for row in found
    ]
    headings = (*_SHAPE, "hscore-fast\nms", "potrf + trtrs\nms", "ours /\nLAPACK", "error")
    return Table("Factorization and solve, from moments", headings, lines, 5)


def _encodings(found: Sequence[Row]) -> Table:
    rivals = ("unique", "sklearn", "pandas")
    lines = [
        (
            f"{row['n_samples']:,}",
            f"{row['n_classes']:,}",
            row["dtype"],
            *(_time(row, name) for name in ("ours", *rivals)),
            *(_ratio(row, name) for name in rivals),
        )
        for row in found
    ]
    short = ("np.unique", "scikit-learn", "pandas")
    headings = (
        "N",
        "C",
        "dtype",
        "hscore-fast\nms",
        *(f"{name}\nms" for name in short),
        *(f"ours /\n{name}" for name in short),
    )
    return Table("Labels to class codes", headings, lines, 3)


def _mapped(row: Row) -> Table:
    extra = row["extra"]
    mine, predicted = row["seconds"]["ours"], row["seconds"]["syrk"]
    lines = [
        ("rows x columns x classes", " x ".join(_shape(row)[:3])),
        ("dtype, threads", f"{row['dtype']}, {row['threads']}"),
        ("file", f"{extra['file_gb']:.2f} GB, read in {extra['read_seconds']:.1f} s beforehand"),
        ("time", f"{mine:.1f} s, {row['gflops']['ours']:.0f} GFLOP/s"),
        (
            "SYRK's rate predicts",
            f"{predicted:.1f} s, {row['gflops']['syrk']:.0f} GFLOP/s, "
            f"from {extra['syrk_rows']:,} centred rows in memory",
        ),
        ("time / prediction", _ratio(row, "syrk")),
        ("error", _error(row)),
    ]
    if extra["anonymous_mb_peak"] is not None:
        added = extra["anonymous_mb_peak"] - extra["anonymous_mb_before"]
        lines.append(
            (
                "anonymous memory",
                f"{extra['anonymous_mb_peak']:.0f} MB at its peak, {added:.0f} MB more than "
                "before the call",
            )
        )
    return Table("Memory-mapped file", ("", ""), lines)


def _summary(found: Sequence[Summary]) -> Table:
    """Medians over rows."""
    lines = [
        (
            each["kind"],
            NAMES.get(each["versus"], "precision " + each["versus"]),
            each["dtype"],
            each["precision"],
            str(each["rows"]),
            f"{each['median']:.3g}",
            str(each["losses"]),
            f"{each['worst']:.3g}",
            each["worst_case"],
        )
        for each in found
    ]
    headings = (
        "what",
        "against",
        "dtype",
        "precision",
        "rows",
        "median\nratio",
        "rows\nlost",
        "worst\nratio",
        "in",
    )
    return Table("Summary: hscore-fast's time over the other's", headings, lines, 4)


def _time(row: Row, name: str) -> str:
    seconds = row["seconds"].get(name)
    return "-" if seconds is None else _significant(1000 * seconds)


def _significant(value: float) -> str:
    """Show three digits or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _ratio(row: Row, name: str) -> str:
    ratio = row["ratio"].get(name)
    if ratio is None:
        return "-"
    text = f"{ratio['median']:.2f}" if ratio["median"] >= 0.1 else f"{ratio['median']:.3f}"
    if name in {"syrk", "lapack"} and ratio["low"] != ratio["high"]:
        text += f" ({ratio['low']:.2f}-{ratio['high']:.2f})"
    return text + (" !" if ratio["median"] > 1 else "")


def _error(row: Row) -> str:
    return f"{row['relative_error']['ours']:.0e}" + ("" if row["right"] else " WRONG")


def _list(words: set[str]) -> str:
    return " or ".join(sorted(words)) or "nothing"
