"""Whether what is given side by side has the same rows in the same order, as far as it tells."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, cast

from hscore_fast._files.addresses import places, split
from hscore_fast._files.opening import FORMATS, open_requested
from hscore_fast._files.partners import check_partners
from hscore_fast._inputs.address import Address, is_address, is_label_address
from hscore_fast._inputs.alignment import check_alignment
from hscore_fast._inputs.columns import EVERY_COLUMN
from hscore_fast._inputs.frames import frame_of
from hscore_fast._results.warnings import AlignmentWarning, warn_caller

__all__ = ["check_rows", "column_names", "names_file", "refuse_column_name", "row_doubt"]


def check_rows(features: Any, what: str = "features", /, **others: Any) -> None:
    """Refuse rows, or files of rows, that say by themselves that they do not belong together.

    Warns the caller where that is doubtful.

    Parameters
    ----------
    features : object
        As the caller gave them.
    what : str
        Their name, for messages.
    **others : object
        What else has a row for each of the same samples, by its name.
    """
    doubt = row_doubt(features, others, what)
    if doubt is not None:
        warn_caller(AlignmentWarning(doubt))


def row_doubt(features: Any, others: Mapping[str, Any], what: str = "features") -> str | None:
    """Say what is doubtful about rows; refuse what `check_rows` refuses."""
    for name, other in others.items():
        refuse_column_name(features, other, what, name)
        check_partners(features, other, what, name)
    return check_alignment((what, features), *others.items())


def refuse_column_name(
    features: Any, labels: Any, what: str = "features", other: str = "labels"
) -> None:
    """Refuse the name of a column of the features' table where its values are wanted."""
    if not isinstance(labels, str) or names_file(labels) or Path(labels).exists():
        return
    try:
        names = column_names(features) or []
    except Exception:  # whatever is wrong with the features is said when they are opened
        return
    if labels in names:
        meant = f"features[{labels!r}]"
        if is_address(features):
            meant = repr(f"{features}:{labels}") if isinstance(features, str) else "its address"
        raise ValueError(
            f"{other}={labels!r} is the name of a column of {what}: pass the column itself, "
            f"{meant}, which is then left out of the features"
        )


def column_names(features: Any) -> list[Hashable] | None:
    """Name the columns of a table; None for what is none."""
    if is_address(features):
        if any(place.member for place in places(cast(Address, features), FORMATS)):
            return None
        source = open_requested(cast(Address, features), EVERY_COLUMN)
        return [*source.column_names, *source.left_out] or None
    frame = frame_of(features)
    return None if frame is None else [field.name for field in frame.fields]


def names_file(target: Any) -> bool:
    """Whether a target is the address of a file, and not a label of a single vector of labels."""
    if not isinstance(target, str):
        return is_label_address(target)
    return split(target, FORMATS).path.suffix.lower() in FORMATS
