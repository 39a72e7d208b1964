"""Batches: filled while the model is busy, bounded, and nobody waits for a caller who has gone."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from fashiontrend.serve.recognition.batcher import Batcher, Overloaded


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


async def busy(
    model: Model, batcher: Batcher[int, int], items: Sequence[int] = (0,)
) -> "asyncio.Task[list[int]]":
    """Hold the model with the first of the items."""
    model.free.clear()
    task = asyncio.create_task(batcher.submit(items))
    while not (model.batches or task.done()):
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


def test_items_that_do_not_fit_into_the_queue_are_refused_and_the_others_processed():
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


def test_more_than_the_queue_holds_goes_in_slices_and_others_go_between_them():
    model = Model()

    async def run() -> None:
        batcher = make(model)
        large = await busy(model, batcher, list(range(12)))
        assert batcher.waiting <= 4
        other = asyncio.create_task(batcher.submit([50]))
        await asyncio.sleep(0)
        model.free.set()
        assert await large == [2 * n for n in range(12)]
        assert await other == [100]

    asyncio.run(run())
    assert 50 in model.batches[1]
    assert max(map(len, model.batches)) <= 4


def test_more_than_the_queue_holds_is_refused_only_while_others_fill_it():
    model = Model()

    async def run() -> None:
        batcher = make(model)
        first = await busy(model, batcher)
        waiting = asyncio.create_task(batcher.submit(list(range(6))))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batcher.submit(list(range(12)))
        model.free.set()
        await asyncio.gather(first, waiting)
        assert len(await batcher.submit(list(range(12)))) == 12

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


def test_no_items_give_no_outputs():
    assert asyncio.run(make(Model()).submit([])) == []
