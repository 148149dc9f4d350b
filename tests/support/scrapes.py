"""A scraper that reads often, and notices when something that only grows does not."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from carewatch.exporter.families import FAMILIES

EVERY_S: Final = 0.2
AGAIN_S: Final = 0.02
"""The pause while nobody answers, so that the first page after a restart is seen."""

GROWING: Final = frozenset(
    family.name for family in FAMILIES if family.kind in {"histogram", "scores", "counter"}
)
"""Families that may only grow, whatever is killed, restarted or withdrawn."""


class Scraper:
    """Reads a page five times a second until it is cancelled; many scrapes may go unanswered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: dict[str, float] = {}
        self._answered = False
        self.newest = ""
        """The page that was read last."""
        self.tries = 0
        self.pages = 0
        self.returns = 0
        """How often it answered again, after it had shown something and then had not answered."""
        self.unready: set[str] = set()
        """What was said instead of a page."""
        self.shrunk: list[str] = []
        """Every series that fell, or was gone, from one page to the next."""

    @property
    def shown(self) -> float:
        """The sum of all that only grows, on the newest page."""
        return sum(self._known.values())

    async def run(self) -> None:
        """Scrapes for ever."""
        timeout = aiohttp.ClientTimeout(total=2)
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                began = loop.time()
                try:
                    async with session.get(f"{self._url}/metrics") as answer:
                        self._take(answer.status, await answer.text())
                except (aiohttp.ClientError, TimeoutError):
                    self._answered = False
                self.tries += 1
                pause = EVERY_S if self._answered else AGAIN_S
                await asyncio.sleep(max(AGAIN_S, began + pause - loop.time()))

    def _take(self, status: int, text: str) -> None:
        if status != 200:
            self._answered = False
            self.unready.add(text)
            return
        self.returns += bool(self._known) and not self._answered
        self._answered = True
        self.pages += 1
        self.newest = text
        found = dict(growing(text))
        for series, before in self._known.items():
            if found.get(series, -1.0) < before:
                self.shrunk.append(f"page {self.pages}: {series} {before} -> {found.get(series)}")
        self._known = found


def growing(text: str) -> Iterator[tuple[str, float]]:
    """The series of a page that may only grow, each with its value; plainly, and so quickly."""
    grows = False
    for line in text.splitlines():
        if line.startswith("#"):
            grows = line.split(" ")[2] in GROWING
        elif grows:
            series, _, value = line.rpartition(" ")
            yield series, float(value)


def summed(
    text: str, names: Iterable[str], *, without: frozenset[str] = frozenset()
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Samples of a page, by name and by their labels but for some, which are added up."""
    wanted = frozenset(names)
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in wanted:
                labels = tuple(
                    sorted((name, at) for name, at in sample.labels.items() if name not in without)
                )
                sums[sample.name, labels] = sums.get((sample.name, labels), 0.0) + sample.value
    return sums
