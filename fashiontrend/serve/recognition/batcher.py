"""Dynamic batching: pictures of many requests go through the model together, within a latency bound.

While the model computes, newcomers wait; when it is free, the oldest waits at most `wait_s`
for company. The queue is bounded: what would not fit is refused at once. A request with more items
than the queue holds could never fit, so it goes in slices, of which one waits at a time.
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
    """More waits than the bound allows."""


@dataclass(eq=False)
class _Waiting(Generic[I, O]):
    item: I
    future: "asyncio.Future[O]"
    since: float = field(default=0.0)


class Batcher(Generic[I, O]):
    """Calls `run` with lists of items, in a thread of its own, one list at a time."""

    def __init__(
        self,
        run: Callable[[list[I]], Sequence[O]],
        max_size: int,
        wait_s: float,
        max_waiting: int,
        seen: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Nothing starts before the first item.

        Args:
            run: one output for each input, in order.
            max_size: of a list.
            wait_s: for how long the oldest item waits while the model is idle.
            max_waiting: items that wait; further slices of large requests may come on top.
            seen: told the size of every list.
        """
        self._run, self._max_size, self._wait_s = run, max_size, wait_s
        self._max_waiting, self._seen = max_waiting, seen
        self._queue: deque[_Waiting[I, O]] = deque()
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    @property
    def waiting(self) -> int:
        """Items that wait."""
        return len(self._queue)

    async def submit(self, items: Sequence[I]) -> list[O]:
        """The outputs of items; a caller that is cancelled takes its items out of the queue.

        More than `max_waiting` items go in slices of half of it, one after another. Only the first
        has to fit: work that was begun is ended, and the others follow into the room that it left.

        Raises:
            Overloaded: the queue is full; nothing was taken.
        """
        fits = len(items) <= self._max_waiting
        size = len(items) if fits else (self._max_waiting + 1) // 2
        if len(self._queue) + size > self._max_waiting:
            raise Overloaded(f"{len(self._queue)} pictures wait, at most {self._max_waiting} may")
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
                    w.future.exception()  # seen: a batch that fails fails every item of it

    async def _work(self) -> None:
        """Until nothing waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                await self._gather(loop)
                batch = self._take()
                if not batch:
                    continue
                self._seen(len(batch))
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
