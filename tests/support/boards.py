"""A small board, computed by merge from partials, and a rulebook that names its queues."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from carewatch.domain.aggregates import CLASSIC, Ages, Count, Gauge, Instant, Total
from carewatch.domain.board import Board
from carewatch.domain.rulebook import Document, Policy, QueueRules, TargetRule, Tenant
from carewatch.exporter.feed import Feed
from carewatch.exporter.server import BoardServer
from carewatch.exporter.stream import Message, Watch
from carewatch.processors.base import Output
from carewatch.settings import BoardSettings
from carewatch.wire import topics
from carewatch.wire.points import decode_point
from support.partial_log import T0, as_records, clock_record, outputs_of, partial_record

HOUR = 3_600_000

RULEBOOK = Document(
    tenants={"acme": Tenant(queues={"support": QueueRules()})},
    policies=[
        Policy(
            policy="standard",
            version=1,
            effective_from="2026-01-01T00:00:00.000Z",
            order=1,
            targets={"first_reply": TargetRule(all="10m")},
        )
    ],
)


def total_of(*durations: int, withdrawn: tuple[int, ...] = ()) -> Total:
    """A total of durations in milliseconds, some of them taken back."""
    total = Total()
    for duration in durations:
        total.add(duration, 1)
    for duration in withdrawn:
        total.add(duration, -1)
    return total


def sample_outputs(at: int = T0) -> list[Output]:
    """What merge publishes after `at`: two channels, two priorities, a queue nobody knows."""
    web = ("acme", "web", "support", "normal")
    urgent = ("acme", "web", "support", "urgent")
    stray = ("acme", "whatsapp", "Büro <2>", "normal")
    hour = total_of(42_000, 90_500).net
    return outputs_of(
        as_records(
            [
                _total("first_response_time", web, total_of(42_000, 90_500)),
                _total("first_response_time", urgent, total_of(700, withdrawn=(700,))),
                _total("first_response_time_any", web, total_of(3_001)),
                _total("reply_time", stray, total_of(700_000_000)),
                _total("queue_wait_time", (*web, "answered"), total_of(15_000)),
                _total("queue_wait_time", (*web, "abandoned"), total_of(99_000)),
                _count("messages", (*web, "inbound", "customer"), 7),
                _count("messages", (*urgent, "inbound", "customer"), 2),
                _count("messages", (*stray, "inbound", "customer"), 1),
                _count("conversations", (*web, "opened"), 3),
                _count("sla_evaluations", (*web, "standard", "first_reply"), 3),
                _count("sla_breaches", (*web, "standard", "first_reply"), 2, gross=3),
                _count("sla_breaches", (*web, "gone", "first_reply"), 1),
                _count("corrections", ("acme", "web", "none", "normal", "sla_transitions"), 1),
                _count("late_events", ("acme", "web", "none", "normal"), 4),
                partial_record("first_response_time", "1h", at - at % HOUR, hour, labels=web),
                partial_record("waiting_conversations", "now", None, Gauge(2), labels=web),
                partial_record("waiting_conversations", "now", None, Gauge(1), labels=urgent),
                partial_record("oldest_unanswered", "now", None, Instant(at - 61_250), labels=web),
                partial_record("oldest_unanswered", "now", None, Instant(at - 5), labels=urgent),
                partial_record("oldest_unanswered", "now", None, Instant(None), labels=stray),
                partial_record("open_wait_age", "now", None, _ages(3, 9), labels=web),
                partial_record("open_wait_age", "now", None, _ages(9), labels=urgent),
                partial_record("queue_length", "now", None, Gauge(1), labels=web),
                partial_record(
                    "sla_breached_open_conversations",
                    "now",
                    None,
                    Gauge(1),
                    labels=(*web, "standard", "first_reply"),
                ),
                clock_record(at + 5_250),
            ]
        )
    )


class FilledFeed(Feed):
    """A feed that has read a board (the sample one unless another is given), without a Kafka."""

    def __init__(self, board: Board | None = None) -> None:
        super().__init__({})
        self._board = board_of(sample_outputs()) if board is None else board
        self.refresh()
        self.caught_up.set()

    async def run(self) -> None:
        """Nothing comes by itself."""
        await asyncio.Event().wait()

    def take(self, outputs: Iterable[Output]) -> None:
        """Folds what else is published, and tells of it."""
        assert self._board is not None
        fold_outputs(self._board, outputs)
        for tell in self._told:
            tell()


def silent(*_: object) -> object:
    """A message of the stream that says nothing."""
    return {}


@asynccontextmanager
async def running_board(
    feed: Feed,
    settings: BoardSettings | None = None,
    *,
    message: Message = silent,
    watch: Watch | None = None,
    routes: Iterable[web.RouteDef] = (),
    now: int = T0 + 7_000,
) -> AsyncIterator[tuple[BoardServer, aiohttp.ClientSession]]:
    """A board's server around a feed, and a client that asks it."""
    server = BoardServer(
        settings or BoardSettings(port=0),
        feed=feed,
        clock=lambda: now,
        message=message,
        watch=watch,
        routes=routes,
        registry=CollectorRegistry(),
    )
    await server.start()
    try:
        async with aiohttp.ClientSession(server.url, read_bufsize=2**20) as session:
            yield server, session
    finally:
        await server.stop()


def fold_outputs(board: Board, outputs: Iterable[Output]) -> None:
    """Folds what of the outputs is on `care.metrics`."""
    for output in outputs:
        assert output.key is not None
        if output.topic == topics.METRICS:
            board.fold(output.key, None if output.value is None else decode_point(output.value))


def board_of(outputs: Iterable[Output], *, rulebook: Document | None = RULEBOOK) -> Board:
    """The board that folded these outputs."""
    board = Board()
    fold_outputs(board, outputs)
    if rulebook is not None:
        board.fold_rulebook(1, rulebook)
    return board


def _ages(*places: int) -> Ages:
    """Somebody who waits in each of these buckets."""
    return Ages(len(places), [places.count(place) for place in range(CLASSIC)])


def _total(metric: str, labels: tuple[str, ...], total: Total) -> tuple[bytes, bytes]:
    return partial_record(metric, "total", None, total, labels=labels)


def _count(
    metric: str, labels: tuple[str, ...], value: int, *, gross: int | None = None
) -> tuple[bytes, bytes]:
    count = Count(value, value if gross is None else gross)
    return partial_record(metric, "total", None, count, labels=labels)
