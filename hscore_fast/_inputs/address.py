"""Tell the address of a file from what is given in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

__all__ = ["Address", "is_address", "is_label_address"]

Address: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"
"""Names an array in a file, or in several; see :mod:`hscore_fast.readers`."""


def is_address(features: Any) -> bool:
    """Whether features are named by an address rather than given."""
    if isinstance(features, (list, tuple)):
        return bool(features) and isinstance(features[0], (str, os.PathLike))
    return isinstance(features, (str, os.PathLike))


def is_label_address(labels: Any) -> bool:
    """Whether labels are named by an address; a list of strings is the labels themselves."""
    if isinstance(labels, (list, tuple)):
        return bool(labels) and isinstance(labels[0], os.PathLike)
    return isinstance(labels, (str, os.PathLike))
