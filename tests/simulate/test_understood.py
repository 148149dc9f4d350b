"""What is simulated in the providers' shapes is what the gateway understands.

The two were written apart from each other, from the providers' documentation.
"""

from collections import Counter

import msgspec

from carewatch.simulate import doors
from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.story import Promise
from carewatch.simulate.tally import Series
from carewatch.simulate.traffic import Plan, Traffic
from carewatch.wire.envelope import Envelope, decode_envelope
from support.simulated import SAMPLE_SETTINGS, receive_all

START = 1_767_607_200_000


def traffic_of(seed: int) -> Traffic:
    return Traffic(
        Plan(
            seed=seed,
            start_ms=START,
            stop_ms=START + 180_000,
            rate=30,
            promise=Promise(policy="p", first_reply_ms=8000, next_reply_ms=8000),
            doors=SAMPLE_DOORS,
        )
    )


async def events_of(traffic: Traffic) -> list[Envelope]:
    received = await receive_all(traffic, SAMPLE_SETTINGS)
    return [decode_envelope(record.value) for record in received.events]


def author_of(event: Envelope) -> str:
    """The class of the author as the manifest names it."""
    message = event.data.message
    assert message is not None
    return "system" if message.automated else event.data.actor.kind


async def test_every_request_is_answered_as_the_simulator_expects() -> None:
    traffic = traffic_of(seed=1)

    received = await receive_all(traffic, SAMPLE_SETTINGS)

    assert received.wrong == []
    assert received.dead == traffic.dead_letters


async def test_every_message_arrives_with_its_direction_and_author() -> None:
    traffic = traffic_of(seed=2)
    events = await events_of(traffic)
    unique = {(event.source, event.id): event for event in events}.values()

    counted = Counter(
        Series(
            event.data.tenant,
            event.data.channel,
            "messages",
            (("author", author_of(event)), ("direction", str(event.data.message.direction))),
        )
        for event in unique
        if event.type == "care.message.created" and event.data.message is not None
    )

    stated = {series: sum_.count for series, sum_ in traffic.tally if series.metric == "messages"}
    assert dict(counted) == stated


async def test_every_repetition_has_the_id_of_the_first_delivery() -> None:
    traffic = traffic_of(seed=3)
    events = await events_of(traffic)

    times = Counter((event.source, event.id, event.data.channel) for event in events)
    repeated = Counter[str]()
    for (_, _, channel), n in times.items():
        repeated[channel] += n - 1

    stated = {
        series.channel: sum_.count
        for series, sum_ in traffic.tally
        if series.metric == "duplicate_events"
    }
    assert dict(repeated) == stated


async def test_every_conversation_has_a_key_of_its_own() -> None:
    traffic = traffic_of(seed=4)
    events = await events_of(traffic)

    keys = {(event.source, event.data.conversation_key) for event in events}
    assert len(keys) == traffic.conversations


async def test_no_time_is_replaced_by_the_arrival() -> None:
    traffic = traffic_of(seed=5)
    events = await events_of(traffic)

    assert {event.data.time_quality for event in events} <= {"s", "ms"}
    assert [event.id for event in events if event.data.time_original] == []


def test_an_account_is_simulated_as_the_gateway_knows_it() -> None:
    assert doors.doors_of(SAMPLE_SETTINGS) == SAMPLE_DOORS
    assert msgspec.structs.asdict(SAMPLE_SETTINGS.accounts[0])["account"] == "web-1"
