"""What lives as long as the service: its settings, its engine, and how much is in work."""

from collections.abc import Iterator
from contextlib import contextmanager

from kedja.serving import cpus
from kedja.serving.engine import Engine
from kedja.serving.errors import RequestError
from kedja.serving.payload import Limits
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings


class Service:
    """One process's share of the service.

    Attributes:
        ready: whether requests are welcome.
        in_work: prediction requests admitted and not yet answered.
    """

    def __init__(self, settings: Settings, predictor: Predictor) -> None:
        self.settings = settings
        self.limits = Limits(images=settings.max_images, pixels=settings.max_pixels)
        self.engine = Engine(predictor, settings.threads or cpus.available(), settings.max_batch)
        self.ready = False
        self.in_work = 0

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Hold one of the `queue` places, from before the upload until the answer is there.

        Raises:
            RequestError: 503 when every place is taken.
        """
        if self.in_work >= self.settings.queue:
            raise RequestError(
                503,
                "busy",
                f"{self.in_work} requests are in work or waiting",
                "come again after Retry-After seconds",
                {"Retry-After": "1"},
            )
        self.in_work += 1
        try:
            yield
        finally:
            self.in_work -= 1
