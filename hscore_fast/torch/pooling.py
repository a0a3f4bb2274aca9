"""Turn a layer's outputs into rows: averaged, flattened, or one row for each position."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeAlias, cast

import torch

__all__ = ["Pool", "Pools", "Rows", "Width", "as_pools", "first_tensor", "pooled"]

Pool: TypeAlias = "str | Callable[..., Any]"

POOLS = ("auto", "mean", "max", "first", "last", "flatten", "positions")

# Which tensor of a dictionary of outputs the features are, if they have one of these names.
_FEATURES = ("sentence_embedding", "last_hidden_state", "logits")


class Rows(NamedTuple):
    """The rows that a layer gave.

    Attributes
    ----------
    values : Tensor of shape (n_rows, n_features)
        Which nothing else writes to.
    sample : Tensor of shape (n_rows,) or None
        Which sample of the batch each row belongs to; None where row i is sample i.
    position : Tensor of shape (n_rows,) or None
        The place of each row among the batch's positions, one sample behind the other.
    n_samples, n_positions : int
        Of the batch, and of each sample; 0 where row i is sample i.
    """

    values: Any
    sample: Any = None
    position: Any = None
    n_samples: int = 0
    n_positions: int = 0


class Width(NamedTuple):
    """How many features the last layer with parameters gave, and along which dimension."""

    n_features: int
    last: bool  # the last dimension; otherwise the second


class Pools(NamedTuple):
    """How each layer is pooled: one way for all, or by a layer's name or type."""

    default: Pool
    by_name: tuple[tuple[str, Pool], ...] = ()
    by_type: tuple[tuple[type, Pool], ...] = ()

    @property
    def has_positions(self) -> bool:
        """Whether some layer may have a row for each position."""
        ways = [self.default, *(pool for _, pool in (*self.by_name, *self.by_type))]
        return any(isinstance(pool, str) and pool == "positions" for pool in ways)

    def of(self, names: tuple[str, ...], module: Any) -> Pool:
        """Return the first that fits, names before types."""
        for pattern, pool in self.by_name:
            if any(name == pattern or fnmatchcase(name, pattern) for name in names):
                return pool
        for kind, pool in self.by_type:
            if isinstance(module, kind):
                return pool
        return self.default


def as_pools(pool: Pool | Mapping[Any, Pool]) -> Pools:
    """Check a `pool` argument.

    Raises
    ------
    ValueError, TypeError
        If a way to pool is unknown, or a key is neither a name nor a type.
    """
    if not isinstance(pool, Mapping):
        return Pools(_as_pool(pool))
    for key in pool:
        if not isinstance(key, (str, type)):
            raise TypeError(
                f"the keys of pool must be layers' names, patterns or types, got {key!r}"
            )
    return Pools(
        "auto",
        tuple((key, _as_pool(value)) for key, value in pool.items() if isinstance(key, str)),
        tuple((key, _as_pool(value)) for key, value in pool.items() if isinstance(key, type)),
    )


def _as_pool(pool: Any) -> Pool:
    if callable(pool) or pool in POOLS:
        return cast("Pool", pool)
    raise ValueError(f"pool must be a function or one of {', '.join(POOLS)}, got {pool!r}")


