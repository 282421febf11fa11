"""The shapes of requests and answers, for the OpenAPI document."""

import base64
from typing import Any

from pydantic import BaseModel, Field

from kedja.serving.payload import Limits
from kedja.serving.predictor import Predictor

# Raw pixels are shown as an example while they fit on a screen.
_LARGEST_PIXEL_EXAMPLE = 1024


class ModelName(BaseModel):
    """Which model gave an answer."""

    name: str = Field(description="the model's name")
    version: str = Field(description="changes whenever any file of the bundle does")


class Prediction(BaseModel):
    """What the model says of one image."""

    predicted_class: str = Field(description="name of the most probable class")
    class_index: int = Field(description="its position in `GET /class-names`, from 0")
    probabilities: list[float] = Field(description="one for each class, in the order of `GET /class-names`")


class OneAnswer(Prediction):
    """The answer to one image."""

    model: ModelName


class ManyAnswers(BaseModel):
    """The answer to `images`, to several files, or to pixels of shape (N, …), in the order of the request."""

    predictions: list[Prediction]
    model: ModelName


class ClassNames(BaseModel):
    class_names: list[str] = Field(description="in the order of `probabilities`")


class Health(BaseModel):
    status: str


class FeatureDrift(BaseModel):
    """One feature of the images, or of the answers, as served against the reference."""

    name: str
    verdict: str = Field(description="stable, moderate shift, strong shift, or not enough images yet")
    psi: float = Field(description="population stability index; from 0.1 a moderate shift, from 0.25 a strong one")
    psi_by_chance: float | None = Field(description="what the index hardly ever exceeds without drift")
    distance: float = Field(description="Jensen-Shannon distance, from 0 to 1")
    images: int = Field(description="how many were served with this feature; pixels have no size of a file")
    reference_images: int
    bins: list[str] = Field(description="what each bin holds")
    reference: list[float] = Field(description="share of the reference in each bin")
    served: list[float] = Field(description="share of what was served in each bin")


class Drift(BaseModel):
    """How far what was served of late is from what the model was trained on."""

    verdict: str = Field(description="the worst of the features, or `no reference` (in the bundle), or `off`")
    shifted: list[str] = Field(description="names of the features that moved")
    images: int = Field(description="how many served images were compared")
    features: list[FeatureDrift]
    model: ModelName


class ErrorDetail(BaseModel):
    code: str = Field(description="a stable word for programs, for example `unknown-format`")
    message: str = Field(description="what is wrong and where")
    remedy: str = Field(description="what to do about it; may be empty")
    request_id: str = Field(description="the X-Request-ID of this answer, as in the server's log")


class ErrorAnswer(BaseModel):
    """Every answer with a status of 400 and above."""

    error: ErrorDetail


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "The body does not parse as what its Content-Type says"},
    408: {"model": ErrorAnswer, "description": "The body did not arrive in time"},
    413: {"model": ErrorAnswer, "description": "Too many bytes, images or pixels"},
    415: {"model": ErrorAnswer, "description": "A Content-Type that is not understood"},
    422: {"model": ErrorAnswer, "description": "A body that parses but holds no usable image"},
    401: {"model": ErrorAnswer, "description": "No valid API key, where the service asks for one"},
    503: {"model": ErrorAnswer, "description": "Too busy; come again after `Retry-After` seconds"},
}


def request_body(predictor: Predictor, limits: Limits) -> dict[str, Any]:
    """The OpenAPI `requestBody` of `POST /predict`, with examples that work on this very bundle."""
    base64_image = {"type": "string", "format": "byte", "description": "an encoded image in base64, or a data address"}
    properties = {
        "image": base64_image,
        "images": {"type": "array", "items": base64_image, "minItems": 1, "maxItems": limits.images},
        "pixels": _pixels_schema(predictor),
    }
    json_schema = {
        "oneOf": [
            {
                "type": "object",
                "title": key,
                "properties": {key: schema},
                "required": [key],
                "additionalProperties": False,
            }
            for key, schema in properties.items()
        ]
    }
    file_schema = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": json_schema, "examples": _examples(predictor)},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": file_schema}, "required": ["file"]}
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/x-npy": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }


def _pixels_schema(predictor: Predictor) -> dict[str, Any]:
    shape = predictor.metadata.input.shape
    return {
        "type": "array",
        "items": {},
        "description": f"whole numbers 0…255 of shape (H, W, C) = {shape}, flat, or (N, …) for several images",
    }


def _examples(predictor: Predictor) -> dict[str, Any]:
    encoded = [base64.b64encode(sample.data).decode() for sample in predictor.samples[:2]]
    examples = {
        "image": {"summary": "one image in base64", "value": {"image": encoded[0]}},
        "images": {"summary": "several images in base64", "value": {"images": encoded}},
    }
    spec = predictor.metadata.input
    if spec.height * spec.width * spec.channels <= _LARGEST_PIXEL_EXAMPLE:
        pixels = predictor.sample_pixels(0)
        shown = pixels[..., 0] if spec.channels == 1 else pixels
        examples["pixels"] = {"summary": "raw pixels", "value": {"pixels": shown.tolist()}}
    return examples
