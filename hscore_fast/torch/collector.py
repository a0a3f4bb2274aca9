"""Score the layers of a torch module while batches flow through it.

Needs the extra ``torch``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from hscore_fast._moments.moments import Moments
from hscore_fast._results.warnings import TrainingModeWarning, warn_caller
from hscore_fast._sources.ranking import SourceRanking
from hscore_fast.torch.batches import Repetitions, device_of, run, to_device
from hscore_fast.torch.modules import eager, has_training_layers
from hscore_fast.torch.pooling import Pool, as_pools
from hscore_fast.torch.ranking import rank_layers
from hscore_fast.torch.rows import RowStore, layer_rows
from hscore_fast.torch.watch import Watch

__all__ = ["Collector"]


class Collector:
    """Gather what a ranking of a model's layers needs, while batches flow through the model.

    Used as a context manager, it hooks the layers on entry and unhooks them on exit; what it has
    gathered stays. Each batch is one call of :meth:`update`, or a ``with collector.batch(labels):``
    around a call of the model in any way it wants to be called.

    Parameters
    ----------
    model : torch.nn.Module or callable
        It is run as it is: call ``model.eval()`` before if it has dropout or batch normalization. A
        compiled, replicated or distributed model is run as the module within it. A callable or a
        scripted module has one layer only, ``"output"``.
    layers : str or sequence of str
        Names as in ``model.named_modules()``, or patterns such as ``"encoder.layer.*.output"``.
        ``"output"`` is what the model returns, ``"fc.input"`` what the layer ``fc`` is given.
        ``"auto"`` is the input of the linear layer that the model ends with, or the output if it
        ends otherwise. ``"all"`` is every module whose output can be pooled; where one gives what
        the module within it gives, the outer one. A module that runs twice in a pass has a name for
        each call, ``"relu#1"`` and ``"relu#2"``.
    pool : str, callable or mapping, default "auto"
        How an output becomes one row per sample. "auto" or "mean": the average over tokens, or over
        the positions of channels. "max", "first", "last": the largest, the first or the last of
        them. "flatten": all of them side by side. "positions": each token or position is a row;
        rows of a sample are held out together. A callable takes the layer's tensor, and the mask if
        it needs a second argument, and returns a tensor of shape (n_rows, n_features). A mapping
        has layers' names, patterns or types for keys. Of tuples the first tensor is pooled, half
        types in float32.
    n_blocks : int, default 20
        Blocks of rows whose statistics are kept once the rows take too much memory.
    n_threads : int, optional
        As for :func:`hscore_fast.h_score`.
    check_finite : bool, default True
        Refuse NaN and infinity.
    ignore_label : object or list of objects, default -100
        Labels whose rows are left out, as for :func:`hscore_fast.h_score`; by default the one that
        ``torch.nn.CrossEntropyLoss`` ignores. None counts all.

    Attributes
    ----------
    left_out : dict of str to str
        Layers that "all" or a pattern matched and that give no rows of their own, and why; once a
        batch has been seen.

    Raises
    ------
    ValueError
        If there is no layer of that name, or `pool` is unknown.
    TypeError
        If the layers asked for cannot be hooked.

    Warns
    -----
    TrainingModeWarning
        The model has dropout or batch normalization in training mode.
    RepeatedRowsWarning
        Samples came again.

    Notes
    -----
    Where the features of an output of three dimensions or more are is known from the last layer
    with parameters that ran before; an output of three dimensions is refused where it is not.

    The pooled rows are kept as long as they take less memory than the statistics of `n_blocks`
    blocks would, ``O(n_blocks * n_features**2)`` for each layer, or less than 256 MiB; then they
    are added to those. A batch is added to all layers or, if it raises, to none; where Ctrl-C
    falls between two layers, the rest of them gets it when the statistics are looked at next.

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
        layers: str | Sequence[str],
        *,
        pool: Pool | Mapping[Any, Pool] = "auto",
        n_blocks: int = 20,
        n_threads: int | None = None,
        check_finite: bool = True,
        ignore_label: Any = -100,
    ) -> None:
        self._pools = as_pools(pool)
        self._watch = Watch(model, layers, self._pools)
        self._store = RowStore(n_blocks, n_threads, ignore_label)
        self._repetitions = Repetitions()
        self._n_threads = n_threads
        self._check_finite = check_finite
        self._is_used = False

    @property
    def left_out(self) -> dict[str, str]:
        """Layers that a pattern matched and that give no rows of their own, and why."""
        return dict(self._watch.left_out)

    @property
    def moments(self) -> dict[str, Moments]:
        """The statistics of each layer, in the order of the layers."""
        return self._store.moments(self._watch.names)

    def __enter__(self) -> Collector:
        if self._is_used:
            raise RuntimeError("this Collector is in use already; make another one")
        self._watch.hook()
        self._is_used = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_used = False
        self._watch.unhook()

    def update(self, inputs: Any, labels: Any, *, mask: Any = None, groups: Any = None) -> Any:
        """Run the model on one batch without gradients, and add its layers' outputs.

        Parameters
        ----------
        inputs : object
            The model's one argument, or a mapping of its arguments by name, of which those that the
            model names are used. Tensors are moved to the model's device.
        labels : tensor or array_like of shape (n_rows,)
            As for :func:`hscore_fast.h_score`; on any device. Where positions are rows, a label for
            each, of shape (n_rows, n_positions), is possible.
        mask : tensor of shape (n_rows, n_tokens), optional
            The tokens that are 0 in it do not count. By default ``inputs["attention_mask"]`` where
            there is one; False for none.
        groups : array_like of shape (n_rows,), optional
            As for :func:`hscore_fast.cross_validated_h_score`: rows that are held out together.

        Returns
        -------
        object
            What the model returns.

        Raises
        ------
        ValueError
            If a layer's rows are not as many as the labels, or a value is not finite.
        RuntimeError
            If the Collector is not in use, or a layer did not run as often as in the first batch.

        Examples
        --------
        >>> import torch
        >>> from hscore_fast.torch import Collector
        >>> with Collector(torch.nn.Sequential(torch.nn.Linear(4, 2)), ["0"]) as collector:
        ...     collector.update(torch.zeros(3, 4), [0, 1, 0]).shape
        torch.Size([3, 2])
        """
        if mask is None and isinstance(inputs, Mapping):
            mask = inputs.get("attention_mask")
        model = self._watch.model
        inputs = to_device(inputs, device_of(model))
        with torch.no_grad(), self.batch(labels, mask=mask, groups=groups):
            output = run(model, inputs)
            if not self._watch.is_module:
                self._watch.see_output(inputs, output)
            return output

    @contextmanager
    def batch(self, labels: Any, *, mask: Any = None, groups: Any = None) -> Iterator[None]:
        """Add the outputs of the model's one forward pass in the ``with`` block.

        Parameters
        ----------
        labels : tensor or array_like of shape (n_rows,)
            Of the rows of that pass.
        mask, groups
            As for :meth:`update`.

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
        if not self._is_used:
            raise RuntimeError(
                "the layers are not hooked: use the Collector in a with block, "
                "`with Collector(model, layers) as collector:`"
            )
        if self._watch.is_expecting:
            raise RuntimeError("a batch is under way already; end its with block first")
        model = self._watch.model
        if isinstance(model, torch.nn.Module) and has_training_layers(model):
            warn_caller(
                TrainingModeWarning(
                    "the model has dropout or batch normalization in training mode, so that its "
                    "features are random or depend on the batch: call model.eval()"
                )
            )
        mask = None if mask is None or mask is False else torch.as_tensor(mask)
        self._watch.begin(len(labels), mask)
        try:
            with eager():
                yield
            given = self._watch.given
            found = self._watch.end()
        finally:
            self._watch.drop()
        targets = self._store.targets(labels, groups, self._pools.has_positions)
        self._store.add(
            {
                name: layer_rows(name, rows, targets, self._check_finite)
                for name, rows in found.items()
            }
        )
        if given is not None:
            self._repetitions.see([*given[0], *given[1].values()], mask)

    def rank(
        self, *, by: str = "cross_validated_h_score", confidence: float = 0.95
    ) -> SourceRanking:
        """Rank the layers, with standard errors, ties and the probability of being best.

        Parameters
        ----------
        by, confidence
            As for :func:`hscore_fast.rank_sources`.

        Returns
        -------
        SourceRanking
            As :func:`hscore_fast.rank_sources` of the pooled rows, where those are kept; otherwise
            its errors are those of blocks of rows.

        Raises
        ------
        ValueError
            If no rows were seen, or the layers' rows are not of the same positions.

        Examples
        --------
        >>> import torch
        >>> from hscore_fast.torch import Collector
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU())
        >>> with Collector(model, "all") as collector:
        ...     _ = collector.update(torch.randn(32, 4), torch.arange(32) % 3)
        >>> sorted(collector.rank().names)
        ['0', '1']
        """
        return rank_layers(
            self._store,
            by=by,
            confidence=confidence,
            n_threads=self._n_threads,
            check_finite=self._check_finite,
        )

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
        rows = max(self._store.n_rows.values(), default=0)
        return f"Collector(layers={self._watch.names}, n_samples={rows})"

    def __str__(self) -> str:
        if max(self._store.n_rows.values(), default=0) < 2:
            return repr(self)
        width = max(map(len, ["layer", *self.moments]))
        lines = [f"{'layer':<{width}}  columns   H-score  adjusted  regularized"]
        for layer, row in self.scores().items():
            lines.append(
                f"{layer:<{width}}  {row['n_features']:7d}  {row['h_score']:8.4f}  "
                f"{row['adjusted_h_score']:8.4f}  {row['regularized_h_score']:11.4f}"
            )
        return "\n".join(lines)
