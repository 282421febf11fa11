"""Of a request that was answered nothing is left, without waiting for anybody to look for what refers to itself."""

import gc
import weakref

import pytest

import expensive
from support.servers import wait_until

BODIES = {
    "refused in a thread": ("image/png", b"no image"),
    "answered by a decoder": ("image/gif", expensive.png(1500, "L")),
    "refused by a decoder": ("application/json", b'{"pixels": [' + b"[0]," * 30_000 + b"[0]]}"),
    "larger than a piece": ("image/jpeg", bytes(3_000_000)),
}


@pytest.mark.parametrize("what", BODIES)
def test_jobs_are_forgotten(client, monkeypatch, what):
    engine, seen = client.app.state.service.engine, []
    run = engine.run

    def remembered(load, *arguments, **named):
        seen.append(weakref.ref(load))
        return run(load, *arguments, **named)

    monkeypatch.setattr(engine, "run", remembered)
    content_type, body = BODIES[what]
    gc.collect()
    gc.disable()
    try:
        assert client.post("/predict", content=body, headers={"Content-Type": content_type}).status_code < 500
        assert seen
        wait_until(lambda: not any(load() for load in seen))
    finally:
        gc.enable()
