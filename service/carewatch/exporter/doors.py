"""The doors of `/api/v1`: what they take, and what they say to everything else.

Whatever looks at every point is made in a thread from an immutable snapshot, so that no answer
waits for another.
"""

import asyncio
from typing import Final

from aiohttp import web

from carewatch.clock import Clock
from carewatch.domain.board import Snapshot
from carewatch.exporter.answers import NO_STORE, not_ready, wrong
from carewatch.exporter.api import (
    FILTERS,
    RECENT,
    RECENT_MAX,
    Wanted,
    board_document,
    encode_document,
)
from carewatch.exporter.feed import Feed
from carewatch.exporter.openapi import document
from carewatch.exporter.query import only, read_query
from carewatch.exporter.stream import PARAMETERS, Broadcast, answer

_RECENT: Final = "recent"


class Doors:
    """What the board answers to programs; `max_streams` bounds the open streams."""

    def __init__(self, feed: Feed, broadcast: Broadcast, *, clock: Clock, max_streams: int) -> None:
        self._feed = feed
        self._broadcast = broadcast
        self._clock = clock
        self._max_streams = max_streams
        self._openapi = encode_document(document())

    def routes(self) -> list[web.RouteDef]:
        """The routes of the interface."""
        return [
            web.get("/api/v1/board", self._board),
            web.get("/api/v1/stream", self._stream, allow_head=False),
            web.get("/api/v1/openapi.json", self._description),
        ]

    async def _board(self, request: web.Request) -> web.Response:
        if self._feed.missing is not None:
            return not_ready(self._feed.missing)
        try:
            query = read_query(request.query.items(), (_RECENT, *FILTERS))
            recent = read_recent(only(query, _RECENT))
            wanted = Wanted.of(query)
        except ValueError as error:
            return wrong(str(error))
        snapshot = self._feed.refresh().snapshot
        body = await asyncio.to_thread(_board_bytes, snapshot, self._clock(), recent, wanted)
        return web.Response(body=body, content_type="application/json", headers=NO_STORE)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self._feed.missing is not None:
            return not_ready(self._feed.missing)
        most = self._max_streams
        if self._broadcast.readers >= most:
            return not_ready(f"{most} streams are open, as many as board.max_streams allows")
        try:
            query = read_query(request.query.items(), PARAMETERS)
            asked = {name: only(query, name) or "" for name in query}
            return await answer(request, self._broadcast, asked, NO_STORE)
        except ValueError as error:
            return wrong(str(error))

    async def _description(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._openapi, content_type="application/vnd.oai.openapi+json", headers=NO_STORE
        )


def read_recent(text: str | None) -> int:
    """How many windows of a size to show; raises ValueError."""
    if text is None:
        return RECENT
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 1 <= number <= RECENT_MAX:
        raise ValueError(f"{_RECENT}: {text!r} is not a number of windows from 1 to {RECENT_MAX}")
    return number


def _board_bytes(snapshot: Snapshot, now: int, recent: int, wanted: Wanted) -> bytes:
    return encode_document(board_document(snapshot, now=now, recent=recent, wanted=wanted))
