"""How statistics are copied, compared, pickled and written to bytes."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hscore_fast._moments.format import pack, unpack
from hscore_fast._moments.lock import Guard

if TYPE_CHECKING:
    from typing_extensions import Self

    from hscore_fast._core import Moments as CoreMoments

__all__ = ["MomentsStorage"]

_STATE_VERSION = 2


class MomentsStorage:
    """The part of :class:`hscore_fast.Moments` that leaves the process."""

    _core: CoreMoments | None
    _classes: dict[Any, int]
    _names: Sequence[Hashable] | None
    _unchecked: bool
    _guard: Guard

    def copy(self) -> Self:
        """Return an independent copy."""
        return copy.copy(self)

    def to_bytes(self) -> bytes:
        """Write the statistics and labels in a form that any language can read.

        The layout is described in docs/moments-format.md. Pickling takes labels of any kind, this
        integers, booleans, floats, strings and bytes.

        Returns
        -------
        bytes
            ``84 + 4 * n_features**2`` bytes and some more per feature and class.

        Raises
        ------
        TypeError
            If a label is of another kind.

        Examples
        --------
        >>> from hscore_fast import Moments
        >>> a = Moments().update([[0.0], [1.0]], ["a", "b"])
        >>> Moments.from_bytes(a.to_bytes()) == a
        True
        """
        with self._guard.lock():
            return pack(self._core, list(self._classes)).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Self:
        """Read what :meth:`to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            All of it.

        Returns
        -------
        Moments

        Raises
        ------
        ValueError
            If it is something else, damaged, cut off or of a newer version.
        TypeError
            If it is not bytes.
        """
        statistics, labels = unpack(data)
        if labels is None:
            labels = list(range(0 if statistics is None else statistics.n_classes))
        moments = cls()
        moments._core = statistics
        moments._classes = {label: code for code, label in enumerate(labels)}
        moments._unchecked = True  # the bytes do not say
        return moments

    def __copy__(self) -> Self:
        result = type(self)()
        with self._guard.lock():
            result._core = None if self._core is None else self._core.copy()
            result._classes = dict(self._classes)
            result._names, result._unchecked = self._names, self._unchecked
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)

    def __eq__(self, other: object) -> bool:
        """Whether the statistics are the same to the last bit, classes in the same order."""
        if not isinstance(other, MomentsStorage):
            return NotImplemented
        mine, theirs = self.__getstate__(), other.__getstate__()
        return mine["classes"] == theirs["classes"] and np.array_equal(
            mine["statistics"], theirs["statistics"]
        )

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __getstate__(self) -> dict[str, Any]:
        with self._guard.lock():
            statistics = pack(self._core, None)
            classes = list(self._classes)
        return {
            "version": _STATE_VERSION,
            "classes": classes,
            "statistics": statistics,
            "unchecked": self._unchecked,
            "names": self._names,
        }

    def __setstate__(self, state: Any) -> None:
        version = state.get("version") if isinstance(state, dict) else None
        if version != _STATE_VERSION:
            raise ValueError(
                f"this Moments was pickled in format {version}, and this version of hscore_fast "
                f"reads format {_STATE_VERSION}: use the version that wrote it"
            )
        if not isinstance(state.get("classes"), list) or "statistics" not in state:
            raise ValueError("the pickle of this Moments is damaged: parts of it are missing")
        statistics, _ = unpack(state["statistics"])
        classes = {label: code for code, label in enumerate(state["classes"])}
        known = 0 if statistics is None else statistics.n_classes
        if len(classes) != len(state["classes"]) or len(classes) != known:
            raise ValueError(
                f"the pickle of this Moments is damaged: {len(classes)} labels for {known} classes"
            )
        self.__init__()  # type: ignore[misc]
        self._core, self._classes = statistics, classes
        self._unchecked = bool(state.get("unchecked"))
        self._names = state.get("names")
