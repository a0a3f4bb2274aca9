"""Reading one block ahead of the one that is being worked on."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

__all__ = ["check_wanted", "read_ahead"]

T = TypeVar("T")


class _Reader(threading.Thread):
    stopped = False  # nobody waits for what it reads


class _NotWanted(BaseException):
    """Ends an iterator that nobody waits for."""


def check_wanted() -> None:
    """To be called by an iterator that is at one item for long: ends it if nobody waits for it."""
    if getattr(threading.current_thread(), "stopped", False):
        raise _NotWanted


def read_ahead(blocks: Iterator[T]) -> Generator[T, None, None]:
    """Run an iterator on a thread of its own, one item ahead of the consumer.

    Two items exist at a time: the one that the consumer has, and the one being read. Close the
    generator (``contextlib.closing``) to stop early: the thread then ends after the item it is at,
    and closes the iterator.

    Parameters
    ----------
    blocks : iterator
        Run on the thread from beginning to end.

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
