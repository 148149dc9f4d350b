"""`/api/v1/board`: the newest points as JSON, grouped by series."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import orjson

from carewatch import __version__
from carewatch.domain.board import Snapshot
from carewatch.domain.metric import BASE_LABELS, DAY, ROLLING, TUMBLING, Unit
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import (
    Aged,
    Moment,
    Point,
    Share,
    Soonest,
    Spread,
    Tally,
    Value,
)
from carewatch.domain.times import format_time
from carewatch.wire.points import due_fields, summary

RECENT = 2
"""Windows of a size that are shown unless more are asked for: the open and the last full one."""

FILTERS: Final = ("metric", *BASE_LABELS[:3])
"""Query parameters that choose series, each as often as there are values."""

_SIZES = (*TUMBLING, DAY)

RECENT_MAX = 1_560
"""As many one-minute windows as are kept (26 h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which series to show: those with one of the values for each label that is named."""

    metrics: Collection[str] = ()
    labels: Sequence[tuple[int, Collection[str]]] = ()
    """Places among a series' labels, and the values that are wanted there."""

    @classmethod
    def of(cls, query: Mapping[str, tuple[str, ...]]) -> Self:
        """What a query asks for by the names of `FILTERS`; raises ValueError for no metric."""
        metrics = query.get("metric", ())
        for metric in metrics:
            if metric not in BY_ID:
                raise ValueError(f"metric: {metric!r} is unknown; docs/metrics.md lists them all")
        places = enumerate(BASE_LABELS)
        labels = [(place, query[name]) for place, name in places if name in query]
        return cls(metrics=metrics, labels=labels)

    def has(self, point: Point) -> bool:
        """Whether the point is of a series that is wanted."""
        return (not self.metrics or point.metric in self.metrics) and all(
            point.labels[place] in values for place, values in self.labels
        )


ALL: Final = Wanted()


def board_document(
    snapshot: Snapshot, *, now: int, recent: int = RECENT, wanted: Wanted = ALL
) -> dict[str, object]:
    """Every wanted series with `now`, `total` (without buckets), what it says of the last minutes,
    and its `recent` windows of every other size, newest first.

    `watermark`: up to where results are complete; `data_at`: log time of the newest result. Both
    are those of the whole board, whatever is wanted.
    """
    series: dict[tuple[str, tuple[str, ...]], dict[str, list[Point]]] = {}
    for window in ("now", "total", *ROLLING, *_SIZES):
        for point in snapshot.points(window):
            if wanted.has(point) and BY_ID[point.metric].labels != ("partition",):
                windows = series.setdefault((point.metric, point.labels), {})
                windows.setdefault(window, []).append(point)
    return {
        "generated_at": format_time(now),
        "version": __version__,
        "data_at": _text(snapshot.data_at),
        "watermark": _text(snapshot.watermark),
        "watermarks": _texts(snapshot.instants("watermark")),
        "heartbeats": _texts(snapshot.instants("heartbeat")),
        "rulebook": snapshot.number or None,
        "series": [
            {
                "metric": metric,
                "unit": BY_ID[metric].unit,
                "labels": dict(zip((*BASE_LABELS, *BY_ID[metric].labels), labels, strict=True)),
                **{window: _shown(window, points, recent) for window, points in windows.items()},
            }
            for (metric, labels), windows in sorted(series.items())
        ],
    }


def encode_document(document: Mapping[str, object]) -> bytes:
    """JSON bytes."""
    return orjson.dumps(document)


def _shown(window: str, points: list[Point], recent: int) -> object:
    if window in _SIZES:
        newest = sorted(points, key=lambda point: point.start or 0, reverse=True)[:recent]
        return [
            {
                "start": _text(point.start),
                "end": _text(point.end),
                "pane": point.pane,
                **_open(point),
                **_fields(point.value, BY_ID[point.metric].unit),
            }
            for point in newest
        ]
    [point] = points
    fields = _fields(point.value, BY_ID[point.metric].unit)
    if window in ROLLING:
        fields = {"start": _text(point.start), "end": _text(point.end), **fields}
    if point.gross is not None:
        fields["gross"] = _fields(point.gross, BY_ID[point.metric].unit)
    return fields


def _open(point: Point) -> dict[str, object]:
    """That the day of a cohort can still change."""
    return {"provisional": True} if point.provisional else {}


def _fields(value: Value, unit: Unit) -> dict[str, object]:
    match value:
        case Tally():
            return {"value": value.value}
        case Moment():
            return {"at": _text(value.at)}
        case Share():
            return {"n": value.n, "d": value.d}
        case Spread():
            return {**summary(value, unit)}
        case Aged():
            return {"value": value.value, "classic": list(value.classic)}
        case Soonest():
            return {"due": [due_fields(one) for one in value.due]}


def _text(at: int | None) -> str | None:
    return None if at is None else format_time(at)


def _texts(instants: Mapping[str, int]) -> dict[str, str]:
    return {name: format_time(at) for name, at in sorted(instants.items())}
