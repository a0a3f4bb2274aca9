"""Reading one block ahead of the one that is being worked on."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

__all__ = ["read_ahead"]

T = TypeVar("T")


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
    stopped = ended = False

    def read() -> None:
        nonlocal ended
        try:
            for block in blocks:
                with change:
                    ready.append(block)
                    del block  # the consumer's alone: it may be large
                    change.notify_all()
                    change.wait_for(lambda: stopped or not ready)
                    if stopped:
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

    reader = threading.Thread(target=read, name="hscore_fast reader", daemon=True)
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
            stopped = True
            ready.clear()
            change.notify_all()
        reader.join()
