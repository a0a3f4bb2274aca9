"""The H-score as a share of the best that is possible on the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hscore_fast._files.rows import check_rows
from hscore_fast._inputs.columns import EVERY_COLUMN, ColumnNames
from hscore_fast._problem import as_input_options, open_target
from hscore_fast._results.warnings import SaturationWarning, warn_caller
from hscore_fast._scores.h_score import h_score
from hscore_fast._scores.maximal_correlation import additive_moments, maximal_correlation

__all__ = ["Transferability", "transferability"]


@dataclass(frozen=True)
class Transferability:
    """Result of :func:`transferability`; ``float()`` of it is the value.

    Attributes
    ----------
    value : float
        ``h_score / optimal_h_score``; 0 where the optimum is 0.
    h_score, optimal_h_score : float
        Of the features, and of the optimum.
    optimum : str
        Which optimum was used: "bound", "ace" or "features".
    """

    value: float
    h_score: float
    optimal_h_score: float
    optimum: str

    def __float__(self) -> float:
        return self.value


def transferability(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    optimal: ArrayLike | str = "bound",
    inputs: ArrayLike | None = None,
    n_bins: int = 4,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    n_threads: int | None = None,
    ignore_label: Any = None,
) -> Transferability:
    r"""Compute the H-score of features as a share of the optimum for the target.

    .. math:: T(f) = H(f) / H(f_\mathrm{opt})

    Scores on targets with different numbers of classes compare only so [1]_.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        As for :func:`h_score`, in memory.
    labels : array_like of shape (n_samples,), (n_samples, 1) or one-hot (n_samples, n_classes)
        As for :func:`h_score`, in memory.
    optimal : {"bound", "ace"} or array_like of shape (n_samples, n_optimal), default "bound"
        "bound" is the number of classes less one, which no features exceed. "ace" is the best that
        functions of `inputs` can do, by alternating conditional expectations. A matrix holds the
        features of a network trained on the target, in the same order of samples: the optimum of
        the paper.
    inputs : array_like, optional
        For "ace"; by default the features. One-dimensional and not floats: discrete, and any
        function of them counts (see :func:`maximal_correlation`). Otherwise a matrix, and sums of
        piecewise constant or linear functions of its columns count, together with `features`.
    n_bins : int, default 4
        Pieces of each function of a column.
    columns, drop, keep : str or sequence of str, optional
        As for :func:`h_score`, of `features` alone.
    n_threads : int, optional
        As for :func:`h_score`.
    ignore_label : object or list of objects, optional
        As for :func:`h_score`; the rows are left out of the optimum, too.

    Returns
    -------
    Transferability
        It says which optimum was used.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As :func:`h_score` does, for an unknown optimum, and for `inputs` without "ace".

    Warns
    -----
    SaturationWarning, PrecisionWarning, SingleClassWarning
        As :func:`h_score` does, for the optimum too.

    Notes
    -----
    It lies between 0 and 1 with "bound", with "ace" and a matrix of inputs, and with "ace" and
    discrete inputs if the features are a function of them. It can exceed 1 with given features:
    when that network is trained badly or too little, has fewer dimensions or hides what it knows
    from a linear map; also because the H-score of more features is larger by chance, at
    ``rank (C - 1) / (N - 1)`` under random labels. It is not cut off at 1, so that it shows.
    "ace" of a matrix has about ``n_bins`` columns for each input and the same chance: where they
    approach the number of samples the optimum is the bound, and :class:`SaturationWarning` says so.

    References
    ----------
    .. [1] Y. Bao, Y. Li, S.-L. Huang, L. Zhang, L. Zheng, A. Zamir, L. Guibas, "An
       Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019.

    Examples
    --------
    >>> from hscore_fast import transferability
    >>> result = transferability([0.0, 1.0, 2.0, 3.0], ["a", "a", "b", "b"])
    >>> round(float(result), 12), result.optimum
    (0.8, 'bound')
    """
    if isinstance(optimal, str):
        if optimal not in ("bound", "ace"):
            raise ValueError(
                f"optimal must be 'bound', 'ace' or a matrix of features, got {optimal!r}"
            )
        optimum = optimal
    else:
        optimum = "features"
    if inputs is not None and optimum != "ace":
        raise ValueError("inputs are used by optimal='ace' only: leave them out or ask for it")
    options = as_input_options(
        columns=columns, drop=drop, keep=keep, n_threads=n_threads, ignore_label=ignore_label
    )
    score = h_score(
        features,
        labels,
        columns=columns,
        drop=drop,
        keep=keep,
        n_threads=n_threads,
        ignore_label=ignore_label,
    )
    target = open_target(labels, EVERY_COLUMN, options.ignored)
    if optimum == "bound":
        best = float(len(target.classes) - 1)
    elif optimum == "features":
        best = h_score(optimal, labels, n_threads=n_threads, ignore_label=ignore_label)
    elif inputs is not None and _is_discrete(inputs):
        functions = maximal_correlation(inputs, labels, ignore_label=ignore_label)
        best = functions.h_score
        if len(functions.inputs) == len(target.codes):
            warn_caller(
                SaturationWarning(
                    "every input is different, so that the optimum is the number of classes less "
                    "one whatever the labels are: use inputs that repeat, or a matrix"
                )
            )
    else:
        if inputs is not None:
            check_rows(inputs, "inputs", features=features)
            check_rows(inputs, "inputs", labels=labels)
        moments = additive_moments(features, inputs, labels, n_bins, options)
        best = moments.h_score(n_threads=n_threads)
    return Transferability(score / best if best > 0 else 0.0, score, best, optimum)


def _is_discrete(inputs: ArrayLike) -> bool:
    if getattr(inputs, "ndim", 1) != 1:  # also of tensors that NumPy does not take
        return False
    array = np.asarray(inputs)
    return array.ndim == 1 and array.dtype.kind != "f"
