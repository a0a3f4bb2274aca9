"""The rows of several layers: kept while that takes less memory than statistics, and then added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs.labels import as_ignored, encode, encode_kept
from hscore_fast._inputs.options import as_n_blocks
from hscore_fast._moments.blocks import block_places, total_of
from hscore_fast._moments.moments import Moments, relabel
from hscore_fast.torch.pooling import Rows

__all__ = ["RowStore", "Stored", "Targets", "layer_rows"]

_LEAST_BYTES = 256 << 20  # of rows that are kept in any case
_WIDE = 8192  # features of which statistics are large enough to ask for their memory at once

Codes = NDArray[np.int32]


class Targets(NamedTuple):
    """The labels of a batch, encoded, and the group of each sample."""

    codes: NDArray[Any]  # of the batch's samples, or of their positions; -1 is to be ignored
    groups: NDArray[np.int64]
    per_position: bool
    shape: tuple[int, ...]


class Stored(NamedTuple):
    """Rows of one layer with their classes and groups."""

    values: NDArray[Any]
    codes: Codes
    groups: NDArray[np.int64]


def most_bytes(n_blocks: int, widths: Iterable[int]) -> int:
    """Return how much memory rows may take: that of the statistics, and some in any case."""
    return max(_LEAST_BYTES, n_blocks * sum(4 * width * width for width in widths))


class _Batch(NamedTuple):
    """Rows on their way into the lists of all layers, and how long the lists were."""

    rows: Mapping[str, Stored]
    before: dict[str, int]


class _Spill(NamedTuple):
    """Rows on their way to the statistics of blocks, and how many were there before."""

    rows: dict[str, Stored]
    block: dict[str, NDArray[np.int64]]
    before: dict[str, list[int]]


class RowStore:
    """Rows of layers of the same samples.

    A batch is added to all layers or to none. When the rows take more memory than the statistics of
    blocks would, and more than 256 MiB, they are added to those and dropped.

    Parameters
    ----------
    n_blocks : int
    n_threads : int or None
    ignore_label : object
        -100 means nothing where labels are no numbers.
    """

    def __init__(self, n_blocks: int, n_threads: int | None, ignore_label: Any) -> None:
        self.n_blocks = as_n_blocks(n_blocks)
        self._n_threads = n_threads
        self._ignored = as_ignored(ignore_label)
        self._classes: dict[Any, int] = {}
        self._group_numbers: dict[Any, int] | None = None  # of the groups that were given
        self._samples = 0
        self._has_positions = False
        self._kept: dict[str, list[Stored]] = {}
        self._widths: dict[str, int] = {}
        self._parts: dict[str, list[Moments]] = {}
        self._rotation: Codes = np.zeros(0, np.int32)
        self._seen: dict[str, NDArray[np.int64]] = {}  # groups of each class
        self._block_of: dict[str, dict[int, int]] = {}
        self._adding: _Batch | None = None
        self._spilling: _Spill | None = None
        self._moments: dict[str, Moments] | None = None

    def targets(self, labels: Any, groups: Any, positions: bool) -> Targets:
        """Encode the labels and groups of a batch.

        Parameters
        ----------
        positions : bool
            Whether labels of two dimensions and more are of each position.

        Raises
        ------
        ValueError, TypeError
            As for :func:`hscore_fast.h_score`.
        """
        labels = _as_host(labels)
        shape = tuple(np.shape(labels))
        per_position = positions and len(shape) > 1
        self._has_positions |= positions
        if per_position:
            labels = np.asarray(labels).reshape(-1)
        elif len(shape) > 1 and shape[1] > 1 and not _is_one_hot(np.asarray(labels)):
            raise ValueError(
                f"labels of shape {shape} are not one-hot, and no layer has a row for each "
                "position: pass pool='positions', or one label per sample"
            )
        try:
            found = encode_kept(labels, self._ignored)
        except TypeError:
            if self._ignored != {-100}:
                raise
            found = encode_kept(labels)  # of no numbers, so that -100 is none of them
        places = [self._classes.setdefault(label, len(self._classes)) for label in found.classes]
        codes = np.full(found.n_rows, -1, np.int32)
        kept = slice(None) if found.kept is None else found.kept
        codes[kept] = np.array(places, np.int32)[found.codes] if places else found.codes
        n_samples = shape[0] if shape else 0
        own = self._numbers_of(groups, n_samples)
        self._samples += n_samples
        return Targets(codes, own, per_position, shape)

    def _numbers_of(self, groups: Any, n_samples: int) -> NDArray[np.int64]:
        """Return a number for the group of each sample, its own if none are given."""
        if self._samples and (groups is None) != (self._group_numbers is None):
            raise ValueError("groups must be given with every batch, or with none")
        if groups is None:
            return np.arange(self._samples, self._samples + n_samples)
        codes, names = encode(_as_host(groups), "groups")
        if len(codes) != n_samples:
            raise ValueError(
                f"groups must have one entry per sample, got {len(codes)} for {n_samples} labels"
            )
        numbers = self._group_numbers = self._group_numbers or {}
        return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)[codes]

    def check(self, rows: Mapping[str, Stored]) -> None:
        """Check that a batch can be added.

        Raises
        ------
        ValueError
            If the number of a layer's columns changes.
        MemoryError
            If a layer is too wide for its statistics.
        """
        for name, own in rows.items():
            width, before = own.values.shape[1], self._widths.get(name)
            if before is None and width > _WIDE:
                Moments(width)
            if before not in (None, width):
                raise ValueError(
                    f"layer {name!r} gave {width} columns, and {before} before: pool outputs to "
                    "rows of one length"
                )

    def add(self, rows: Mapping[str, Stored]) -> None:
        """Add a batch; raises as `check` does."""
        self._finish()
        self.check(rows)
        self._widths.update({name: own.values.shape[1] for name, own in rows.items()})
        self._moments = None
        self._adding = _Batch(rows, {name: len(self._kept.get(name, ())) for name in rows})
        self._finish()
        kept = sum(own.values.nbytes for parts in self._kept.values() for own in parts)
        if kept > most_bytes(self.n_blocks, self._widths.values()):
            self._spill()

    def drop(self, names: Iterable[str]) -> None:
        """Forget layers."""
        self._finish()
        for name in names:
            for table in (self._widths, self._parts, self._kept):
                table.pop(name, None)
        self._moments = None

    @property
    def groups_matter(self) -> bool:
        """Whether rows of one sample, or of one group, belong together."""
        return self._has_positions or self._group_numbers is not None

    @property
    def n_rows(self) -> dict[str, int]:
        """How many rows each layer has."""
        self._finish()
        return {
            name: sum(part.n_samples for part in self._parts.get(name, ()))
            + sum(len(own.codes) for own in self._kept.get(name, ()))
            for name in self._widths
        }

    def rows(self) -> dict[str, Stored] | None:
        """Give all rows, or None if some are gone; the codes are in the order of the classes."""
        self._finish()
        if self._parts:
            return None
        order = self._order()
        return {
            name: own._replace(codes=order[own.codes] if len(order) else own.codes)
            for name, own in self._joined().items()
        }

    def blocks(self) -> dict[str, list[Moments]]:
        """Give the statistics of blocks, to which the rest of the rows is added."""
        self._finish()
        self._spill()
        return self._parts

    def moments(self, names: Iterable[str]) -> dict[str, Moments]:
        """Give the statistics of all rows."""
        self._finish()
        if self._moments is None:
            rows = self._joined()
            self._moments = {name: self._total(name, rows.get(name)) for name in self._widths}
        return {name: self._moments.get(name, Moments()) for name in names}

    def _total(self, name: str, own: Stored | None) -> Moments:
        total = total_of(self._parts.get(name, ()))
        if own is not None and len(own.codes):
            total.update(own.values, own.codes, n_threads=self._n_threads, check_finite=False)
        relabel(total, list(self._classes))
        return total

    def _order(self) -> Codes:
        """Return the place of each class in the order that `encode` gives them."""
        labels = np.empty(len(self._classes), object)
        labels[:] = list(self._classes)
        return encode(labels, whole=False)[0] if len(labels) else np.zeros(0, np.int32)

    def _joined(self) -> dict[str, Stored]:
        """Make one batch of all; one layer at a time is held twice."""
        for name, parts in self._kept.items():
            if len(parts) > 1:
                columns = zip(*parts, strict=True)
                self._kept[name] = [Stored(*(np.concatenate(column) for column in columns))]
        return {name: parts[0] for name, parts in self._kept.items() if parts}

    def _spill(self) -> None:
        """Add what is kept to the statistics of blocks."""
        rows = self._joined()
        if not rows:
            return
        if not self._parts:
            self._rotation = self._order()
        block = {name: self._blocks_of(name, own) for name, own in rows.items()}
        for name in rows:
            self._parts.setdefault(name, [Moments() for _ in range(self.n_blocks)])
        before = {name: [part.n_samples for part in self._parts[name]] for name in rows}
        self._spilling = _Spill(rows, block, before)
        self._finish()

    def _finish(self) -> None:
        """Do the rest of what an interrupt left undone."""
        if self._adding is not None:
            for name, own in self._adding.rows.items():
                kept = self._kept.setdefault(name, [])
                if len(kept) == self._adding.before[name]:
                    kept.append(own)
            self._adding = None
        if self._spilling is not None:
            for name, own in self._spilling.rows.items():
                for number, part in enumerate(self._parts.get(name, ())):
                    chosen = np.flatnonzero(self._spilling.block[name] == number)
                    if len(chosen) and part.n_samples == self._spilling.before[name][number]:
                        part.update(
                            own.values[chosen],
                            own.codes[chosen],
                            n_threads=self._n_threads,
                            check_finite=False,
                        )
            self._kept = {}
            self._spilling = None

    def _blocks_of(self, name: str, own: Stored) -> NDArray[np.int64]:
        """Spread the groups of each class over the blocks, as `BlockedMoments` spreads rows."""
        groups, first, inverse = np.unique(own.groups, return_index=True, return_inverse=True)
        known = self._block_of.setdefault(name, {})
        new = np.array([group not in known for group in groups.tolist()], bool)
        order = np.argsort(first[new], kind="stable")
        codes = own.codes[first[new][order]]
        seen = np.zeros(len(self._classes), np.int64)
        seen[: len(self._seen.get(name, ()))] = self._seen.get(name, ())
        turn = np.arange(len(self._classes))
        turn[: len(self._rotation)] = self._rotation
        blocks = (block_places(codes) + seen[codes] + turn[codes]) % self.n_blocks
        self._seen[name] = seen + np.bincount(codes, minlength=len(seen))
        blocks_of_new = dict(zip(groups[new][order].tolist(), blocks.tolist(), strict=True))
        if self._group_numbers is not None:  # those of single samples do not come back
            known.update(blocks_of_new)
        found = {**known, **blocks_of_new}
        return np.array([found[group] for group in groups.tolist()], np.int64)[inverse]


def layer_rows(name: str, rows: Rows, targets: Targets, check_finite: bool) -> Stored:
    """Bring a layer's rows to the host, with the class and the group of each.

    Raises
    ------
    ValueError
        If the rows are not as many as the labels, or a value is not finite.
    """
    n_samples = targets.shape[0]
    sample = None if rows.sample is None else rows.sample.cpu().numpy()
    given = len(rows.values) if sample is None else rows.n_samples
    if sample is None and targets.per_position:
        raise ValueError(
            f"labels of shape {targets.shape} are of positions, and layer {name!r} gave a row for "
            "each sample: pass pool='positions', or one label per sample"
        )
    if given != n_samples:
        raise ValueError(
            f"labels has {n_samples} entries, but layer {name!r} gave {given} rows: pass one label "
            "per sample, and pool outputs to one row per sample"
        )
    codes = targets.codes
    groups = targets.groups
    if sample is not None:
        groups = groups[sample]
        if targets.per_position:
            n_positions = int(np.prod(targets.shape[1:]))
            if n_positions != rows.n_positions:
                raise ValueError(
                    f"labels has {n_positions} entries a sample, but layer {name!r} gave "
                    f"{rows.n_positions} positions"
                )
            codes = codes[rows.position.cpu().numpy()]
        else:
            codes = codes[sample]
    values = rows.values.cpu().numpy()
    counted = codes >= 0
    if not counted.all():
        values, codes, groups = values[counted], codes[counted], groups[counted]
    if check_finite and not np.isfinite(values).all():
        raise ValueError(
            f"layer {name!r} gave values that are not finite: look at the batch's inputs, "
            "or pass check_finite=False"
        )
    return Stored(values, codes.astype(np.int32, copy=False), groups)


def _as_host(values: Any) -> Any:
    """Give labels as they are, or as an array if they are a tensor."""
    if hasattr(values, "detach"):
        return values.detach().cpu().numpy()
    return values


def _is_one_hot(labels: NDArray[Any]) -> bool:
    if labels.ndim != 2 or labels.dtype.kind not in "iubf":
        return False
    ones = np.count_nonzero(labels == 1, axis=1)
    return bool((ones == 1).all() and (np.count_nonzero(labels, axis=1) == 1).all())
