"""Answers that say why there is nothing else."""

from typing import Final

from aiohttp import web

NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Figures are of this moment, and what is text is no page."""


def wrong(says: str) -> web.Response:
    """400: the request will be wrong again; says what to change."""
    return web.Response(status=400, text=f"{says}\n", headers=NO_STORE)


def not_ready(reason: str) -> web.Response:
    """503: come back, it is worth while."""
    headers = {**NO_STORE, "Retry-After": "1"}
    return web.Response(status=503, text=f"not ready: {reason}\n", headers=headers)
