"""The memory of this process, now and while something runs; only Linux says enough of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

__all__ = ["Anonymous", "Resident", "resident", "watched"]


class Resident(NamedTuple):
    """Resident memory of a process, in bytes."""

    anonymous: int
    """Allocated pages."""
    mapped: int
    """Pages of files, which the system may drop."""


@dataclass
class Anonymous:
    """Bytes of anonymous memory before something ran, and the most since."""

    before: int
    peak: int


def resident() -> Resident | None:
    """Look at this process, None if the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = {key: value for key, _, value in (line.partition(":") for line in lines)}
    if "RssAnon" not in found:
        return None
    anonymous, file, shared = (
        int(found[key].split()[0]) * 1024 for key in ("RssAnon", "RssFile", "RssShmem")
    )
    return Resident(anonymous, file + shared)


@contextmanager
def watched(
    seconds: float, seen: Callable[[Resident], None] = lambda now: None
) -> Iterator[Anonymous | None]:
    """Follow the memory of this process while the body runs.

    Parameters
    ----------
    seconds : float
        Between two looks, which a thread of its own takes.
    seen : callable
        Told what each look finds.

    Yields
    ------
    Anonymous or None
        Whose peak grows; None if the system does not say.
    """
    start = resident()
    if start is None:
        yield None
        return
    memory = Anonymous(start.anonymous, start.anonymous)
    stop = threading.Event()

    def look() -> None:
        now = resident()
        if now is not None:
            memory.peak = max(memory.peak, now.anonymous)
            seen(now)

    def follow() -> None:
        while not stop.wait(seconds):
            look()

    watcher = threading.Thread(target=follow, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        stop.set()
        watcher.join()
        look()
