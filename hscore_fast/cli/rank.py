"""``hscore-fast rank``: several files of features, one of labels, the best features first."""

from __future__ import annotations

import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

import hscore_fast
from hscore_fast import SourceRanking, SourceScore
from hscore_fast._sources.ranking import probability, shown_scores
from hscore_fast.cli.figures import check_figure
from hscore_fast.cli.messages import complain, one_line_each, tell_left_out
from hscore_fast.cli.named import named_files
from hscore_fast.cli.options import (
    ByOption,
    ColumnsOption,
    CsvOption,
    DropOption,
    ExternalOption,
    IgnoreOption,
    JsonOption,
    KeepOption,
    PrecisionOption,
    ThreadsOption,
    address_marker,
    labels_of,
    score_of,
)
from hscore_fast.cli.output import (
    FormOption,
    LabelsOption,
    OutOption,
    QuietOption,
    TopOption,
    form_of,
    swapped,
    written,
)
from hscore_fast.cli.progress import share_bar
from hscore_fast.cli.tables import Column, Value, write_csv, write_json, write_rows

_MOST_ROWS = 20  # on a terminal

# A machine gets all there is, a person what fits into a line.
_KEYS = (*(field.name for field in fields(SourceScore)), "by")


def rank(
    features: Annotated[
        list[str],
        typer.Argument(
            metavar="FEATURES",
            help="A source each: a file of features, as for 'score', a folder of files, or "
            "file.h5:* for all arrays in it. NAME=FILE names a source.",
        ),
    ],
    labels: LabelsOption,
    by: ByOption = "cross_validated",
    confidence: Annotated[
        float, typer.Option(help="Two sources are tied unless they differ at this level.")
    ] = 0.95,
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    columns: ColumnsOption = None,
    drop: DropOption = None,
    keep: KeepOption = None,
    ignore_label: IgnoreOption = None,
    external: ExternalOption = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw it with error bars: .png, .svg or .pdf."),
    ] = None,
    top: TopOption = None,
    form: FormOption = None,
    out: OutOption = None,
    be_quiet: QuietOption = False,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> int:
    """Rank sources of features for one target, the best first, and say which are tied.

    All files have a row for each of the same samples. A source that cannot be scored is left out of
    the ranking, with a line that says why, and the exit code is then 3.

    For example: hscore-fast rank resnet.npy vit.npy --labels labels.npy

    Or, of a folder: hscore-fast rank features/ -l labels.csv:label --top 10 -o ranking.md
    """
    written_as = form_of(form, as_json, as_csv, out)
    if plot is not None:
        check_figure(plot)
    marked = address_marker(external)
    sources = {
        name: marked(address)
        for name, address in named_files(features, "FEATURES").items()
        if not _same(address, labels)  # in the same folder or file
    }
    with written(out, be_quiet):
        with one_line_each(swapped):
            with share_bar() as bar:
                bar("sources", 0.0)
                ranking = hscore_fast.rank_sources(
                    sources,
                    marked(labels),
                    by=score_of(by),
                    confidence=confidence,
                    precision=precision,
                    columns=columns or None,
                    drop=drop or None,
                    keep=keep or None,
                    n_threads=threads,
                    ignore_label=labels_of(ignore_label),
                    progress=lambda done, total: bar("sources", done / total),
                )
            if plot is not None:
                from hscore_fast import plots

                plots.save(ranking.plot(), plot)
        _write(ranking, written_as, top)
        tell_left_out({source.name: (source.n_features, source.left_out) for source in ranking})
        for source in ranking.failed:
            complain(f"{source.name} was not scored: {source.error}")
    return 3 if ranking.failed else 0


def _same(first: str, second: str) -> bool:
    """Say whether two addresses name the same array."""
    one, other = (Path(address.replace(":/", ":")).absolute() for address in (first, second))
    return one == other


def _write(ranking: SourceRanking, form: str, top: int | None) -> None:
    """Write the ranking, its best sources only if so many are asked for."""
    rows = _rows(ranking)
    for_people = form in ("table", "markdown") or (form == "" and sys.stdout.isatty())
    most = top if top is not None else _MOST_ROWS if form == "" and for_people else 0
    shown = rows[:most] if most else rows
    if form == "json":
        result = ranking.to_dict()
        write_json({**result, "sources": result["sources"][: most or None]})
    elif form == "csv":
        write_csv(_KEYS, shown)
    else:
        columns = _columns(ranking.by) if for_people else [Column(k, k) for k in _KEYS]
        notes = _notes(ranking)
        if len(shown) < len(rows):
            notes.insert(0, f"{len(rows) - len(shown):,} more; --top 0 shows all.")
        write_rows("Ranking", columns, shown, "\n".join(notes), form)


def _rows(ranking: SourceRanking) -> list[dict[str, Value]]:
    scored = [source for source in ranking if not source.error]
    return [
        {
            **asdict(source),
            "ties": source.marks,
            "left_out": ", ".join(source.left_out),
            "by": ranking.by,
            "shown_score": score,
            "shown_error": error,
        }
        for source, (score, error) in zip(scored, shown_scores(scored), strict=True)
    ]


def _columns(by: str) -> list[Column]:
    kind = "Held-out" if by == "cross_validated_h_score" else by.partition("_")[0].capitalize()
    heading = "H-score" if by == "h_score" else f"{kind}\nH-score"
    return [
        Column("name", "Source"),
        Column("shown_score", heading),
        Column("shown_error", "±"),
        Column("probability_best", "P(best)", probability),
        Column("ties", "Ties"),
        Column("n_features", "Features", "{:,}".format),
        Column("rank", "Rank", "{:,}".format),
        Column("h_score", "H-score", "{:.3f}".format),
    ][: 7 if by == "h_score" else 8]


def _notes(ranking: SourceRanking) -> list[str]:
    """Say what the marks mean, and what speaks against a score."""
    basis, luck = ranking.basis(), ranking.luck()
    notes = [f"{text[0].upper()}{text[1:]}." for text in (basis, luck) if text]
    if ranking.errors_from != "none" and not ranking.undefined:
        notes.append(
            f"= tied with the best, ~ tied with the next row, at {100 * ranking.confidence:g} %. "
            f"Stability of the order (Kendall's tau): {ranking.stability:.2f}."
        )
    gone = ranking.undefined  # said on standard error, once for all
    return notes + [f"{s.name}: {s.warning}" for s in ranking if s.warning and s not in gone]
