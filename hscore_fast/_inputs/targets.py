"""The labels of several targets as class codes; errors say which target they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hscore_fast._inputs.labels import Encoded, check_comparable, encode_kept

__all__ = ["by_kept_rows", "check_ignored", "encode_each", "encode_target", "listed_targets"]


def listed_targets(targets: Any) -> list[Any]:
    """List the label vectors of several targets, or refuse what is one vector or a table."""
    if isinstance(targets, np.ndarray) and targets.ndim != 2:
        raise ValueError(
            f"targets must have shape (n_targets, n_samples), got {targets.ndim} dimensions "
            f"{targets.shape}: for a single target use h_score"
        )
    if isinstance(targets, Mapping):
        raise TypeError(
            f"targets is a {type(targets).__name__}, whose names would be taken for labels: pass "
            "its .values(), or use transfer_matrix, which takes names"
        )
    if hasattr(targets, "columns") or hasattr(targets, "column_names"):
        raise TypeError(
            f"targets is a table ({type(targets).__name__}), and a target is a label vector: pass "
            "a list of its columns, such as [table[name] for name in names]"
        )
    return list(targets)


def encode_each(
    targets: Any, n_samples: int, ignored: frozenset[Any] = frozenset()
) -> list[Encoded]:
    """Turn every target into class codes and the classes that they stand for."""
    encoded = []
    for number, labels in enumerate(listed_targets(targets)):
        if isinstance(labels, str) or np.ndim(labels) == 0:
            raise ValueError(
                f"targets must have shape (n_targets, n_samples), but targets[{number}] is the "
                f"single value {labels!r}: for a single target use h_score"
            )
        own = encode_target(labels, f"targets[{number}]", ignored)
        if own.n_rows != n_samples:
            hint = ""
            if isinstance(targets, np.ndarray) and targets.shape[0] == n_samples:
                hint = ": its rows must be targets, so transpose it"
            raise ValueError(
                f"targets[{number}] must have one entry per row of features, got {own.n_rows} "
                f"labels for {n_samples} rows{hint}"
            )
        encoded.append(own)
    if not encoded:
        raise ValueError("targets must hold at least one label vector, got none")
    check_ignored(encoded, ignored)
    return encoded


def encode_target(labels: Any, name: str, ignored: frozenset[Any] = frozenset()) -> Encoded:
    """Turn one target into class codes and the classes; errors begin with its name."""
    try:
        return encode_kept(labels, ignored, comparable=False)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def check_ignored(targets: Sequence[Encoded], ignored: frozenset[Any]) -> None:
    """Refuse labels to be ignored that can be none of any target's."""
    if all(target.kept is None for target in targets):
        check_comparable([label for target in targets for label in target.classes], ignored)


def by_kept_rows(targets: Sequence[Encoded]) -> list[list[int]]:
    """Put the targets together that count the same rows, by their places."""
    groups: dict[bytes, list[int]] = {}
    for place, target in enumerate(targets):
        key = b"all" if target.kept is None else target.kept.tobytes()
        groups.setdefault(key, []).append(place)
    return list(groups.values())
