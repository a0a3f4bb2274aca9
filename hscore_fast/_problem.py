"""The features and labels to be scored, as the core takes them.

Every function that scores opens a `Problem`, or `Problems` of several targets, and calls the core
once. What is decided about the input is decided here and in the rooms below, for all of them: what
an address is, whether a file is mapped or read in blocks, which columns of a table are features,
how labels become codes, what must fit together, and how the place of a bad value is named.

Long because it is the one place where those decisions meet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hscore_fast._files.kept import KeptSource
from hscore_fast._files.opened import Opened
from hscore_fast._files.opening import open_requested
from hscore_fast._files.rows import check_rows, column_names, names_file, row_doubt
from hscore_fast._files.source import Source
from hscore_fast._files.unwritten import unwritten_doubt
from hscore_fast._inputs.address import Address, is_address, is_label_address
from hscore_fast._inputs.checks import check_lengths, check_two_rows
from hscore_fast._inputs.column_doubts import column_doubt
from hscore_fast._inputs.columns import (
    EVERY_COLUMN,
    ColumnNames,
    ColumnRequest,
    as_column_request,
)
from hscore_fast._inputs.features import Features, as_features
from hscore_fast._inputs.frames import labels_request
from hscore_fast._inputs.labels import Encoded, as_ignored, encode_kept
from hscore_fast._inputs.options import Progress, as_n_threads, as_progress
from hscore_fast._inputs.targets import by_kept_rows, encode_each, listed_targets
from hscore_fast._results.warnings import ColumnWarning, UnwrittenRowsWarning, warn_caller

__all__ = [
    "DEFAULT_INPUT",
    "HasColumns",
    "InputOptions",
    "Problem",
    "Problems",
    "Target",
    "as_input_options",
    "ask_several",
    "count_rows",
    "group_targets",
    "open_batch",
    "open_batch_of_targets",
    "open_features",
    "open_problem",
    "open_problems",
    "open_target",
    "read_labels",
    "read_targets",
    "warn_of_columns",
]

Codes = NDArray[np.int32]
Values = TypeVar("Values", NDArray[np.float64], "NDArray[np.float64] | None")


@dataclass(frozen=True, slots=True)
class InputOptions:
    """Options about the input, handed on whole to the functions that open it.

    An option that is new is a field here and an argument of `as_input_options`; between the public
    functions and the rooms that use it nothing has to change.

    Attributes
    ----------
    columns : ColumnRequest
        Which columns of a table are features.
    check_finite : bool
        Whether NaN and infinity are refused.
    threads : int
        As the core takes it: 0 for as many as the environment allows.
    progress : callable or None
        Told of the rows that are done.
    ignored : frozenset
        Labels whose rows do not count.
    """

    columns: ColumnRequest = EVERY_COLUMN
    check_finite: bool = True
    threads: int = 0
    progress: Progress | None = None
    ignored: frozenset[Any] = frozenset()


DEFAULT_INPUT = InputOptions()


def as_input_options(
    *,
    columns: ColumnNames | None = None,
    drop: ColumnNames | None = None,
    keep: ColumnNames | None = None,
    n_threads: int | None = None,
    check_finite: bool = True,
    progress: Progress | None = None,
    ignore_label: Any = None,
) -> InputOptions:
    """Check the options of a public function that are about its input."""
    return InputOptions(
        as_column_request(columns, drop, keep),
        check_finite,
        as_n_threads(n_threads),
        as_progress(progress),
        as_ignored(ignore_label),
    )


def ask_several(sources: Iterable[Any], options: InputOptions) -> InputOptions:
    """Ask several sources for their columns: one must have what `drop` and `keep` name."""
    request = options.columns
    if request.drop or request.keep:
        try:
            names = [column_names(features) for features in sources]
        except Exception:  # whatever is wrong with a source is said when it is opened
            return replace(options, columns=replace(request, several=True))
        return replace(options, columns=request.among(names))
    return options


class HasColumns(Protocol):
    """Features that may have come from a table."""

    def column_doubt(self, what: str = ...) -> ColumnWarning | None: ...


class Target(NamedTuple):
    """Labels as the core takes them, and what features must be like to belong to them.

    `columns` is what remains to be asked of a table of features: all that was asked for, less the
    columns that the labels are. Of `n_rows` labels those of the rows `kept` have codes, all if it
    is None. `given` is what the caller gave, an address or labels whose index tells their rows.
    """

    codes: Codes
    classes: list[Any]
    columns: ColumnRequest
    kept: NDArray[np.intp] | None = None
    n_rows: int = 0
    given: Any = None


def _encoded(found: Any, columns: ColumnRequest, ignored: frozenset[Any], given: Any) -> Target:
    own = encode_kept(found, ignored)
    return Target(own.codes, own.classes, columns, own.kept, own.n_rows, given)


def read_labels(labels: Any, columns: ColumnRequest = EVERY_COLUMN) -> tuple[Any, ColumnRequest]:
    """Read labels if they are in a file, and ask for tables without the columns they are in."""
    if not is_label_address(labels):
        return labels, labels_request(columns, labels)
    source = open_requested(cast(Address, labels), EVERY_COLUMN)
    return source.read(), columns.without(source.column_names)


def read_targets(targets: Any, columns: ColumnRequest = EVERY_COLUMN) -> tuple[Any, ColumnRequest]:
    """Read targets that are in files, and ask for tables without any target's columns."""
    if isinstance(targets, np.ndarray):
        return targets, columns
    found = []
    for target in [targets] if isinstance(targets, (str, os.PathLike)) else targets:
        if names_file(target):
            target, columns = read_labels(target, columns)
        else:
            columns = labels_request(columns, target)
        found.append(target)
    return found, columns


