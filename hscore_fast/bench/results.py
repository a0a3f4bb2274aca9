"""From measurements to rows, a summary and JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict

from hscore_fast.bench.cases import Case
from hscore_fast.bench.contenders import is_ours, ours, precisions
from hscore_fast.bench.measure import Measurement

__all__ = [
    "TIME_KEYS",
    "Ratio",
    "Result",
    "Row",
    "Summary",
    "rows",
    "summarize",
    "times",
    "wrong_answers",
]

_CASE_KEYS = ("kind", "n_samples", "n_features", "n_classes", "dtype", "threads", "precision")
_RATIO_KEYS = ("median", "low", "high")
# The columns of `times`.
TIME_KEYS = (
    *_CASE_KEYS,
    "who",
    "seconds",
    "gflops",
    "relative_error",
    *(f"ratio_{key}" for key in _RATIO_KEYS),
)


# Operations of the product in a small problem, at most.
SMALL = 1e8


@dataclass
class Result:
    """Everything that was found out about one case; ``skipped_because`` if nothing was."""

    case: Case
    measurements: dict[str, Measurement] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    answer_by: str = ""
    skipped_because: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Ratio(TypedDict):
    """Our time over another's: the median over the rounds and its quartiles."""

    median: float
    low: float
    high: float


class Row(TypedDict):
    """One line of a table: one case, and one way to call this library."""

    case: str
    kind: str
    n_samples: int
    n_features: int
    n_classes: int
    dtype: str
    threads: int
    precision: str
    seconds: dict[str, float]  # "ours" and the rivals; so below
    rounds: dict[str, list[float]]
    ratio: dict[str, Ratio]
    gflops: dict[str, float]
    relative_error: dict[str, float]
    tolerance: dict[str, float]
    right: bool
    answer_by: str
    skipped: dict[str, str]
    extra: dict[str, Any]


class Summary(TypedDict):
    """One comparison over all the rows of a kind that have it."""

    kind: str
    versus: str
    dtype: str
    precision: str
    rows: int
    median: float
    worst: float
    worst_case: str
    losses: int


def seconds(measurement: Measurement) -> float:
    """Return the median over the rounds."""
    return statistics.median(measurement.rounds.values())


def compare(mine: Measurement, other: Measurement) -> Ratio:
    """Divide round by round; one who ran but once is compared with the median."""
    shared = mine.rounds.keys() & other.rounds.keys()
    if shared:
        ratios = sorted(mine.rounds[k] / other.rounds[k] for k in shared)
    else:
        ratios = [seconds(mine) / seconds(other)]
    if len(ratios) == 1:
        return {"median": ratios[0], "low": ratios[0], "high": ratios[0]}
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return {"median": median, "low": low, "high": high}


def rows(results: Iterable[Result]) -> list[Row]:
    """Make a line for each case and each way to call this library."""
    return [
        _row(result, precision)
        for result in results
        if result.skipped_because is None
        for precision in precisions(result.case)
    ]


def _row(result: Result, precision: str) -> Row:
    case, found = result.case, result.measurements
    mine = found[ours(precision)]
    others = {name: each for name, each in found.items() if not is_ours(name)}
    if precision == "auto" and case.dtype == "float64":
        others["float64"] = found[ours("float64")]
    shown = {"ours": mine, **others}
    timed_products = [name for name in ("ours", "syrk") if name in shown and case.product_flops]
    return {
        "case": case.name,
        **asdict(case),  # type: ignore[typeddict-item]
        "precision": precision,
        "seconds": {name: seconds(each) for name, each in shown.items()},
        "rounds": {name: list(each.rounds.values()) for name, each in shown.items()},
        "ratio": {name: compare(mine, each) for name, each in others.items()},
        "gflops": {
            name: case.product_flops / seconds(shown[name]) / 1e9 for name in timed_products
        },
        "relative_error": {name: each.error for name, each in shown.items()},
        "tolerance": {name: each.tolerance for name, each in shown.items()},
        "right": all(each.right for each in shown.values()),
        "answer_by": result.answer_by,
        "skipped": result.skipped,
        "extra": result.extra,
    }


def times(found: Iterable[Row]) -> Iterator[dict[str, str | int | float | None]]:
    """Give a line for each time of each row: who took it, and our time over theirs."""
    for row in found:
        facts: dict[str, Any] = dict(row)
        for who, taken in row["seconds"].items():
            ratio: dict[str, Any] = dict(row["ratio"].get(who, {}))
            yield {
                **{key: facts[key] for key in _CASE_KEYS},
                "who": who,
                "seconds": taken,
                "gflops": row["gflops"].get(who),
                "relative_error": row["relative_error"][who],
                **{f"ratio_{key}": ratio.get(key) for key in _RATIO_KEYS},
            }


def wrong_answers(found: Sequence[Row]) -> list[str]:
    """Describe every answer that was wrong."""
    said = []
    for row in found:
        for name, error in row["relative_error"].items():
            if not error <= row["tolerance"][name]:
                who = f"hscore_fast {row['precision']}".rstrip() if name == "ours" else name
                said.append(
                    f"{who} on {row['case']}: relative error {error:.2g}, "
                    f"allowed {row['tolerance'][name]:.2g}"
                )
    return list(dict.fromkeys(said))


def summarize(found: Sequence[Row]) -> list[Summary]:
    """Take medians over the rows of one kind, dtype and precision; losses are counted."""
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in found:
        for versus in row["ratio"]:
            # Calls of microseconds have a line of their own, because overhead decides there.
            small = row["kind"] == "score" and row["n_samples"] * row["n_features"] ** 2 < SMALL
            what = "small score" if small else row["kind"]
            key = (what, versus, row["dtype"], row["precision"])
            groups.setdefault(key, []).append(row)
    result: list[Summary] = []
    for (kind, versus, dtype, precision), members in sorted(
        groups.items(), key=lambda group: (group[0][0], group[0][2:])
    ):
        ratios = [row["ratio"][versus]["median"] for row in members]
        worst = max(range(len(ratios)), key=ratios.__getitem__)
        result.append(
            {
                "kind": kind,
                "versus": versus,
                "dtype": dtype,
                "precision": precision,
                "rows": len(ratios),
                "median": statistics.median(ratios),
                "worst": ratios[worst],
                "worst_case": members[worst]["case"],
                "losses": sum(ratio > 1 for ratio in ratios),
            }
        )
    return result
