"""Threads that an interrupt does not leave behind.

A signal's exception, such as KeyboardInterrupt, falls between two steps of Python code of the main
thread, also at the first step of a function and behind a call that has just returned. Three rules
follow. A thread is started by another thread, since ``Thread.start`` is Python code that an
exception may leave halfway. What both sides share is a queue of the interpreter, not a Condition,
which an exception may leave locked. And the first thing in a ``finally`` is a plain assignment that
asks the threads to end, for that cannot be interrupted.
"""

from __future__ import annotations

import threading
from _thread import start_new_thread
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from hscore_fast._files import limits

__all__ = ["Stop", "launch", "next_of", "side_by_side", "start_new_thread"]

T = TypeVar("T")


class Stop:
    """Says whether work has been asked to end."""

    asked = False


def launch(thread: threading.Thread, failed: Callable[[BaseException], object]) -> None:
    """Start a thread, or tell why there is none; call as ``start_new_thread(launch, (...))``."""
    try:
        thread.start()
    except BaseException as error:
        failed(error)


def next_of(queue: SimpleQueue[T]) -> T:
    """Wait for an item, and for Ctrl-C."""
    while True:
        with suppress(Empty):
            return queue.get(timeout=limits.HEARING)


class _Result(Generic[T]):
    """The outcome of a task; there is none if no thread could be started."""

    def __init__(self, number: int | None, task: Callable[[], T] | None) -> None:
        self.number = number
        self.value: T | None = None
        self.error: BaseException | None = None
        try:
            self.value = task() if task is not None else None
        except BaseException as error:
            self.error = error


class _Work(Generic[T]):
    """Tasks and results that threads share."""

    def __init__(self, tasks: Sequence[Callable[[], T]], stop: Stop) -> None:
        self.stop = stop
        self.todo: SimpleQueue[tuple[int, Callable[[], T]]] = SimpleQueue()
        self.done: SimpleQueue[_Result[T]] = SimpleQueue()
        self.threads: list[threading.Thread] = []  # that have begun
        for number, task in enumerate(tasks):
            self.todo.put((number, task))

    def run(self) -> None:
        """Work on tasks until none is left or the end is asked for."""
        self.threads.append(threading.current_thread())  # before it looks whether to stop
        while not self.stop.asked:
            try:
                number, task = self.todo.get_nowait()
            except Empty:
                break
            self.done.put(_Result(number, task))
            del task

    def first_error(self, result: _Result[T]) -> BaseException:
        """End the work, and return the first error in the order of the tasks."""
        self.stop.asked = True
        for thread in self.threads:
            thread.join()
        # Tasks begin in their order, so those before this one have ended.
        results = [result]
        while not self.done.empty():
            results.append(self.done.get())
        failed = {r.number: r.error for r in results if r.number is not None and r.error}
        return failed[min(failed)]

    def lose(self, _: BaseException) -> None:
        """Report that a thread could not be had."""
        self.done.put(_Result(None, None))


def side_by_side(
    tasks: Sequence[Callable[[], T]], n_threads: int, name: str, stop: Stop | None = None
) -> Generator[tuple[int, T], None, None]:
    """Run tasks on threads; on fewer, and at last on the caller's, where they are not to be had.

    Close the generator to end early: tasks that have not begun are then left out, and it waits for
    those that have.

    Parameters
    ----------
    tasks : sequence of callables
        Each is called once, without arguments.
    n_threads : int
        Threads beside the caller's, which waits.
    name : str
        Of the threads.
    stop : Stop, optional
        Asked when the generator ends, for tasks that look at it.

    Yields
    ------
    number, result
        Of each task, in the order in which they end.

    Raises
    ------
    BaseException
        What the first task raises, in their order, of those that raise something.
    """
    work = _Work(tasks, stop or Stop())
    n_threads = min(n_threads, len(tasks))
    try:
        for number in range(n_threads):
            thread = threading.Thread(target=work.run, name=name, daemon=True)
            try:
                start_new_thread(launch, (thread, work.lose))
            except RuntimeError:
                n_threads = number
                break
        for _ in tasks:
            while True:
                result = next_of(work.done) if n_threads else _Result(*work.todo.get())
                if result.number is not None:
                    break
                n_threads -= 1
            if result.error is not None:
                error = work.first_error(result)
                try:
                    raise error
                finally:
                    del error, result  # the traceback holds this frame
            yield result.number, result.value  # type: ignore[misc]
            del result
    finally:
        work.stop.asked = True
        for thread in work.threads:
            thread.join()
