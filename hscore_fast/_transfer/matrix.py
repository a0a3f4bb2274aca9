"""The scores of sources on targets, and what can be read off them.

Long because it is one class, whose methods have an example each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hscore_fast._inputs.options import as_one_of
from hscore_fast._results.display import (
    SCORE_NAMES,
    WritesJson,
    html_table,
    left_out_notes,
    text_table,
)
from hscore_fast._transfer.agreement import consensus
from hscore_fast._transfer.curriculum import Curriculum, plan
from hscore_fast._transfer.hierarchy import Hierarchy, cluster

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

__all__ = ["TransferMatrix"]

Floats = NDArray[np.float64]

NORMALIZATIONS = ("bound", "column", "diagonal")
KINDS = ("scores", "adjusted", "h_scores", "standard_errors")
_MOST_COLUMNS = 12


@dataclass(frozen=True, eq=False)
class TransferMatrix(WritesJson):
    """Result of :func:`transfer_matrix`: a row for each source, a column for each target.

    Attributes
    ----------
    sources, targets : tuple of str
        Names of the rows and of the columns.
    scores : ndarray of float64, shape (n_sources, n_targets)
        Those that `by` names.
    standard_errors : ndarray of float64, shape (n_sources, n_targets), or None
        Of the scores, where they were asked for; None of regularized ones, and nan where the plain
        score is the same whatever the labels are.
    ranks : ndarray of int64, shape (n_sources, n_targets)
        Dimensions that the sources' features span over the samples of each target.
    n_samples : ndarray of int64, shape (n_targets,)
        Samples behind the scores of each target: all, less those with a label to be ignored.
    n_classes : ndarray of int64, shape (n_targets,)
        Classes of the targets.
    by : str
        The score: "cross_validated_h_score", "adjusted_h_score", "h_score" or
        "regularized_h_score".
    n_features : ndarray of int64, shape (n_sources,)
        Columns of the sources' features.
    left_out : mapping of str to mapping
        For each source, the columns of its table that are not among the features, and why: those
        of any target's labels among them.
    h_scores : ndarray of float64, shape (n_sources, n_targets), or None
        The plain H-scores; None beside regularized ones.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    scores: Floats
    standard_errors: Floats | None
    ranks: NDArray[np.int64]
    n_samples: NDArray[np.int64]
    n_classes: NDArray[np.int64]
    by: str
    n_features: NDArray[np.int64]
    left_out: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    h_scores: Floats | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a pickle from before `by`, when scores were plain or regularized."""
        regularized = state.pop("regularized", None)
        if regularized is not None:
            state["by"] = "regularized_h_score" if regularized else "h_score"
            state["h_scores"] = None if regularized else state["scores"]
        self.__dict__.update(state)
        self.__post_init__()

    @property
    def adjusted(self) -> Floats | None:
        """The adjusted scores as of :func:`adjusted_h_score`; None beside regularized ones."""
        if self.h_scores is None:
            return None
        freedom = (self.n_samples - 1 - self.ranks).astype(np.float64)
        freedom[freedom <= 0] = np.nan
        most = self.n_classes - 1
        adjusted: Floats = most - (most - self.h_scores) * (self.n_samples - 1) / freedom
        adjusted[:, most == 0] = 0.0
        return adjusted

    def __post_init__(self) -> None:
        # One number of samples for all targets will do, and one rank for each source.
        shape = np.shape(self.scores)
        ranks = np.asarray(self.ranks).reshape(shape[0], -1)
        object.__setattr__(self, "ranks", np.broadcast_to(ranks, shape).copy())
        object.__setattr__(self, "n_samples", np.broadcast_to(self.n_samples, shape[1:]).copy())

    @property
    def best(self) -> dict[str, str]:
        """The source of the highest score for each target, the first of equal ones.

        Scores that agree to nine decimals are equal. The highest of many scores may be so by luck:
        see ``choice_score`` of :class:`SourceRanking`. Targets for which a score is undefined (nan)
        are left out, since nobody knows their best.
        """
        known = np.flatnonzero(np.isfinite(self.scores).all(axis=0)).tolist()
        places = np.argmax(np.round(self.scores, 9), axis=0).tolist()
        return {self.targets[target]: self.sources[places[target]] for target in known}

    def normalized(self, by: str = "bound", *, of: str = "scores") -> Floats:
        """Divide each target's scores by one number, so that targets compare.

        Parameters
        ----------
        by : {"bound", "column", "diagonal"}, default "bound"
            By the number of classes less one, which no score exceeds; by the target's best score;
            or by the score of the source of the target's name, the features of a network trained on
            that very target, as in the paper [1]_.
        of : {"scores", "adjusted", "h_scores"}, default "scores"
            Which scores.

        Returns
        -------
        ndarray of float64, shape (n_sources, n_targets)
            Nan for targets whose number to divide by is not positive.

        Raises
        ------
        ValueError
            If an option is unknown, there are no adjusted scores, or, with "diagonal", a target has
            no source of its name.

        References
        ----------
        .. [1] Y. Bao, Y. Li, S.-L. Huang, L. Zhang, L. Zheng, A. Zamir, L. Guibas, "An
           Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019.
        """
        values = self._values(of)
        as_one_of("by", by, NORMALIZATIONS)
        if by == "bound":
            best = (self.n_classes - 1).astype(np.float64)
        elif by == "column":
            best = np.where(np.isnan(values), -np.inf, values).max(axis=0)
        else:  # by the diagonal
            missing = [name for name in self.targets if name not in self.sources]
            if missing:
                raise ValueError(
                    "to divide by the diagonal every target needs a source of its name, but there "
                    f"is none of {_listed(missing)}: leave it out with subset, or use by='column'"
                )
            rows = [self.sources.index(name) for name in self.targets]
            best = values[rows, range(len(self.targets))]
        quotient: Floats = values / np.where(best > 0, best, np.nan)
        return quotient

    def subset(
        self, sources: Sequence[str] | None = None, targets: Sequence[str] | None = None
    ) -> TransferMatrix:
        """Keep some of the sources and of the targets, in the order given.

        Parameters
        ----------
        sources, targets : sequence of str, optional
            Their names; by default all.

        Returns
        -------
        TransferMatrix

        Raises
        ------
        ValueError
            If a name is unknown or none is given.
        """
        rows = _places(sources, self.sources, "sources")
        columns = _places(targets, self.targets, "targets")
        errors = self.standard_errors
        return TransferMatrix(
            tuple(self.sources[row] for row in rows),
            tuple(self.targets[column] for column in columns),
            self.scores[np.ix_(rows, columns)],
            None if errors is None else errors[np.ix_(rows, columns)],
            self.ranks[np.ix_(rows, columns)],
            self.n_samples[columns],
            self.n_classes[columns],
            self.by,
            self.n_features[rows],
            {name: self.left_out[name] for name in sources or self.sources if self.left_out},
            None if self.h_scores is None else self.h_scores[np.ix_(rows, columns)],
        )

    def hierarchy(
        self,
        by: str = "column",
        *,
        of: str = "scores",
        method: str = "average",
        metric: str = "euclidean",
    ) -> Hierarchy:
        """Cluster the sources by what they transfer to.

        A source's profile is its row of normalized scores. Needs SciPy, from the extra ``graph``.

        Parameters
        ----------
        by : {"bound", "column", "diagonal"}, default "column"
            How scores are normalized, as for :meth:`normalized`.
        of : {"scores", "adjusted", "h_scores"}, default "scores"
            Which scores.
        method, metric : str
            As for ``scipy.cluster.hierarchy.linkage``.

        Returns
        -------
        Hierarchy
            It prints as a tree, and draws the dendrogram.

        Raises
        ------
        ValueError
            As :meth:`normalized` does; if there is one source only, or a profile has a nan.
        ModuleNotFoundError
            If SciPy is not installed.
        """
        profiles = self.normalized(by, of=of)
        self._refuse_nan(profiles, "a hierarchy")
        return cluster(self.sources, profiles, method, metric)

    def curriculum(
        self, start: str | None = None, *, by: str = "diagonal", of: str = "scores"
    ) -> Curriculum:
        """Find from which task to learn each other task, and in which order.

        Of all trees over the tasks the one with the largest sum of normalized transferabilities: a
        maximum spanning arborescence. Each task is then learned from the best of all tasks learned
        before it. Needs networkx, from the extra ``graph``.

        Parameters
        ----------
        start : str, optional
            The task to learn first; by default the one from which the sum is largest.
        by : {"bound", "column", "diagonal"}, default "diagonal"
            How scores are normalized, as for :meth:`normalized`.
        of : {"scores", "adjusted", "h_scores"}, default "scores"
            Which scores.

        Returns
        -------
        Curriculum
            It prints and draws as a tree.

        Raises
        ------
        ValueError
            As :meth:`normalized` does; if the sources and the targets do not have the same names,
            `start` is not one of them, or a score is nan.
        ModuleNotFoundError
            If networkx is not installed.
        """
        if set(self.sources) != set(self.targets):
            lonely = [name for name in self.sources if name not in self.targets]
            missing = [name for name in self.targets if name not in self.sources]
            parts = []
            if lonely:
                parts.append(f"no target is called {_listed(lonely)}")
            if missing:
                parts.append(f"no source is called {_listed(missing)}")
            raise ValueError(
                "a curriculum needs sources and targets of the same names, the features of a "
                f"network trained on each task and its labels, but {' and '.join(parts)}: leave "
                "the others out with subset"
            )
        square = self.subset(targets=self.sources)
        transferability = square.normalized(by, of=of)
        square._refuse_nan(transferability, "a curriculum")
        return plan(self.sources, transferability, start, f"{self._label(of)}, normalized by {by}")

    def consensus(
        self, method: str = "spectral", *, by: str = "bound", of: str = "scores"
    ) -> dict[str, float]:
        """Combine the targets into one number for each source, best first.

        Parameters
        ----------
        method : {"mean", "spectral"}, default "spectral"
            As for :func:`hscore_fast.consensus`: the mean of the normalized scores, or the sources'
            affinity to all targets from who wins where.
        by : {"bound", "column", "diagonal"}, default "bound"
            How scores are normalized, as for :meth:`normalized`; "spectral" does not depend on it.
        of : {"scores", "adjusted", "h_scores"}, default "scores"
            Which scores.

        Returns
        -------
        dict of str to float
            Larger is better.

        Raises
        ------
        ValueError
            As :meth:`normalized` does; if a score is nan.
        """
        values = self.normalized(by, of=of)
        self._refuse_nan(values, "a consensus")
        weights = consensus(values, method=method)
        order = np.argsort(-weights, kind="stable")
        return {self.sources[row]: float(weights[row]) for row in order}

    def plot(
        self, by: str | None = None, *, of: str = "scores", title: str | None = None
    ) -> Figure:
        """Draw a heat map; needs matplotlib, from the extra ``plot``.

        Parameters
        ----------
        by : {"bound", "column", "diagonal"}, optional
            How scores are normalized; by default they are not.
        of : {"scores", "adjusted", "h_scores"}, default "scores"
            Which scores.
        title : str, optional
            Over the figure.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            As :meth:`normalized` does.
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        from hscore_fast import plots

        values = self._values(of) if by is None else self.normalized(by, of=of)
        label = self._label(of) if by is None else f"{self._label(of)}, normalized by {by}"
        return plots.heat_map(values, self.sources, self.targets, label=label, title=title)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as lists, strings and numbers.

        Returns
        -------
        dict
            ``sources``, ``targets``, ``by``, ``scores``, ``standard_errors``, ``h_scores``,
            ``adjusted``, ``best``, ``ranks``, ``n_samples``, ``n_classes``, ``n_features`` and
            ``left_out``.
        """
        adjusted, errors, plain = self.adjusted, self.standard_errors, self.h_scores
        return {
            "sources": list(self.sources),
            "targets": list(self.targets),
            "by": self.by,
            "scores": self.scores.tolist(),
            "standard_errors": None if errors is None else errors.tolist(),
            "h_scores": None if plain is None else plain.tolist(),
            "adjusted": None if adjusted is None else adjusted.tolist(),
            "best": self.best,
            "ranks": self.ranks.tolist(),
            "n_samples": self.n_samples.tolist(),
            "n_classes": self.n_classes.tolist(),
            "n_features": self.n_features.tolist(),
            "left_out": {name: dict(columns) for name, columns in self.left_out.items()},
        }

    def to_pandas(self, of: str = "scores") -> pandas.DataFrame:
        """Give one of the matrices as a table; needs pandas.

        Parameters
        ----------
        of : {"scores", "adjusted", "h_scores", "standard_errors"}, default "scores"
            Which.

        Returns
        -------
        pandas.DataFrame
            Sources in its index, targets in its columns.

        Raises
        ------
        ValueError
            If there is no such matrix.
        """
        import pandas

        return pandas.DataFrame(
            self._values(of, KINDS),
            index=pandas.Index(self.sources, name="source"),
            columns=pandas.Index(self.targets, name="target"),
        )

    def __str__(self) -> str:
        header, *rows = self._cells()
        table = f"{self._caption()}\n{text_table(rows, header)}"
        return "\n".join([table, *left_out_notes(self.left_out)])

    def __repr__(self) -> str:
        n_sources, n_targets = self.scores.shape
        return f"<TransferMatrix: {n_sources} sources, {n_targets} targets>"

    def _repr_html_(self) -> str:
        header, *rows = self._cells()
        notes = "".join(html_table([[note]]) for note in left_out_notes(self.left_out))
        return html_table(rows, header, self._caption()) + notes

    def _caption(self) -> str:
        errors = "" if self.standard_errors is None else ", +- standard error"
        return self._label("scores") + errors

    def _cells(self) -> list[list[str]]:
        """Give the cells of a printed table, of the first columns if there are many."""
        shown = len(self.targets) if len(self.targets) <= _MOST_COLUMNS else _MOST_COLUMNS - 1
        left_out = len(self.targets) - shown
        more = [f"... {left_out} more"] if left_out else []
        table = [["", *self.targets[:shown], *more]]
        for row, source in enumerate(self.sources):
            cells = []
            for column in range(shown):
                text = f"{self.scores[row, column]:.3f}"
                if self.standard_errors is not None:
                    text += f" +- {self.standard_errors[row, column]:.3f}"
                cells.append(text)
            table.append([source, *cells, *([""] if more else [])])
        return table

    def _label(self, of: str) -> str:
        names = {"adjusted": "adjusted_h_score", "h_scores": "h_score"}
        return SCORE_NAMES[names.get(of, self.by)]

    def _values(self, of: str, known: tuple[str, ...] = KINDS[:3]) -> Floats:
        as_one_of("of", of, known)
        values: Floats | None = getattr(self, of)
        if values is None:
            regularized = self.by == "regularized_h_score"
            why = "regularized" if regularized else "computed with errors=False"
            raise ValueError(f"there are no {of.replace('_', ' ')}: the matrix was {why}")
        return values

    def _refuse_nan(self, values: Floats, what: str) -> None:
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            row, column = bad[0]
            raise ValueError(
                f"{what} needs a normalized score of every source on every target, but that of "
                f"{self.sources[row]!r} on {self.targets[column]!r} is {values[row, column]}: "
                "leave it out with subset, or normalize otherwise"
            )


def _places(names: Sequence[str] | None, known: tuple[str, ...], what: str) -> list[int]:
    if names is None:
        return list(range(len(known)))
    if isinstance(names, str) or not names:
        raise ValueError(f"{what} must be a sequence of at least one name, got {names!r}")
    for name in names:
        if name not in known:
            raise ValueError(f"{what} must be among {_listed(known)}, got {name!r}")
    return [known.index(name) for name in names]


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(repr(name) for name in names[:5])
    return few if len(names) <= 5 else f"{few} and {len(names) - 5} more"
