"""Rows at the end of a file that nobody wrote, which read as zeros."""

from __future__ import annotations

from hscore_fast._files.source import Joined, Source

__all__ = ["unwritten_doubt"]

_LEAST_ROWS = 100
_LEAST_SHARE = 0.01


def unwritten_doubt(source: Source) -> str | None:
    """Say that a file of features seems to be filled in part: its last rows are all zeros.

    At least 100 rows and 1 % of all; only of formats whose files are often made in their full
    length and filled afterwards. No more is read than those rows, and the last one alone in a file
    that is complete.
    """
    if isinstance(source, Joined):
        return next((doubt for part in source.parts if (doubt := unwritten_doubt(part))), None)
    count = max(_LEAST_ROWS, -int(-_LEAST_SHARE * source.shape[0] // 1)) if source.shape else 0
    if not count or source.shape[0] < count:
        return None
    for n_rows in (1, count):
        rows = source.last_rows(n_rows)
        if rows is None or rows.dtype.kind not in "fiu" or rows.any():
            return None
    return (
        f"the last {count} rows of {source.what}, or more, are all zeros, as in a file that was "
        "not filled to its end, and zeros count as features: if nobody wrote them, write it again "
        "or leave them out; if they are meant, silence this warning"
    )
