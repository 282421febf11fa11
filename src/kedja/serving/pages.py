"""The web page's files, read once at start and served from memory."""

import hashlib
from collections.abc import Awaitable, Callable
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kedja.common.look import page as look

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def routes() -> list[Route]:
    """`/`, `/docs` and `/monitor` are documents; everything they need is under `/page/`."""
    files = _read_files()
    return [
        Route("/", _endpoint(*files["index.html"])),
        Route("/docs", _endpoint(*files["docs.html"])),
        Route("/monitor", _endpoint(*files["monitor.html"])),
        *(Route(f"/page/{name}", _endpoint(*file)) for name, file in files.items() if not name.endswith(".html")),
    ]


def _read_files() -> dict[str, tuple[bytes, str]]:
    head = look.linked("page").encode()
    found = {}
    for file in [*resources.files("kedja.serving.page").iterdir(), look.FOLDER / look.STYLE, look.FOLDER / look.ICON]:
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in MEDIA_TYPES:
            found[file.name] = (file.read_bytes().replace(look.MARK.encode(), head), MEDIA_TYPES[suffix])
    return found


def _endpoint(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return answer
