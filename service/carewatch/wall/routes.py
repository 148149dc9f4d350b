"""The wall's routes: a page with its scripts and styles, all from here, nothing from elsewhere."""

from hashlib import sha256
from importlib.resources import files
from typing import Final

from aiohttp import web

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "font-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

_SCRIPTS: Final = ("wall", "address", "dom", "format", "panels", "spark", "stream", "tiles")
"""The modules of the page, the one that starts it first."""

_FILES: Final = (
    ("/wall", "page.html", "text/html"),
    ("/wall/wall.css", "wall.css", "text/css"),
    *((f"/wall/{name}.js", f"{name}.js", "text/javascript") for name in _SCRIPTS),
    ("/wall/vendor/uPlot.min.css", "vendor/uPlot.min.css", "text/css"),
    ("/wall/vendor/uPlot.iife.min.js", "vendor/uPlot.iife.min.js", "text/javascript"),
    (
        "/wall/vendor/arimo-latin-wght-normal.woff2",
        "vendor/arimo-latin-wght-normal.woff2",
        "font/woff2",
    ),
)


def wall_routes() -> list[web.RouteDef]:
    """Routes for the board's server; the page reads `/api/v1/stream`."""
    package = files("carewatch.wall")
    return [
        web.get(path, _File((package / name).read_bytes(), kind).answer)
        for path, name, kind in _FILES
    ]


class _File:
    """Answers with one file of the package, or with 304 when the browser has it."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body = body
        self._type = content_type
        self._charset = "utf-8" if content_type.startswith("text/") else None
        self._etag = sha256(body).hexdigest()[:16]

    async def answer(self, request: web.Request) -> web.Response:
        tags = request.if_none_match or ()
        response = (
            web.Response(status=304, headers=_HEADERS)
            if any(tag.value == self._etag for tag in tags)
            else web.Response(
                body=self._body,
                content_type=self._type,
                charset=self._charset,
                headers=_HEADERS,
            )
        )
        response.etag = self._etag
        return response
