"""One source's score together with what each row, or each block of rows, does to it."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from hscore_fast._inputs.address import Address
from hscore_fast._inputs.groups import Groups, encode_groups
from hscore_fast._inputs.options import (
    as_convention,
    as_n_blocks,
    as_precision,
    as_shrinkage,
    as_tol,
)
from hscore_fast._moments.blocks import total_of
from hscore_fast._moments.folds import hold_out_blocks
from hscore_fast._moments.from_files import moments_of_problem, parts_of
from hscore_fast._moments.jackknife import evidence_of_blocks
from hscore_fast._moments.state import result_of
from hscore_fast._problem import (
    DEFAULT_INPUT,
    InputOptions,
    Problem,
    Target,
    open_problem,
    read_labels,
)
from hscore_fast._results.adjustment import Grouping
from hscore_fast._results.cross_validation import HeldOut
from hscore_fast._results.evidence import Evidence, evidence_of_values
from hscore_fast._scores.held_out import hold_out_problem
from hscore_fast._scores.permutations import permute_labels
from hscore_fast._variants import core

__all__ = ["influence"]


def influence(
    features: ArrayLike | Address,
    labels: ArrayLike | Address | Target,
    *,
    options: InputOptions = DEFAULT_INPUT,
    regularized: bool = False,
    shrinkage: str | float = "ledoit_wolf",
    convention: str = "tllib",
    permute: bool = False,
    must_permute: bool = False,
    n_blocks: int = 20,
    precision: str = "auto",
    tol: float | None = None,
    held_out: bool = False,
    groups: ArrayLike | None = None,
) -> Evidence | None:
    """Score one source and say what each row does to the score.

    Takes what :func:`hscore_fast.h_score` does. The rows are read twice, at little more than the
    price of the score; of a file that is read in blocks, once, only blocks of rows can be told
    apart, and the statistics of all `n_blocks` are kept. None if values are not finite and that is
    allowed. With `held_out` the evidence has what :func:`hscore_fast.cross_validate` says, with
    `permute` what permutations of the labels say, where the rows can be read several times, with
    `must_permute` or an error. With `groups`, one label for each row or the
    address of them, whole groups are left out in place of rows.

    Notes
    -----
    A row's value is ``(N - 1) (H - H without the row)``, centred, over ``sqrt(1 - k)`` with
    ``k = rank / (N - 1)``. That the row is left out takes ``1 / (1 - k)`` for the adjusted score;
    jackknife estimates are too large by ``1 / sqrt(1 - k)``, since each row that is left out makes
    the others weigh more: in simulations from ``k`` = .02 to .9 the standard error was 0.99 to 1.07
    of the true one, and more where nothing is to be found.
    """
    precision = as_precision(precision)
    tolerance = as_tol(tol, precision)
    method, intensity = as_shrinkage(shrinkage)
    paper = as_convention(convention) == "paper"
    as_n_blocks(n_blocks)
    if groups is not None:
        columns = labels.columns if isinstance(labels, Target) else options.columns
        groups, columns = read_labels(groups, columns)
        options = replace(options, columns=columns)
        if isinstance(labels, Target):
            labels = labels._replace(columns=columns)
    problem = open_problem(features, labels, options, warn=False, groups=groups)
    own = None if groups is None else encode_groups(groups, problem.n_given, problem.kept)
    of_row = None if own is None else own.codes
    evidence: Evidence | None
    held: HeldOut | None = None
    if problem.source is not None:
        problem.check_read_once(precision)
        if must_permute:
            raise _no_rows(f"{problem.source.what}, which is read in blocks, once")
        parts = parts_of(problem, n_blocks, own)
        evidence = evidence_of_blocks(
            total_of(parts),
            parts,
            shrinkage=shrinkage if regularized else None,
            convention=convention,
            tol=tol,
            n_threads=problem.threads or None,
            grouping=None if own is None else _grouping_of_blocks(problem, own, tol),
        )
        if held_out and evidence is not None:
            # Which rows are of a group the parts do not say: then the rows are read again.
            held = (
                hold_out_blocks(parts, problem.threads)
                if own is None
                else hold_out_problem(problem, groups=groups, fewer_folds=True, again=True)
            )
    else:
        x, codes, n_classes, bfloat16 = problem.for_core()
        found = core.evaluate(
            *(x, codes, n_classes, bfloat16, precision, tolerance, permute),
            *(regularized, method, intensity, paper),
            groups=of_row,
            n_groups=0 if own is None else own.count,
            n_threads=problem.threads,
            progress=problem.progress,
        )
        if not problem.is_scored(found is not None) or found is None:
            return None
        result, values, squared_leverages, shrunk, rank_between = found
        if held_out:
            held = hold_out_problem(problem, groups=groups, fewer_folds=True, again=True)
        counts = np.bincount(problem.codes, minlength=problem.n_classes).astype(float)
        evidence = evidence_of_values(
            result,
            dict(zip(problem.classes, counts.tolist(), strict=True)),
            values,
            "influence" if own is None else "groups",
            math.nan if shrunk is None else shrunk.score,
            squared_leverages,
            None if own is None else _grouping(problem, own, rank_between),
        )
        if permute:
            test = permute_labels(problem, result, squared_leverages, own, tolerance)
            evidence = replace(evidence, test=test)
    if evidence is None:
        return None
    return replace(
        evidence,
        held_out=held,
        left_out=problem.left_out,
        column_doubt=problem.column_doubt(),
    )


def _grouping(problem: Problem, groups: Groups, rank_between: float) -> Grouping:
    """Say how the classes vary between groups, beside what is known of the features."""
    codes, counts = problem.codes, np.bincount(problem.codes, minlength=problem.n_classes)
    pairs, rows = np.unique(
        groups.codes.astype(np.int64) * problem.n_classes + codes, return_counts=True
    )
    sizes = np.bincount(groups.codes, minlength=groups.count)
    energy = rows**2.0 / (sizes[pairs // problem.n_classes] * counts[pairs % problem.n_classes])
    # All rows' common level is no dimension of the classes.
    return Grouping(groups.count, rank_between, float(energy.sum()) - 1)


def _grouping_of_blocks(problem: Problem, groups: Groups, tol: float | None) -> Grouping | None:
    """Read the rows once more, with their groups as classes."""
    again = copy(problem)
    again.codes, again.classes = groups.codes, list(range(groups.count))
    result = result_of(moments_of_problem(again), tol, problem.threads or None)
    return None if result is None else _grouping(problem, groups, result.score)


def _no_rows(what: str) -> ValueError:
    return ValueError(
        f"method='permutation' needs the rows several times, which cannot be had from {what}: "
        "use method='pillai', or pass the features as an array or a file that is mapped"
    )
