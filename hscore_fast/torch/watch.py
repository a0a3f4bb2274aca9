"""One model under observation: the rows that each of its layers gives in a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from hscore_fast.torch.modules import (
    Target,
    as_targets,
    batch_second,
    is_leaf,
    is_linear,
    unwrapped,
    width_of,
)
from hscore_fast.torch.pooling import Pools, Rows, Width, first_tensor, pooled

__all__ = ["Watch"]

Hook = Callable[[Any, Any, Any, Any], None]


class _Pass:
    """Outputs that were seen in one forward pass."""

    def __init__(self, n_samples: int, mask: Any) -> None:
        self.n_samples = n_samples
        self.mask = mask
        self.rows: dict[str, Rows] = {}  # of each call
        self.calls: dict[str, int] = {}  # of each target
        self.runs = 0  # of the model
        self.given: tuple[Any, Any] | None = None  # the model's arguments
        # In the first pass only:
        self.width: Width | None = None
        self.leaf_calls: dict[str, int] = {}
        self.head: _Found | None = None  # of the last layer with parameters, if it is linear
        self.output: _Found | None = None  # of the model
        self.latest: tuple[Target, str, Any] | None = None  # the call before, and its tensor
        self.failed: dict[str, str] = {}


class _Found(NamedTuple):
    """A call that "auto" may choose: its rows, or why there are none, and the output's shape."""

    layer: str
    call: int
    rows: Rows | Exception
    shape: Any


