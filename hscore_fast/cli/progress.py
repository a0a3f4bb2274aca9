"""How far it is, on standard error if that is a terminal; nothing in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from hscore_fast.cli.messages import is_quiet

__all__ = ["row_bar", "share_bar"]

_SECONDS_BETWEEN = 0.1


@contextmanager
def share_bar() -> Iterator[Callable[[str, float | None], None]]:
    """Show a share from 0 to 1 and what is being done."""
    if is_quiet() or not sys.stderr.isatty():
        yield lambda text, share: None
        return
    columns = (TimeRemainingColumn(compact=True), TextColumn("{task.description}", markup=False))
    with _bar(TimeElapsedColumn(), *columns) as bar:
        task = bar.add_task("", total=1.0)

        def tell(text: str, share: float | None) -> None:
            bar.start()
            bar.update(task, description=text, completed=share, refresh=True)

        yield tell


@contextmanager
def row_bar() -> Iterator[Callable[[int, int], None]]:
    """Show rows done, rows per second and the time left."""
    if is_quiet() or not sys.stderr.isatty():
        yield lambda done, rows: None
        return
    with _bar(_RowsPerSecond(), TimeRemainingColumn(compact=True)) as bar:
        task = bar.add_task("", total=None)
        shown = 0.0

        def tell(done: int, rows: int) -> None:
            nonlocal shown
            if not done:
                return  # a call that ends or fails at once needs no bar
            bar.start()
            now = time.monotonic()
            due = now - shown >= _SECONDS_BETWEEN or done == rows
            bar.update(task, completed=done, total=rows, refresh=due)
            shown = now if due else shown

        yield tell


class _RowsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        if not task.completed or not task.elapsed:
            return Text("")
        return Text(f"{task.completed / task.elapsed:,.0f} rows/s")


@contextmanager
def _bar(*columns: ProgressColumn) -> Iterator[Progress]:
    """Give a bar that is shown once it is started, and gone at the end."""
    # No thread redraws it: it would take time from what is measured.
    bar = Progress(
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        *columns,
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )
    try:
        yield bar
    finally:
        bar.stop()
