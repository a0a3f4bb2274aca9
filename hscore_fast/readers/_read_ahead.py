"""Reading one block ahead of the one that is being worked on."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

from hscore_fast._variants import core

__all__ = ["check_wanted", "n_decoders", "read_ahead"]

T = TypeVar("T")

_MOST_DECODERS = 8  # each holds a file and what it is at


class _Reader(threading.Thread):
    stopped = False  # nobody waits for what it reads
    n_threads = 1  # that it may have work for it


class _NotWanted(BaseException):
    """Ends an iterator that nobody waits for."""


def check_wanted() -> None:
    """To be called by an iterator that is at one item for long: ends it if nobody waits for it."""
    if getattr(threading.current_thread(), "stopped", False):
        raise _NotWanted


def n_decoders() -> int:
    """Count the threads that an iterator may start to decode what it reads."""
    thread = threading.current_thread()
    n_threads = thread.n_threads if isinstance(thread, _Reader) else core.thread_count(0)
    return min(n_threads, _MOST_DECODERS)


def read_ahead(blocks: Iterator[T], n_threads: int = 0) -> Generator[T, None, None]:
    """Run an iterator on a thread of its own, one item ahead of the consumer.

    Two items exist at a time: the one that the consumer has, and the one being read. Close the
    generator (``contextlib.closing``) to stop early: the thread then ends after the item it is at,
    and closes the iterator.

    Parameters
    ----------
    blocks : iterator
        Run on the thread from beginning to end.
    n_threads : int, default 0
        That the iterator may start by itself; 0 is as many as the consumer's environment allows.

    Yields
    ------
    object
        The items, in order.

    Raises
    ------
    BaseException
        What the iterator raises, after the items before it.
    """
    ready: list[T] = []
    failure: list[BaseException] = []
    change = threading.Condition()
    ended = False

    def read() -> None:
        nonlocal ended
        try:
            if reader.n_threads > 1:
                core.outnumber_processors()
            for block in blocks:
                with change:
                    ready.append(block)
                    del block  # the consumer's alone: it may be large
                    change.notify_all()
                    change.wait_for(lambda: reader.stopped or not ready)
                    if reader.stopped:
                        break
        except BaseException as error:
            failure.append(error)
        finally:
            close = getattr(blocks, "close", None)
            if close is not None:
                close()
            with change:
                ended = True
                change.notify_all()

    reader = _Reader(target=read, name="hscore_fast reader", daemon=True)
    reader.n_threads = core.thread_count(n_threads)  # which a new thread may see otherwise
    reader.start()
    try:
        while True:
            with change:
                change.wait_for(lambda: ready or ended)
                if not ready:
                    break
                block = ready.pop()
                change.notify_all()
            yield block
            del block
        if failure:
            raise failure[0]
    finally:
        with change:
            reader.stopped = True
            ready.clear()
            change.notify_all()
        reader.join()
        failure.clear()  # its traceback holds what was being read
