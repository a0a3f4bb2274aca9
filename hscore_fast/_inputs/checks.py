"""Check what features and labels must have together, whatever is computed from them."""

from __future__ import annotations

from hscore_fast._inputs.features import Features
from hscore_fast._variants import core

__all__ = ["check_lengths", "check_two_rows", "overflow", "refuse_non_finite"]


def check_lengths(n_rows: int, n_labels: int, file: str = "") -> None:
    """Refuse labels of another length than the features, which may be in a file."""
    if n_rows != n_labels:
        of_file = f" of {file}" if file else ""
        raise ValueError(
            f"labels must have one entry per row of features, got {n_labels} labels for "
            f"{n_rows} rows{of_file}"
        )


def check_two_rows(
    n_rows: int, name: str = "features", remedy: str = "", n_given: int | None = None
) -> None:
    """Refuse fewer rows than a variance needs; those that are ignored are not among them."""
    if n_rows < 2:
        ignored = "" if n_given in (None, n_rows) else f" of {n_given} whose label is not ignored"
        raise ValueError(f"{name} must have at least 2 rows, got {n_rows}{ignored}{remedy}")


def refuse_non_finite(x: Features, threads: int, first_row: int = 0) -> None:
    """Raise if there is a NaN or an infinity, and say where; rows count from `first_row`."""
    count, row, column, value = core.find_non_finite(x.array, x.bfloat16, threads)
    if count:
        first_row = first_row if x.first_row is None else x.first_row
        raise ValueError(
            f"features has {count} value{'s' if count > 1 else ''} that "
            f"{'are' if count > 1 else 'is'} not finite, the first "
            f"({value}) in row {first_row + row}, {x.column(column)}: "
            "drop those rows or replace the values"
        )


def overflow() -> ValueError:
    """Build the error for finite values whose squares are not."""
    return ValueError(
        "features are so large that their squares overflow float64: divide them all by one "
        "constant, which leaves the score unchanged"
    )
