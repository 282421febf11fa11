"""The ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from kedja.serving import pages, routes, schemas
from kedja.serving.errors import RequestError
from kedja.serving.middleware import Envelope
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings
from kedja.serving.state import Service


def create_app(settings: Settings, predictor: Predictor) -> FastAPI:
    """The service of one verified predictor."""
    service = Service(settings, predictor)
    metadata = predictor.metadata
    app = FastAPI(
        title=f"Kedja: {metadata.name}",
        version=metadata.version,
        description=f"Classifies images into {len(metadata.classes)} classes. Errors have one shape, `ErrorAnswer`.",
        # The stock documentation pages load their scripts from elsewhere; ours is in `page/`.
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    app.include_router(routes.router)
    app.add_api_route(
        "/predict",
        routes.predict,
        methods=["POST"],
        tags=["predict"],
        response_model=schemas.OneAnswer | schemas.ManyAnswers,
        responses=schemas.ERRORS,
        openapi_extra={"requestBody": schemas.request_body(predictor, service.limits)},
    )
    app.router.routes.extend(pages.routes())
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_middleware(Envelope, access_log=settings.access_log)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.engine.start()
    service.ready = True
    yield
    service.ready = False
    # Joining the workers would hold the event loop that their last answers need.
    await asyncio.to_thread(service.engine.stop)


def _answer(request: Request, error: RequestError) -> routes.JsonAnswer:
    content = error.to_json(request.state.request_id)
    return routes.JsonAnswer(content, status_code=error.status, headers=error.headers)


async def _on_request_error(request: Request, error: Exception) -> routes.JsonAnswer:
    assert isinstance(error, RequestError)
    return _answer(request, error)


async def _on_http_exception(request: Request, error: Exception) -> routes.JsonAnswer:
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
    message = f"{request.method} {request.url.path}: {error.detail}"
    return _answer(request, RequestError(error.status_code, code, message, "see /docs", dict(error.headers or {})))


async def _on_validation_error(request: Request, error: Exception) -> routes.JsonAnswer:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _answer(request, RequestError(422, "invalid-input", f"{where}: {first['msg']}", "see /docs"))
