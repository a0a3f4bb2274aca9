"""Targets that are values: several labels a row, as 0 and 1, and continuous ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs.arrays import as_numpy, is_real
from hscore_fast._inputs.options import as_one_of

__all__ = ["TASKS", "as_task", "as_values", "check_precision_of_values"]

TASKS = ("classes", "multilabel", "regression")


def as_task(task: str) -> str:
    """Check the name of a kind of target."""
    return as_one_of("task", task, TASKS)


def check_precision_of_values(precision: str, task: str) -> None:
    """Refuse arithmetic that targets which are values do not have."""
    if precision not in ("auto", "float64"):
        raise ValueError(
            f"precision must be 'auto' or 'float64' with task={task!r}, got {precision!r}"
        )


def as_values(targets: Any, task: str, name: str = "labels") -> NDArray[np.float64]:
    """Copy targets as float64, one column for each.

    Parameters
    ----------
    targets : array_like of shape (n_samples,) or (n_samples, n_targets)
    task : {"multilabel", "regression"}
        Whether they must be 0 and 1, or any finite numbers.
    name : str
        The argument's name, for messages.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_targets)
        In C order. A copy, because another thread may change the caller's after the check.
    """
    array, bfloat16 = as_numpy(targets, name)
    if bfloat16:
        array = (array.astype(np.uint32) << 16).view(np.float32)
    if not is_real(array.dtype):
        raise TypeError(
            f"{name} must be real numbers with task={task!r}, got dtype {array.dtype}: convert "
            'them, for example with .astype(numpy.float64), or use task="classes" if they name '
            "classes"
        )
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"{name} must have shape (n_samples,) or (n_samples, n_targets) with task={task!r}, "
            f"got shape {array.shape}"
        )
    values = np.array(array, dtype=np.float64, order="C")
    if task == "multilabel":
        _refuse(
            *(values, (values != 0) & (values != 1), name, "0 or 1"),
            'with task="multilabel" each column is a label that a row has or has not; '
            'task="regression" takes any numbers',
        )
    _refuse(values, ~np.isfinite(values), name, "finite", "drop those rows of features and labels")
    return values


def _refuse(
    values: NDArray[np.float64], bad: NDArray[np.bool_], name: str, kind: str, hint: str
) -> None:
    if not bad.any():
        return
    count = int(np.count_nonzero(bad))
    row, column = np.argwhere(bad)[0]
    raise ValueError(
        f"{name} has {count} value{'s' if count > 1 else ''} that {'are' if count > 1 else 'is'} "
        f"not {kind}, the first ({values[row, column]}) in row {row}, column {column}: {hint}"
    )
