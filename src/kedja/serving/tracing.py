"""Traces by OpenTelemetry (`otel=…`): FastAPI's own span of a request, and one below it for each stage of a prediction.

The packages that send them are a dependency group of their own (`otel`); nothing imports this module unless it is
asked for.
"""

import os
import threading
import time

from opentelemetry.context import get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer, get_current_span

# Spans that a collector does not take within this time are lost when the service stops.
_SECONDS_TO_FLUSH = 2.0


class Tracing:
    """Sends spans to a collector by OTLP over HTTP, in batches, from a thread of its own.

    The standard variables hold: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
    OTEL_EXPORTER_OTLP_HEADERS, ….

    Args:
        collector: its base address, for example ``http://localhost:4318``.
    """

    def __init__(self, collector: str) -> None:
        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "kedja")})
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{collector.rstrip('/')}/v1/traces")
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer("kedja.serving")

    def trace_id(self) -> str:
        """Of the request that is in work in this context, 32 hexadecimal digits."""
        return f"{get_current_span().get_span_context().trace_id:032x}"

    def stages(self) -> "Stages | None":
        """For the request that is in work in this context; None where it is not sampled."""
        return Stages(self._tracer) if get_current_span().is_recording() else None

    def close(self) -> None:
        """Send what is left; a collector that is away does not hold up the end."""
        flush = threading.Thread(target=self.provider.shutdown, daemon=True)
        flush.start()
        flush.join(_SECONDS_TO_FLUSH)


class Stages:
    """Adds stages that are over to a request's span, from any thread."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._context = get_current()
        # Stages are timed by the monotonic clock, spans are dated in nanoseconds since 1970.
        self._epoch = time.time() - time.monotonic()

    def __call__(self, name: str, started: float, ended: float, **attributes: int) -> None:
        """`started` and `ended` on the clock of `time.monotonic`."""
        begin, end = (round((moment + self._epoch) * 1e9) for moment in (started, ended))
        self._tracer.start_span(name, self._context, attributes=attributes, start_time=begin).end(end)
