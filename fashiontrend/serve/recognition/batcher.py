"""Dynamic batching: pictures of many requests go through the model together, within a latency bound.

While the model computes, new items wait. When it is free, the oldest item waits at most `wait_s` for
others to fill its batch. The queue is bounded: items that do not fit are refused at once. A request
with more items than the queue holds could never fit, so it is cut into slices, one of which waits at
a time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


class Overloaded(Exception):
    """Raised when an item does not fit into the queue because the queue is full."""


@dataclass(eq=False)
class _Waiting(Generic[I, O]):
    item: I
    future: "asyncio.Future[O]"
    since: float = field(default=0.0)


class Batcher(Generic[I, O]):
    """Calls `run` with batches of items, one batch at a time, in a thread of its own."""

    def __init__(
        self,
        run: Callable[[list[I]], Sequence[O]],
        max_size: int,
        wait_s: float,
        max_waiting: int,
        on_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Set up; the thread starts with the first item.

        Args:
            run: computes one output for each item, in order.
            max_size: largest batch.
            wait_s: seconds for which the oldest item waits for others while the model is idle.
            max_waiting: highest number of waiting items; the later slices of large requests may exceed it.
            on_batch: called with the size of every batch.
        """
        self._run, self._max_size, self._wait_s = run, max_size, wait_s
        self._max_waiting, self._on_batch = max_waiting, on_batch
        self._queue: deque[_Waiting[I, O]] = deque()
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    @property
    def waiting(self) -> int:
        """Number of waiting items."""
        return len(self._queue)

    async def submit(self, items: Sequence[I]) -> list[O]:
        """Return the outputs of the items; a cancelled caller's items leave the queue.

        More than `max_waiting` items are cut into slices of half of it, one after another. Only the
        first slice has to fit: the others take the places that it left, so that work which was begun
        is finished.

        Raises:
            Overloaded: the queue is full; no item was taken.
        """
        fits = len(items) <= self._max_waiting
        size = len(items) if fits else (self._max_waiting + 1) // 2
        if len(self._queue) + size > self._max_waiting:
            raise Overloaded(
                f"{len(self._queue)} pictures wait for the model, and at most {self._max_waiting} may"
            )
        outputs: list[O] = []
        for start in range(0, len(items), size or 1):
            outputs += await self._wait_for(items[start : start + size])
        return outputs

    async def _wait_for(self, items: Sequence[I]) -> list[O]:
        loop = asyncio.get_running_loop()
        mine = [_Waiting(item, loop.create_future(), loop.time()) for item in items]
        self._queue.extend(mine)
        if len(self._queue) >= self._max_size:
            self._full.set()
        if self._task is None:
            self._task = loop.create_task(self._work())
        try:
            return [await w.future for w in mine]
        finally:
            for w in mine:
                if not w.future.done():
                    w.future.cancel()
                elif not w.future.cancelled():
                    w.future.exception()  # retrieve it: a failed batch fails each of its items

    async def _work(self) -> None:
        """Run batches until nothing waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                await self._gather(loop)
                batch = self._take()
                if not batch:
                    continue
                self._on_batch(len(batch))
                try:
                    outputs = await loop.run_in_executor(
                        self._thread, self._run, [w.item for w in batch]
                    )
                except Exception as error:
                    _fail(batch, error)
                else:
                    _settle(batch, outputs)
        finally:
            self._task = None
            if self._queue:  # this task was cancelled; others still wait
                self._task = loop.create_task(self._work())

    async def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        left = self._queue[0].since + self._wait_s - loop.time()
        if left > 0 and len(self._queue) < self._max_size:
            self._full.clear()
            try:
                async with asyncio.timeout(left):
                    await self._full.wait()
            except TimeoutError:
                pass

    def _take(self) -> list[_Waiting[I, O]]:
        batch: list[_Waiting[I, O]] = []
        while self._queue and len(batch) < self._max_size:
            first = self._queue.popleft()
            if not first.future.done():
                batch.append(first)
        return batch


def _settle(batch: Sequence[_Waiting[I, O]], outputs: Sequence[O]) -> None:
    for waiting, output in zip(batch, outputs, strict=True):
        if not waiting.future.done():
            waiting.future.set_result(output)


def _fail(batch: Sequence[_Waiting[I, O]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.future.done():
            waiting.future.set_exception(error)
