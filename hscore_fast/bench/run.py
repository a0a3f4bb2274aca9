"""Run cases one after the other."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import hscore_fast
from hscore_fast.bench import machine, mapped
from hscore_fast.bench.cases import Case, Plan
from hscore_fast.bench.contenders import ready
from hscore_fast.bench.measure import PROTOCOL, measure
from hscore_fast.bench.results import Result, rows, summarize, wrong_answers

__all__ = ["as_dict", "run_case", "run_cases"]

_FORMAT = 1


def run_cases(
    cases: Sequence[Case],
    plan: Plan,
    *,
    wait: bool = True,
    folder: Path | None = None,
    progress: mapped.Progress = lambda text, share: None,
) -> list[Result]:
    """Run cases in order.

    Parameters
    ----------
    cases : sequence of Case
    plan : Plan
        How long to take for each.
    wait : bool
        Whether to let threads fall asleep before a contender's calls.
    folder : Path, optional
        Where large files may go.
    progress : callable
        Told, before and during a case, what is being done and how much of it.
    """
    results = []
    begin = time.monotonic()
    for number, case in enumerate(cases):
        head = f"{number + 1}/{len(cases)} {case.name}"
        share = number / len(cases)
        progress(head, share)
        if time.monotonic() - begin > plan.begin_before:
            results.append(
                Result(case, skipped_because=f"{plan.begin_before:.0f} seconds were over")
            )
            continue

        def tell(text: str, part: float | None, head: str = head, share: float = share) -> None:
            progress(f"{head}: {text}", share + (part or 0.0) / len(cases))

        results.append(run_case(case, plan, wait=wait, folder=folder, progress=tell))
    return results


def run_case(
    case: Case,
    plan: Plan,
    *,
    wait: bool = True,
    folder: Path | None = None,
    progress: mapped.Progress = lambda text, share: None,
) -> Result:
    """Run one case, or say why it cannot be run here."""
    available = machine.memory_available()
    if available is not None and case.bytes_needed > 0.9 * available:
        return Result(
            case,
            skipped_because=f"needs about {case.bytes_needed / 1e9:.1f} GB of memory, and "
            f"{available / 1e9:.1f} GB are available",
        )
    if case.kind == "mapped":
        return mapped.run(case, folder, progress)
    field = ready(case, plan)  # before the limit: answers may use every processor
    with threadpool_limits(limits=case.threads):
        found = measure(field.contenders, plan, wait)
    answer_by, skipped = field.answer_by, field.skipped
    del field
    gc.collect()  # the closures of the contenders hold the data
    return Result(case, found, skipped, answer_by)


def as_dict(
    results: Iterable[Result], plan: Plan, wait: bool, facts: dict[str, Any]
) -> dict[str, Any]:
    """Put everything that was measured into one object for JSON."""
    done = list(results)
    found = rows(done)
    return {
        "format": _FORMAT,
        "version": hscore_fast.__version__,
        "machine": facts,
        "hints": machine.hints(facts),
        "protocol": {"text": PROTOCOL, "plan": asdict(plan), "wait": wait},
        "rows": found,
        "skipped_cases": {r.case.name: r.skipped_because for r in done if r.skipped_because},
        "summary": summarize(found),
        "wrong": wrong_answers(found),
    }
