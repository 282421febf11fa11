"""The OpenAPI document of the bundle that is served now; another bundle has another one."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from kedja.serving import schemas
from kedja.serving.state import Service


class Document:
    """Called by FastAPI for `/openapi.json`; made once for each bundle."""

    def __init__(self, app: FastAPI, service: Service) -> None:
        self._app = app
        self._service = service
        self._made: tuple[str, dict[str, Any]] = ("", {})

    def __call__(self) -> dict[str, Any]:
        metadata = self._service.predictor.metadata
        if self._made[0] != metadata.version:
            self._made = (metadata.version, self._make())
        return self._made[1]

    def _make(self) -> dict[str, Any]:
        predictor = self._service.predictor
        metadata = predictor.metadata
        document = get_openapi(
            title=metadata.name,
            version=metadata.version,
            description=f"Classifies {metadata.input.nouns} into {len(metadata.classes)} classes.",
            routes=self._app.routes,
        )
        operation = document["paths"]["/predict"]["post"]
        operation["requestBody"] = schemas.request_body(predictor, self._service.limits)
        if self._service.keys is not None:
            _require_key(document)
        return document


def _require_key(document: dict[str, Any]) -> None:
    scheme = {"type": "http", "scheme": "bearer", "description": "an API key"}
    document["components"]["securitySchemes"] = {"key": scheme}
    for path, verbs in document["paths"].items():
        if not path.startswith("/health/"):
            for operation in verbs.values():
                operation["security"] = [{"key": []}]
