"""Read batches ahead of the training step, so that the disk works while the processor does."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from odqa.data.stream.batches import Batches

T = TypeVar("T")


def ahead(batches: Batches[T], epoch: int, start: int = 0, n: int = 4) -> Generator[Sequence[T], None, None]:
    """Yield the batches of an epoch in their order, while one thread reads those that come next.

    What goes wrong in the thread is raised here, at the batch that it happened with. Leave a loop over it early with
    `contextlib.closing`, or call `close()`: the thread ends then.

    Args:
        batches: where they come from.
        epoch: from 0.
        start: place of the first.
        n: batches that may wait to be taken; 0 reads without a thread.
    """
    places = iter(range(start, batches.count(epoch)))
    if n < 1:
        for place in places:
            yield batches.batch(epoch, place)
        return
    with ThreadPoolExecutor(1, "odqa-ahead") as thread:
        waiting = deque(thread.submit(batches.batch, epoch, place) for place in islice(places, n))
        try:
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(thread.submit(batches.batch, epoch, place) for place in islice(places, 1))
                yield batch
        finally:
            thread.shutdown(wait=True, cancel_futures=True)
