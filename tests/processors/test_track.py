"""track: what it takes in, what it refuses, and what it tells at a tick."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
import pytest

from carewatch.domain.errors import Refused
from carewatch.domain.times import format_time
from carewatch.processors import packing
from carewatch.processors.base import Output, PartitionContext, Row
from carewatch.processors.replay import Replay
from carewatch.processors.track import Track
from carewatch.processors.track_rows import kind_of
from carewatch.wire import partials, topics
from carewatch.wire.envelope import encode_tick
from carewatch.wire.events import LARGEST_EVENT
from carewatch.wire.partials import ClockRecord, Partial
from carewatch.wire.rows import seal, unseal
from support.envelopes import START, Event, encode, event, message
from support.replays import POLICY, net, points, publication, replay, values
from support.track_lane import TrackLane

COUNTS = {topics.EVENTS: 4, topics.PARTIALS: 3}
HOUR = 3_600_000


class Lane(TrackLane):
    """A stage that begins with nothing, or with what another has left."""

    def __init__(
        self, table: Mapping[bytes, bytes] | None = None, marker: bytes | None = None
    ) -> None:
        super().__init__(2, COUNTS, table, marker)

    def event(self, one: Event) -> list[Output]:
        return self.read(one["partitionkey"].encode(), encode(one))

    def tick(self, at: int) -> list[Output]:
        return self.read(None, encode_tick(partition=2, at=format_time(START + at)))


def broken(**changes: Any) -> bytes:
    """A message with some fields replaced; None takes one out."""
    one: dict[str, Any] = message(0, id_="e1")
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = one
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return orjson.dumps(one)


def gate(minimum: str) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0", "id": "g", "source": "/care/gate", "type": "care.version.gate",
            "time": "2026-01-05T09:00:00.000Z", "recordedtime": "2026-01-05T09:00:00.000Z",
            "dataschema": "care-event/1.0", "data": {"minimum": minimum},
        }
    )  # fmt: skip


def test_what_the_state_holds_is_told_and_the_same_after_a_restore() -> None:
    lane = Lane()
    lane.event(message(0, id_="e1"))
    lane.event(message(1000, id_="e2", key="c2"))
    before = lane.held
    again = Lane(lane.table, lane.marker)
    again.tick(2000)

    assert before["conversations"] == again.held["conversations"] == 2
    assert before["event_ids"] == again.held["event_ids"] == 2
    assert (before["conversations_at_work"], again.held["conversations_at_work"]) == (2, 0)
    assert before["panes"] == again.held["panes"] > 0


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"c1", b"{", "not_json"),
        (b"c1", b"\xff\xfe", "not_json"),
        (b"c1", b'{"data":' * 8_000, "not_json"),
        (b"c1", b"[]", "schema"),
        (b"c1", None, "no_value"),
        (None, broken(), "no_key"),
        (b"c2", broken(), "wrong_key"),
        (b"c1", broken(partitionkey="c2"), "wrong_key"),
        (b"c1", broken(type="care.unheard_of"), "unknown_type"),
        (None, b'{"type":"care.unheard_of"}', "unknown_type"),
        (b"c1", broken(data__message=None), "missing_section"),
        (b"c1", broken(data__message__direction=None), "missing_section"),
        (b"c1", broken(data__tenant=None), "schema"),
        (b"c1", broken(data__actor__kind="robot"), "schema"),
        (b"c1", broken(data__message__direction="outbound"), "contradiction"),
        (b"c1", broken(data__actor__kind="agent"), "contradiction"),
        (b"c1", broken(recordedtime="yesterday"), "time"),
        (b"c1", broken(dataschema="care-event/2.0"), "version"),
        (b"c1", broken(specversion="2.0"), "version"),
        (b"c1", broken(dataschema="care-event/2.0", data__tenant=None), "version"),
        (None, b'{"type":"care.tick","dataschema":"care-event/2.0"}', "version"),
        (None, gate("newest"), "schema"),
        (None, gate("1." + "9" * 5_000), "schema"),
        (None, b'{"type":"care.tick"}', "schema"),
        (None, b'{"type":"care.rulebook.published","data":{}}', "schema"),
        (None, publication(POLICY).replace(b'"hash":"sha256:', b'"hash":"sha256:0'), "schema"),
    ],
)
def test_what_cannot_be_understood_is_a_dead_letter_and_moves_nothing(
    key: bytes | None, value: bytes | None, reason: str
) -> None:
    lane = Lane()

    written = lane.read(key, value)

    assert [(topics.DEAD, value)] == [(one.topic, one.value) for one in written]
    headers = dict(written[0].headers)
    assert {
        "reason": reason.encode(),
        "stage": b"track",
        "kind": b"record",
        "original_topic": b"care.events",
        "original_partition": b"2",
        "original_offset": b"0",
    } == {name: headers[name] for name in headers if name not in ("code_version", "attempt")}
    clock = [one for one in decoded(lane.tick(0)) if isinstance(one, ClockRecord)]
    assert {START} == {one.clock for one in clock}


def decoded(outputs: list[Output]) -> list[Partial | ClockRecord]:
    return [partials.decode(o.key, o.value) for o in outputs if o.topic == topics.PARTIALS]


def test_dead_letters_before_the_first_tick_count_in_their_minute() -> None:
    """By the clock of the log: the partition's own ticks begin only with its owner."""
    lane = Lane()
    lane.event(message(0, id_="e1"))
    lane.read(b"c1", b"{")

    told = [one for one in decoded(lane.tick(1000)) if isinstance(one, Partial)]

    dead = {one.window: one.start for one in told if one.series.metric == "dead_events"}
    assert (dead["total"], dead["1m"]) == (None, START)


