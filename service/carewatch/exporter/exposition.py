"""Renders `/metrics`: negotiated format, in a thread, each rendering kept for a second."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

import cramjam
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from carewatch.exporter.showing import Showing
from carewatch.exporter.shown import View
from carewatch.exporter.text import Text

KEPT_S = 1.0
"""How long a rendering serves: a pair of Prometheus servers shares one."""

SWITCH_S = 0.001
"""After so long the thread that renders lets the event loop run; Python's 5 ms would be felt by
every step of it. It holds for the whole process, so whoever starts a process sets it."""

_OPENMETRICS = "application/openmetrics-text"


@dataclass(frozen=True)
class Page:
    """One rendering."""

    body: bytes
    content_type: str
    made: float

    @cached_property
    def gzipped(self) -> bytes:
        """The body compressed, made when it is first asked for."""
        return bytes(cramjam.gzip.compress(self.body, level=1))


class _Duration:
    """How long the last rendering took (this one's end is not known while it is made)."""

    def __init__(self) -> None:
        self.seconds: float | None = None

    def collect(self) -> list[GaugeMetricFamily]:
        help_ = "How long the rendering before this one took."
        if self.seconds is None:
            return []
        return [GaugeMetricFamily("care_scrape_duration_seconds", help_, value=self.seconds)]


class Exposition:
    """The metrics page: the board's families, then those of a registry.

    `refresh` takes a new view and is called in the event loop.
    """

    def __init__(self, registry: CollectorRegistry, refresh: Callable[[], View]) -> None:
        self._registry = registry
        self._refresh = refresh
        self._showing = Showing()
        self._text = Text()
        self._duration = _Duration()
        self._pages: dict[str, Page] = {}
        self._rendering = asyncio.Lock()
        registry.register(self._duration)

    async def page(self, accept: str, *, gzipped: bool = False) -> tuple[bytes, str]:
        """The page in the format that the `Accept` header asks for, and its content type."""
        async with self._rendering:
            page = await self._page(accept)
            body = await asyncio.to_thread(lambda: page.gzipped) if gzipped else page.body
            return body, page.content_type

    async def _page(self, accept: str) -> Page:
        encode, content_type = choose_encoder(accept)
        kept = self._pages.get(content_type)
        started = perf_counter()
        if kept is not None and started - kept.made < KEPT_S:
            return kept
        view = self._refresh()
        openmetrics = content_type.startswith(_OPENMETRICS)
        body = await asyncio.to_thread(self._render, view, encode, openmetrics=openmetrics)
        self._duration.seconds = perf_counter() - started
        page = self._pages[content_type] = Page(body, content_type, started)
        return page

    def _render(
        self, view: View, encode: Callable[[CollectorRegistry], bytes], *, openmetrics: bool
    ) -> bytes:
        with _uncollected():
            pieces = self._text.write(self._showing.families(view), openmetrics=openmetrics)
            return b"".join((*pieces, encode(self._registry)))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leaves the garbage collector alone: it would hold up the event loop by all that a page is
    made of, none of which is garbage before the page is done."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
