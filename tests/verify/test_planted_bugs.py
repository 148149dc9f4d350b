"""What the oracle must find: processors with one bug, each planted by wrapping a sound one.

The oracle is told the same log and sees only what the topics hold. `test_mutations.py` spoils
results that are already written; here the worker itself is wrong.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from carewatch.domain.rulebook import TargetRule
from carewatch.domain.times import format_time, parse_time
from carewatch.processors import PROCESSORS
from carewatch.processors.base import Flush, Output, PartitionContext, Processor, Record, Row, Stage
from carewatch.processors.replay import Replay
from carewatch.verify.comparison import Difference
from carewatch.verify.found import RESULTS, Found
from carewatch.verify.oracle import Oracle
from carewatch.verify.verdict import judge
from carewatch.wire import customers, partials, topics
from carewatch.wire.partials import Partial
from support.envelopes import Event, encode, event, message
from support.replays import POLICY, publication

Hear = Callable[[Sequence[Record]], Sequence[Record]]
Say = Callable[[Sequence[Output]], Sequence[Output]]

STORY: tuple[Event, ...] = (
    message(0, id_="e0"),
    message(1_000, id_="e1", tenant="beta"),
    message(1_701, id_="e2", tenant="beta", actor="agent", actor_key="a1"),
    message(40_000, id_="e3", actor="agent", actor_key="a1"),
    message(60_000, id_="e4"),
    message(61_001, id_="e5", actor="agent", actor_key="a1"),
    message(90_000, id_="e6"),
    message(400_000, id_="e7", actor="agent", actor_key="a2"),
    # It was sent before the deadline, and came after the breach had been published.
    message(200_000, id_="e8", actor="agent", actor_key="a2", arrives=420_000),
    message(200_000, id_="e8", actor="agent", actor_key="a2", arrives=430_000),
    event(
        "conversation.status_changed",
        600_000,
        id_="e9",
        actor="agent",
        lifecycle={"to": "resolved"},
    ),
)  # fmt: skip
"""Two tenants with a conversation of one name, a promise kept, a breach that is refuted by a late
event, an event that is delivered twice, durations that no float of seconds holds exactly."""

UNTIL = 2 * 3_600_000
DAY = 86_400_000


def came_back(after: int) -> tuple[Event, ...]:
    """A customer who writes, is answered, and writes in another conversation some time later."""
    events = (
        message(0, id_="e0"),
        message(9_000, id_="e1", actor="agent", actor_key="a1"),
        event("conversation.status_changed", 20_000, id_="e2", lifecycle={"to": "resolved"}),
        message(after, id_="e3", key="c2"),
        message(after + 9_000, id_="e4", key="c2", actor="agent", actor_key="a1"),
    )
    for one in events:
        one["data"]["customer_key"] = "u1"
    return events


class Planted:
    """A sound stage behind ears that may mishear and a mouth that may misspeak."""

    def __init__(self, sound: Stage, hear: Hear, say: Say) -> None:
        self._sound, self._hear, self._say = sound, hear, say
        self.next_offset = 0

    def restore(self, rows: Sequence[Row], marker: bytes | None) -> int:
        return self._sound.restore(rows, marker)

    def on_records(self, records: Sequence[Record]) -> Sequence[int]:
        return self._sound.on_records(self._hear(records))

    def flush(self) -> Flush | None:
        flush = self._sound.flush()
        return flush and replace(flush, outputs=self._say(flush.outputs))

    @property
    def next_due(self) -> int | None:
        return self._sound.next_due

    def due_before(self, clock: int) -> int | None:
        return self._sound.due_before(clock)

    @property
    def told_until(self) -> int:
        return self._sound.told_until

    @property
    def notice(self) -> str | None:
        return self._sound.notice


def rightly(told: Sequence[Any]) -> Sequence[Any]:
    return told


def with_bug(stage: str, *, hear: Hear = rightly, say: Say = rightly) -> Sequence[Processor]:
    """All processors, the one of this name with a bug."""

    def planted(processor: Processor) -> Processor:
        def build(context: PartitionContext) -> Stage:
            return Planted(processor.build(context), hear, say)  # type: ignore[return-value]

        return replace(processor, build=build) if processor.name == stage else processor

    return tuple(planted(one) for one in PROCESSORS)


def judged(
    processors: Sequence[Processor], story: Sequence[Event] = STORY, until: int = UNTIL
) -> list[Difference]:
    """What the oracle has against these processors, a while after the story."""
    written: list[Output] = []
    replay, oracle = Replay(written.append, processors=processors), Oracle(derive=True)
    book = publication(POLICY)
    replay.everywhere(book)
    oracle.take(0, book)
    clock = 0
    for one in sorted(story, key=lambda one: parse_time(one["recordedtime"])):
        clock = parse_time(one["recordedtime"]) // 1000 * 1000
        replay.tick(clock)
        oracle.tick(0, clock)
        replay.event(one["partitionkey"], encode(one))
        oracle.take(0, encode(one))
    replay.tick(clock + until)
    oracle.tick(0, clock + until)
    return judge(oracle, found(written)).differences


def found(written: Sequence[Output]) -> Found:
    there = Found()
    for one in written:
        if one.topic in RESULTS:
            key = None if one.key is None else one.key.decode()
            there.take(one.topic, key, None if one.value is None else json.loads(one.value))
    return there


def hearing(change: Callable[[bytes], bytes | None]) -> Hear:
    """Hears other bytes; None: nothing."""

    def hear(records: Sequence[Record]) -> Sequence[Record]:
        heard = [(one, change(one.value or b"")) for one in records]
        return [one._replace(value=value) for one, value in heard if value is not None]

    return hear


def saying(topic: str, change: Callable[[Output], Sequence[Output]]) -> Say:
    """Says something else in a topic."""

    def say(outputs: Sequence[Output]) -> Sequence[Output]:
        return [told for one in outputs for told in (change(one) if one.topic == topic else [one])]

    return say


def lost(id_: str) -> Hear:
    return hearing(lambda value: None if f'"id":"{id_}"'.encode() in value else value)


def instead(old: str, new: str) -> Hear:
    return hearing(lambda value: value.replace(old.encode(), new.encode()))


def another_rulebook() -> Hear:
    """The promise of the next reply a second longer than was published."""
    later = msgspec.structs.replace(
        POLICY, targets={**POLICY.targets, "next_reply": TargetRule(all="181s")}
    )
    right, wrong = publication(POLICY), publication(later)
    return hearing(lambda value: wrong if value == right else value)


def every_delivery_anew() -> Hear:
    """No event is known by its id."""
    numbers = iter(range(1_000))
    return hearing(lambda value: value.replace(b'"id":"e', f'"id":"{next(numbers)}-e'.encode()))


def a_minute_late(output: Output) -> Sequence[Output]:
    """A pane of a minute counts as that of the next."""
    record = partials.decode(output.key, output.value)
    if not isinstance(record, Partial) or record.window != "1m" or record.start is None:
        return [output]
    moved = msgspec.structs.replace(record, start=record.start + 60_000)
    return [output._replace(key=partials.partial_key(moved), value=partials.encode(moved))]


def a_millisecond_late(output: Output) -> Sequence[Output]:
    value = json.loads(output.value or b"")
    if value["data"]["due_at"] is not None:
        value["data"]["due_at"] = value["data"]["due_at"].replace("0Z", "1Z")
    return [output._replace(value=json.dumps(value).encode())]


def summed_in_seconds(output: Output) -> Sequence[Output]:
    """Sums that were kept as floats of seconds, and cut off."""
    value = json.loads(output.value or b"null")
    if value is None or "sum_ms" not in value["data"]:
        return [output]
    value["data"]["sum_ms"] = int(sum([value["data"]["sum_ms"] / 1000, 0.1, 0.2, -0.3]) * 1000)
    return [output._replace(value=json.dumps(value).encode())]


def never_taken_back(output: Output) -> Sequence[Output]:
    return [output] if json.loads(output.value or b"")["data"]["sign"] > 0 else []


def said_of(metric: str, window: str, change: Callable[[dict[str, Any]], object]) -> Say:
    """Merge says something else of the points of a metric in a window."""

    def wrong(output: Output) -> Sequence[Output]:
        value = json.loads(output.value or b"null")
        if value is None or (value["data"]["metric"], value["data"]["window"]) != (metric, window):
            return [output]
        change(value["data"])
        return [output._replace(value=json.dumps(value).encode())]

    return saying(topics.METRICS, wrong)


def a_minute_further(data: dict[str, Any]) -> None:
    for name in ("start", "end"):
        data[name] = format_time(parse_time(data[name]) + 60_000)


def halves_swapped(data: dict[str, Any]) -> None:
    data["n"], data["d"] = data["d"], data["n"]


def by_somebody_else(output: Output) -> Sequence[Output]:
    """A pane of the sister counts for another agent."""
    record = partials.decode(output.key, output.value)
    if not isinstance(record, Partial) or "by_agent" not in record.series.metric:
        return [output]
    labels = tuple("a9" if one == "a1" else one for one in record.series.labels)
    series = msgspec.structs.replace(record.series, labels=labels)
    moved = msgspec.structs.replace(record, series=series)
    return [output._replace(key=partials.partial_key(moved), value=partials.encode(moved))]


def a_millisecond_sooner(records: Sequence[Record]) -> Sequence[Record]:
    """Whoever came back after seven days and a millisecond came back within seven days."""
    heard = []
    for one in records:
        told = customers.decode(one.key, one.value)
        if isinstance(told, customers.Told) and told.contact.at % 1000 == 1:
            sooner = msgspec.structs.replace(told.contact, at=told.contact.at - 1)
            value = customers.encode(msgspec.structs.replace(told, contact=sooner))
            heard.append(one._replace(value=value))
        else:
            heard.append(one)
    return heard


def somebody_new(value: bytes) -> bytes:
    """The customer of the second conversation is taken for another one."""
    return value.replace(b'"u1"', b'"u2"') if b'"partitionkey":"c2"' in value else value


def said_twice(outputs: Sequence[Output]) -> Sequence[Output]:
    return [*outputs, *outputs]


BUGS: dict[str, tuple[Sequence[Processor], str]] = {
    "a lost event": (with_bug("track", hear=lost("e3")), "missing"),
    "a lost tick": (with_bug("track", hear=lost("tick-0-2026-01-05T11:10:00.000Z")), "missing"),
    "an event counted twice": (with_bug("track", hear=every_delivery_anew()), "duplicate_events"),
    "a flush written twice": (with_bug("track", say=said_twice), "used twice"),
    "a flush that was lost": (with_bug("track", say=lambda outputs: outputs[1:]), "missing"),
    "a result under another tenant": (
        with_bug("track", hear=instead('"tenant":"beta"', '"tenant":"acme"')),
        "beta",
    ),
    "a wrong window": (with_bug("track", say=saying(topics.PARTIALS, a_minute_late)), "1m"),
    "a deadline off by a millisecond": (
        with_bug("track", say=saying(topics.SLA, a_millisecond_late)),
        "due_at is",
    ),
    "a promise a second too long": (with_bug("track", hear=another_rulebook()), "due_at is"),
    "a time cut off to the second": (
        with_bug("track", hear=instead("09:01:01.001Z", "09:01:01.000Z")),
        "calendar_ms is",
    ),
    "a breach that was refuted and stands": (
        with_bug("track", say=saying(topics.SLA, never_taken_back)),
        "not expected",
    ),
    "a sum of floats": (
        with_bug("merge", say=saying(topics.METRICS, summed_in_seconds)),
        "sum_ms is",
    ),
    "a partition that merge never heard of": (
        with_bug("merge", hear=hearing(lambda value: None if b"reply_time" in value else value)),
        "reply_time",
    ),
}  # fmt: skip


AGAIN = came_back(7 * DAY + 1)

BUGS_OF_METRICS: dict[str, tuple[Sequence[Processor], Sequence[Event], int, str]] = {
    "a rolling window off by a minute": (
        with_bug("merge", say=said_of("messages", "last_1h", a_minute_further)),
        came_back(DAY),
        60_000,
        "messages last_1h",
    ),
    "a ratio with swapped halves": (
        with_bug("merge", say=said_of("flow_ratio", "1d", halves_swapped)),
        came_back(60_000),
        1_000,
        "flow_ratio 1d",
    ),
    "a cohort day that is final too early": (
        with_bug(
            "merge", say=said_of("response_rate", "1d", lambda data: data.pop("provisional", None))
        ),
        came_back(60_000),
        1_000,
        "provisional is",
    ),
    "a sister under the wrong label": (
        with_bug("track", say=saying(topics.PARTIALS, by_somebody_else)),
        came_back(60_000),
        1_000,
        "reply_time_by_agent",
    ),
    "a repeated contact at the horizon and a millisecond": (
        with_bug("customer", hear=a_millisecond_sooner),
        AGAIN,
        1_000,
        "repeat_contact_rate",
    ),
    "a customer counted twice": (
        with_bug("track", hear=hearing(somebody_new)),
        came_back(60_000),
        1_000,
        "unique_customers",
    ),
    "a deadline that nobody sees coming": (
        with_bug("merge", say=said_of("next_due", "now", lambda data: data["due"].clear())),
        came_back(60_000)[:4],
        1_000,
        "next_due",
    ),
    "a wait that never grows older": (
        with_bug("merge", say=said_of("open_wait_age", "now", lambda data: data["classic"].sort())),
        came_back(60_000)[:4],
        1_000,
        "open_wait_age",
    ),
}  # fmt: skip
"""Of each family of metrics one: processors, what they hear, how long, and what is found."""


@pytest.mark.parametrize("name", BUGS_OF_METRICS)
def test_a_bug_in_a_family_of_metrics_is_found(name: str) -> None:
    wrong, story, until, told = BUGS_OF_METRICS[name]

    assert [str(one) for one in judged(PROCESSORS, story, until)] == []
    differences = [str(one) for one in judged(wrong, story, until)]

    assert any(told in one for one in differences), differences


def test_sound_processors_have_nothing_against_them() -> None:
    assert [str(one) for one in judged(with_bug("none"))] == []


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_of_a_processor_is_found(name: str) -> None:
    processors, told = BUGS[name]

    differences = [str(one) for one in judged(processors)]

    assert any(told in one for one in differences), differences
