"""Gauges of conversations that change by time alone, through track and merge (W10, W11)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.rulebook import Channels, Document, Profile, QueueRules, Tenant
from carewatch.domain.times import format_time, parse_time
from carewatch.processors.base import Output, PartitionContext, Record, Row
from carewatch.processors.replay import Replay
from carewatch.processors.track import Track
from carewatch.wire import topics
from carewatch.wire.envelope import encode_tick
from carewatch.wire.rulebooks import encode_document, encode_publication
from support.envelopes import START, Event, encode, event, histories, message
from support.properties import examples
from support.replays import BEGINNING, POLICY, points, publication

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
PLACE = "acme|whatsapp|none|normal"


def watched(
    events: Sequence[Event],
    until: int,
    *,
    every_second: bool = False,
    partitions: int = 1,
    rulebook: bytes | None = None,
) -> list[Output]:
    """A replay of a log with its ticks: all of them, or those with something to say."""
    written: list[Output] = []
    driver = Replay(written.append, partitions=partitions, merge_partitions=2)
    driver.everywhere(publication(POLICY) if rulebook is None else rulebook)
    clock = START - SECOND

    def advance(at: int) -> None:
        nonlocal clock
        if not every_second:
            driver.ticks_until(at)
        while every_second and clock + SECOND <= at:
            clock += SECOND
            driver.tick(clock)

    for one in events:
        advance(parse_time(one["recordedtime"]))
        driver.event(one["partitionkey"], encode(one))
    advance(START + until)
    driver.tick(START + until)
    return written


def series(outputs: Sequence[Output], metric: str) -> dict[str, dict[str, Any]]:
    """The newest `now` points of a metric, by their key."""
    return {k: v for k, v in points(outputs).items() if f"|{metric}|" in k and "|now|" in k}


def value(outputs: Sequence[Output], metric: str, labels: str = "") -> Any:
    return points(outputs)[f"{PLACE}|{metric}|{labels}|now|"]


ASKED = [message(0, id_="e1")]
"""Due at 09:05:00, at risk at 09:02:30."""


def test_a_waiting_conversation_grows_older_without_any_event() -> None:
    ages = [value(watched(ASKED, at), "open_wait_age") for at in (1000, 1001, 5 * MINUTE + 1000)]

    assert [age["value"] for age in ages] == [1, 1, 1]
    assert [age["classic"].index(1) for age in ages] == [0, 0, 12]


def test_a_clock_is_due_within_a_time_from_so_long_before_until_it_is_breached() -> None:
    policy = "policy=p,target=first_reply,within=15m"
    late = [message(0, id_="e1", priority="low")]  # nothing is promised

    assert value(watched(ASKED, SECOND), "sla_due_within", policy)["value"] == 1
    assert value(watched(ASKED, 5 * MINUTE), "sla_due_within", policy)["value"] == 1
    assert value(watched(ASKED, 5 * MINUTE + SECOND), "sla_due_within", policy)["value"] == 0
    assert {
        point["value"] for point in series(watched(late, SECOND), "sla_due_within").values()
    } <= {1}


def test_the_soonest_deadlines_name_their_conversations_until_they_are_breached() -> None:
    events = [message(0, id_="e1"), message(1000, id_="e2", key="c2", priority="urgent")]
    key = "acme|none|none|normal|next_due||now|"

    due = points(watched(events, 10 * SECOND, partitions=3))[key]["due"]
    assert [(one["conversation_key"], one["policy"], one["target"]) for one in due] == [
        ("c2", "p", "first_reply"),
        ("c1", "p", "first_reply"),
    ]
    assert [one["due_at"] for one in due] == [
        format_time(START + MINUTE + 1000),
        format_time(START + 5 * MINUTE),
    ]
    assert points(watched(events, 6 * MINUTE, partitions=3))[key]["due"] == []


def test_a_snooze_is_due_within_its_last_hour_and_beyond_its_end() -> None:
    events = [
        message(0, id_="e1"),
        event(
            "conversation.status_changed",
            MINUTE,
            id_="e2",
            lifecycle={"to": "snoozed", "until": format_time(START + 3 * HOUR)},
        ),
    ]
    due = [
        value(watched(events, at), "open_conversations", "state=snoozed_due")["value"]
        for at in (2 * HOUR - SECOND, 2 * HOUR, 4 * HOUR)
    ]

    assert due == [0, 1, 1]


def answered(at: int) -> list[Event]:
    """A conversation of a tenant, answered and over."""
    return [
        message(at, id_=f"a{at}"),
        message(at + SECOND, id_=f"b{at}", actor="agent"),
        event("conversation.status_changed", at + 2 * SECOND, id_=f"c{at}",
              lifecycle={"to": "resolved"}),
    ]  # fmt: skip


def named(*queues: str) -> bytes:
    tenants = {"acme": Tenant(queues=dict.fromkeys(queues, QueueRules()))}
    canonical = encode_document(Document(tenants=tenants))
    return encode_publication(
        number=1, canonical=canonical, effective_at=BEGINNING, recorded_at=BEGINNING
    )


def test_a_gauge_nobody_names_is_forgotten_a_day_after_it_came_to_nothing() -> None:
    kept = series(watched(answered(0), 24 * HOUR), "waiting_conversations")
    gone = series(watched(answered(0), 24 * HOUR + 5 * SECOND), "waiting_conversations")

    assert [point["value"] for point in kept.values()] == [0]
    assert gone == {}


def test_the_gauges_that_the_rulebook_names_stand_at_nothing_for_ever() -> None:
    outputs = watched(answered(0), 25 * HOUR, rulebook=named())

    assert value(outputs, "waiting_conversations")["value"] == 0


def test_a_gauge_that_a_new_rulebook_ceases_to_name_is_forgotten_when_that_takes_effect() -> None:
    written: list[Output] = []
    driver = Replay(written.append)
    driver.everywhere(named())
    for one in answered(0):
        driver.ticks_until(parse_time(one["recordedtime"]))
        driver.event(one["partitionkey"], encode(one))
    driver.ticks_until(START + 30 * HOUR)
    before = series(written, "waiting_conversations")
    driver.everywhere(publication(number=2, effective_at=START + 31 * HOUR))
    driver.ticks_until(START + 32 * HOUR)

    assert [point["value"] for point in before.values()] == [0]
    assert series(written, "waiting_conversations") == {}


def test_what_is_closed_stays_closed_for_a_new_owner_under_a_more_lenient_rulebook() -> None:
    lenient = Channels(profiles={"private_messaging": Profile(window_lateness="24h")})
    book = encode_publication(
        number=1,
        canonical=encode_document(Document(channels=lenient)),
        effective_at=START + 3 * HOUR,
        recorded_at=START + 2 * HOUR,
    )
    reply = message(30 * SECOND, id_="e2", actor="agent", arrives=4 * HOUR)
    owner, rows = fresh(), dict[bytes, bytes]()
    fold(owner, rows, b"c1", encode(message(0, id_="e1")))
    for at in (SECOND, 2 * HOUR, 2 * HOUR + SECOND):
        marker = fold(owner, rows, None, encode_tick(partition=0, at=format_time(START + at)))
    heir = fresh()
    heir.restore([Row(key, value) for key, value in rows.items()], marker)
    fold(heir, rows, None, book)
    fold(heir, rows, b"c1", encode(reply))

    kept = [key for key in map(msgspec.msgpack.decode, rows) if key[0] == "pane"]
    samples = {key[3] for key in kept if key[1] == "reply_time"}
    assert samples == {"1d", "total"}
    assert {key[3] for key in kept if key[1] == "late_facts"} >= {"1m", "total"}


def fresh() -> Track:
    counts = {topics.EVENTS: 1, topics.PARTIALS: 1}
    track = Track(PartitionContext(partition=0, partitions=counts))
    track.restore([], None)
    return track


def fold(track: Track, rows: dict[bytes, bytes], key: bytes | None, value: bytes) -> bytes:
    """Folds one record, keeps the rows, returns the marker."""
    track.on_records([Record(track.next_offset, key, value)])
    flushed = track.flush()
    assert flushed is not None
    for row in flushed.rows:
        if row.value is None:
            rows.pop(row.key, None)
        else:
            rows[row.key] = row.value
    return flushed.marker


@given(events=histories(most=6, keys=("c1", "c2", "c3")), partitions=st.integers(2, 4))
@examples(8)
def test_neither_ticks_that_say_nothing_nor_partitions_change_any_gauge(
    events: list[Event], partitions: int
) -> None:
    until = 40 * MINUTE
    every = points(watched(events, until, every_second=True))

    assert points(watched(events, until)) == every
    assert points(watched(events, until, partitions=partitions)) == every


def test_what_is_told_of_a_night_is_told_in_few_ticks() -> None:
    written = watched(answered(0), 12 * HOUR)

    heartbeats = [
        o for o in written if o.topic == topics.METRICS and b"|heartbeat|" in (o.key or b"")
    ]
    assert len(heartbeats) < 200
