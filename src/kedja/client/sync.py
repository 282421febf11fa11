"""The synchronous client."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx

from kedja.client import wire
from kedja.client.wire import Image, Prediction, Retries


class Client:
    """Asks a service.

    >>> with Client("http://localhost:8000") as client:       # doctest: +SKIP
    ...     client.predict("photo.jpg").predicted_class
    'Banana'

    Args:
        url: the service's address.
        key: an API key, where the service asks for one.
        timeout: seconds for one attempt.
        batch: images in one request at the most.
        retries: what happens when the service is busy or away.
        transport: httpx's own, for tests and special networks.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 30.0,
        batch: int = 32,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers=wire.headers(key),
            timeout=timeout,
            transport=transport,
            follow_redirects=True,
            mounts=wire.direct(url),
        )
        self._batch = batch
        self._retries = retries or Retries()

    def predict(self, image: Image | None = None, **example: Any) -> Prediction:
        """Classify one image, given as encoded bytes or as a path, or an example of another kind by its name.

        >>> client.predict(row={"age": 38, "workclass": "Private"})       # doctest: +SKIP

        Raises:
            ServiceError: the service refused the example, or stayed busy.
            httpx.TransportError: the service cannot be reached.
        """
        if image is not None:
            return self.predict_many([image])[0]
        return self.predict_many(**wire.several(example))[0]

    def predict_many(self, images: Sequence[Image] = (), **examples: Sequence[Any]) -> list[Prediction]:
        """Classify images, or examples of another kind, as ``rows=[…]``, in their order, `batch` in a request."""
        found: list[Prediction] = []
        for nouns, some in wire.batches(images, examples, self._batch):
            found += wire.predictions(self._send("POST", "/predict", **wire.content(nouns, some)))
        return found

    def class_names(self) -> list[str]:
        """In the order of the probabilities."""
        names: list[str] = self._send("GET", "/class-names")["class_names"]
        return names

    def model(self) -> dict[str, Any]:
        """The bundle's metadata and model card."""
        facts: dict[str, Any] = self._send("GET", "/model")
        return facts

    def ready(self) -> bool:
        """Whether the service can be reached and welcomes requests; never raises, never waits for retries."""
        try:
            return self._http.get("/health/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _send(self, method: str, path: str, **content: Any) -> Any:
        for attempt in range(1, self._retries.attempts + 1):
            last = attempt == self._retries.attempts
            try:
                response = self._http.request(method, path, **content)
            except httpx.TransportError:
                if last:
                    raise
                time.sleep(self._retries.pause(attempt, None))
                continue
            if last or response.status_code not in wire.RETRIED:
                break
            time.sleep(self._retries.pause(attempt, response.headers.get("retry-after")))
        return wire.value(response.status_code, response.content)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
