"""Which of several models to start from: one pass of a labelled loader."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import torch

from hscore_fast._inputs.options import as_confidence, as_names, as_one_of
from hscore_fast._sources.order import BY
from hscore_fast._sources.ranking import SourceRanking
from hscore_fast.torch.batches import (
    Batch,
    Part,
    Reader,
    Repetitions,
    device_of,
    run,
    to_device,
)
from hscore_fast.torch.modules import eager
from hscore_fast.torch.pooling import Pool, Pools, as_pools
from hscore_fast.torch.ranking import rank_layers
from hscore_fast.torch.rows import RowStore, Stored, Targets, layer_rows
from hscore_fast.torch.watch import Watch

__all__ = ["rank_models"]

Layers: TypeAlias = "str | Sequence[str]"


def rank_models(
    models: Mapping[str, Any],
    loader: Iterable[Any],
    *,
    layers: Layers | Mapping[str, Layers] = "auto",
    pool: Pool | Mapping[Any, Pool] = "auto",
    inputs: Part = None,
    labels: Part = None,
    mask: Part | bool = None,
    groups: Part = None,
    ignore_label: Any = -100,
    device: Any = None,
    by: str = "cross_validated_h_score",
    confidence: float = 0.95,
    n_blocks: int = 20,
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: bool | Callable[[int, int | None], object] = True,
) -> SourceRanking:
    """Rank models, or their layers, for the task of a labelled loader.

    The loader is read once and every model sees every batch, so that a loader may shuffle and all
    scores are of the same samples.

    Parameters
    ----------
    models : mapping of str to torch.nn.Module or callable
        They are run without gradients and in evaluation mode, and left in the mode in which they
        were. A callable that is no module returns features as a tensor or an array, or a dictionary
        or tuple whose first tensor they are.
    loader : iterable
        Of batches: tuples whose last entry is the labels, or dictionaries with the key "labels",
        "label", "targets", "target" or "y". A dictionary's other entries are given to a model by
        name, those that it names; a model that names none gets the dictionary.
    layers : str, sequence of str, or mapping of str to these, default "auto"
        As for :class:`Collector`; a mapping has one for each model.
    pool : str, callable or mapping, default "auto"
        As for :class:`Collector`; the keys of a mapping may be ``"model:layer"``.
    inputs, labels, groups : str, int or callable, optional
        Where in a batch they are: a key, a place, or a function of the batch. Rows of the same
        group are held out together.
    mask : str, int, callable or False, optional
        The tokens that count, by default the batch's "attention_mask" if it has one.
    ignore_label : object or list of objects, default -100
        Labels whose rows are left out; None counts all.
    device : torch.device or str, optional
        Models are moved there for the time of the call. By default each stays where it is, and the
        batches go there.
    by, confidence
        As for :func:`hscore_fast.rank_sources`.
    n_blocks, n_threads, check_finite
        As for :class:`Collector`.
    progress : bool or callable, default True
        Whether to show the number of batches on standard error, if that is a terminal; or a
        function, called as ``progress(done, total)`` with numbers of batches, None for a total that
        the loader does not tell.

    Returns
    -------
    SourceRanking
        Of layers named ``"model:layer"``, the best first. A model that raised an error stands at
        the end with its error, and the others go on without it.

    Raises
    ------
    ValueError, TypeError
        If an option is unknown, a batch cannot be taken apart or its labels cannot be used. The
        error of a single model is raised only if all fail.

    Warns
    -----
    RepeatedRowsWarning
        The loader gave samples twice.

    Notes
    -----
    Memory is that of the models and of the rows or statistics that :class:`Collector` keeps.

    Examples
    --------
    >>> import torch
    >>> from hscore_fast.torch import rank_models
    >>> _ = torch.manual_seed(0)
    >>> x, y = torch.randn(200, 8), torch.arange(200) % 4
    >>> x[torch.arange(200), y] += 2
    >>> loader = torch.utils.data.DataLoader(list(zip(x, y)), batch_size=32, shuffle=True)
    >>> wide, narrow = torch.nn.Linear(8, 8), torch.nn.Linear(8, 1)
    >>> rank_models({"wide": wide, "narrow": narrow}, loader).names
    ['wide:output', 'narrow:output']
    """
    as_names(models, "models")
    as_one_of("by", by, BY)
    as_confidence(confidence)
    pools = as_pools(pool)
    wanted = _layers_of(models, layers)
    store = RowStore(n_blocks, n_threads, ignore_label)
    reader = Reader(inputs, labels, mask, groups)
    tell = _teller(progress, loader)
    repetitions = Repetitions()
    failed: dict[str, Exception] = {}
    running: dict[str, _Model] = {}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for name, model in models.items():
            with _kept(failed, name):
                running[name] = stack.enter_context(_prepared(name, model, wanted, pools, device))
        for number, given in enumerate(loader if running else (), 1):
            batch = reader.read(given)
            targets = store.targets(batch.labels, batch.groups, pools.has_positions)
            rows: dict[str, Stored] = {}
            for name, model in list(running.items()):
                with _kept(failed, name):
                    own = model.rows(batch, targets, check_finite)
                    store.check(own)
                    rows.update(own)
                if name in failed:
                    store.drop(running.pop(name).names)
            if not running:
                break
            store.add(rows)
            repetitions.see(batch.inputs, batch.mask)
            tell(number)
    if not running:
        name, failure = next(iter(failed.items()))
        failure.args = (f"models[{name!r}]: {failure}",)
        raise failure
    return rank_layers(
        store,
        by=by,
        confidence=confidence,
        n_threads=n_threads,
        check_finite=check_finite,
        failed=failed,
    )


class _Model:
    """One of the models, its layers watched."""

    def __init__(self, name: str, model: Any, layers: Layers, pools: Pools) -> None:
        self._name = name
        self._watch = Watch(model, layers, pools, prefix=f"{name}:")

    @property
    def module(self) -> Any:
        """The module that is run."""
        return self._watch.model

    @property
    def names(self) -> list[str]:
        """The names of its layers in the ranking."""
        return [f"{self._name}:{layer}" for layer in self._watch.names]

    def rows(self, batch: Batch, targets: Targets, check_finite: bool) -> dict[str, Stored]:
        """Run the model on a batch; the hooks are in place meanwhile, since models may share."""
        inputs = to_device(batch.inputs, device_of(self.module))
        self._watch.hook()
        self._watch.begin(targets.shape[0], batch.mask)
        try:
            with eager():
                output = run(self.module, inputs)
            if not self._watch.is_module:
                self._watch.see_output(inputs, output)
            found = self._watch.end()
        finally:
            self._watch.drop()
            self._watch.unhook()
        named = {f"{self._name}:{layer}": rows for layer, rows in found.items()}
        return {name: layer_rows(name, rows, targets, check_finite) for name, rows in named.items()}


@contextmanager
def _kept(failed: dict[str, Exception], name: str) -> Iterator[None]:
    """Keep the error of one model; the others go on."""
    try:
        yield
    except Exception as error:
        failed[name] = error


@contextmanager
def _prepared(
    name: str, model: Any, layers: Mapping[str, Layers], pools: Pools, device: Any
) -> Iterator[_Model]:
    """Put a model in evaluation mode and on a device, and leave it as it was."""
    found = _Model(name, model, layers[name], pools)
    module = found.module
    if not isinstance(module, torch.nn.Module):
        yield found
        return
    modes = [(part, getattr(part, "training", False)) for part in module.modules()]
    before = device_of(module)
    try:
        module.eval()
        if device is not None:
            module.to(device)
        yield found
    finally:
        if device is not None and before is not None:
            module.to(before)
        for part, training in modes:
            if training:
                part.training = True


def _layers_of(
    models: Mapping[str, Any], layers: Layers | Mapping[str, Layers]
) -> Mapping[str, Layers]:
    """Return the layers that are asked for of each model."""
    if not isinstance(layers, Mapping):
        return dict.fromkeys(models, layers)
    unknown = [name for name in layers if name not in models]
    if unknown:
        raise ValueError(
            f"layers names {', '.join(map(repr, unknown))}, and the models are "
            f"{', '.join(map(repr, models))}"
        )
    return {name: layers.get(name, "auto") for name in models}


def _teller(
    progress: bool | Callable[[int, int | None], object], loader: Any
) -> Callable[[int], object]:
    """Return the function that is told the number of batches done."""
    try:
        total = len(loader)
    except TypeError:
        total = None
    if callable(progress):
        return lambda done: progress(done, total)
    if not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False or a function, got {progress!r}")
    if not progress or not sys.stderr.isatty():
        return lambda done: None

    def show(done: int) -> None:
        of = "" if total is None else f" of {total}"
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{done}{of} batches{end}")
        sys.stderr.flush()

    return show
