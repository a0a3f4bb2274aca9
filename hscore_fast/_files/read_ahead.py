"""Reading one block ahead of the one that is being worked on."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Generator, Iterator
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from hscore_fast._files import limits
from hscore_fast._files.threads import launch, next_of, start_new_thread
from hscore_fast._variants import core

__all__ = ["check_wanted", "n_decoders", "read_ahead"]

T = TypeVar("T")


class _Consumer:
    """Is there as long as somebody waits for what is read."""


class _End:
    """Comes behind the last item, with what the iterator raised."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Reader(threading.Thread, Generic[T]):
    """Reads for a consumer whom it does not keep alive."""

    def __init__(self, blocks: Iterator[T], consumer: _Consumer, n_threads: int) -> None:
        super().__init__(name="hscore_fast reader", daemon=True)
        self.begun = False
        self.stopped = False  # nobody waits for what it reads
        self.n_threads = n_threads  # that it may have work for it
        self.ready: SimpleQueue[T | _End] = SimpleQueue()
        self.taken: SimpleQueue[None] = SimpleQueue()
        self._blocks: Iterator[T] | None = blocks
        self._consumer = weakref.ref(consumer)

    def run(self) -> None:
        """Read until the end, or until nobody wants more."""
        self.begun = True  # before it looks whether it is stopped
        blocks, self._blocks = self._blocks, None
        assert blocks is not None
        failure = None
        try:
            if not self.stopped:
                for block in blocks:
                    self.ready.put(block)
                    del block  # the consumer's alone: it may be large
                    if not self._more_is_wanted():
                        break
        except BaseException as error:
            failure = error
        try:
            close = getattr(blocks, "close", None)
            if close is not None:
                close()
        finally:
            self.ready.put(_End(failure))
            del failure  # its traceback holds what was being read

    def _more_is_wanted(self) -> bool:
        while not self.stopped and self._consumer() is not None:
            try:
                self.taken.get(timeout=limits.PATIENCE)
            except Empty:
                continue
            return not self.stopped
        return False

    def lose(self, error: BaseException) -> None:
        """Report why there is no thread."""
        self.ready.put(_End(_NoThread() if isinstance(error, RuntimeError) else error))

    def read_here(self) -> Generator[T, None, None]:
        """Read on the consumer's thread."""
        blocks, self._blocks = self._blocks, None
        assert blocks is not None
        yield from blocks  # closes them, too


class _NoThread(BaseException):
    """No thread is to be had, because of a limit on processes or on memory."""


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
    return min(n_threads, limits.MOST_DECODERS)


def read_ahead(blocks: Iterator[T], n_threads: int = 0) -> Generator[T, None, None]:
    """Run an iterator on a thread of its own, one item ahead of the consumer.

    Where no thread is to be had the iterator runs on the consumer's, without being ahead.

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
    consumer = _Consumer()
    # How many threads are to be had is asked here: the new thread may be told another number.
    reader = _Reader(blocks, consumer, core.thread_count(n_threads))
    del blocks
    try:
        try:
            start_new_thread(launch, (reader, reader.lose))
        except RuntimeError as no_thread:
            reader.lose(no_thread)
        while True:
            block = next_of(reader.ready)
            if isinstance(block, _End):
                break
            reader.taken.put(None)
            yield block
            del block
        error = block.error
        if isinstance(error, _NoThread):
            yield from reader.read_here()
        elif error is not None:
            try:
                raise error
            finally:
                del error, block  # the traceback holds this frame
    finally:
        # An interrupt may end this at any call, and the thread ends all the same; a thread that
        # begins later on sees that it is stopped.
        reader.stopped = True
        reader.taken.put(None)
        if reader.begun:
            reader.join()
        reader.ready = SimpleQueue()  # a traceback may hold the reader
