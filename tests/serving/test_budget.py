"""The bytes that requests may hold: uploads take a share at once or not at all, decoding waits for its turn."""

import asyncio

import pytest

from kedja.serving.budget import Budget


def test_uploads_leave_room_for_decoding_and_one_client_for_others():
    budget = Budget(1000)
    assert budget.upload(200, "a")
    assert not budget.upload(1, "a")
    assert budget.upload(150, "b")
    assert not budget.upload(51, "c")
    budget.uploaded(200, "a")
    assert budget.upload(51, "c")
    assert budget.taken == 201


def test_whoever_waits_gets_it_in_turn():
    async def run():
        budget, order = Budget(1000), []

        async def take(name, size):
            await budget.take(size)
            order.append(name)

        await take("first", 600)
        waiting = [asyncio.create_task(take(name, size)) for name, size in (("large", 500), ("small", 100))]
        await asyncio.sleep(0)
        assert order == ["first"]  # the small one would fit, and would starve the large one
        budget.give(600)
        await asyncio.gather(*waiting)
        assert order == ["first", "large", "small"]
        assert budget.taken == 600
        assert not budget.borrow(401)
        assert budget.borrow(400)

    asyncio.run(run())


def test_who_gives_up_waiting_holds_nothing_and_lets_others_by():
    async def run():
        budget = Budget(1000)
        await budget.take(900)
        large, small = (asyncio.create_task(budget.take(size)) for size in (500, 100))
        await asyncio.sleep(0)
        large.cancel()
        with pytest.raises(asyncio.CancelledError):
            await large
        await asyncio.wait_for(small, 5)
        assert budget.taken == 1000

    asyncio.run(run())
