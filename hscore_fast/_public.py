"""Give public objects the module name that users import them by."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

__all__ = ["publish"]


def publish(namespace: Mapping[str, Any]) -> None:
    """Name the module of ``namespace`` as the home of what its ``__all__`` lists.

    Pickles and tracebacks then say ``hscore_fast.Moments`` and not which private file holds the
    class today, and stay true when the file moves.
    """
    for name in namespace["__all__"]:
        thing = namespace[name]
        ours = isinstance(thing, (type, types.FunctionType))
        if ours and thing.__module__.partition(".")[0] == "hscore_fast":
            thing.__module__ = namespace["__name__"]
