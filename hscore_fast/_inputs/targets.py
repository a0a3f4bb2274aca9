"""The labels of several targets as class codes; errors say which target they are about."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs.labels import encode

__all__ = ["encode_each", "encode_target"]


def encode_each(targets: Any, n_samples: int) -> list[tuple[NDArray[np.int32], list[Any]]]:
    """Turn every target into class codes and the classes that they stand for."""
    if isinstance(targets, np.ndarray) and targets.ndim != 2:
        raise ValueError(
            f"targets must have shape (n_targets, n_samples), got {targets.ndim} dimensions "
            f"{targets.shape}: for a single target use h_score"
        )
    encoded = []
    for number, labels in enumerate(targets):
        if isinstance(labels, str) or np.ndim(labels) == 0:
            raise ValueError(
                f"targets must have shape (n_targets, n_samples), but targets[{number}] is the "
                f"single value {labels!r}: for a single target use h_score"
            )
        codes, classes = encode_target(labels, f"targets[{number}]")
        if len(codes) != n_samples:
            hint = ""
            if isinstance(targets, np.ndarray) and targets.shape[0] == n_samples:
                hint = ": its rows must be targets, so transpose it"
            raise ValueError(
                f"targets[{number}] must have one entry per row of features, got {len(codes)} "
                f"labels for {n_samples} rows{hint}"
            )
        encoded.append((codes, classes))
    if not encoded:
        raise ValueError("targets must hold at least one label vector, got none")
    return encoded


def encode_target(labels: Any, name: str) -> tuple[NDArray[np.int32], list[Any]]:
    """Turn one target into class codes and the classes; errors begin with its name."""
    try:
        return encode(labels)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