def test_what_is_too_large_is_told_by_its_place_alone() -> None:
    """Results repeat what an event says; a topic downstream might refuse them."""
    lane = Lane()

    [letter] = lane.read(b"c1", broken(data__more="x" * LARGEST_EVENT))
    dead = dict(letter.headers)

    assert (letter.topic, letter.value) == (topics.DEAD, b"")
    assert (dead["reason"], dead["original_offset"]) == (b"too_large", b"0")


def test_an_event_as_large_as_may_be_is_understood() -> None:
    padded = broken(data__more="x" * 1000)
    largest = padded.replace(b"x" * 1000, b"x" * (1000 + LARGEST_EVENT - len(padded)))

    written = Lane().read(b"c1", largest)

    assert len(largest) == LARGEST_EVENT
    assert topics.DEAD not in {one.topic for one in written}


def test_a_tick_tells_the_clock_to_every_partition_and_each_pane_to_the_one_of_its_series() -> None:
    lane = Lane()
    lane.event(message(0, id_="e1"))

    written = lane.tick(1000)

    clocks = [
        (one.partition, partials.decode(one.key, one.value))
        for one in written
        if one.topic == topics.PARTIALS and partials.is_clock_key(one.key)
    ]
    expected = ClockRecord(1, "track", 2, 4, 1, START + 1000, START + 1000)
    assert [(0, expected), (1, expected), (2, expected)] == clocks
    for one in written:
        if one.topic == topics.PARTIALS and not partials.is_clock_key(one.key):
            partial = partials.decode(one.key, one.value)
            assert isinstance(partial, Partial)
            assert one.partition == partials.partition_of(partial.series, 3)
    assert [one for one in decoded(lane.tick(1000)) if isinstance(one, Partial)] == []


def test_facts_go_to_the_partition_number_of_their_source_with_the_position_that_caused_them() -> (
    None
):
    lane = Lane()
    lane.tick(0)

    written = lane.event(message(0, id_="e1"))

    facts = [one for one in written if one.topic == topics.FACTS]
    assert [(one.partition, one.key, one.position) for one in facts] == [(2, b"c1", 1)]


