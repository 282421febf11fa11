"""The addresses of the service."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from kedja.common.errors import cut
from kedja.serving import body, schemas
from kedja.serving.answers import JsonAnswer, respond
from kedja.serving.drift.report import report
from kedja.serving.errors import RequestError
from kedja.serving.metrics import CONTENT_TYPE
from kedja.serving.state import Service


class Plain(APIRoute):
    """A described route whose function gets the request as it is: FastAPI's own would look for parameters in it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


router = APIRouter(route_class=Plain)

# Looked at before all others, and so never among the addresses that need no API key.
predictions = APIRouter(route_class=Plain)

# Needs no API key, whoever else does.
health = APIRouter(route_class=Plain)


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


@predictions.post(
    "/predict",
    tags=["predict"],
    response_model=schemas.OneAnswer | schemas.ManyAnswers,
    responses=schemas.ERRORS,
    response_description="Of one example one answer, of several a list of them",
    openapi_extra={"parameters": [schemas.EXPLAIN]},
)
async def predict(request: Request) -> Response:
    """Classify one example or several.

    Send JSON with exactly one of the keys below, a form with one or more `file` (plain fields beside them are ignored),
    or the example itself as the body. A list gets a list back, in its order.

    `known` is false for an example that is unlike those of the training; the class is the nearest one all the same.

    With `?explain=true` each answer says what spoke for its class. That costs as much as some dozens of answers.

    `Accept: application/vnd.kedja.class+json` leaves the probabilities out;
    `Accept: application/vnd.kedja.top+json; k=3` gives the most probable classes alone.
    """
    service = service_of(request)
    settings = service.settings
    explain = _flag(request, "explain")
    started = time.monotonic()
    deadline = started + settings.deadline
    content_type = request.headers.get("content-type", "")
    pace = body.Pace(settings.upload_timeout, settings.upload_rate)
    upload = body.read(request, settings.max_body, deadline, pace, service.budget)
    # Only who has sent all takes one of the places.
    async with upload as data:
        with service.admission():
            received = time.monotonic()
            service.metrics.upload.observe(received - started)
            stages = service.tracing.stages() if service.tracing else None
            if stages:
                stages("receive", started, received)
            answer = await service.answer(content_type, data, deadline, stages, explain=explain)
    return respond(answer, request.headers.get("accept", ""))


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false", "1", "0"):
        raise RequestError(422, "invalid-input", f"{name}={cut(value)!r} is neither true nor false", f"{name}=true")
    return value in ("true", "1")


@router.get("/class-names", response_model=schemas.ClassNames, tags=["model"], response_description="The names")
async def class_names(request: Request) -> Response:
    """The classes in the order of `probabilities`."""
    classes = service_of(request).predictor.metadata.classes
    return JsonAnswer({"class_names": classes, "classes": classes})


_SAMPLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, as it was before preprocessing",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {"X-Label": {"description": "the true class, percent-encoded UTF-8", "schema": {"type": "string"}}},
    }
}


@router.get("/sample", tags=["model"], response_class=Response, responses=_SAMPLE)
@router.get("/random-image", tags=["model"], response_class=Response, responses=_SAMPLE, include_in_schema=False)
async def sample(request: Request) -> Response:
    """One of the bundle's samples, with its true class in the header `X-Label`; `/random-image` is its old name."""
    chosen = random.choice(service_of(request).predictor.samples)
    headers = {"X-Label": quote(chosen.label), "Cache-Control": "no-store"}
    return Response(chosen.data, media_type=chosen.media_type, headers=headers)


@router.get("/model", tags=["model"], response_description="Name, version, classes, input, figures, model card")
async def model(request: Request) -> Response:
    """The bundle's metadata without the golden examples, and its model card as Markdown."""
    predictor = service_of(request).predictor
    facts = predictor.metadata.to_json()
    facts.pop("golden")
    known = predictor.known.facts() if predictor.known else None
    return JsonAnswer(
        {**facts, "known": known, "golden_difference": predictor.golden_difference, "model_card": predictor.model_card}
    )


@router.get(
    "/metrics",
    tags=["health"],
    response_class=Response,
    responses={200: {"description": "Prometheus' text format", "content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Prometheus metrics of all workers."""
    # In a thread: with several workers this reads files.
    text = await asyncio.to_thread(service_of(request).metrics.render)
    return Response(text, media_type=CONTENT_TYPE)


@router.get("/drift", response_model=schemas.Drift, tags=["health"], response_description="The comparison")
async def drift(request: Request) -> Response:
    """How far what all workers served of late is from the training examples, feature by feature."""
    # In a thread, as above.
    return JsonAnswer(await asyncio.to_thread(report, service_of(request).monitor))


@health.get("/health/live", response_model=schemas.Health, tags=["health"], response_description="It does")
async def live(_: Request) -> Response:
    """The process runs and its event loop turns."""
    return JsonAnswer({"status": "alive"})


@health.get(
    "/health/ready",
    response_model=schemas.Health,
    response_description="They are",
    responses={503: {"model": schemas.ErrorAnswer, "description": "Not ready, or shutting down"}},
    tags=["health"],
)
async def ready(request: Request) -> Response:
    """A verified model is loaded, requests are welcome, and workers get on with them."""
    service = service_of(request)
    if service.engine.stuck(service.settings.deadline):
        raise RequestError(503, "stuck", "no worker has finished anything for as long as a request may take")
    if not service.ready:
        raise RequestError(503, "not-ready", "the service is starting or shutting down", headers={"Retry-After": "1"})
    return JsonAnswer({"status": "ready"})
