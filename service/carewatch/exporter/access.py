"""Who may look: everybody, or, with `board.token`, whoever names the token.

It guards whatever holds figures: `/metrics` too, which says the same as the JSON, so that a token
never is a lock beside an open window. Open to all are the probes and the files of the wall, which
say nothing of customers, and which browsers and supervisors ask for without a token.
"""

from hmac import compare_digest
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from carewatch.exporter.query import TOKEN
from carewatch.secrets import Secret

OPEN: Final = ("/livez", "/readyz")
OPEN_BELOW: Final = "/wall/"

_REFUSAL: Final = (
    "this board is for those who know its token (board.token): send it as the header\n"
    "Authorization: Bearer TOKEN, or in the address of a page as ?token=TOKEN\n"
)


class Access:
    """A middleware that lets requests in, or answers 401. Without a token it lets in all."""

    def __init__(self, token: Secret | None) -> None:
        self._token = None if token is None else token.reveal().encode()

    def permits(self, request: web.Request) -> bool:
        """Whether the request is for what is open, or names the token.

        How long the comparison takes says nothing of the token.
        """
        path = request.path
        if self._token is None or path in OPEN or path.startswith(OPEN_BELOW):
            return True
        given = _given(request)
        return given is not None and compare_digest(
            given.encode(errors="surrogateescape"), self._token
        )

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The answer of the handler, or 401, which never repeats what was given."""
        if self.permits(request):
            return await handler(request)
        known = "" if _given(request) is None else ', error="invalid_token"'
        return web.Response(
            status=401,
            text=_REFUSAL,
            headers={
                "WWW-Authenticate": f'Bearer realm="carewatch"{known}',
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )


def _given(request: web.Request) -> str | None:
    """The token in the header, else the one in the address, which browsers can send, too."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else request.query.get(TOKEN)
