"""`care.metrics`: metric points as CloudEvents 1.0, structured JSON, in a compacted topic.

The key names the series, window and start: `tenant|channel|queue|priority|metric|k=v,…|window|
start`, each value percent-escaped, the further labels sorted by name, `start` empty for `total`,
`now` and the rolling windows `last_15m` and `last_1h`. The partition follows from the key up to
the metric's labels, so that all windows of a series stand in one partition, in order.

A point of an instant whose `at` is null says that nothing waits any more: readers drop the value
(a gauge without one must end, not stand still). A tombstone says that a window is past retention,
or that a gauge which nobody names any more stood at nothing for a day.

`time` is the watermark of the emission; while a source partition lags, the greatest clock.
`id` is derived from the key and the revision. Of two records of a key the newer is the truth;
`pane` and `revision` say how it came about and depend on timing, the rest does not.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from sys import intern
from typing import Any, Final
from urllib.parse import quote

import msgspec
import orjson

from carewatch.domain.aggregates import BUCKETS, CLASSIC, Deadline
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.metric import BASE_LABELS, ROLLING, TUMBLING, Kind, Metric, Unit
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import (
    Aged,
    Moment,
    Pane,
    Point,
    Share,
    Soonest,
    Spread,
    Tally,
    Value,
    aligned,
)
from carewatch.domain.times import format_time, parse_time

TYPE: Final = "care.metric.point"
DATASCHEMA: Final = "care-metrics/1.0"

RENAMED: Final = {"metric": "corrected_metric"}
"""Labels whose field has another name, since `metric` is the point's own id (`corrections`)."""


@lru_cache(maxsize=65_536)
def _series_key(metric: str, labels: tuple[str, ...]) -> str:
    base, own = labels[: len(BASE_LABELS)], labels[len(BASE_LABELS) :]
    pairs = sorted(zip(BY_ID[metric].labels, own, strict=True))
    further = ",".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    return "|".join((*(quote(value, safe="") for value in base), metric, further))


def point_key(metric: str, labels: tuple[str, ...], window: str, start: int | None) -> bytes:
    """The record key; equal for every edition of one series, window and start.

    A rolling window is one record that moves on: its key has no start.
    """
    text = "" if start is None or window in ROLLING else format_time(start)
    return f"{_series_key(metric, labels)}|{window}|{text}".encode()


def point_partition(metric: str, labels: tuple[str, ...], partitions: int) -> int:
    """Where a series stands: CRC-32 of the key up to the labels, modulo the partitions."""
    return zlib.crc32(_series_key(metric, labels).encode()) % partitions


def _moment(at: int | None) -> str | None:
    return None if at is None else format_time(at)


_SUMMARY: Final = ("sum", "min", "max", "p50", "p90", "p95", "p99")
"""Fields of a distribution that carry its unit in their name, if that is milliseconds."""


def summary(value: Spread, unit: Unit) -> dict[str, int | None]:
    """What a distribution says but for its buckets, by the names of the published fields."""
    end = "_ms" if unit == "ms" else ""
    return {"count": value.count, **{name + end: getattr(value, name) for name in _SUMMARY}}


def due_fields(one: Deadline) -> dict[str, object]:
    """A deadline by the names of the published fields."""
    return {
        "conversation_key": one.conversation_key,
        "policy": one.policy,
        "target": one.target,
        "due_at": format_time(one.due_at),
    }


def _fields(value: Value, unit: Unit) -> dict[str, object]:
    match value:
        case Tally():
            return {"value": value.value}
        case Share():
            return {"n": value.n, "d": value.d}
        case Moment():
            return {"at": _moment(value.at)}
        case Aged():
            return {"value": value.value, "classic": value.classic}
        case Soonest():
            return {"due": [due_fields(one) for one in value.due]}
        case Spread():
            fields: dict[str, object] = {**summary(value, unit), "buckets": value.buckets}
            if value.classic is not None:
                fields["classic"] = value.classic
            return fields


def digest(
    value: Value, gross: Value | None, end: int | None = None, *, provisional: bool = False
) -> bytes:
    """Eight bytes that tell two published contents apart."""
    said = _fields(value, "ms"), None if gross is None else _fields(gross, "ms")
    content = said if end is None and not provisional else (*said, end, provisional)
    return blake2b(orjson.dumps(content), digest_size=8).digest()


def encode_point(point: Point) -> bytes:
    """The JSON of a point."""
    metric = BY_ID[point.metric]
    names = (*BASE_LABELS, *(RENAMED.get(name, name) for name in metric.labels))
    key = point_key(point.metric, point.labels, point.window, point.start)
    data: dict[str, object] = {
        **dict(zip(names, point.labels, strict=True)),
        "metric": point.metric,
        "window": point.window,
        "start": _moment(point.start),
        "end": _moment(point.end),
        "pane": point.pane,
        "revision": point.revision,
        "unit": metric.unit,
        **_fields(point.value, metric.unit),
    }
    if point.provisional:
        data["provisional"] = True
    if point.gross is not None:
        data["gross"] = _fields(point.gross, metric.unit)
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{blake2b(key, digest_size=16).hexdigest()}-{point.revision}",
            "source": f"/care/{quote(point.labels[0], safe='')}",
            "type": TYPE,
            "time": format_time(point.time),
            "dataschema": DATASCHEMA,
            "data": data,
        }
    )


