"""What lives as long as the service: its engine, keys and metrics, how much is in work, which bundle is served."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kedja.bundle.inputs.input import Costly, Examples, Input, Limits
from kedja.bundle.inputs.optional import Portable
from kedja.bundle.metadata import METADATA
from kedja.common import cpus
from kedja.common.errors import KedjaError
from kedja.serving import payload
from kedja.serving.budget import Budget
from kedja.serving.decoders import Decoders
from kedja.serving.drift.drift import Monitor
from kedja.serving.drift.report import DriftCollector
from kedja.serving.drift.window import Board
from kedja.serving.engine import Answer, Engine, Stages
from kedja.serving.errors import busy
from kedja.serving.keys import Keys
from kedja.serving.metrics import Metrics, shared_folder
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings

if TYPE_CHECKING:
    from kedja.serving.tracing import Tracing

logger = logging.getLogger(__name__)

# Of a request: each costs as much as some dozens of answers.
MOST_EXPLAINED = 4
_MOST_DECODERS = 4


class Service:
    """One process's share of the service.

    Attributes:
        ready: whether requests are welcome.
        draining: whether the process is about to stop, so that connections end with their next answer.
        in_work: prediction requests admitted and not yet answered.
        tracing: where spans go, None where no collector is named.

    Raises:
        KedjaError: the keys cannot be read, or packages for `otel` are missing.
    """

    def __init__(self, settings: Settings, predictor: Predictor) -> None:
        self.settings = settings
        self.budget = Budget(settings.memory)
        self.metrics = Metrics(predictor.metadata.classes)
        self.keys = Keys(settings.keys, self._count_keys) if settings.keys else None
        self.monitor = Monitor(settings, predictor, Board(shared_folder()))
        self.metrics.also(DriftCollector(self.monitor))
        threads = settings.threads or self._threads()
        self.engine = Engine(predictor, threads, settings.max_batch, self.metrics, self.monitor)
        count = settings.decoders or min(threads, _MOST_DECODERS)
        self.decoders = Decoders(count, self.budget, self.metrics)
        self.limits = self._limits()
        self.ready = False
        self.draining = False
        self.in_work = 0
        self.tracing = _tracing(settings.otel) if settings.otel else None
        self._reloading = asyncio.Lock()
        self._set_model_info(1)

    @property
    def predictor(self) -> Predictor:
        return self.engine.predictor

    def _threads(self) -> int:
        return max(1, cpus.available() // self.settings.workers)

    def _limits(self) -> Limits:
        settings, predictor = self.settings, self.predictor
        # What the bundle offers as samples may be sent back.
        formats = {predictor.metadata.input.format(sample.data) for sample in predictor.samples} - {""}
        return Limits(
            settings.max_images * predictor.metadata.input.in_one,
            settings.max_pixels,
            frozenset(formats | set(settings.formats)),
            settings.memory,
            text_bytes=settings.max_text,
        )

    async def answer(
        self, content_type: str, body: bytes, deadline: float, stages: Stages | None = None, *, explain: bool = False
    ) -> Answer:
        """What the model says of a body: read by a worker thread where that is plainly cheap, else by a decoder.

        Raises:
            RequestError
        """
        limits = replace(self.limits, examples=MOST_EXPLAINED) if explain else self.limits

        def load(predictor: Predictor) -> Examples:
            expected = predictor.metadata.input
            with self.budget.share() as grant:
                mine = limits.of_request(plain=isinstance(expected, Portable), grant=grant)
                return payload.read(content_type, body, expected, mine)

        while True:
            try:
                return await self.engine.run(load, deadline, stages, explain=explain)
            except Costly:
                expected = self.predictor.metadata.input
            # What is costly once more was read for a bundle that is served no longer.
            with suppress(Costly):
                if isinstance(expected, Portable):
                    async with self.decoders.decoded(content_type, body, expected, limits, deadline) as examples:
                        load_decoded = partial(_as_decoded, examples, expected)
                        return await self.engine.run(load_decoded, deadline, stages, explain=explain)

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Hold one of the `queue` places, from the end of the upload until the answer is there.

        Raises:
            RequestError: 503 when every place is taken.
        """
        if self.in_work >= self.settings.queue:
            raise busy(f"{self.in_work} requests are in work or waiting")
        self.in_work += 1
        self.metrics.in_work.inc()
        try:
            yield
        finally:
            self.in_work -= 1
            self.metrics.in_work.dec()

    def _count_keys(self, result: str) -> None:
        self.metrics.key_files.labels(result).inc()

    def close(self) -> None:
        """After the last request, or when nobody waits for it."""
        self.decoders.close()
        if self.tracing:
            self.tracing.close()

    def begin_draining(self) -> None:
        """Tell load balancers to send no more, and clients to come back on another connection."""
        self.ready = False
        self.draining = True

    async def reload(self) -> None:
        """Serve the bundle that lies in its folder now, if it is good; else keep the one that is served.

        Verified off the event loop before the swap. Batches in work end with the predictor they began with.
        """
        async with self._reloading:
            try:
                predictor = await asyncio.to_thread(self._load)
            except (KedjaError, OSError) as error:
                self._refuse(str(error))
            except Exception as error:
                # A bundle comes from elsewhere: whatever it does to a library ends neither watching nor serving.
                self._refuse(f"{type(error).__name__}: {error}")
                logger.debug("what happened", exc_info=True)
            else:
                self._swap(predictor)

    def _load(self) -> Predictor:
        predictor = Predictor(self.settings.bundle, variant=self.settings.variant, engine=self.settings.engine)
        new, old = predictor.metadata, self.predictor.metadata
        # Schema 1 let everything but the files change under one version.
        if new != old and new.version == old.version:
            raise KedjaError(
                f"{self.settings.bundle}/ has the version {new.version} that is served, and other metadata",
                "export again with `just export`",
            )
        return predictor

    def _refuse(self, reason: str) -> None:
        logger.error("the new bundle is not served: %s", reason)
        self.metrics.reloads.labels("refused").inc()

    def _swap(self, predictor: Predictor) -> None:
        self._set_model_info(0)
        self.engine.predictor = self.monitor.predictor = predictor
        self.limits = self._limits()
        self._set_model_info(1)
        self.metrics.reloads.labels("served").inc()
        logger.info("now serving %s (%s)", predictor.metadata.name, predictor.metadata.version)

    async def watch_bundle(self, seconds: float) -> None:
        """Reload whenever the bundle's metadata is another file than before."""
        seen = self._mark()
        while True:
            await asyncio.sleep(seconds)
            mark = self._mark()
            if mark not in (seen, None):
                seen = mark
                await self.reload()

    def _mark(self) -> tuple[int, int] | None:
        try:
            status = (self.settings.bundle / METADATA).stat()
        except OSError:
            return None  # between two exports
        return status.st_mtime_ns, status.st_ino

    def _set_model_info(self, value: int) -> None:
        metadata = self.predictor.metadata
        self.metrics.model_info.labels(metadata.name, metadata.version).set(value)


def _as_decoded(examples: Examples, expected: Input, predictor: Predictor) -> Examples:
    """Examples that are there already; `Costly` where the predictor wants others."""
    if predictor.metadata.input != expected:
        raise Costly
    return examples


def _tracing(collector: str) -> "Tracing":
    try:
        from kedja.serving.tracing import Tracing
    except ModuleNotFoundError as error:
        raise KedjaError(
            f"otel={collector} needs the package {error.name}, which is not installed",
            "install the dependency group `otel`: just env groups=serve,otel",
        ) from None
    return Tracing(collector)
