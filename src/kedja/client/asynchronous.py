"""The asynchronous client; see `kedja.client.sync.Client` for what the calls mean."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx

from kedja.client import wire
from kedja.client.wire import Image, Prediction, Retries


class AsyncClient:
    """Asks a service; requests of one call run side by side.

    Args:
        parallel: requests of this client at once at the most.
        url, key, timeout, batch, retries, transport: as `kedja.client.sync.Client`.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 30.0,
        batch: int = 32,
        parallel: int = 8,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=wire.headers(key),
            timeout=timeout,
            transport=transport,
            follow_redirects=True,
            mounts=wire.direct(url),
        )
        self._batch = batch
        self._retries = retries or Retries()
        self._places = asyncio.Semaphore(parallel)

    async def predict(self, image: Image | None = None, **example: Any) -> Prediction:
        """Classify one example; arguments and errors as those of the synchronous client."""
        if image is not None:
            return (await self.predict_many([image]))[0]
        return (await self.predict_many(**wire.several(example)))[0]

    async def predict_many(self, images: Sequence[Image] = (), **examples: Sequence[Any]) -> list[Prediction]:
        """Classify images or other examples, in their order, `batch` in a request, several requests at once."""
        requests = [self._predict_batch(*some) for some in wire.batches(images, examples, self._batch)]
        return [one for found in await asyncio.gather(*requests) for one in found]

    async def class_names(self) -> list[str]:
        """In the order of the probabilities."""
        names: list[str] = (await self._send("GET", "/class-names"))["class_names"]
        return names

    async def model(self) -> dict[str, Any]:
        """The bundle's metadata and model card."""
        facts: dict[str, Any] = await self._send("GET", "/model")
        return facts

    async def ready(self) -> bool:
        """Whether the service can be reached and welcomes requests; never raises, never waits for retries."""
        try:
            return (await self._http.get("/health/ready")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def _predict_batch(self, nouns: str, values: Sequence[Any]) -> list[Prediction]:
        async with self._places:
            content = await asyncio.to_thread(wire.content, nouns, values)
            return wire.predictions(await self._send("POST", "/predict", **content))

    async def _send(self, method: str, path: str, **content: Any) -> Any:
        for attempt in range(1, self._retries.attempts + 1):
            last = attempt == self._retries.attempts
            try:
                response = await self._http.request(method, path, **content)
            except httpx.TransportError:
                if last:
                    raise
                await asyncio.sleep(self._retries.pause(attempt, None))
                continue
            if last or response.status_code not in wire.RETRIED:
                break
            await asyncio.sleep(self._retries.pause(attempt, response.headers.get("retry-after")))
        return wire.value(response.status_code, response.content)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