def test_a_tick_of_a_second_ticker_that_lags_does_nothing() -> None:
    lane = Lane()
    lane.tick(5000)

    assert lane.tick(4000) == []


def test_an_event_too_late_is_kept_with_its_reason_and_changes_nothing_else() -> None:
    day = 24 * HOUR
    late = message(-1, id_="late", arrives=day)
    just = message(0, id_="just", arrives=day)

    outputs = replay([late, just], until=START + day + 1000)

    kept = values(outputs, topics.LATE)
    assert [("too_late", late)] == [(one["data"]["reason"], one["data"]["event"]) for one in kept]
    assert [one["data"]["cause"] for one in net(outputs, topics.FACTS)] == ["just"]


def test_an_event_older_than_the_history_kept_is_late() -> None:
    events = [message(n * 1000, id_=f"e{n}") for n in range(600)]
    old = message(500, id_="old", arrives=700_000)

    outputs = replay([*events, old], until=START + HOUR)

    assert [one["data"]["reason"] for one in values(outputs, topics.LATE)] == ["history_full"]


def test_a_long_conversation_keeps_bounded_rows() -> None:
    lane = Lane()
    lane.read(None, publication(POLICY))
    for n in range(3000):
        actor = ("customer", "agent")[n % 2]
        lane.event(message(n * 1000, id_=f"{n:026}", actor=actor, actor_key=f"{actor}-{'x' * 20}"))

    kinds = ("conversation", "base", "events")
    kept = sum(len(row) for key, row in lane.table.items() if kind_of(key) in kinds)

    assert kept < 64 * 1024


def test_so_does_one_in_which_nobody_answers_and_everything_changes() -> None:
    lane = Lane()
    lane.read(None, publication(POLICY))
    for n in range(0, 1200, 2):
        to = {"queue": f"queue-{n % 50}-{'x' * 20}", "team": f"team-{n % 50}"}
        moved = event(
            "conversation.assigned", n * 1000, id_=f"{n:026}", actor="system", assignment={"to": to}
        )
        lane.event(moved)
        lane.event(message((n + 1) * 1000, id_=f"{n + 1:026}", actor_key="c" * 20))

    kinds = ("conversation", "base", "events")
    kept = sum(len(row) for key, row in lane.table.items() if kind_of(key) in kinds)

    assert kept < 64 * 1024


def test_a_gate_above_this_version_stops_the_partition() -> None:
    lane = Lane()
    gate = {
        "specversion": "1.0", "id": "g", "source": "/care/gate", "type": "care.version.gate",
        "time": format_time(START), "recordedtime": format_time(START),
        "dataschema": "care-event/1.0", "data": {"minimum": "0.0.1"},
    }  # fmt: skip
    lane.read(None, orjson.dumps(gate))

    with pytest.raises(Refused, match=r"demands version 99\.0\.0 .* Upgrade it"):
        lane.read(None, orjson.dumps(gate | {"data": {"minimum": "99.0.0"}}))


def test_it_tells_that_nothing_is_promised_until_a_rulebook_was_published() -> None:
    lane = Lane()
    before = lane.stage.notice
    lane.read(None, publication(POLICY))

    assert before is not None
    assert before.startswith("no rulebook was published yet")
    assert lane.stage.notice is None


def test_a_rulebook_takes_effect_at_its_instant_for_clocks_that_run() -> None:
    lane = Lane()
    lane.event(message(0, id_="e1"))
    lane.read(None, publication(POLICY, effective_at=START + 10_000))

    before = lane.tick(10_000)
    after = lane.tick(11_000)

    assert values(before, topics.SLA) == []
    told = [one["data"] for one in values(after, topics.SLA)]
    assert [("pending", "matched", format_time(START + 10_000), format_time(START + 300_000))] == [
        (one["to"], one["reason"], one["at"], one["due_at"]) for one in told
    ]


