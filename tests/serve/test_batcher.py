"""Batches: filled while the model is busy, bounded, and nobody waits for a caller who has gone."""

import asyncio
import threading

import pytest

from fashiontrend.serve.batcher import Batcher, Overloaded


class Model:
    """Doubles numbers; can be held."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.free.wait()
        if 13 in items:
            raise ValueError("unlucky")
        return [2 * i for i in items]


def make(model: Model, **settings) -> Batcher[int, int]:
    return Batcher(model, **({"max_size": 4, "wait_s": 0.0, "max_waiting": 8} | settings))


async def busy(model: Model, batcher: Batcher[int, int]) -> "asyncio.Task[list[int]]":
    """Hold the model with one item."""
    model.free.clear()
    task = asyncio.create_task(batcher.submit([0]))
    while not model.batches:
        await asyncio.sleep(0)
    return task


def test_items_that_come_while_the_model_computes_go_together():
    model = Model()

    async def run() -> list[list[int]]:
        batcher = make(model)
        first = await busy(model, batcher)
        others = [asyncio.create_task(batcher.submit([n])) for n in range(1, 7)]
        await asyncio.sleep(0)
        model.free.set()
        return [await first, *[await o for o in others]]

    assert asyncio.run(run()) == [[2 * n] for n in range(7)]
    assert model.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_an_idle_model_waits_for_company_but_not_for_ever():
    model = Model()

    async def run() -> None:
        batcher = make(model, wait_s=0.05)
        await asyncio.gather(batcher.submit([1]), batcher.submit([2]))
        await batcher.submit([3])

    asyncio.run(run())
    assert model.batches == [[1, 2], [3]]


def test_a_full_batch_does_not_wait():
    model = Model()
    batcher = make(model, wait_s=1e9)
    assert asyncio.run(batcher.submit([1, 2, 3, 4])) == [2, 4, 6, 8]


def test_what_would_not_fit_into_the_queue_is_refused_and_the_rest_is_answered():
    model = Model()

    async def run() -> None:
        batcher = make(model)
        first = await busy(model, batcher)
        waiting = asyncio.create_task(batcher.submit(list(range(8))))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batcher.submit([9])
        model.free.set()
        assert await first == [0]
        assert len(await waiting) == 8

    asyncio.run(run())


def test_a_cancelled_caller_takes_its_items_along():
    model = Model()

    async def run() -> None:
        batcher = make(model)
        first = await busy(model, batcher)
        gone, stays = (asyncio.create_task(batcher.submit([n])) for n in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        model.free.set()
        assert (await first, await stays) == ([0], [4])
        assert batcher.waiting == 0

    asyncio.run(run())
    assert model.batches == [[0], [2]]


def test_a_batch_that_fails_fails_its_callers_and_no_later_one():
    model = Model()

    async def run() -> None:
        batcher = make(model)
        with pytest.raises(ValueError, match="unlucky"):
            await batcher.submit([13, 1])
        assert await batcher.submit([4]) == [8]

    asyncio.run(run())


def test_nothing_asked_is_nothing_answered():
    assert asyncio.run(make(Model()).submit([])) == []
