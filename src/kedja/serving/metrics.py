"""Prometheus metrics, right across workers.

With several workers the client library keeps each one's numbers in files of a shared folder (named by the
PROMETHEUS_MULTIPROC_DIR variable before it is imported), and any of them answers for all.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from kedja.serving.settings import METRICS_FOLDER

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_IMAGES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What the service counts; label values come from fixed sets, so that no client can grow them."""

    def __init__(self, classes: Iterable[str]) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.requests = Counter("kedja_requests", "answered requests", ["path", "status"], registry=registry)
        self.request_seconds = Histogram(
            "kedja_request_seconds", "from head to answer", ["path"], buckets=_SECONDS, registry=registry
        )
        self.stage_seconds = Histogram(
            "kedja_stage_seconds",
            "of a prediction: upload, waiting for a worker, decoding, the model",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.upload, self.waiting, self.decoding, self.model = (
            self.stage_seconds.labels(stage) for stage in ("upload", "waiting", "decoding", "model")
        )
        self.batch_images = Histogram("kedja_batch_images", "images a call", buckets=_IMAGES, registry=registry)
        self.in_work = Gauge(
            "kedja_in_work", "prediction requests in work or waiting", registry=registry, multiprocess_mode="livesum"
        )
        self.errors = Counter("kedja_errors", "refused or failed requests", ["code"], registry=registry)
        self.predictions = Counter("kedja_predictions", "predicted images", ["class_name"], registry=registry)
        self.unknown = Counter("kedja_unknown", "predictions of examples unlike the training's", registry=registry)
        self.reloads = Counter("kedja_reloads", "new bundles", ["result"], registry=registry)
        self.key_files = Counter("kedja_key_files", "new files of API keys", ["result"], registry=registry)
        self.decoders = Counter("kedja_decodes", "requests decoded in a process", ["result"], registry=registry)
        self.model_info = Gauge(
            "kedja_model_info",
            "1: served now",
            ["name", "version"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._computed = CollectorRegistry()
        # An alert sees a rise from 0, not a series that begins with 1.
        for counter, result in (self.reloads, "served"), (self.key_files, "read"):
            counter.labels(result)
            counter.labels("refused")
        for result in ("answered", "late", "died"):
            self.decoders.labels(result)
        for name in classes:
            self.predictions.labels(name)

    def also(self, collector: Collector) -> None:
        """Expose what `collector` computes when it is asked, of all workers by itself."""
        self._computed.register(collector)

    def render(self) -> bytes:
        """The text exposition of all workers' numbers."""
        return generate_latest(self._everyone()) + generate_latest(self._computed)

    def _everyone(self) -> CollectorRegistry:
        if shared_folder() is None:
            return self._registry
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return everyone


def shared_folder() -> Path | None:
    """Where the workers keep their numbers; None where there is but one."""
    folder = os.environ.get(METRICS_FOLDER)
    return None if folder is None else Path(folder)
