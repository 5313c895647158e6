"""Executors: where the work on documents that needs no model is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from odqa.settings import Settings

T = TypeVar("T")
R = TypeVar("R")


class LocalExecutor:
    """Runs in this process, or in `workers` processes of this machine, always in order.

    One worker works in this process and starts none.
    """

    def __init__(self, settings: Settings) -> None:
        self.workers = settings.workers

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `function(item)` for each item in order; at most two items a worker are read ahead."""
        if self.workers <= 1:
            yield from map(function, items)
            return
        import multiprocessing
        from concurrent.futures import Future, ProcessPoolExecutor

        # Forking a process that holds model threads can deadlock; spawned workers start clean.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, mp_context=context) as pool:
            waiting: deque[Future[R]] = deque()
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 2 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