def open_target(
    labels: ArrayLike | Address,
    columns: ColumnRequest = EVERY_COLUMN,
    ignored: frozenset[Any] = frozenset(),
) -> Target:
    """Read and encode the labels of one target, for features that are opened later."""
    found, columns = read_labels(labels, columns)
    return _encoded(found, columns, ignored, labels)


def open_features(
    features: ArrayLike | Address | Source | Features,
    columns: ColumnRequest = EVERY_COLUMN,
    *,
    in_memory: bool = False,
) -> Features | Source:
    """Open features; a source is what must be read in blocks, because it is not mapped.

    With `in_memory` there is no such source: what is not mapped is read.
    """
    if isinstance(features, Source):
        source = features
    elif is_address(features):
        source = open_requested(cast(Address, features), columns)
        _check_kind(source)
        doubt = unwritten_doubt(source)
        if doubt is not None:
            warn_caller(UnwrittenRowsWarning(doubt))
    else:
        return as_features(features, columns)
    matrix = source.mapped
    if matrix is None:
        if not in_memory:
            return source
        matrix = source.read()
    return replace(as_features(matrix), left_out=source.left_out, suspects=source.suspects)


def count_rows(x: Features | Source) -> int:
    """Count the rows of what was opened."""
    return x.shape[0] if isinstance(x, Source) else x.n_samples


def _check_kind(source: Source) -> None:
    """Refuse, before anything is read, what no block of it could be."""
    try:
        # One value stands for all, so that messages tell the true shape.
        like = np.broadcast_to(np.zeros((), source.dtype), source.shape)
    except ValueError:  # more values than can be counted
        like = np.empty((0, *source.shape[1:]), source.dtype)
    try:
        as_features(like)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}; that is what {source.what} holds") from None


class Problem(Opened):
    """Features and the labels of one target.

    Of the `n_given` rows those with a label to be ignored are not there: `kept` are the others,
    None for all.
    """

    def __init__(self, x: Features | Source, target: Target, options: InputOptions) -> None:
        check_lengths(count_rows(x), target.n_rows, x.what if isinstance(x, Source) else "")
        super().__init__(_kept_rows(x, target.kept), options)
        self.codes, self.classes = target.codes, target.classes
        self.kept, self.n_given = target.kept, target.n_rows

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def rows_of(self, values: Values) -> Values:
        """Give the entries of the rows that are kept; None stays None."""
        return values if values is None or self.kept is None else values[self.kept]

    def for_core(self) -> tuple[Any, Codes, int, bool]:
        """Give the arguments with which every function of the core begins."""
        return self.matrix, self.codes, self.n_classes, self.bfloat16

    def column_doubt(self, what: str = "features") -> ColumnWarning | None:
        """Say which columns were taken as features that are probably none."""
        return column_doubt(self._suspects, [self.codes], [self.n_classes], what, self.kept)


class Problems(Opened):
    """Features and the targets, by their places among all, that count the same rows."""

    def __init__(
        self,
        x: Features | Source,
        targets: Sequence[Encoded],
        options: InputOptions,
        places: Sequence[int],
    ) -> None:
        self.kept, self.n_given = targets[0].kept, targets[0].n_rows
        super().__init__(_kept_rows(x, self.kept), options)
        self.places = places
        self.codes = [target.codes for target in targets]
        self.classes = [target.classes for target in targets]
        self.n_classes = [len(classes) for classes in self.classes]

    def column_doubt(self, what: str = "features") -> ColumnWarning | None:
        """Say which columns were taken as features that are probably none."""
        return column_doubt(self._suspects, self.codes, self.n_classes, what, self.kept)


def group_targets(
    x: Features | Source, targets: Sequence[Encoded], options: InputOptions
) -> list[Problems]:
    """Put targets together that count the same rows: as a rule all, unless labels are ignored."""
    return [
        Problems(x, [targets[place] for place in places], options, places)
        for places in by_kept_rows(targets)
    ]


