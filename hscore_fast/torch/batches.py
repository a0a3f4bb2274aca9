"""A loader's batch taken apart, and given to models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import torch

from hscore_fast._results.warnings import RepeatedRowsWarning, warn_caller
from hscore_fast.torch.pooling import first_tensor

__all__ = ["Batch", "Part", "Reader", "Repetitions", "device_of", "run", "to_device"]

Part: TypeAlias = "str | int | Callable[[Any], Any] | None"

_LABELS = ("labels", "label", "targets", "target", "y")
_MASK = "attention_mask"


class Batch(NamedTuple):
    """The inputs of a model, and what belongs to them."""

    inputs: Any  # a mapping, a tuple of arguments, or one argument
    labels: Any
    mask: Any
    groups: Any


class Reader(NamedTuple):
    """The places of the parts of a batch: a key, a place, a function, or None for what is usual."""

    inputs: Part
    labels: Part
    mask: Part | bool
    groups: Part

    def read(self, batch: Any) -> Batch:
        """Take a batch apart.

        Raises
        ------
        ValueError, KeyError, IndexError
            If a part is not there.
        """
        labels_at = self._labels_at(batch)
        labels = _part(batch, labels_at, "labels")
        groups = None if self.groups is None else _part(batch, self.groups, "groups")
        if self.inputs is None:
            inputs = _rest(batch, (labels_at, self.groups))
        else:
            inputs = _part(batch, self.inputs, "inputs")
        mask = self._mask(batch, inputs)
        return Batch(inputs, labels, None if mask is None else torch.as_tensor(mask), groups)

    def _labels_at(self, batch: Any) -> Part:
        if self.labels is not None:
            return self.labels
        if isinstance(batch, Mapping):
            for name in _LABELS:
                if name in batch:
                    return name
            raise ValueError(
                f"the batch has no labels: its keys are {', '.join(map(repr, batch))}; say which "
                "by labels="
            )
        if isinstance(batch, (tuple, list)) and len(batch) > 1:
            return len(batch) - 1
        raise ValueError(
            f"the loader gave {type(batch).__name__}, not (inputs, labels) and not a dictionary: "
            "pass labels=, a function that takes them out of a batch"
        )

    def _mask(self, batch: Any, inputs: Any) -> Any:
        if self.mask is False:
            return None
        if self.mask is None or self.mask is True:
            for place in (batch, inputs):
                if isinstance(place, Mapping) and _MASK in place:
                    return place[_MASK]
            return None
        return _part(batch, self.mask, "mask")


def _part(batch: Any, at: Any, what: str) -> Any:
    if callable(at):
        return at(batch)
    try:
        return batch[at]
    except (KeyError, IndexError, TypeError):
        has = f"the keys {list(batch)}" if isinstance(batch, Mapping) else type(batch).__name__
        raise ValueError(f"{what}={at!r} is not in the batch, which has {has}") from None


def _rest(batch: Any, taken: tuple[Part, ...]) -> Any:
    """Return what of a batch is left for the model."""
    if isinstance(batch, Mapping):
        return {key: value for key, value in batch.items() if key not in taken}
    if isinstance(batch, (tuple, list)):
        places = {at % len(batch) for at in taken if isinstance(at, int)}
        return tuple(value for place, value in enumerate(batch) if place not in places)
    return (batch,)


def run(model: Any, inputs: Any) -> Any:
    """Call a model: a mapping gives the arguments that it names, a tuple its arguments.

    A model that names none of the keys gets the mapping itself.
    """
    if isinstance(inputs, tuple):
        return model(*inputs)
    if not isinstance(inputs, Mapping):
        return model(inputs)
    function = model.forward if isinstance(model, torch.nn.Module) else model
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of C, or scripted
        return model(**inputs)
    named = {key: value for key, value in inputs.items() if key in parameters}
    if named:
        return model(**named)
    if all(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return model(**inputs)
    return model(inputs)


def device_of(model: Any) -> Any:
    """Return the device of a module's first tensor; None for what has none."""
    if not isinstance(model, torch.nn.Module):
        return None
    for tensors in (model.parameters(), model.buffers()):
        for tensor in tensors:
            return tensor.device
    return None


def to_device(value: Any, device: Any) -> Any:
    """Move the tensors in a batch; None leaves them where they are."""
    if device is None:
        return value
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {key: to_device(part, device) for key, part in value.items()}
    if isinstance(value, (tuple, list)) and any(isinstance(p, torch.Tensor) for p in value):
        return type(value)([to_device(part, device) for part in value])
    return value


class Repetitions:
    """Notices that samples come twice, as in a second pass over a loader."""

    _MOST = 1_000_000  # samples that are remembered
    _LOOKED_AT = 256  # numbers of each

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._repeated = 0
        self._told = False

    def see(self, inputs: Any, mask: Any = None) -> None:
        """Remember a batch; warn once when eight samples, in whole batches, were seen before."""
        if self._told:
            return
        marks = set(map(hash, self._marks(inputs, mask)))
        if len(marks) > 1 and marks <= self._seen:
            self._repeated += len(marks)
        elif len(self._seen) < self._MOST:
            self._seen |= marks
        if self._repeated >= min(8, max(len(self._seen), 2)):
            self._told = True
            warn_caller(
                RepeatedRowsWarning(
                    "whole batches have come that had been seen before, as in a second pass over "
                    "the loader: every row counts as a new observation, and errors come out too "
                    "small; run one pass"
                )
            )

    def _marks(self, inputs: Any, mask: Any) -> list[Any]:
        """Give what tells a sample from others: some of its numbers, or its text."""
        parts = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        if len(parts) == 1 and isinstance(parts[0], (tuple, list)):
            parts = parts[0]
        if parts and all(isinstance(part, str) for part in parts):
            return list(parts)
        tensor = first_tensor(inputs)
        if tensor is None or tensor.ndim == 0 or tensor.layout != torch.strided or tensor.is_meta:
            return []
        rows = tensor.detach().flatten(1) if tensor.ndim > 1 else tensor.detach()[:, None]
        if rows.is_complex() or (not rows.is_floating_point() and rows.shape[1] < 8):
            return []  # few whole numbers are alike by chance
        if rows.is_floating_point() or tensor.ndim > 2:
            step = max(rows.shape[1] // self._LOOKED_AT, 1) | 1
            chosen = rows[:, ::step]
        else:
            if mask is not None and mask.shape == rows.shape:
                rows = rows * (mask.to(rows.device) != 0)
            chosen = rows[:, : self._LOOKED_AT]
        table = chosen.to("cpu", torch.float64).numpy()
        return [row.tobytes().rstrip(b"\0") for row in table]  # padding differs by batch
