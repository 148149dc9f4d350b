"""The wire form of metric points: keys, bytes and the way back."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.aggregates import Deadline, Distribution, Total
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.metric import BASE_LABELS, DAY, ROLLING, Kind
from carewatch.domain.metrics import BY_ID, COMPUTED
from carewatch.domain.points import (
    Aged,
    Moment,
    Point,
    Share,
    Soonest,
    Spread,
    Tally,
    Value,
    values_of,
)
from carewatch.wire.points import decode_point, encode_point, point_key, point_partition
from support.partial_log import BASE, T0

SLA = Point(
    metric="sla_breaches",
    labels=("acme", "web", "a|b,c=d é", "normal", "standard", "first_reply"),
    window="1m",
    start=T0,
    pane="late",
    revision=7,
    time=T0 + 90_000,
    value=Tally(3),
)


def test_key_escapes_values_and_sorts_further_labels() -> None:
    assert point_key(SLA.metric, SLA.labels, SLA.window, SLA.start) == (
        b"acme|web|a%7Cb%2Cc%3Dd%20%C3%A9|normal|sla_breaches"
        b"|policy=standard,target=first_reply|1m|2026-01-05T10:00:00.000Z"
    )
    assert point_key("reply_time", BASE, "total", None) == (
        b"acme|web|support|normal|reply_time||total|"
    )


def test_point_is_a_cloud_event() -> None:
    assert orjson.loads(encode_point(SLA)) == {
        "specversion": "1.0",
        "id": "f9ef3d14ffd7523933a687bd058a3108-7",
        "source": "/care/acme",
        "type": "care.metric.point",
        "time": "2026-01-05T10:01:30.000Z",
        "dataschema": "care-metrics/1.0",
        "data": {
            "tenant": "acme",
            "channel": "web",
            "queue": "a|b,c=d é",
            "priority": "normal",
            "policy": "standard",
            "target": "first_reply",
            "metric": "sla_breaches",
            "window": "1m",
            "start": "2026-01-05T10:00:00.000Z",
            "end": "2026-01-05T10:01:00.000Z",
            "pane": "late",
            "revision": 7,
            "unit": "count",
            "value": 3,
        },
    }


def test_total_of_a_distribution_says_net_and_gross() -> None:
    total = Total()
    total.add(1500, 1)
    total.add(70, 1)
    total.add(70, -1)
    net, gross = values_of(total, "total")
    point = Point(
        metric="reply_time",
        labels=BASE,
        window="total",
        start=None,
        pane="on_time",
        revision=1,
        time=T0,
        value=net,
        gross=gross,
    )

    data = orjson.loads(encode_point(point))["data"]
    assert (data["start"], data["end"], data["unit"]) == (None, None, "ms")
    assert data["classic"] == [0, 1, *[0] * 31]
    assert data["gross"]["classic"] == [1, 1, *[0] * 31]
    assert data["gross"]["sum_ms"] == 1570
    assert {k: data[k] for k in ("count", "sum_ms", "min_ms", "max_ms", "p50_ms", "p99_ms")} == {
        "count": 1,
        "sum_ms": 1500,
        "min_ms": 1472,
        "max_ms": 1503,
        "p50_ms": 1488,
        "p99_ms": 1488,
    }


def test_corrected_metric_has_a_field_of_its_own() -> None:
    point = Point(
        metric="corrections",
        labels=(*BASE, "reply_time"),
        window="total",
        start=None,
        pane="on_time",
        revision=1,
        time=T0,
        value=Tally(1),
        gross=Tally(1),
    )

    data = orjson.loads(encode_point(point))["data"]
    assert (data["metric"], data["corrected_metric"]) == ("corrections", "reply_time")
    assert decode_point(encode_point(point)) == point


texts = st.text(max_size=8)
durations = st.lists(st.integers(0, 10**10), max_size=20)


@st.composite
def any_point(draw: st.DrawFn) -> Point:
    metric = draw(st.sampled_from(COMPUTED))
    rolling = tuple(ROLLING) if "1m" in metric.windows else ()
    window = draw(st.sampled_from((*metric.windows, *rolling)))
    names = (*BASE_LABELS, *metric.labels)
    value: Value
    gross: Value | None = None
    match metric.kind:
        case Kind.INSTANT:
            value = Moment(draw(st.none() | st.integers(0, 10**13)))
        case Kind.DISTRIBUTION:
            pane = Total() if window == "total" else Distribution()
            for duration in draw(durations):
                pane.add(duration, 1)
            value, gross = values_of(pane, window, metric.unit)
        case Kind.RATIO:
            value = Share(draw(st.integers(-5, 10**9)), draw(st.integers(-5, 10**9)))
            gross = Share(draw(st.integers(0, 10**9)), 7) if window == "total" else None
        case Kind.AGES:
            value = Aged(draw(st.integers(0, 10**6)), tuple(range(33)))
        case Kind.DEADLINES:
            due = draw(st.lists(st.builds(Deadline, st.integers(0, 10**13), texts, texts, texts)))
            value = Soonest(tuple(due))
        case _:
            value = Tally(draw(st.integers(-5, 10**12)))
            gross = Tally(draw(st.integers(0, 10**12))) if window == "total" else None
    return Point(
        metric=metric.id,
        labels=tuple(draw(texts) for _ in names),
        window=window,
        start=None if window in {"total", "now"} else T0,
        pane=draw(st.sampled_from(["early", "on_time", "late"])),
        revision=draw(st.integers(1, 10**6)),
        time=draw(st.integers(0, 10**13)),
        value=value,
        gross=gross,
        ends=T0 + draw(st.integers(1, 10**9)) if window == DAY or window in ROLLING else None,
        provisional=draw(st.booleans()) if window == DAY else False,
    )


def test_what_is_no_duration_has_no_classic_buckets() -> None:
    total = Total()
    total.add(3, 1)
    said = [values_of(total, "total", unit) for unit in ("ms", "count")]

    assert [
        [isinstance(one, Spread) and one.classic is not None for one in values] for values in said
    ] == [[True, True], [False, False]]


@given(any_point())
def test_a_point_comes_back_as_it_was(point: Point) -> None:
    assert decode_point(encode_point(point)) == point


@given(any_point(), any_point())
def test_equal_keys_mean_equal_series_window_and_start(one: Point, other: Point) -> None:
    names = [
        (p.metric, p.labels, p.window, None if p.window in ROLLING else p.start)
        for p in (one, other)
    ]
    keys = [point_key(*name) for name in names]

    assert (keys[0] == keys[1]) == (names[0] == names[1])


@given(st.binary(max_size=40) | st.text().map(str.encode))
def test_bytes_that_are_no_point_are_invalid(value: bytes) -> None:
    with pytest.raises(InvalidRecord):
        decode_point(value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"metric": "later_metric"}, "unknown_metric"),
        ({"value": None}, "missing_section"),
        ({"value": "3"}, "schema"),
        ({"policy": None}, "schema"),
        ({"start": None}, "schema"),
        ({"start": "yesterday"}, "time"),
        ({"pane": "soon"}, "schema"),
    ],
)
def test_decoding_refuses_with_a_reason(change: dict[str, object], reason: str) -> None:
    document = orjson.loads(encode_point(SLA))
    document["data"] |= change

    with pytest.raises(InvalidRecord) as caught:
        decode_point(orjson.dumps(document))
    assert caught.value.reason == reason


def test_partition_depends_on_the_series_alone() -> None:
    assert {point_partition("reply_time", BASE, n) for n in (1,)} == {0}
    spread = {point_partition("reply_time", ("t", "web", str(i), "normal"), 8) for i in range(99)}
    assert spread == set(range(8))


def test_every_metric_can_be_told_by_its_labels() -> None:
    fields = {"metric", "window", "start", "end", "pane", "revision", "unit", "value", "at", "due"}
    clashes = {name for metric in BY_ID.values() for name in metric.labels if name in fields}
    assert clashes == {"metric"}
