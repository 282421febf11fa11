"""The bytes that requests may hold: uploads take a share at once or not at all, decoding waits for its turn."""

import asyncio
import threading

import pytest

from kedja.bundle.inputs.input import Costly
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


def test_a_thread_borrows_what_there_is_and_sends_the_rest_to_who_can_wait():
    budget = Budget(1000)
    with budget.share() as grant:
        grant(300)
        grant(200)  # in all, so no more
        assert budget.taken == 300
        with pytest.raises(Costly):
            grant(1001)
        assert budget.taken == 300
    assert budget.taken == 0


def test_what_a_thread_gives_back_goes_to_who_waits():
    async def run():
        budget = Budget(1000)
        entered, leave = threading.Event(), threading.Event()

        def decode():
            with budget.share() as grant:
                grant(800)
                entered.set()
                leave.wait(20)

        thread = asyncio.create_task(asyncio.to_thread(decode))
        await asyncio.to_thread(entered.wait, 20)
        waiting = asyncio.create_task(budget.take(500))
        await asyncio.sleep(0)
        assert not waiting.done()
        leave.set()
        await asyncio.wait_for(asyncio.gather(thread, waiting), 20)
        assert budget.taken == 500

    asyncio.run(run())


def test_many_threads_lose_nothing():
    budget = Budget(10**9)

    def work():
        for size in range(2000):
            with budget.share() as grant:
                grant(size)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert budget.taken == 0
