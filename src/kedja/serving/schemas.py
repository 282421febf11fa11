"""The shapes of requests and answers, for the OpenAPI document."""

from typing import Any

from pydantic import BaseModel, Field

from kedja.bundle.inputs.input import Limits
from kedja.bundle.inputs.optional import TakesArrays
from kedja.serving.predictor import Predictor


class ModelName(BaseModel):
    """Which model gave an answer."""

    name: str = Field(description="the model's name")
    version: str = Field(description="changes whenever any file of the bundle does")


class Truncated(BaseModel):
    """How much of a text was read."""

    tokens: int
    read: int


class Explanation(BaseModel):
    """What spoke for the named class: how much it would lose without each part of the example."""

    # Not `class`, which is a word of Python's.
    class_: str = Field(alias="class", description="the named class")
    weights: list[list[float]] | list[float] = Field(
        description="of the parts as they lie, an image's in rows from the top; below 0: against the class"
    )
    parts: list[str] | None = Field(None, description="what the parts are, where they have names; else left out")


class Prediction(BaseModel):
    """What the model says of one example."""

    predicted_class: str = Field(description="name of the most probable class")
    prediction: str = Field(description="the same name")
    class_index: int = Field(description="its position in `GET /class-names`, from 0")
    probabilities: list[float] = Field(description="one for each class, in the order of `GET /class-names`")
    known: bool | None = Field(
        None, description="whether the example is like those of the training; left out where the bundle cannot tell"
    )
    explanation: Explanation | None = Field(None, description="where `explain=true` asked for it; else left out")
    truncated: Truncated | None = Field(None, description="of a text with more tokens than are read; else left out")
    unseen: dict[str, str] | None = Field(
        None,
        description="of a row with categories that the training data do not know: column and category; else left out",
    )


class OneAnswer(Prediction):
    """The answer to one image."""

    model: ModelName


class ManyAnswers(BaseModel):
    """The answer to `images`, to several files, or to pixels of shape (N, …), in the order of the request."""

    predictions: list[Prediction]
    model: ModelName


class ClassNames(BaseModel):
    class_names: list[str] = Field(description="in the order of `probabilities`")
    classes: list[str] = Field(description="the same names")


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
    400: {"model": ErrorAnswer, "description": "The body, or a file in it, does not parse as what it should be"},
    408: {"model": ErrorAnswer, "description": "The body did not arrive in time"},
    413: {"model": ErrorAnswer, "description": "Too many bytes, images or pixels"},
    415: {"model": ErrorAnswer, "description": "A Content-Type that is not understood"},
    422: {"model": ErrorAnswer, "description": "A body that parses and holds wrong values"},
    401: {"model": ErrorAnswer, "description": "No valid API key, where the service asks for one"},
    503: {"model": ErrorAnswer, "description": "Too busy; come again after `Retry-After` seconds"},
}


EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "description": "whether each answer is to say what spoke for its class",
    "schema": {"type": "boolean", "default": False},
}


def request_body(predictor: Predictor, limits: Limits) -> dict[str, Any]:
    """The OpenAPI `requestBody` of `POST /predict`, with examples that work on this very bundle."""
    expected = predictor.metadata.input
    one = expected.value_schema()
    several = {"type": "array", "items": one, "minItems": 1, "maxItems": limits.examples}
    schemas = [one, several, *([expected.arrays_schema()] if isinstance(expected, TakesArrays) else [])]
    json_schema = {
        "oneOf": [
            {
                "type": "object",
                "title": key,
                "properties": {key: schema},
                "required": [key],
                "additionalProperties": False,
            }
            for key, schema in zip(expected.json_keys, schemas, strict=True)
        ]
    }
    binary = {"type": "string", "format": "binary"}
    file_schema = {"type": "array", "items": binary, "minItems": 1}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": json_schema, "examples": _examples(predictor)},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": file_schema}, "required": ["file"]}
            },
            **{media_type: {"schema": binary} for media_type in expected.media_types},
        },
    }


def _examples(predictor: Predictor) -> dict[str, Any]:
    expected, files = predictor.metadata.input, [sample.data for sample in predictor.samples[:2]]
    values = [expected.to_value(data) for data in files]
    examples = {
        expected.noun: {"summary": f"one {expected.noun}", "value": {expected.noun: values[0]}},
        expected.nouns: {"summary": f"several {expected.nouns}", "value": {expected.nouns: values}},
    }
    if isinstance(expected, TakesArrays) and (arrays := expected.arrays_example(files[0])) is not None:
        key = expected.arrays_key
        examples[key] = {"summary": f"raw {key}", "value": {key: arrays}}
    return examples