def test_a_rulebook_read_after_it_took_effect_gives_what_it_would_have_given() -> None:
    on_time, late = Lane(), Lane()
    book = publication(POLICY, effective_at=START + 10_000)
    steps: list[Any] = [("event", message(0, id_="e1")), ("tick", 200_000)]

    written: dict[Lane, list[Output]] = {on_time: on_time.read(None, book), late: []}
    for lane in (on_time, late):
        for step, argument in steps:
            written[lane] += getattr(lane, step)(argument)
    written[late] += late.read(None, book)

    assert [one["data"]["at"] for one in net(written[on_time], topics.SLA)] == [
        one["data"]["at"] for one in net(written[late], topics.SLA)
    ]
    assert len(net(written[late], topics.SLA)) == 2


def test_a_row_that_was_changed_is_refused_with_its_name() -> None:
    lane = Lane()
    lane.event(message(0, id_="e1"))
    key, row = next((k, v) for k, v in lane.table.items() if b"conversation" in k)
    bad = [Row(key, row[:-1] + bytes((row[-1] ^ 1,)))]

    heir = Track(PartitionContext(partition=2, partitions=COUNTS))

    with pytest.raises(Refused, match=r"care\.state\.track partition 2: the row .*row_checksum"):
        heir.restore(bad, lane.marker)


@pytest.mark.parametrize("shape", ["no array", "a head and no body"])
def test_a_row_of_another_shape_is_refused_with_its_name_whatever_comes_after(shape: str) -> None:
    """Its checksum may be right: an older or younger program wrote it."""
    lane = Lane()
    lane.event(message(0, id_="e1"))
    key, row = next((k, v) for k, v in lane.table.items() if b"conversation" in k)
    form, rest = unseal(row)[:5], packing.unpack(unseal(row)[5:])
    head = rest[: 4 + int.from_bytes(rest[:4], "big")]
    odd = {
        "no array": msgspec.msgpack.encode("hello"),
        "a head and no body": bytes((form[0] ^ 1,)) + form[1:] + packing.pack(head + b"\xa5hello"),
    }[shape]
    others = [Row(k, v) for k, v in lane.table.items() if k != key]

    heir = Track(PartitionContext(partition=2, partitions=COUNTS))

    with pytest.raises(Refused, match=re.escape(repr(key))):
        heir.restore([Row(key, seal(odd)), *others], lane.marker)


def test_a_row_of_another_kind_is_refused() -> None:
    heir = Track(PartitionContext(partition=0, partitions=COUNTS))

    with pytest.raises(Refused, match="row_version"):
        heir.restore([Row(b"\x91\xa3odd", seal(b"\xc0"))], None)


def test_who_waits_is_told_until_nobody_does() -> None:
    asked = [message(0, id_="e1"), message(5000, id_="e2", key="c2")]
    answered = [message(8000, id_=f"a{k}", key=k, actor="agent") for k in ("c1", "c2")]

    waiting = points(replay(asked, until=START + 6000))
    done = points(replay(asked + answered, until=START + 9000))

    count = "acme|whatsapp|none|normal|waiting_conversations||now|"
    oldest = "acme|whatsapp|none|normal|oldest_unanswered||now|"
    assert (2, format_time(START)) == (waiting[count]["value"], waiting[oldest]["at"])
    assert (done[count]["value"], done[oldest]["at"]) == (0, None)


def test_what_the_bot_has_waits_for_nobody() -> None:
    events = [
        message(0, id_="e1"),
        message(1000, id_="e2", actor="bot"),
        event("conversation.handoff", 9000, id_="e3", actor="bot", handoff={"to": "human"}),
    ]
    count = "acme|whatsapp|none|normal|waiting_conversations||now|"

    told = [points(replay(events[:n], until=START + 10_000))[count]["value"] for n in (1, 2, 3)]

    assert told == [1, 0, 1]


