"""Renders `/metrics`: negotiated format, in a thread, each rendering kept for a second."""

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from carewatch.exporter.collector import BoardCollector, View

KEPT_S = 1.0
"""How long a rendering serves: a pair of Prometheus servers shares one."""


@dataclass(frozen=True, slots=True)
class Page:
    """One rendering."""

    body: bytes
    gzipped: bytes
    content_type: str
    made: float


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
    """The metrics page of one registry; `refresh` takes a new view in the event loop."""

    def __init__(self, registry: CollectorRegistry, refresh: Callable[[], View]) -> None:
        self._registry = registry
        self._refresh = refresh
        self._view = refresh()
        self._duration = _Duration()
        self._pages: dict[str, Page] = {}
        self._rendering = asyncio.Lock()
        registry.register(BoardCollector(lambda: self._view))
        registry.register(self._duration)

    async def page(self, accept: str) -> Page:
        """The page in the format that the `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        async with self._rendering:
            kept = self._pages.get(content_type)
            started = perf_counter()
            if kept is not None and started - kept.made < KEPT_S:
                return kept
            self._view = self._refresh()
            body, gzipped = await asyncio.to_thread(self._render, encode)
            self._duration.seconds = perf_counter() - started
            page = self._pages[content_type] = Page(body, gzipped, content_type, started)
            return page

    def _render(self, encode: Callable[[CollectorRegistry], bytes]) -> tuple[bytes, bytes]:
        body = encode(self._registry)
        return body, gzip.compress(body, compresslevel=1, mtime=0)
