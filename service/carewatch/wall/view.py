"""What the wall shows: one message a second, made of the board.

Figures are net (a withdrawn result is taken off), added over tenants, queues and priorities.
Response times are those of the current UTC hour, since the beginning where it has none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carewatch import __version__
from carewatch.domain.board import Snapshot
from carewatch.domain.metric import BASE_LABELS
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import Moment, Point, Spread, Tally, add_spreads
from carewatch.domain.times import format_time

STALE_MS = 5_000
"""Results older than this are called stale: a wall that stood still must not look alive."""


@dataclass(frozen=True, slots=True)
class _Points:
    """The points of one tile: by metric, for a window."""

    by_window: dict[tuple[str, str], list[Point]]

    def of(self, metric: str, window: str) -> list[Point]:
        return self.by_window.get((metric, window), [])

    def count(self, metric: str, window: str, **picks: str) -> int:
        return sum(
            point.value.value
            for point in self.of(metric, window)
            if isinstance(point.value, Tally) and _has(point, picks)
        )

    def least(self, metric: str) -> int | None:
        return min(
            (
                point.value.at
                for point in self.of(metric, "now")
                if isinstance(point.value, Moment) and point.value.at is not None
            ),
            default=None,
        )

    def spread(self, metric: str, **picks: str) -> dict[str, object]:
        """Percentiles of the current hour, else since the beginning; `window` says which."""
        hour, ever = (
            add_spreads(
                point.value
                for point in self.of(metric, window)
                if isinstance(point.value, Spread) and _has(point, picks)
            )
            for window in ("1h", "total")
        )
        spread, window = (hour, "1h") if hour.count > 0 else (ever, "total")
        return {
            "window": window,
            "count": spread.count,
            "p50_ms": spread.p50,
            "p90_ms": spread.p90,
        }


def build_view(snapshot: Snapshot, now: int, _asked: Mapping[str, str]) -> dict[str, object]:
    """The wall's message; instants as RFC 3339 text, ages and durations in milliseconds.

    It says all of it to everybody, whatever was asked for.
    """
    hour, recent = snapshot.newest("1h")
    current = recent if hour is not None and _covers(hour, snapshot.data_at) else []
    everything = [*snapshot.points("now"), *snapshot.points("total"), *current]
    business = [point for point in everything if BY_ID[point.metric].labels != ("partition",)]
    channels = sorted({point.labels[1] for point in business} - {"none"})
    watermark = snapshot.watermark
    age = None if watermark is None else max(0, now - watermark)
    return {
        "generated_at": format_time(now),
        "version": __version__,
        "watermark": None if watermark is None else format_time(watermark),
        "age_ms": age,
        "stale": age is None or age > STALE_MS,
        "rulebook": snapshot.number or None,
        "all": _tile(business, now),
        "channels": [
            {
                "channel": channel,
                **_tile([p for p in business if p.labels[1] == channel], now),
            }
            for channel in channels
        ],
    }


def _tile(points: Iterable[Point], now: int) -> dict[str, object]:
    by_window: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        by_window.setdefault((point.metric, point.window), []).append(point)
    shown = _Points(by_window)
    oldest = shown.least("oldest_unanswered")
    return {
        "waiting": shown.count("waiting_conversations", "now"),
        "oldest_at": None if oldest is None else format_time(oldest),
        "oldest_ms": None if oldest is None else max(0, now - oldest),
        "queued": shown.count("queue_length", "now"),
        "at_risk": shown.count("sla_at_risk_conversations", "now"),
        "breached_open": shown.count("sla_breached_open_conversations", "now"),
        "breaches": shown.count("sla_breaches", "total"),
        "evaluations": shown.count("sla_evaluations", "total"),
        "received": shown.count("messages", "total", direction="inbound"),
        "opened": shown.count("conversations", "total", transition="opened"),
        "first_response": shown.spread("first_response_time"),
        "queue_wait": shown.spread("queue_wait_time", outcome="answered"),
    }


def _has(point: Point, picks: dict[str, str]) -> bool:
    own = dict(zip(BY_ID[point.metric].labels, point.labels[len(BASE_LABELS) :], strict=True))
    return all(own[name] == value for name, value in picks.items())


def _covers(hour: int, data_at: int | None) -> bool:
    return data_at is not None and data_at - hour < 3_600_000
