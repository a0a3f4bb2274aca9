"""A lock that says what is wrong where a plain one would wait for ever.

A signal's exception, such as KeyboardInterrupt, falls between two steps of Python code, also at the
first step of a function and behind a call that has just returned. A lock that Python code takes and
releases may therefore be left locked. ``with`` on a lock of the interpreter itself has no such gap,
so that is what the ``with`` statements of this package are given.
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

__all__ = ["Guard", "locks_of"]

Lock: TypeAlias = AbstractContextManager[object]


class Guard:
    """Let one thread at a time work on an object.

    A progress function or a signal handler that comes back to an object in use, and a forked child
    that finds it in use by a thread it did not inherit, get a RuntimeError.
    """

    def __init__(self) -> None:
        self._lock: Any = threading.RLock()  # it knows the thread that holds it
        self._process = os.getpid()

    def lock(self) -> Lock:
        """Return the lock to hold while the object is used, as in ``with guard.lock():``.

        Raises
        ------
        RuntimeError
            If this thread holds it already, or a thread that was lost when the process forked.
        """
        in_use = _is_locked(self._lock)
        if in_use and self._lock._is_owned():
            raise RuntimeError(
                "this Moments is being changed by the call that called this function: "
                "use it when that call has returned"
            )
        if self._process != os.getpid():
            if in_use:
                raise RuntimeError(
                    "this Moments was in use by another thread when the process forked, so that "
                    "its state here is unknown: pass a copy to the child"
                )
            self._process = os.getpid()  # before any thread of this process takes the lock
        lock: Lock = self._lock
        return lock


def locks_of(a: Guard, b: Guard) -> tuple[Lock, Lock]:
    """Return the locks of two guards, which may be one, in an order that all threads share."""
    first, second = (a, b) if id(a) <= id(b) else (b, a)
    # Its own thread may take a lock twice.
    return first.lock(), second.lock()


def _is_locked(lock: Any) -> bool:
    """Whether any thread holds the lock, which has a method for it since Python 3.14."""
    locked: bool = lock.locked() if hasattr(lock, "locked") else repr(lock).startswith("<locked")
    return locked