def first_tensor(output: Any) -> Any:
    """Return the tensor of features in what a module gave; None if there is none."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        named = [output[name] for name in _FEATURES if name in output]
        output = [*named, *output.values()]
    elif not isinstance(output, (tuple, list)):
        return None
    for part in output:
        found = first_tensor(part)
        if found is not None:
            return found
    return None


def pooled(layer: str, output: Any, pool: Pool, mask: Any, width: Width | None) -> Rows:
    """Turn an output into rows, at once: the model may overwrite it, and what is kept is small.

    Parameters
    ----------
    layer : str
        For messages.
    output : object
        The first tensor of a tuple, list or dictionary counts.
    mask : Tensor of shape (n_samples, n_tokens) or None
        Tokens to count are not 0.
    width : Width or None
        To tell features from positions.
    """
    tensor = first_tensor(output)
    if tensor is None:
        raise TypeError(
            f"layer {layer!r} gave {type(output).__name__}, which holds no tensor: name another "
            "layer"
        )
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_nested:
        tensor, mask = _padded(tensor)
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()  # before any average is taken
    if callable(pool):
        return Rows(_called(layer, tensor, pool, mask))
    if tensor.ndim == 0:
        raise ValueError(f"layer {layer!r} gave a single number, not a row for each sample")
    if tensor.ndim <= 2:
        if pool == "positions":
            raise ValueError(
                f"layer {layer!r} gave shape {tuple(tensor.shape)}, which has no positions to take "
                "as rows: pass another pool for it"
            )
        return Rows(tensor.reshape(len(tensor), -1).clone())
    if pool == "flatten":
        return Rows(tensor.flatten(1).clone())
    tokens = _positions_before_features(layer, tensor, mask, width)
    counted = None
    if mask is not None and tokens.shape[:2] == mask.shape:
        counted = mask.to(tokens.device) != 0
        if pool != "positions" and not bool(counted.any(1).all()):
            raise ValueError(f"the mask leaves no token of some sample for layer {layer!r}")
    elif mask is not None and tensor.ndim == 3 and pool in ("auto", "mean", "max", "last"):
        raise ValueError(
            f"layer {layer!r} gave {tokens.shape[1]} tokens a sample, and the mask is of shape "
            f"{tuple(mask.shape)}: pass pool='first', pool='flatten' or a function for this layer, "
            "or mask=False"
        )
    return _reduced(tokens, counted, pool)


def _reduced(tokens: Any, counted: Any, pool: Pool) -> Rows:
    """Reduce (samples, positions, features), of which only those `counted` are looked at."""
    n_samples, n_positions, n_features = tokens.shape
    if pool == "positions":
        sample = torch.arange(n_samples, device=tokens.device).repeat_interleave(n_positions)
        place = torch.arange(n_samples * n_positions, device=tokens.device)
        values = tokens.reshape(-1, n_features)
        if counted is None:
            return Rows(values.clone(), sample, place, n_samples, n_positions)
        kept = counted.flatten()
        return Rows(values[kept], sample[kept], place[kept], n_samples, n_positions)
    if counted is None:
        if pool == "first":
            return Rows(tokens[:, 0].clone())
        if pool == "last":
            return Rows(tokens[:, -1].clone())
        return Rows(tokens.amax(1) if pool == "max" else tokens.mean(1))
    if pool in ("first", "last"):
        places = torch.arange(n_positions, device=tokens.device).expand(n_samples, -1)
        places = places.masked_fill(~counted, n_positions if pool == "first" else -1)
        place = places.amin(1) if pool == "first" else places.amax(1)
        return Rows(tokens[torch.arange(n_samples, device=tokens.device), place])
    outside = ~counted[:, :, None]
    if pool == "max":
        return Rows(tokens.masked_fill(outside, -torch.inf).amax(1))
    # Values in the padding do not matter, not even NaN.
    sums = tokens.masked_fill(outside, 0).sum(1)
    return Rows(sums / counted.sum(1, keepdim=True))


def _called(layer: str, tensor: Any, pool: Callable[..., Any], mask: Any) -> Any:
    rows = pool(tensor, mask) if _takes_mask(pool) else pool(tensor)
    if not isinstance(rows, torch.Tensor):
        raise TypeError(
            f"pool gave {type(rows).__name__} for layer {layer!r}: it must return a tensor with a "
            "row for each sample"
        )
    rows = rows.detach()
    if rows.is_floating_point() and rows.element_size() < 4:
        rows = rows.float()
    if rows.ndim not in (1, 2):
        raise ValueError(
            f"pool gave shape {tuple(rows.shape)} for layer {layer!r}: it must return a row for "
            "each sample"
        )
    return rows.reshape(len(rows), -1).clone()


def _takes_mask(pool: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(pool).parameters.values()
    except (TypeError, ValueError):  # of C
        return False
    needed = [p for p in parameters if p.default is p.empty and p.kind <= p.POSITIONAL_OR_KEYWORD]
    return len(needed) > 1


def _padded(nested: Any) -> tuple[Any, Any]:
    """Give samples of different length one length, and the mask of what they have."""
    parts = nested.unbind()
    mask = torch.zeros(len(parts), max(len(part) for part in parts), dtype=torch.bool)
    for row, part in zip(mask, parts, strict=True):
        row[: len(part)] = True
    return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True), mask


def _positions_before_features(layer: str, tensor: Any, mask: Any, width: Width | None) -> Any:
    """Bring an output of three or more dimensions to (samples, positions, features)."""
    if _features_are_last(layer, tensor, mask, width):
        return tensor.flatten(1, -2)
    return tensor.flatten(2).transpose(1, 2)


def _features_are_last(layer: str, tensor: Any, mask: Any, width: Width | None) -> bool:
    second, last = tensor.shape[1], tensor.shape[-1]
    if width is not None:
        if width.n_features == (last if width.last else second):
            return width.last
        if width.n_features == (second if width.last else last):
            return not width.last
    if tensor.ndim > 3:
        return False
    if mask is not None and tensor.shape[:2] == mask.shape:
        return True
    raise ValueError(
        f"layer {layer!r} gave shape {tuple(tensor.shape)}, which may be (samples, tokens, "
        "features) or (samples, channels, positions): pass pool=lambda x: x.mean(1) for the first, "
        "pool=lambda x: x.mean(2) for the second"
    )
