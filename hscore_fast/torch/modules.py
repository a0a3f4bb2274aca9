"""Facts about a model that has not run: its layers' names, and how to run it."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch

from hscore_fast.torch.pooling import Width

__all__ = [
    "Target",
    "as_targets",
    "batch_second",
    "eager",
    "has_training_layers",
    "is_leaf",
    "is_linear",
    "unwrapped",
    "width_of",
]

_PREFIXES = re.compile(r"^((_orig_mod|module)\.)+")


class Target(NamedTuple):
    """An output, or an input, of a layer that rows are wanted of.

    Attributes
    ----------
    name : str
        What it is called in results, without the number of the call.
    layer : str
        The module's name; "" is the model.
    module : torch.nn.Module
    is_input : bool
        Whether the module's input is wanted rather than its output.
    call : int
        Which of the module's calls in a forward pass; 0 for all of them.
    is_asked_for : bool
        By its own name, so that it has to work; otherwise by a pattern.
    """

    name: str
    layer: str
    module: Any
    is_input: bool = False
    call: int = 0
    is_asked_for: bool = True


def unwrapped(model: Any) -> Any:
    """Return the module that a compiled, replicated or distributed one runs."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        parallel = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
        if isinstance(model, parallel):
            inner = model.module
        if not isinstance(inner, torch.nn.Module):
            return model
        model = inner


@contextmanager
def eager() -> Iterator[None]:
    """Run compiled code uncompiled: it does not call hooks that came after it was compiled."""
    set_stance = getattr(torch.compiler, "set_stance", None)
    if set_stance is None or "torch._dynamo" not in sys.modules:
        yield
        return
    with set_stance("force_eager"):
        yield


def as_targets(model: Any, layers: str | Sequence[str]) -> list[Target]:
    """Find the layers asked for.

    Returns
    -------
    list of Target
        Empty for "auto", which the first batch decides.

    Raises
    ------
    ValueError
        If there is no such layer.
    TypeError
        If layers are no names, or the model has none that can be hooked.
    """
    if isinstance(layers, str) and layers == "auto":
        return []
    wanted = [layers] if isinstance(layers, str) else list(layers)
    if not wanted:
        raise ValueError("layers is empty; name at least one, as in model.named_modules()")
    for name in wanted:
        if not isinstance(name, str):
            raise TypeError(
                f"layers must be names as in model.named_modules(), got {type(name).__name__}"
            )
    if not isinstance(model, torch.nn.Module) or isinstance(model, torch.jit.ScriptModule):
        if wanted == ["output"]:
            return [Target("output", "", model)]
        kind = type(model).__name__
        raise TypeError(
            f"a {kind} has no layers that can be hooked, only layers='output': pass the module "
            "that it was made from"
        )
    known = dict(model.named_modules(remove_duplicate=False))
    found: dict[str, Target] = {}
    for name in wanted:
        for target in _matching(model, known, name):
            if isinstance(target.module, torch.jit.ScriptModule):
                raise TypeError(
                    f"layer {target.name!r} is a ScriptModule, which cannot be hooked: pass the "
                    "module that it was made from, or name a layer around it"
                )
            found.setdefault(target.name, target)
    return list(found.values())


def _matching(model: Any, known: dict[str, Any], name: str) -> list[Target]:
    """Return the layers that a name or a pattern means."""
    plain = _PREFIXES.sub("", name)
    for layer in (name, plain):
        if layer and layer in known:
            return [Target(layer, layer, known[layer])]
    base, _, number = plain.rpartition("#")
    if base in known and number.isdigit() and int(number) > 0:
        return [Target(plain, base, known[base], call=int(number))]
    if plain == "output":
        return [Target("output", "", model)]
    if plain.endswith(".input") and plain.removesuffix(".input") in known:
        layer = plain.removesuffix(".input")
        return [Target(plain, layer, known[layer], is_input=True)]
    hooked = [
        Target(layer, layer, module, is_asked_for=False)
        for layer, module in model.named_modules()
        if layer and not isinstance(module, torch.jit.ScriptModule)
    ]
    matching = [t for t in hooked if plain == "all" or fnmatchcase(t.name, plain)]
    if matching:
        return matching
    close = difflib.get_close_matches(name, known, n=5, cutoff=0.4)
    names = ", ".join(map(repr, close or [layer for layer in known if layer][:10]))
    raise ValueError(f"the model has no layer {name!r}; there are {names or 'none'}")


def is_linear(module: Any) -> bool:
    """Tell whether a module is a linear layer, quantized ones included."""
    if isinstance(module, torch.nn.Linear):
        return True
    kinds = (torch.ao.nn.quantized.Linear, torch.ao.nn.quantized.dynamic.Linear)
    return isinstance(module, kinds)


def is_leaf(module: Any) -> bool:
    """Tell whether a module with parameters is one layer, whatever it is made of."""
    nn = torch.nn
    if is_linear(module) or isinstance(module, (nn.MultiheadAttention, nn.RNNBase)):
        return True
    empty = next(module.children(), None) is None
    return empty and next(module.parameters(), None) is not None


def width_of(module: Any) -> Width | None:
    """Return how many features a layer gives, and where they are; None if that is not known."""
    nn = torch.nn
    if isinstance(module, nn.LayerNorm):
        return Width(int(module.normalized_shape[-1]), last=True)
    if isinstance(module, nn.RNNBase):
        directions = 2 if module.bidirectional else 1
        return Width((module.proj_size or module.hidden_size) * directions, last=True)
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return Width(int(module.num_features), last=False)
    if isinstance(module, nn.GroupNorm):
        return Width(int(module.num_channels), last=False)
    for name in ("out_features", "embedding_dim", "embed_dim", "out_channels"):
        n_features = getattr(module, name, None)
        if isinstance(n_features, int):
            return Width(n_features, last=name != "out_channels")
    return None


def batch_second(module: Any) -> bool:
    """Tell whether the second dimension of a layer's output is the samples."""
    nn = torch.nn
    if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
        return not module.batch_first
    kinds = (
        *(nn.TransformerEncoder, nn.TransformerEncoderLayer),
        *(nn.TransformerDecoder, nn.TransformerDecoderLayer),
    )
    if not isinstance(module, kinds):
        return False
    return any(getattr(part, "batch_first", True) is False for part in module.modules())


def has_training_layers(model: Any) -> bool:
    """Tell whether a module drops at random, or normalizes by the batch, as in training."""
    nn = torch.nn
    kinds = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)
    return any(isinstance(part, kinds) and part.training for part in model.modules())
