"""The scores of all pairs of feature sets: the second-order transfer of the original study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.columns import ColumnNames
from hscore_fast._inputs.options import Progress, as_tol
from hscore_fast._problem import as_input_options
from hscore_fast._results.adjustment import adjusted_doubt, adjusted_value
from hscore_fast._results.display import WritesJson, html_table, left_out_notes, number, text_table
from hscore_fast._results.warnings import warn_caller
from hscore_fast._sources.side_by_side import Sources, read_joint

if TYPE_CHECKING:
    import pandas

__all__ = ["PairScores", "pair_scores"]


@dataclass(frozen=True, repr=False)
class PairScores(WritesJson):
    """Result of :func:`hscore_fast.pair_scores`.

    Attributes
    ----------
    names : tuple of str
        Of the sources.
    h_score, adjusted_h_score : ndarray of float64, shape (n_sources, n_sources)
        Of sources i and j side by side; of the source alone on the diagonal. Symmetric.
    rank : ndarray of int64, shape (n_sources, n_sources)
        Of their features.
    left_out : mapping of str to mapping
        For each source, the columns of its table that are not among the features, and why.
    """

    names: tuple[str, ...]
    h_score: NDArray[np.float64]
    adjusted_h_score: NDArray[np.float64]
    rank: NDArray[np.int64]
    left_out: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def best(self) -> tuple[str, str]:
        """The pair with the largest adjusted score; twice the same name if one source is best."""
        first, second = self.ranked()[0]
        return first, second

    def ranked(self) -> list[tuple[str, str]]:
        """Give all pairs and, as pairs with themselves, all sources, best adjusted score first."""
        rows, columns = np.triu_indices(len(self.names))
        scores = self.adjusted_h_score[rows, columns]
        order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
        return [(self.names[rows[place]], self.names[columns[place]]) for place in order]

    def gain(self) -> NDArray[np.float64]:
        """Give the rise of the adjusted score when column j's source is added to row i's."""
        gain: NDArray[np.float64] = (
            self.adjusted_h_score - np.diagonal(self.adjusted_h_score)[:, np.newaxis]
        )
        return gain

    def to_dict(self) -> dict[str, Any]:
        """Return names and matrices, as lists."""
        return {
            "names": list(self.names),
            "h_score": self.h_score.tolist(),
            "adjusted_h_score": self.adjusted_h_score.tolist(),
            "rank": self.rank.tolist(),
            "left_out": {name: dict(columns) for name, columns in self.left_out.items()},
        }

    def to_pandas(self) -> pandas.DataFrame:
        """Return the adjusted scores as a frame with the names on both sides.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas

        return pandas.DataFrame(
            self.adjusted_h_score, index=list(self.names), columns=list(self.names)
        )

    def __str__(self) -> str:
        table = text_table(self._rows(), ("adjusted", *self.names))
        return "\n".join([table, *left_out_notes(self.left_out)])

    def __repr__(self) -> str:
        return f"<PairScores of {len(self.names)} sources, best {' and '.join(self.best)}>"

    def _repr_html_(self) -> str:
        notes = "".join(html_table([[note]]) for note in left_out_notes(self.left_out))
        header = ("adjusted", *self.names)
        return html_table(self._rows(), header, caption="Pairs of sources") + notes

    def _rows(self) -> list[list[str]]:
        return [
            [name, *(number(value) for value in row)]
            for name, row in zip(self.names, self.adjusted_h_score.tolist(), strict=True)
        ]


def pair_scores(
    sources: Sources,
    labels: ArrayLike | Address,
    *,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    tol: float | None = None,
    n_threads: int | None = None,
    ignore_label: Any = None,
    progress: Progress | None = None,
) -> PairScores:
    """Score every pair of feature sets side by side.

    The original study transfers from two tasks at a time so, its second-order transfer [1]_.

    Parameters
    ----------
    sources : mapping of str to array_like of shape (n_samples, n_features), or address
        As for :func:`select_sources`.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`rank_sources`.
    tol : float, optional
        As for :func:`h_score`.
    n_threads : int, optional
        As for :func:`h_score`.
    ignore_label : object or list of objects, optional
        As for :func:`h_score`.
    progress : callable, optional
        Called as ``progress(rows_done, rows_total)`` while the statistics are gathered.

    Returns
    -------
    PairScores
        Matrices of scores; adjusted ones are nan where the rank is the number of samples less one.

    Raises
    ------
    ValueError, TypeError, MemoryError, OSError, ModuleNotFoundError
        As :func:`select_sources` does.

    Warns
    -----
    SaturationWarning
        Some adjusted score is undefined.
    PrecisionWarning
        Fewer than six digits of some score are certain.
    SingleClassWarning
        There is one class, so that all scores are 0.

    Notes
    -----
    The rows are read once, for the scatter of all sources together; each pair then costs the
    factorization of its block. Memory: ``8 * (sum of n_features) ** 2`` bytes and twice that of the
    largest pair.

    References
    ----------
    .. [1] Y. Bao, Y. Li, S.-L. Huang, L. Zhang, L. Zheng, A. Zamir, L. Guibas, "An
       Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from hscore_fast import pair_scores
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, 400)
    >>> color = rng.standard_normal((400, 5)) + (labels == 0)[:, None]
    >>> shape = rng.standard_normal((400, 8)) + (labels == 1)[:, None]
    >>> noise = rng.standard_normal((400, 20))
    >>> scores = pair_scores({"noise": noise, "color": color, "shape": shape}, labels)
    >>> scores.best
    ('color', 'shape')
    """
    tolerance = as_tol(tol)
    options = as_input_options(
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        ignore_label=ignore_label,
        progress=progress,
    )
    joint = read_joint(sources, labels, options)
    n_sources = len(joint.names)
    h = np.zeros((n_sources, n_sources))
    adjusted_h = np.zeros((n_sources, n_sources))
    rank = np.zeros((n_sources, n_sources), np.int64)
    doubts: dict[type[Warning], Warning] = {}  # the first of each kind
    for i in range(n_sources):
        for j in range(i, n_sources):
            result = joint.score(sorted({i, j}), tolerance, options.threads)
            rank[i, j] = rank[j, i] = result.rank
            h[i, j] = h[j, i] = result.score
            adjusted_h[i, j] = adjusted_h[j, i] = adjusted_value(result)
            doubt = adjusted_doubt(result)
            if doubt is not None:
                doubts.setdefault(type(doubt), doubt)
    for doubt in doubts.values():
        warn_caller(doubt)
    return PairScores(tuple(joint.names), h, adjusted_h, rank, joint.left_out)
