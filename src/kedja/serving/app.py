"""The ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from kedja.common.errors import cut
from kedja.serving import pages, routes
from kedja.serving.answers import JsonAnswer
from kedja.serving.errors import RequestError
from kedja.serving.middleware import Envelope, KeyGuard
from kedja.serving.openapi import Document
from kedja.serving.state import Service

# For workers that are still at something when every answer has been given.
_SECONDS_TO_STOP = 2.0


def create_app(service: Service) -> FastAPI:
    """The addresses of a service with all that stands around them."""
    # The stock documentation pages load their scripts from elsewhere; ours is in `page/`.
    # No redirects either: they would lead to whatever `Host` says.
    app = FastAPI(
        docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=_lifespan, telemetry=_telemetry(service)
    )
    app.state.service = service
    app.openapi = Document(app, service)  # type: ignore[method-assign]
    # What needs no API key: health, the pages, which hold nothing of the model, and /openapi.json, which FastAPI has
    # put here already. Everything that comes after these needs one.
    app.include_router(routes.health)
    app.router.routes.extend(pages.routes())
    open_routes = tuple(app.router.routes)
    app.include_router(routes.router)
    # The router looks through its routes one by one, and there are two dozen pages.
    app.router.routes[:0] = routes.predictions.routes
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    # Added last, runs first: Envelope, then CORS (browsers ask whether they may ask, without a key), then KeyGuard.
    app.add_middleware(KeyGuard, service=service, open_routes=open_routes)
    if service.settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.cors,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "X-Request-ID", "Content-Type"],
            expose_headers=["X-Request-ID", "X-Label", "Retry-After"],
        )
    paths = {route.path for route in iter_route_contexts(app.routes) if route.path}
    app.add_middleware(Envelope, service=service, paths=paths)
    return app


def _telemetry(service: Service) -> TelemetryConfig:
    """A span a request where a collector is named; FastAPI never sends anything of its own accord."""
    nothing: TelemetryConfig = {
        "tracing": False,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
    }
    if service.tracing is None:
        return nothing
    return {**nothing, "tracing": True, "tracer_provider": service.tracing.provider}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.engine.start()
    service.monitor.start()
    service.ready = True
    yield
    service.ready = False
    # Joining the workers would hold the event loop that their last answers need.
    await asyncio.to_thread(service.engine.stop, _SECONDS_TO_STOP)
    await asyncio.to_thread(service.decoders.close)
    await asyncio.to_thread(service.monitor.stop)


def _answer(request: Request, error: RequestError) -> JsonAnswer:
    routes.service_of(request).metrics.errors.labels(error.code).inc()
    content = error.to_json(request.state.request_id)
    return JsonAnswer(content, status_code=error.status, headers=error.headers)


async def _on_request_error(request: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, RequestError)
    return _answer(request, error)


async def _on_http_exception(request: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
    message = f"{cut(request.method)} {cut(request.url.path)}: {error.detail}"
    return _answer(request, RequestError(error.status_code, code, message, "see /docs", dict(error.headers or {})))


async def _on_validation_error(request: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _answer(request, RequestError(422, "invalid-input", f"{where}: {first['msg']}", "see /docs"))