class Watch:
    """Hooks on a model, for one forward pass at a time.

    The first pass settles what was left open: the layer that "auto" is, which of a pattern's layers
    give rows, where the features of each are, and how often each runs.

    Parameters
    ----------
    model : torch.nn.Module or callable
        A callable that is no module has its output only.
    layers : str or sequence of str
    pools : Pools
    prefix : str
        In front of the layers' names, which `pools` may know them by as well.

    Attributes
    ----------
    left_out : dict of str to str
        Layers that a pattern matched and that give no rows, and why.
    """

    def __init__(self, model: Any, layers: str | Sequence[str], pools: Pools, prefix: str = ""):
        self.model = unwrapped(model)
        self.left_out: dict[str, str] = {}
        self._targets = as_targets(self.model, layers)
        self._is_auto = not self._targets
        self._pools = pools
        self._prefix = prefix
        self._widths: dict[str, Width | None] = {}  # of each call
        self._settled: dict[str, int] | None = None  # how often each target runs
        self._kept: dict[str, list[int]] = {}  # which of these calls give rows
        self._hooks: list[Any] = []
        self._pass: _Pass | None = None

    @property
    def is_module(self) -> bool:
        """Whether the model can be hooked."""
        script = torch.jit.ScriptModule
        return isinstance(self.model, torch.nn.Module) and not isinstance(self.model, script)

    @property
    def is_hooked(self) -> bool:
        """Whether the hooks are in place."""
        return bool(self._hooks)

    @property
    def names(self) -> list[str]:
        """The layers asked for, or those that there are once a batch has been seen."""
        if self._settled is None:
            return [target.name for target in self._targets]
        return [name for target in self._targets for name, _ in self._named_calls(target)]

    def hook(self) -> None:
        """Put the hooks in place."""
        if not self.is_module:
            return
        if self._settled is None:  # before the others, which want to know
            for name, module in self.model.named_modules():
                if name and not isinstance(module, torch.jit.ScriptModule) and is_leaf(module):
                    self._hooks.append(self._hook(module, self._see_leaf(name)))
        self._hooks.append(self._hook(self.model, self._see_model))
        for target in self._targets:
            if target.layer:
                self._hooks.append(self._hook(target.module, self._see(target)))

    def unhook(self) -> None:
        """Take the hooks away."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def begin(self, n_samples: int, mask: Any) -> None:
        """Expect a forward pass of so many samples."""
        self._pass = _Pass(n_samples, mask)

    def drop(self) -> None:
        """Forget a pass that failed."""
        self._pass = None

    @property
    def is_expecting(self) -> bool:
        """Whether a pass is under way."""
        return self._pass is not None

    @property
    def given(self) -> tuple[Any, Any] | None:
        """The arguments of the model in this pass."""
        return None if self._pass is None else self._pass.given

    def see_output(self, inputs: Any, output: Any) -> None:
        """Take what a model returned that cannot be hooked; an array does as well as a tensor."""
        if hasattr(output, "__array__") and not isinstance(output, torch.Tensor):
            output = torch.as_tensor(np.array(output))
        self._see_model(self.model, (inputs,), {}, output)

    def end(self) -> dict[str, Rows]:
        """Give the rows of the pass, by layer.

        Raises
        ------
        RuntimeError
            If a layer did not run as often as in the first pass, or at all.
        ValueError, TypeError
            If an output cannot be made into rows.
        """
        seen, self._pass = self._pass, None
        assert seen is not None
        if seen.runs > 1:
            raise RuntimeError(
                f"the model ran {seen.runs} times in this batch: run it once per batch; where "
                "DataParallel runs it once a device, collector.update(inputs, labels) uses one"
            )
        if self._settled is None:
            self._settle(seen)
        assert self._settled is not None
        for target in self._targets:
            ran, before = seen.calls.get(target.name, 0), self._settled[target.name]
            if ran != before:
                raise RuntimeError(
                    f"layer {target.name!r} ran {ran} times in this batch, and {before} before: "
                    "name a layer that every batch runs as often as the first"
                )
        return {
            name: seen.rows[_key(target, call)]
            for target in self._targets
            for name, call in self._named_calls(target)
        }

    def _settle(self, seen: _Pass) -> None:
        """Decide what was left open."""
        targets = [self._choose(seen)] if self._is_auto else self._targets
        calls = {target.name: seen.calls.get(target.name, 0) for target in targets}
        kept = {
            target.name: [
                call
                for call in range(1, calls[target.name] + 1)
                if _key(target, call) in seen.rows and target.call in (0, call)
            ]
            for target in targets
        }
        for target in targets:
            if kept[target.name]:
                continue
            if target.is_asked_for:
                raise _not_run(target, calls[target.name])
            reason = seen.failed.get(target.name, "it did not run")
            self.left_out[target.name] = reason
        if not any(kept.values()):
            name, reason = next(iter(self.left_out.items()))
            raise ValueError(f"no layer gives rows; {name!r}: {reason}")
        self._targets = [target for target in targets if kept[target.name]]
        self._settled, self._kept = calls, kept
        if self.is_hooked:
            self.unhook()
            self.hook()

    def _choose(self, seen: _Pass) -> Target:
        """Choose what "auto" is: the input of the linear layer at the end, or the output."""
        if seen.output is None:
            raise RuntimeError(
                "the model ran 0 times in this batch: layers='auto' needs the model itself to run, "
                "or name layers"
            )
        chosen, target = seen.output, Target("output", "", self.model)
        if seen.head is not None and seen.head.shape == seen.output.shape:
            chosen = seen.head
            module = self.model.get_submodule(chosen.layer)
            name = f"{chosen.layer}.input"
            target = Target(name, chosen.layer, module, is_input=True, call=chosen.call)
        if isinstance(chosen.rows, Exception):
            raise chosen.rows
        seen.rows[_key(target, chosen.call)] = chosen.rows
        seen.calls[target.name] = chosen.call
        return target

    def _named_calls(self, target: Target) -> list[tuple[str, int]]:
        """Return the calls that give rows, with a name for each."""
        assert self._settled is not None
        if target.call or self._settled[target.name] == 1:
            return [(target.name, call) for call in self._kept[target.name]]
        return [(_key(target, call), call) for call in self._kept[target.name]]

    def _hook(self, module: Any, see: Hook) -> Any:
        return module.register_forward_hook(see, with_kwargs=True)

    def _see_model(self, module: Any, args: Any, kwargs: Any, output: Any) -> None:
        seen = self._expected()
        seen.runs += 1
        seen.given = (args, kwargs)
        if self._settled is None and self.is_module and is_leaf(module):
            seen.width = width_of(module)
        for target in self._targets:
            if not target.layer:
                self._take(target, seen, output)
        if self._settled is None and self._is_auto:
            target = Target("output", "", module)
            seen.output = self._attempt(target, 1, seen, output, output)

    def _see(self, target: Target) -> Hook:
        def hook(module: Any, args: Any, kwargs: Any, output: Any) -> None:
            seen = self._expected()
            self._take(target, seen, [*args, *kwargs.values()] if target.is_input else output)

        return hook

    def _take(self, target: Target, seen: _Pass, output: Any) -> None:
        """Keep the rows of one call of a layer."""
        call = seen.calls[target.name] = seen.calls.get(target.name, 0) + 1
        if target.call not in (0, call):
            return
        if self._settled is not None:
            if call in self._kept[target.name]:
                seen.rows[_key(target, call)] = self._rows(target, call, seen, output)
            return
        try:
            rows = self._rows(target, call, seen, output)
        except (TypeError, ValueError) as error:
            if target.is_asked_for:
                raise
            seen.failed[target.name] = str(error)
            return
        given = len(rows.values) if rows.sample is None else rows.n_samples
        if given != seen.n_samples and not target.is_asked_for:
            seen.failed[target.name] = f"it gave {given} rows for {seen.n_samples} samples"
            return
        seen.rows[_key(target, call)] = rows
        self._drop_repetition(target, call, seen, first_tensor(output))

    def _drop_repetition(self, target: Target, call: int, seen: _Pass, tensor: Any) -> None:
        """Keep one name of an output that two layers of a pattern give, the outer one if any."""
        before, seen.latest = seen.latest, (target, _key(target, call), tensor)
        if before is None or not _is_same(before[2], tensor):
            return
        other, key, _ = before
        if not torch.equal(seen.rows[key].values, seen.rows[_key(target, call)].values):
            return  # it was overwritten in between
        if other.name.startswith(f"{target.name}.") and not other.is_asked_for:
            del seen.rows[key]
            seen.failed[other.name] = f"it gives what {target.name!r} gives"
        elif not target.is_asked_for:
            del seen.rows[_key(target, call)]
            seen.failed[target.name] = f"it gives what {other.name!r} gives"
            seen.latest = before

    def _rows(self, target: Target, call: int, seen: _Pass, output: Any) -> Rows:
        tensor = first_tensor(output)
        if tensor is not None and tensor.ndim == 3 and not target.is_input:
            output = tensor.transpose(0, 1) if batch_second(target.module) else tensor
        key = _key(target, call)
        if self._settled is None:
            width = seen.width
            if target.is_input:
                last = tensor is not None and is_linear(target.module)
                width = Width(tensor.shape[-1], last=True) if last else None
            self._widths[key] = width
        name = self._prefix + target.name
        pool = self._pools.of((target.name, name), target.module)
        return pooled(name, output, pool, seen.mask, self._widths[key])

    def _see_leaf(self, name: str) -> Hook:
        """Note the last layer with parameters, for its features' place and as a head."""

        def hook(module: Any, args: Any, kwargs: Any, output: Any) -> None:
            seen = self._pass
            if seen is None or self._settled is not None:
                return
            seen.width, seen.head = width_of(module) or seen.width, None
            call = seen.leaf_calls[name] = seen.leaf_calls.get(name, 0) + 1
            if self._is_auto and is_linear(module):
                target = Target(f"{name}.input", name, module, is_input=True)
                seen.head = self._attempt(target, call, seen, [*args, *kwargs.values()], output)

        return hook

    def _attempt(self, target: Target, call: int, seen: _Pass, taken: Any, output: Any) -> _Found:
        """Make rows that may not be needed."""
        tensor = first_tensor(output)
        shape = None if tensor is None else tensor.shape
        try:
            return _Found(target.layer, call, self._rows(target, call, seen, taken), shape)
        except (TypeError, ValueError) as error:
            return _Found(target.layer, call, error, shape)

    def _expected(self) -> _Pass:
        if self._pass is None:
            raise RuntimeError(
                "the model ran without labels: call collector.update(inputs, labels), or run "
                "the model in `with collector.batch(labels):`"
            )
        return self._pass


def _key(target: Target, call: int) -> str:
    return f"{target.name}#{call}"


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two tensors that are both alive are the same memory."""
    if one is other:
        return True
    if one.layout != torch.strided or other.layout != torch.strided or one.is_nested:
        return False
    return bool(one.numel() == other.numel() and one.data_ptr() == other.data_ptr())


def _not_run(target: Target, calls: int) -> RuntimeError:
    if calls:
        return RuntimeError(f"layer {target.name!r} is asked for, and it ran {calls} times only")
    return RuntimeError(
        f"layer {target.name!r} ran 0 times in this batch: run the model once per batch, and name "
        "a layer that it calls as a module; compiled or scripted code does not call hooks"
    )