def _kept_rows(x: Features | Source, kept: NDArray[np.intp] | None) -> Features | Source:
    if kept is None:
        return x
    return KeptSource(x, kept) if isinstance(x, Source) else x.keep(kept)


def open_problem(
    features: ArrayLike | Address | Source | Features,
    labels: ArrayLike | Address | Target,
    options: InputOptions = DEFAULT_INPUT,
    *,
    warn: bool = True,
    any_rows: bool = False,
    **beside: Any,
) -> Problem:
    """Open features and labels, either of which may be in files, to be scored.

    Parameters
    ----------
    features, labels
        As the public functions take them; also a `Target` that was opened before.
    options : InputOptions
        What the caller said of them.
    warn : bool
        Warn of columns that are probably no features, and of rows in another order; otherwise ask
        `column_doubt` and `check_rows`.
    any_rows : bool
        Take fewer than the two rows that a score needs.
    **beside : object
        What else has an entry for each row, by its name, such as groups and weights.
    """
    given = labels.given if isinstance(labels, Target) else labels
    if warn:
        check_rows(features, labels=given, **beside)
    else:
        row_doubt(features, {"labels": given, **beside})
    problem = _open(features, labels, options)
    if not any_rows:
        check_two_rows(problem.n_samples, n_given=problem.n_given)
    if warn:
        warn_of_columns(problem)
    return problem


def open_problems(
    features: ArrayLike | Address,
    targets: ArrayLike | Iterable[ArrayLike],
    options: InputOptions = DEFAULT_INPUT,
) -> list[Problems]:
    """Open features and several targets, in files or not: a problem for each set of rows."""
    return _open_several(features, targets, options, open_features)


def open_batch_of_targets(
    features: ArrayLike, targets: ArrayLike | Iterable[ArrayLike], options: InputOptions
) -> Problems:
    """See features in memory and several targets as the core takes them, in any number of rows."""
    problems = _open_several(features, targets, options, as_features)
    if len(problems) > 1:
        first, second = problems[0].places[0], problems[1].places[0]
        raise ValueError(
            f"ignore_label leaves other rows of targets[{second}] than of targets[{first}], and "
            "one set of statistics has one set of rows: gather a Moments for each target, or pass "
            "all rows to h_scores"
        )
    return problems[0]


def _open_several(
    features: Any,
    targets: Any,
    options: InputOptions,
    opened: Callable[[Any, ColumnRequest], Features | Source],
) -> list[Problems]:
    if not isinstance(targets, (np.ndarray, str, os.PathLike)):
        targets = listed_targets(targets)  # which may be read once only
        check_rows(features, **{f"targets[{k}]": target for k, target in enumerate(targets)})
    targets, columns = read_targets(targets, options.columns)
    x = opened(features, columns)
    problems = group_targets(x, encode_each(targets, count_rows(x), options.ignored), options)
    warn_of_columns(*problems)
    return problems


def open_batch(
    features: ArrayLike | Features,
    labels: ArrayLike,
    options: InputOptions = DEFAULT_INPUT,
    *,
    warn: bool = True,
    first_row: int = 0,
    **beside: Any,
) -> Problem:
    """See features and labels in memory as the core takes them, in any number of rows.

    `first_row` is their place among all rows, for messages.
    """
    x = as_features(features, labels_request(options.columns, labels))
    if first_row:
        x = replace(x, first_row=first_row)
    if warn:
        check_rows(features, labels=labels, **beside)
    else:
        row_doubt(features, {"labels": labels, **beside})
    problem = Problem(x, _encoded(labels, EVERY_COLUMN, options.ignored, labels), options)
    if warn:
        warn_of_columns(problem)
    return problem


def warn_of_columns(*problems: HasColumns, what: str = "features") -> None:
    """Warn the caller, once, of columns that were taken as features and are probably none."""
    for problem in problems:
        doubt = problem.column_doubt(what)
        if doubt is not None:
            warn_caller(doubt)
            return


def _what(x: Features | Source) -> str:
    return x.what if isinstance(x, Source) else ""


def _open(
    features: ArrayLike | Address | Source | Features,
    labels: ArrayLike | Address | Target,
    options: InputOptions,
) -> Problem:
    if isinstance(labels, Target):
        return Problem(open_features(features, labels.columns), labels, options)
    if is_label_address(labels):
        source = open_requested(cast(Address, labels), EVERY_COLUMN)
        columns = options.columns.without(source.column_names)
        x = open_features(features, columns)
        # Before they are read: they may be many.
        check_lengths(count_rows(x), source.shape[0] if source.shape else 1, _what(x))
        found = source.read()
    else:
        found, columns = read_labels(labels, options.columns)
        x = open_features(features, columns)  # what is wrong with them is said first
    return Problem(x, _encoded(found, columns, options.ignored, labels), options)