class _Due(msgspec.Struct, frozen=True, kw_only=True):
    conversation_key: str
    policy: str
    target: str
    due_at: str


class _Values(msgspec.Struct, frozen=True, kw_only=True):
    """The value fields of every kind of metric; which ones must be there, its kind says."""

    value: int | None = None
    n: int | None = None
    d: int | None = None
    at: str | msgspec.UnsetType | None = msgspec.UNSET
    count: int | None = None
    sum_ms: int | None = None
    min_ms: int | None = None
    max_ms: int | None = None
    p50_ms: int | None = None
    p90_ms: int | None = None
    p95_ms: int | None = None
    p99_ms: int | None = None
    sum: int | None = None
    min: int | None = None
    max: int | None = None
    p50: int | None = None
    p90: int | None = None
    p95: int | None = None
    p99: int | None = None
    buckets: tuple[tuple[int, int], ...] | None = None
    classic: tuple[int, ...] | None = None
    due: tuple[_Due, ...] | None = None


class _Data(_Values, frozen=True, kw_only=True):
    metric: str
    window: str
    start: str | None
    end: str | None
    pane: Pane
    revision: int
    provisional: bool = False
    gross: _Values | None = None


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    time: str
    data: msgspec.Raw


_envelope: Final = msgspec.json.Decoder(_Envelope)
_data: Final = msgspec.json.Decoder(_Data)
_labels: Final = msgspec.json.Decoder(dict[str, Any])


def _value(metric: Metric, fields: _Values) -> Value:
    if fields.classic is not None and len(fields.classic) != CLASSIC:
        raise InvalidRecord("schema", "classic")
    match metric.kind:
        case Kind.RATIO if fields.n is not None and fields.d is not None:
            return Share(fields.n, fields.d)
        case Kind.COUNT | Kind.GAUGE if fields.value is not None:
            return Tally(fields.value)
        case Kind.INSTANT if not isinstance(fields.at, msgspec.UnsetType):
            return Moment(None if fields.at is None else parse_time(fields.at))
        case Kind.AGES if fields.value is not None and fields.classic is not None:
            return Aged(fields.value, fields.classic)
        case Kind.DEADLINES if fields.due is not None:
            return Soonest(
                tuple(
                    Deadline(parse_time(one.due_at), one.conversation_key, one.policy, one.target)
                    for one in fields.due
                )
            )
        case Kind.DISTRIBUTION if fields.count is not None and fields.buckets is not None:
            end = "_ms" if metric.unit == "ms" else ""
            said = {name: getattr(fields, name + end) for name in _SUMMARY}
            if said["sum"] is None:
                raise InvalidRecord("missing_section", "sum")
            if any(not 0 <= index < BUCKETS for index, _ in fields.buckets):
                raise InvalidRecord("schema", "buckets")
            return Spread(
                count=fields.count, buckets=fields.buckets, classic=fields.classic, **said
            )
        case _:
            raise InvalidRecord("missing_section", "value")


def _label_values(names: Sequence[str], raw: dict[str, Any]) -> tuple[str, ...]:
    values = tuple(raw.get(RENAMED.get(name, name)) for name in names)
    # Interned: a board holds as many of them as it has points, and they are few.
    texts = tuple(intern(value) for value in values if isinstance(value, str))
    if len(texts) != len(names):
        raise InvalidRecord("schema", "labels")
    return texts


def read_point(key: bytes, value: bytes) -> Point:
    """The point of a record; raises InvalidRecord, also for one that its key does not name."""
    point = decode_point(value)
    if point_key(point.metric, point.labels, point.window, point.start) != key:
        raise InvalidRecord("wrong_key")
    return point


def decode_point(value: bytes) -> Point:
    """A point, whatever its key is; unknown fields are ignored. Raises InvalidRecord."""
    try:
        envelope = _envelope.decode(value)
        data = _data.decode(envelope.data)
        raw = _labels.decode(envelope.data)
    except msgspec.ValidationError as error:
        raise InvalidRecord("schema") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecord("not_json") from error
    if envelope.type != TYPE:
        raise InvalidRecord("unknown_type")
    metric = BY_ID.get(data.metric)
    if metric is None:
        raise InvalidRecord("unknown_metric")
    start = None if data.start is None else parse_time(data.start)
    end = None if data.end is None or data.window in TUMBLING else parse_time(data.end)
    if not aligned(data.window, start, end):
        raise InvalidRecord("schema", "window")
    return Point(
        metric=metric.id,
        labels=_label_values((*BASE_LABELS, *metric.labels), raw),
        window=intern(data.window),
        start=start,
        pane=data.pane,
        revision=data.revision,
        time=parse_time(envelope.time),
        value=_value(metric, data),
        gross=None if data.gross is None else _value(metric, data.gross),
        ends=end,
        provisional=data.provisional,
    )
