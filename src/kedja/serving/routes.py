"""The addresses of the service."""

import random
import time
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request, Response

from kedja.serving import body, payload, schemas
from kedja.serving.engine import Answer
from kedja.serving.errors import RequestError
from kedja.serving.state import Service

router = APIRouter()


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


class JsonAnswer(Response):
    """JSON by orjson; numpy's float32 keep their own shortest digits."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


async def predict(request: Request) -> Response:
    """Classify one image or several.

    Send JSON with exactly one of `image` (base64), `images` (a list of base64) and `pixels` (raw), a form with one
    or more `file`, or the image itself as the body. A list gets a list back, in its order.
    """
    service = service_of(request)
    with service.admission():
        deadline = time.monotonic() + service.settings.deadline
        content_type = request.headers.get("content-type", "")
        data = await body.read(request, service.settings.max_body, service.settings.deadline)
        answer = await service.engine.run(
            lambda predictor: payload.read(content_type, data, predictor.metadata.input, service.limits), deadline
        )
    return JsonAnswer(_to_json(answer))


def _to_json(answer: Answer) -> dict[str, Any]:
    metadata = answer.predictor.metadata
    model = {"name": metadata.name, "version": metadata.version}
    predictions = [schemas.describe(row, metadata.classes) for row in answer.probabilities]
    return {"predictions": predictions, "model": model} if answer.many else {**predictions[0], "model": model}


@router.get("/class-names", response_model=schemas.ClassNames, tags=["model"])
async def class_names(request: Request) -> Response:
    """The classes in the order of `probabilities`."""
    return JsonAnswer({"class_names": service_of(request).engine.predictor.metadata.classes})


@router.get(
    "/random-image",
    tags=["model"],
    response_class=Response,
    responses={
        200: {
            "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
            "headers": {
                "X-Label": {"description": "the true class, percent-encoded UTF-8", "schema": {"type": "string"}}
            },
        }
    },
)
async def random_image(request: Request) -> Response:
    """One of the bundle's sample images, with its true class in the header `X-Label`."""
    sample = random.choice(service_of(request).engine.predictor.samples)
    headers = {"X-Label": quote(sample.label), "Cache-Control": "no-store"}
    return Response(sample.data, media_type=sample.media_type, headers=headers)


@router.get("/model", tags=["model"])
async def model(request: Request) -> Response:
    """The bundle's metadata without the golden examples, and its model card as Markdown."""
    predictor = service_of(request).engine.predictor
    facts = predictor.metadata.to_json()
    facts.pop("golden")
    return JsonAnswer({**facts, "golden_difference": predictor.golden_difference, "model_card": predictor.model_card})


@router.get("/health/live", response_model=schemas.Health, tags=["health"])
async def live() -> Response:
    """The process runs and its event loop turns."""
    return JsonAnswer({"status": "alive"})


@router.get(
    "/health/ready",
    response_model=schemas.Health,
    responses={503: {"model": schemas.ErrorAnswer, "description": "Not ready, or shutting down"}},
    tags=["health"],
)
async def ready(request: Request) -> Response:
    """A verified model is loaded and requests are welcome."""
    if not service_of(request).ready:
        raise RequestError(503, "not-ready", "the service is starting or shutting down", headers={"Retry-After": "1"})
    return JsonAnswer({"status": "ready"})
