"""Score the layers of a torch module while batches flow through it.

Needs the extra ``torch``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import torch

from hscore_fast._inputs.labels import as_ignored
from hscore_fast._moments.moments import Moments

__all__ = ["Collector"]

Pool: TypeAlias = "str | Callable[[Any], Any]"

_POOLS = ("mean", "flatten")


class _Batch(NamedTuple):
    """Rows of a layer on their way to its statistics, and how many were there before."""

    rows: Any
    labels: Any
    n_before: int


class Collector:
    """Gather the statistics of some layers' outputs, without storing the outputs.

    Used as a context manager, it hooks the layers on entry and unhooks them on exit; what it has
    gathered stays. Each batch is one call of :meth:`update`, or a ``with collector.batch(labels):``
    around a call of the model in any way it wants to be called.

    Parameters
    ----------
    model : torch.nn.Module
        It is run as it is: call ``model.eval()`` before if it has dropout or batch normalization.
    layers : sequence of str
        Names as in ``model.named_modules()``.
    pool : {"mean", "flatten"} or callable, default "mean"
        How an output becomes one row per sample. "mean" averages over the positions of channels,
        all dimensions behind the second; an output of three dimensions is refused, since it may
        hold channels or tokens: pass ``lambda x: x.mean(1)`` for tokens. A callable takes what the
        layer gives and returns a tensor of shape (n_rows, n_features).
    n_threads : int, optional
        As for :func:`hscore_fast.h_score`.
    check_finite : bool, default True
        Refuse NaN and infinity.
    ignore_label : object or list of objects, optional
        As for :func:`hscore_fast.h_score`.

    Raises
    ------
    ValueError
        If there is no layer of that name, or `pool` is unknown.

    Notes
    -----
    Memory is that of the statistics, ``O(n_features**2)`` for each layer, and of one batch's pooled
    outputs. A batch is added to all layers or, if it raises, to none; where Ctrl-C falls between
    two layers, the rest of them gets it when the statistics are looked at next.

    Examples
    --------
    >>> import torch
    >>> from hscore_fast.torch import Collector
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    >>> with Collector(model, ["0", "2"]) as collector:
    ...     for _ in range(5):
    ...         _ = collector.update(torch.randn(32, 4), torch.arange(32) % 3)
    >>> sorted(collector.h_scores())
    ['0', '2']
    >>> collector.moments["2"].n_samples
    160
    """

    def __init__(
        self,
        model: Any,
        layers: Sequence[str],
        *,
        pool: Pool = "mean",
        n_threads: int | None = None,
        check_finite: bool = True,
        ignore_label: Any = None,
    ) -> None:
        if not callable(pool) and pool not in _POOLS:
            raise ValueError(f"pool must be 'mean', 'flatten' or a function, got {pool!r}")
        if isinstance(layers, str):
            raise TypeError(f"layers must be a list of names, got the string {layers!r}")
        known = dict(model.named_modules())
        for layer in layers:
            if layer not in known:
                close = difflib.get_close_matches(layer, known, n=5, cutoff=0.4)
                names = ", ".join(map(repr, close or [name for name in known if name][:10]))
                raise ValueError(f"the model has no layer {layer!r}; there are {names}")
        if not layers:
            raise ValueError("layers is empty; name at least one, as in model.named_modules()")
        self._moments = {layer: Moments() for layer in layers}
        self._waiting: dict[str, _Batch] = {}  # for layers that an interrupt left without it
        self._model = model
        self._modules = {layer: known[layer] for layer in layers}
        self._pool = pool
        self._n_threads = n_threads
        self._check_finite = check_finite
        self._ignored = as_ignored(ignore_label)
        self._hooks: list[Any] = []
        self._outputs: dict[str, list[Any]] | None = None  # of the batch under way

    @property
    def moments(self) -> dict[str, Moments]:
        """The statistics of each layer, in the order of the layers."""
        self._finish()
        return self._moments

    def __enter__(self) -> Collector:
        if self._hooks:
            raise RuntimeError("this Collector is in use already; make another one")
        for layer, module in self._modules.items():
            self._hooks.append(module.register_forward_hook(self._hook(layer)))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def update(self, inputs: Any, labels: Any) -> Any:
        """Run the model on one batch without gradients, and add its layers' outputs.

        Parameters
        ----------
        inputs : object
            The model's one argument.
        labels : tensor or array_like of shape (n_rows,)
            As for :func:`hscore_fast.h_score`; on any device.

        Returns
        -------
        object
            What the model returns.

        Raises
        ------
        ValueError
            If a layer's rows are not as many as the labels, or a value is not finite.
        RuntimeError
            If the Collector is not in use, or a layer did not run exactly once.

        Examples
        --------
        >>> import torch
        >>> from hscore_fast.torch import Collector
        >>> with Collector(torch.nn.Sequential(torch.nn.Linear(4, 2)), ["0"]) as collector:
        ...     collector.update(torch.zeros(3, 4), [0, 1, 0]).shape
        torch.Size([3, 2])
        """
        with torch.no_grad(), self.batch(labels):
            return self._model(inputs)

    @contextmanager
    def batch(self, labels: Any) -> Iterator[None]:
        """Add the outputs of the model's one forward pass in the ``with`` block.

        Parameters
        ----------
        labels : tensor or array_like of shape (n_rows,)
            Of the rows of that pass.

        Raises
        ------
        ValueError, RuntimeError
            As :meth:`update` does, at the end of the block.

        Examples
        --------
        >>> import torch
        >>> from hscore_fast.torch import Collector
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2))
        >>> with Collector(model, ["0"]) as collector, collector.batch([0, 1, 0]):
        ...     _ = model(torch.zeros(3, 4))
        >>> collector.moments["0"].n_samples
        3
        """
        if not self._hooks:
            raise RuntimeError(
                "the layers are not hooked: use the Collector in a with block, "
                "`with Collector(model, layers) as collector:`"
            )
        if self._outputs is not None:
            raise RuntimeError("a batch is under way already; end its with block first")
        self._outputs = {layer: [] for layer in self.moments}
        try:
            yield
            outputs = self._outputs
        finally:
            self._outputs = None
        self._add(outputs, labels)

    def h_scores(self, *, tol: float | None = None) -> dict[str, float]:
        """Give each layer's H-score.

        Parameters
        ----------
        tol : float, optional
            As for :func:`hscore_fast.h_score`.

        Returns
        -------
        dict of str to float
            In the order of the layers.

        Raises
        ------
        ValueError
            If fewer than two rows were seen.

        Examples
        --------
        >>> import torch
        >>> from hscore_fast.torch import Collector
        >>> with Collector(torch.nn.Sequential(torch.nn.Identity()), ["0"]) as collector:
        ...     _ = collector.update(torch.arange(4.0)[:, None], [0, 0, 1, 1])
        >>> {layer: round(score, 6) for layer, score in collector.h_scores().items()}
        {'0': 0.8}
        """
        return {layer: found.h_score(tol=tol) for layer, found in self.moments.items()}

    def scores(self) -> dict[str, dict[str, float]]:
        """Give each layer's scores, as rows of a table.

        Returns
        -------
        dict of str to dict
            With ``n_features``, ``h_score``, ``adjusted_h_score`` and ``regularized_h_score``; for
            a table, ``pandas.DataFrame(collector.scores()).T`` or ``print(collector)``.

        Raises
        ------
        ValueError
            If fewer than two rows were seen.

        Examples
        --------
        >>> import torch
        >>> from hscore_fast.torch import Collector
        >>> with Collector(torch.nn.Sequential(torch.nn.Identity()), ["0"]) as collector:
        ...     _ = collector.update(torch.arange(4.0)[:, None], [0, 0, 1, 1])
        >>> sorted(collector.scores()["0"])
        ['adjusted_h_score', 'h_score', 'n_features', 'regularized_h_score']
        """
        return {
            layer: {
                "n_features": found.n_features or 0,
                "h_score": found.h_score(),
                "adjusted_h_score": found.adjusted_h_score(),
                "regularized_h_score": found.regularized_h_score(),
            }
            for layer, found in self.moments.items()
        }

    def __repr__(self) -> str:
        rows = next(iter(self.moments.values())).n_samples
        return f"Collector(layers={list(self.moments)}, n_samples={rows})"

    def __str__(self) -> str:
        if next(iter(self.moments.values())).n_samples < 2:
            return repr(self)
        width = max(map(len, ["layer", *self.moments]))
        lines = [f"{'layer':<{width}}  columns   H-score  adjusted  regularized"]
        for layer, row in self.scores().items():
            lines.append(
                f"{layer:<{width}}  {row['n_features']:7d}  {row['h_score']:8.4f}  "
                f"{row['adjusted_h_score']:8.4f}  {row['regularized_h_score']:11.4f}"
            )
        return "\n".join(lines)

    def _hook(self, layer: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            if self._outputs is None:
                raise RuntimeError(
                    "the model ran without labels: call collector.update(inputs, labels), or run "
                    "the model in `with collector.batch(labels):`"
                )
            self._outputs[layer].append(self._rows(layer, output))

        return hook

    def _rows(self, layer: str, output: Any) -> Any:
        """Pool an output to one row per sample, at once: what is kept of it is small."""
        if callable(self._pool):
            rows = self._pool(output)
        else:
            rows = output[0] if isinstance(output, (tuple, list)) and output else output
        if not isinstance(rows, torch.Tensor):
            raise TypeError(
                f"layer {layer!r} gave {type(rows).__name__}, not a tensor: pass a function as "
                "pool that takes a tensor out of it"
            )
        rows = rows.detach()
        if not callable(self._pool) and rows.ndim > 2:
            if self._pool == "flatten":
                rows = rows.flatten(1)
            elif rows.ndim == 3:
                raise ValueError(
                    f"layer {layer!r} gave shape {tuple(rows.shape)}, which may be (samples, "
                    "tokens, features) or (samples, channels, positions): pass pool=lambda x: "
                    "x.mean(1) for the first, pool=lambda x: x.mean(2) for the second"
                )
            else:
                rows = rows.flatten(2).mean(2)
        if rows.dtype in (torch.bfloat16, torch.float16):
            rows = rows.float()
        return rows

    def _add(self, outputs: dict[str, list[Any]], labels: Any) -> None:
        if isinstance(labels, torch.Tensor):
            labels = labels.detach().cpu().numpy()
        for layer, found in outputs.items():
            if len(found) != 1:
                raise RuntimeError(
                    f"layer {layer!r} ran {len(found)} times in this batch, and must run once: "
                    "run the model once per batch, and name a layer that it uses once"
                )
            if len(found[0]) != len(labels):
                raise ValueError(
                    f"labels has {len(labels)} entries, but layer {layer!r} gave {len(found[0])} "
                    "rows: pass one label per sample, and pool outputs to one row per sample"
                )
            if self._check_finite and not bool(torch.isfinite(found[0]).all()):
                raise ValueError(
                    f"layer {layer!r} gave values that are not finite: look at the batch's inputs, "
                    "or pass check_finite=False"
                )
            before = self.moments[layer].n_features
            width = found[0].shape[1] if found[0].ndim > 1 else 1
            if before not in (None, width):
                raise ValueError(
                    f"layer {layer!r} gave {width} columns, and {before} before: pool outputs to "
                    "rows of one length"
                )
        waiting = {
            layer: _Batch(rows.cpu().numpy(), labels, self.moments[layer].n_samples)
            for layer, (rows,) in outputs.items()
        }
        first = next(iter(waiting))
        self._waiting = waiting
        try:
            self._finish()
        except BaseException:
            if self._moments[first].n_samples == waiting[first].n_before:
                self._waiting = {}  # no layer has it, and none will
            raise

    def _finish(self) -> None:
        """Add the last batch to the layers that do not have it yet."""
        for layer, batch in self._waiting.items():
            found = self._moments[layer]
            if found.n_samples == batch.n_before:
                found.update(
                    batch.rows,
                    batch.labels,
                    n_threads=self._n_threads,
                    check_finite=False,
                    ignore_label=self._ignored,
                )
        self._waiting = {}
