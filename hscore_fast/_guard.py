"""A lock that says what is wrong where a plain one would wait for ever."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Guard", "both"]


class Guard:
    """Let one thread at a time work on an object.

    A progress function or a signal handler that comes back to an object in use, and a forked child
    that finds it in use by a thread it did not inherit, get a RuntimeError.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._process = os.getpid()

    def __enter__(self) -> None:
        if self._lock.locked():
            if self._owner == threading.get_ident():
                raise RuntimeError(
                    "this Moments is being changed by the call that called this function: "
                    "use it when that call has returned"
                )
            if self._process != os.getpid():
                raise RuntimeError(
                    "this Moments was in use by another thread when the process forked, so that "
                    "its state here is unknown: pass a copy to the child"
                )
        self._lock.acquire()
        self._owner = threading.get_ident()
        self._process = os.getpid()

    def __exit__(self, *error: object) -> None:
        self._owner = 0
        self._lock.release()


@contextmanager
def both(a: Guard, b: Guard) -> Iterator[None]:
    """Hold two guards, which may be one, in an order that all threads share."""
    first, second = (a, b) if id(a) <= id(b) else (b, a)
    with first:
        if second is first:
            yield
        else:
            with second:
                yield