def test_a_reply_that_arrives_before_its_question_is_taken_at_the_question() -> None:
    reply = message(2000, id_="e2", actor="agent", arrives=3000, message={"in_reply_to": "m_e1"})
    question = message(5000, id_="e1", arrives=6000)

    outputs = replay([reply, question], until=START + HOUR)

    samples = [one["data"] for one in net(outputs, topics.FACTS) if "metric" in one["data"]]
    assert {0} == {one["calendar_ms"] for one in samples}
    assert "first_response_time" in {one["metric"] for one in samples}
    clamped = "acme|whatsapp|none|normal|negative_clamped||total|"
    assert points(outputs)[clamped]["value"] == 1


def test_the_backlog_is_told_by_state_and_by_what_people_look_for() -> None:
    events = [
        message(0, id_="e1"),
        event("conversation.assigned", 1000, id_="e2", assignment={"to": {"agent": "a1"}}),
        message(2000, id_="e3", actor="agent"),
        event("conversation.status_changed", 3000, id_="e4", lifecycle={"to": "snoozed"}),
    ]

    def states(upto: int) -> set[str]:
        told = points(replay(events[:upto], until=START + 5000))
        return {
            key.split("state=")[1].split("|")[0]
            for key, point in told.items()
            if "|open_conversations|" in key and point["value"] == 1
        }

    assert states(1) == {"open", "unassigned", "unattended", "workable"}
    assert states(2) == {"open", "unattended", "workable"}
    assert states(3) == {"open", "workable"}
    assert states(4) == {"snoozed"}


def test_a_queue_counts_what_it_was_offered_and_takes_back_what_was_no_queue() -> None:
    asked = message(0, id_="e1")
    bot = message(1000, id_="e2", actor="bot")
    handoff = event("conversation.handoff", 9000, id_="e3", actor="bot", handoff={"to": "human"})
    gone = event(
        "conversation.status_changed", 12_000, id_="e4", lifecycle={"to": "resolved"}
    )  # by the customer

    told = points(replay([asked, bot, handoff, gone], until=START + 20_000))

    counted = {
        metric: told[f"acme|whatsapp|none|normal|{metric}||total|"]["value"]
        for metric in ("queue_offered", "queue_abandoned", "short_abandons")
    }
    assert counted == {"queue_offered": 1, "queue_abandoned": 1, "short_abandons": 1}


def test_a_close_after_the_resolution_is_told_once_and_the_case_can_still_be_reopened() -> None:
    def became(to: str, at: int, id_: str) -> Event:
        return event("conversation.status_changed", at, id_=id_, lifecycle={"to": to})

    events = [
        message(0, id_="e1"),
        became("resolved", 60_000, "e2"),
        became("closed", 120_000, "e3"),
        became("closed", 180_000, "e4"),
        message(240_000, id_="e5"),
    ]

    told = net(replay(events, until=START + 300_000), topics.FACTS)

    transitions = [one["data"]["transition"] for one in told if "transition" in one["data"]]
    assert transitions == ["opened", "resolved", "closed", "reopened"]


@pytest.mark.parametrize(("hours", "repeats"), [(1, 1), (2, 1), (3, 0)])
def test_an_id_is_remembered_as_long_as_the_rulebook_says(hours: int, repeats: int) -> None:
    written: list[Output] = []
    driver = Replay(written.append)
    driver.everywhere(publication(POLICY, duplicates_within="2h"))
    one = message(0, id_="e1")
    driver.event("c1", encode(one))
    driver.event("c1", encode(one | {"recordedtime": format_time(START + hours * HOUR)}))
    driver.tick(START + 4 * HOUR)

    totals = {k: v.get("value") for k, v in points(written).items() if "|total|" in k}
    counted = [value for key, value in totals.items() if "|duplicate_events|" in key]
    assert [repeats] * repeats == counted
